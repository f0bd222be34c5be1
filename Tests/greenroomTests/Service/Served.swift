import Foundation
import TestSupport
import Testing

@testable import Assembly
@testable import Inspection
@testable import Output
@testable import Machine

// One `greenroom serve` in a process of its own, whose files and whose own life are meddled with.

final class Served: Sendable {
    let folder: URL
    let url: String
    private let process = Locked<Running?>(nil)

    /// Foundation's class isn't Sendable: it is touched under the lock alone.
    private struct Running: @unchecked Sendable { var process: Process }

    var database: String { folder.appendingPathComponent("data/greenroom.db").path }
    private var logFile: String { folder.appendingPathComponent("out.log").path }
    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    /// - Parameter more: further lines of the configuration, made with the folder it lies in.
    init(_ more: (URL) throws -> String = { _ in "" }) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-served-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("data"), withIntermediateDirectories: true)
        let port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)"
        try "database: data/greenroom.db\nlisten: 127.0.0.1:\(port)\n\(more(folder))\n".write(
            to: folder.appendingPathComponent("config.yaml"), atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: logFile, contents: nil)
    }

    deinit {
        signal(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    func start() async throws {
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: logFile))
        try output.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuiltProgram.path())
        process.arguments = ["serve", "--config", folder.appendingPathComponent("config.yaml").path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.process.value = Running(process: process)
        try await eventually("it is ready: \(log)") { await query(APIRequest(path: "/readyz"))?.status == 200 }
    }

    func signal(_ signal: Int32) {
        if let running = process.value, running.process.isRunning { kill(running.process.processIdentifier, signal) }
    }

    func ended(within bound: Duration = .seconds(30)) async throws {
        guard let running = process.value else { return }
        try await eventually("it ends: \(log)", within: bound) { !running.process.isRunning }
    }

    func query(_ request: APIRequest, token: String? = nil) async -> APIResponse? {
        guard let connection = try? await ServiceConnection.open(url: url, token: token) else { return nil }
        let response = try? await connection.send(request)
        await connection.close()
        return response
    }

    func send(_ id: String) async -> APIResponse? {
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/test","id":"\#(id)","subject":"a-\#(id)","data":{"pool":"ns/p"}}"#
        return await query(
            APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8)))
    }

    /// What a route answers, as text.
    func text(_ path: String, token: String? = nil) async throws -> String {
        let response = try #require(await query(APIRequest(path: path), token: token))
        return String(decoding: response.body, as: UTF8.self)
    }

    /// What `/metrics` shows under this name with these labels, added up; nil where there is nothing.
    func metric(_ name: String, _ labels: [String] = [], token: String? = nil) async throws -> Double? {
        let values = try await text("/metrics", token: token).split(separator: "\n").filter { line in
            line.hasPrefix(name) && labels.allSatisfy { line.contains($0) }
        }.compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
        return values.isEmpty ? nil : values.reduce(0, +)
    }

    func put(_ policy: String, _ name: String) async throws {
        let request = APIRequest(method: .put, path: "/v1/policies/\(name)", contentType: "application/yaml", body: Array(policy.utf8))
        let response = try #require(await query(request))
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    }

    /// - Parameter id: of the event; the actor's name where none is given.
    func request(_ actor: String, id: String? = nil, pool: String) async throws {
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/test","id":"\#(id ?? actor)","subject":"\#(actor)","data":{"pool":"\#(pool)"}}"#
        let request = APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8))
        #expect(await query(request)?.status == 200)
    }
}

extension Served {
    /// What an operator applies first.
    static let chatPolicy = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: chat, namespace: demo}
        spec:
          mode: recommend
          scaleTargetRef: {kind: Deployment, name: chat}
          maxReplicaCount: 3
          triggers: [{type: demand, threshold: 1}]
        """
}
