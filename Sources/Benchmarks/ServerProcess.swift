import Foundation
import Inspection
import Output
import Machine

// How does a benchmark get a server of its own?
//
// As a child process running `serve`, so that its memory and processor time are its own and the load generator's are not
// counted. It gets a folder that is removed at the end, and a port that was free a moment before.

package final class ServerProcess {
    package let url: String
    package let database: String
    private let process: Process
    private let folder: ScratchFolder

    private static let startLimit = Duration.seconds(20)
    private static let stopLimit = Duration.seconds(20)
    private static let lookInterval = Duration.milliseconds(20)

    /// Starts it and returns once it is ready.
    ///
    /// - Parameter more: further lines of its configuration.
    package init(adding more: String = "") async throws {
        folder = try ScratchFolder()
        database = folder.path("bench.db")
        let port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)"
        let configuration = folder.path("serve.yaml")
        try Data("database: \(database)\nlisten: 127.0.0.1:\(port)\nlogging: {level: warning}\n\(more)".utf8).write(
            to: URL(fileURLWithPath: configuration))
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

    package var processID: Int32 { process.processIdentifier }

    static func executable() throws -> URL {
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw Fault(.unreachable, "can't tell which program this is", do: "mount /proc, or name a running service with --server")
        }
        return URL(fileURLWithPath: path)
    }

    private func waitUntilReady() async throws {
        let process = process
        guard try await ServiceReadiness.wait(url, limit: Self.startLimit, isAlive: { process.isRunning }) else {
            throw Fault(.unreachable, "the server at \(url) did not become ready", do: "see its log above")
        }
    }

    /// Ends it as an operator would, and waits until the log is closed.
    package func end() async {
        guard process.isRunning else { return }
        process.terminate()
        let deadline = ContinuousClock.now + Self.stopLimit
        while process.isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: Self.lookInterval) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Ends it and removes what it wrote.
    package func stop() async {
        await end()
        folder.remove()
    }

    /// Bytes of the log's files.
    package func diskBytes() -> Int64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(""))) ?? []
        return names.filter { $0.hasPrefix("bench.db") }.reduce(0) { total, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path(name))
            return total + ((attributes?[.size] as? NSNumber)?.int64Value ?? 0)
        }
    }
}
