import Foundation

// How does a benchmark get a server of its own?
//
// As a child process running `serve`, so that its memory and processor time are its own and the load generator's are not
// counted. It gets a folder that is removed at the end, and a port that was free a moment before.

final class ServerProcess {
    let url: String
    let database: String
    private let process: Process
    private let folder: ScratchFolder

    private static let startLimit = Duration.seconds(20)
    private static let stopLimit = Duration.seconds(20)
    private static let lookInterval = Duration.milliseconds(20)

    /// Starts it and returns once it is ready.
    ///
    /// - Parameter more: further lines of its configuration.
    init(adding more: String = "") async throws {
        folder = try ScratchFolder()
        database = folder.path("bench.db")
        let port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)"
        let configuration = folder.path("serve.yaml")
        try Data("database: \(database)\nlisten: 127.0.0.1:\(port)\nlogging: {level: warning}\n\(more)".utf8).write(to: URL(fileURLWithPath: configuration))
        process = Process()
        process.executableURL = try Self.executable()
        process.arguments = ["serve", "--config", configuration]
        // Its log goes where ours goes.
        process.standardOutput = FileHandle.standardError
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
            try await waitUntilReady()
        } catch {
            await stop()
            throw error
        }
    }

    var processID: Int32 { process.processIdentifier }

    static func executable() throws -> URL {
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw Fault(.unreachable, "can't tell which program this is", do: "mount /proc, or name a running service with --server")
        }
        return URL(fileURLWithPath: path)
    }

    private func waitUntilReady() async throws {
        let process = process
        guard try await ServiceReadiness.wait(url, limit: Self.startLimit, isAlive: { process.isRunning }) else {
            throw Fault(.unreachable, "the server at \(url) did not become ready", do: "look at what it logged above")
        }
    }

    /// Ends it as an operator would, and waits until the log is closed.
    func end() async {
        guard process.isRunning else { return }
        process.terminate()
        let deadline = ContinuousClock.now + Self.stopLimit
        while process.isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: Self.lookInterval) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Ends it and removes what it wrote.
    func stop() async {
        await end()
        folder.remove()
    }

    /// Bytes of the log's files.
    func diskBytes() -> Int64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(""))) ?? []
        return names.filter { $0.hasPrefix("bench.db") }.reduce(0) { total, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path(name))
            return total + ((attributes?[.size] as? NSNumber)?.int64Value ?? 0)
        }
    }
}

enum LocalPort {
    /// A loopback port that nothing listens on now.
    static func free() throws -> Int {
        guard let port = bound(to: 0) else { throw Fault(.unreachable, "no loopback port is free", do: "close some connections") }
        return port
    }

    static func isFree(_ port: Int) -> Bool { bound(to: port) != nil }

    private static func bound(to port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        return result == 0 ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }
}
