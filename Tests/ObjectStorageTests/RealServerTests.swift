import Domain
import Foundation
import Testing

@testable import ObjectStorage

// Against a real S3 server (moto's), which checks signatures itself. Without Python or PyPI it is left out, said loudly.

@Suite struct RealServerTests {
    private struct Server: Decodable {
        var port: Int
        var id: String
        var secret: String
        var many: Int
        var odd: [String]
    }

    @Test(.timeLimit(.minutes(5)))
    func everyQuestionGetsTheRightAnswer() async throws {
        try await withServer { server in
            let store = try store(server, key: try AccessKey(id: server.id, secret: server.secret))
            try await listsAndSizes(store, server)
            try await snapshots(store)
            try await refusals(store)
            await store.shutdown()
            try await wrongKeys(server)
        }
    }

    private func store(_ server: Server, key: AccessKey?) throws -> ObjectStore {
        var configuration = StoreConfiguration(
            endpoint: try StoreEndpoint("http://127.0.0.1:\(server.port)", for: .s3, style: .path), region: "us-east-1",
            credentials: key.map { .fixed($0) } ?? .anonymous)
        configuration.limits.attempts = 2
        configuration.limits.firstPause = .milliseconds(10)
        return try ObjectStore(.s3, configuration)
    }

    private func listsAndSizes(_ store: ObjectStore, _ server: Server) async throws {
        let many = try await store.objects(under: .made("s3://snapshots/many/"))
        let keys: [String] = (100_000..<100_000 + server.many).map { "many/\("\($0)".dropFirst())" }
        let sizes: [Int64] = (0..<server.many).map { Int64($0 % 7) }
        #expect(many.map(\.key) == keys)
        #expect(many.map(\.bytes) == sizes)
        let odd = try await store.objects(under: .made("s3://snapshots/odd/"))
        #expect(Set(odd.map(\.key)) == Set(server.odd))
        for (number, key) in server.odd.enumerated() {
            let location = try ObjectLocation(store: .s3, bucket: "snapshots", key: key)
            // This server finds no route for a path with a line break; it lists such keys.
            if !key.contains("\n") { #expect(try await store.size(of: location) == Int64(number + 1), "\(key)") }
            #expect(try await store.objects(under: location).map(\.key) == [key])
        }
        #expect(try await store.objects(under: .made("s3://snapshots/nothing/")).isEmpty)
    }

    private func snapshots(_ store: ObjectStore) async throws {
        #expect(try await store.snapshot(at: .made("s3://snapshots/actors/one")) == .present(bytes: 1_234))
        #expect(try await store.snapshot(at: .made("s3://snapshots/actors/folder")) == .present(bytes: 1_024))
        #expect(try await store.snapshot(at: .made("s3://snapshots/actors/folder/")) == .present(bytes: 1_024))
        #expect(try await store.snapshot(at: .made("s3://snapshots/actors/none")) == .gone)
        let goldens = try await GoldenLayout.goldens(GoldenLayout(.made("s3://snapshots/golden")), in: store)
        #expect(
            goldens.map { "\($0.template) \($0.uri) \($0.bytes)" } == [
                "t-one s3://snapshots/golden/t-one/v1 10", "t-two s3://snapshots/golden/t-two/v1/ 23",
            ])
    }

    private func refusals(_ store: ObjectStore) async throws {
        #expect(await problem { try await store.snapshot(at: .made("s3://closed/a")) } == .denied)
        #expect(await problem { try await store.objects(under: .made("s3://closed/a")) } == .denied)
        #expect(await problem { try await store.objects(under: .made("s3://missing-bucket/a")) } == .noBucket)
        #expect(await problem { try await store.snapshot(at: .made("s3://missing-bucket/a")) } == .noBucket)
    }

    private func wrongKeys(_ server: Server) async throws {
        for (id, secret) in [(server.id, "wrong"), ("AKIAWRONGWRONGWRONGX", server.secret)] {
            let store = try store(server, key: try AccessKey(id: id, secret: secret))
            #expect(await problem { try await store.objects(under: .made("s3://snapshots/a")) } == .badCredentials)
            #expect(await problem { try await store.snapshot(at: .made("s3://snapshots/actors/one")) } == .denied)
            await store.shutdown()
        }
    }

    private func problem<Response>(_ query: () async throws -> Response) async -> StoreFault.Problem? {
        do { _ = try await query() } catch { return (error as? StoreFault)?.problem }
        return nil
    }

    // MARK: - The server

    private func withServer(_ body: (Server) async throws -> Void) async throws {
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map { "\($0)/python3" }
        guard let python = path.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            return print("*** SKIPPED: python3 is not installed: no S3 server was tried")
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            root.appendingPathComponent("Tests/Peers/s3_server.py").path, "--venv",
            root.appendingPathComponent(".build-peers/s3-venv").path,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        let line = await firstLine(of: output.fileHandleForReading)
        if line.hasPrefix("SKIPPED") || line.isEmpty { return print("*** SKIPPED: no S3 server was tried: \(line.dropFirst(8))") }
        try await body(try JSONDecoder().decode(Server.self, from: Data(line.utf8)))
    }

    /// On a thread of its own, as it blocks while packages are installed.
    private func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var line = Data()
                while let part = try? handle.read(upToCount: 1), let byte = part.first, byte != UInt8(ascii: "\n") { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }
}
