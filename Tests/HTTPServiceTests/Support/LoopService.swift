import ControlLoop
import Domain
import EventLog
import Foundation
import HTTPTestSupport
import Logging

@testable import HTTPService

// A server on a free port of the loopback interface, over a real loop and a real log in a folder of their own, for the time of one test.

struct LoopService: Sendable {
    let port: Int

    func client(token: String? = nil) -> TestClient { TestClient(wire: .http2, port: port, token: token) }

    /// - Parameter tokens: the lines of a file of tokens; nil: nobody needs one.
    static func run(tokens: String? = nil, _ body: (LoopService) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-loop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = ServerConfiguration()
        configuration.cleartext = .init(host: "127.0.0.1", port: 0)
        if let tokens {
            let file = folder.appendingPathComponent("tokens")
            try Data(tokens.utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            configuration.tokensFile = file.path
        }
        var settings = EventLog.Configuration(path: folder.appendingPathComponent("log.db").path)
        settings.durability = .off
        let log = try EventLog.open(settings)
        defer { log.close() }
        let loop = ControlLoop(
            log: log, scheduler: RealScheduler(clock: EventLog.systemClock), configuration: .init(fence: Fence(1), actuators: [:]))
        await loop.start()
        let server = try await HTTPServer.start(
            configuration, parts: ServiceParts(log: log, plane: loop),
            log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let result: Result<Void, any Error>
        do { result = .success(try await body(LoopService(port: server.cleartextPort ?? 0))) } catch { result = .failure(error) }
        await server.stop()
        await loop.stop()
        try result.get()
    }
}
