package import Foundation
import Machine
import Output

// How do three NATS servers and three instances run on this machine, to be looked at and to be measured?
//
// On loopback, in one folder. Each is a process of its own that can be killed, stopped and started again; none outlives this process.

package actor LocalCluster {
    package struct Settings: Sendable {
        /// `greenroom`, and `nats-server`.
        package var program: String
        package var natsServer: String
        package var folder: URL
        package var instances = 3
        package var leaseSeconds = LocalCluster.leaseSeconds
        /// Whether a server syncs its disk before each acknowledgement.
        package var syncsAlways = false
        /// Further lines of each instance's configuration.
        package var more = ""

        package init(program: String, natsServer: String, folder: URL) {
            (self.program, self.natsServer, self.folder) = (program, natsServer, folder)
        }
    }

    /// The shortest lease that is recommended.
    package static let leaseSeconds = 3
    package static let servers = 3
    package static let stream = "greenroom"
    private static let startLimit = Duration.seconds(20)
    private static let stopLimit = Duration.seconds(30)
    private static let lookInterval = Duration.milliseconds(20)

    package nonisolated let settings: Settings
    /// Of each instance.
    package nonisolated let ports: [Int]
    package nonisolated let databases: [String]
    package nonisolated let natsPorts: [Int]
    private nonisolated let routePorts: [Int]
    private nonisolated let monitorPorts: [Int]
    private var natsServers: [Int: ChildProcess] = [:]
    private var instances: [Int: ChildProcess] = [:]

    package init(_ settings: Settings) throws {
        self.settings = settings
        var taken: Set<Int> = []
        func take(_ count: Int) throws -> [Int] {
            var ports: [Int] = []
            while ports.count < count {
                let port = try LocalPort.free()
                if taken.insert(port).inserted { ports.append(port) }
            }
            return ports
        }
        ports = try take(settings.instances)
        natsPorts = try take(Self.servers)
        routePorts = try take(Self.servers)
        monitorPorts = try take(Self.servers)
        databases = (1...settings.instances).map { settings.folder.appendingPathComponent("g\($0).db").path }
    }

    package nonisolated var urls: [String] { ports.map { "http://127.0.0.1:\($0)" } }
    package nonisolated var natsURLs: [String] { natsPorts.map { "nats://127.0.0.1:\($0)" } }
    package nonisolated func name(_ instance: Int) -> String { "g\(instance + 1)" }

    // MARK: - Servers

    package func startServers() async throws {
        for number in 0..<Self.servers { try startServer(number) }
        let deadline = ContinuousClock.now + Self.startLimit
        while !natsPorts.allSatisfy({ !LocalPort.isFree($0) }) {
            guard ContinuousClock.now < deadline else {
                throw Fault(.unreachable, "the NATS servers don't listen", do: "see n1.log in \(settings.folder.path)")
            }
            try await Task.sleep(for: Self.lookInterval)
        }
    }

    package func startServer(_ number: Int) throws {
        let store = settings.folder.appendingPathComponent("n\(number + 1)").path
        let routes = routePorts.map { "\"nats-route://127.0.0.1:\($0)\"" }.joined(separator: ", ")
        let sync = settings.syncsAlways ? ", sync_interval: always" : ""
        let file = settings.folder.appendingPathComponent("n\(number + 1).conf")
        let text = """
            listen: "127.0.0.1:\(natsPorts[number])"
            http: "127.0.0.1:\(monitorPorts[number])"
            server_name: "n\(number + 1)"
            jetstream { store_dir: "\(store)"\(sync) }
            cluster { name: "greenroom", listen: "127.0.0.1:\(routePorts[number])", routes: [\(routes)] }

            """
        try text.write(to: file, atomically: true, encoding: .utf8)
        natsServers[number] = try ChildProcess(
            [settings.natsServer, "-c", file.path], log: settings.folder.appendingPathComponent("n\(number + 1).log").path)
    }

    package func killServer(_ number: Int) { natsServers.removeValue(forKey: number)?.kill() }

    /// The monitoring address of each server.
    package nonisolated var monitors: [String] { monitorPorts.map { "http://127.0.0.1:\($0)" } }

    // MARK: - Instances

    package func start(_ instance: Int) throws {
        let name = name(instance)
        let file = settings.folder.appendingPathComponent("\(name).yaml")
        let text = """
            listen: 127.0.0.1:\(ports[instance])
            database: \(databases[instance])
            log:
              jetstream:
                servers: [\(natsURLs.joined(separator: ", "))]
                stream: \(Self.stream)
                replicas: \(Self.servers)
                leaseSeconds: \(settings.leaseSeconds)
            logging: {level: notice}
            \(settings.more)

            """
        try text.write(to: file, atomically: true, encoding: .utf8)
        instances[instance] = try ChildProcess(
            [settings.program, "serve", "--config", file.path], log: settings.folder.appendingPathComponent("\(name).log").path,
            environment: ["POD_NAME": name])
    }

    package func pid(_ instance: Int) -> Int32? { instances[instance]?.pid }

    package func isRunning(_ instance: Int) -> Bool { instances[instance]?.isRunning ?? false }

    package func kill(_ instance: Int) { instances.removeValue(forKey: instance)?.kill() }

    /// As an operator would; returns when it has ended.
    package func stop(_ instance: Int) async {
        guard let child = instances.removeValue(forKey: instance) else { return }
        child.signal(SIGTERM)
        await child.waitUntilGone(within: Self.stopLimit)
    }

    // MARK: - The end

    package func stopInstances() async {
        for number in instances.keys.sorted() { await stop(number) }
    }

    package func end() async {
        await stopInstances()
        for number in natsServers.keys.sorted() { killServer(number) }
    }
}
