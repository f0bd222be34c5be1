import Foundation
import KubernetesTwin
import TestSupport

@testable import Inspection
@testable import Machine

// One `greenroom serve` in a process of its own, with a name, a port and a token at the API server of its own.

final class ServeInstance: Sendable {
    let name: String
    let url: String
    private let arguments: [String]
    private let logFile: String
    private let process = Locked<Running?>(nil)

    /// Foundation's class isn't Sendable: it is touched under the lock alone.
    private struct Running: @unchecked Sendable { var process: Process }

    /// The user that the twin knows it as.
    var token: String { "\(name)-token" }

    init(_ name: String, folder: String, twin: KubernetesTwin, timing: String) throws {
        self.name = name
        let port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)"
        logFile = "\(folder)/\(name).log"
        try FileManager.default.createDirectory(atPath: "\(folder)/shared", withIntermediateDirectories: true)
        let configuration = """
            database: shared/greenroom.db
            listen: 127.0.0.1:\(port)
            policies: [policy.yaml]
            kubernetes: {kubeconfig: \(name).kubeconfig, election: {lease: greenroom, namespace: ns, identity: \(name), \(timing)}}
            """
        arguments = ["serve", "--config", "\(folder)/\(name).yaml"]
        try twin.kubeconfig(token: "\(name)-token").write(toFile: "\(folder)/\(name).kubeconfig", atomically: true, encoding: .utf8)
        try configuration.write(toFile: "\(folder)/\(name).yaml", atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: logFile, contents: nil)
    }

    func start() throws {
        let log = try FileHandle(forWritingTo: URL(fileURLWithPath: logFile))
        try log.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuiltProgram.path())
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
        self.process.value = Running(process: process)
    }

    var isRunning: Bool { process.value?.process.isRunning ?? false }
    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    func signal(_ signal: Int32) {
        if let running = process.value, running.process.isRunning { kill(running.process.processIdentifier, signal) }
    }

    /// Ends it as an operator would; its status, or nil where it had to be killed.
    func stop() async -> Int32? {
        guard let running = process.value else { return nil }
        signal(SIGCONT)
        signal(SIGTERM)
        let status = await ended()
        if status == nil { signal(SIGKILL) }
        running.process.waitUntilExit()
        return status
    }

    /// The status it ends with, of itself or as it was asked; nil where it goes on.
    func ended() async -> Int32? {
        guard let running = process.value else { return nil }
        let isOver: Void? = try? await eventually("it ends") { !running.process.isRunning }
        return isOver.map { running.process.terminationStatus }
    }

    /// A request's answer; nil where there is none.
    func query(_ request: APIRequest) async -> APIResponse? {
        guard let connection = try? await ServiceConnection.open(url: url, token: nil) else { return nil }
        let response = try? await connection.send(request)
        await connection.close()
        return response
    }

    func get(_ path: String) async -> APIResponse? { await query(APIRequest(path: path)) }
    func isReady() async -> Bool { await get("/readyz")?.status == 200 }

    /// What its readiness says of the lead; empty where it doesn't answer.
    func lead() async -> String { await get("/readyz").map { String(decoding: $0.body, as: UTF8.self) } ?? "" }
}

/// The program that was built beside the tests.
enum BuiltProgram {
    struct Missing: Error {}

    static func path() throws -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map {
            URL(fileURLWithPath: $0).deletingLastPathComponent()
        }
        let places = [Bundle.main.bundleURL, own].compactMap { $0?.appendingPathComponent("greenroom").path }
        guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else { throw Missing() }
        return path
    }

    /// Runs a command of it to its end.
    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String) { try await Tool.run(path(), arguments) }
}
