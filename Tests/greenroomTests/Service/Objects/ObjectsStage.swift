import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import Testing
import TestSupport

@testable import Assembly
@testable import Inspection
@testable import Output
@testable import Machine

// The whole service on the twin of an API server, its policies objects there.

struct ObjectsStage: Sendable {
    static let patience = Duration.seconds(60)

    let twin: KubernetesTwin
    let folder: String
    private let configuration: ServiceConfiguration

    /// Runs `body` with a pool `ns/pool` of no workers; ends everything after it.
    ///
    /// - Parameter kubernetes: further fields of that section.
    static func run(
        kubernetes: String = "", resources: [TwinResource] = [], makesReady: Bool = true, _ body: (ObjectsStage) async throws -> Void
    ) async throws {
        var settings = KubernetesTwin.Configuration()
        settings.controllerNodes = ["node-a"]
        settings.resources += resources
        settings.makesPodsReady = makesReady
        let twin = try await KubernetesTwin.start(settings)
        twin.seed(.workerPools, ["metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": 0], "status": ["replicas": 0]])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-objects-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try twin.kubeconfig().write(toFile: "\(folder)/kubeconfig", atomically: true, encoding: .utf8)
        var configuration = try ServiceConfiguration(
            yaml: "listen: 127.0.0.1:0\nkubernetes: {kubeconfig: kubeconfig\(kubernetes)}\n", file: "\(folder)/greenroom.yaml")
        configuration.database = "\(folder)/greenroom.db"
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(ObjectsStage(twin: twin, folder: folder, configuration: configuration))) } catch {
            outcome = .failure(error)
        }
        await twin.stop()
        try? FileManager.default.removeItem(atPath: folder)
        try outcome.get()
    }

    /// Runs the service for as long as `body` takes.
    func serve(_ body: (_ url: String) async throws -> Void) async throws {
        try await withService(configuration) { url in
            // The loop may act before the server listens.
            try await wait("answers") { (try? await query(url, APIRequest(path: "/livez")))?.status == 200 }
            try await body(url)
        }
    }

    // MARK: - The object

    static func object(min: Int, extra: JSONValue = [:]) -> JSONValue {
        let spec: JSONValue = [
            "scaleTargetRef": ["apiVersion": "ate.dev/v1alpha1", "kind": "WorkerPool", "name": "pool"],
            "minReplicaCount": JSONValue(min), "maxReplicaCount": 5,
            "cooldownPeriod": 0,
            "advanced": ["horizontalPodAutoscalerConfig": ["behavior": ["scaleDown": ["stabilizationWindowSeconds": 0]]]],
            "triggers": [["type": "demand", "threshold": 1]],
        ]
        return [
            "apiVersion": "greenroom.dev/v1", "kind": "WorkerPoolAutoscaler", "metadata": ["name": "pool", "namespace": "ns"],
            "spec": .object(spec.members.merging(extra.members) { $1 }),
        ]
    }

    var status: JSONValue { twin.object(.autoscalers, "ns", "pool")?["status"] ?? .null }

    /// `True PolicyApplied`
    func condition(_ type: String) -> String {
        let found = status["conditions"].array.first { $0["type"].string == type } ?? .null
        return "\(found["status"].string ?? "-") \(found["reason"].string ?? "-")"
    }

    func message(_ type: String) -> String { status["conditions"].array.first { $0["type"].string == type }?["message"].string ?? "" }

    /// `Normal ScaledUp`, each once.
    var events: Set<String> { Set(twin.objects(.coreEvents, "ns").map { "\($0["type"].string ?? "") \($0["reason"].string ?? "")" }) }

    /// `Warning somebody else set …`: what the latest Event of the reason says.
    func told(_ reason: String) -> String? {
        twin.objects(.coreEvents, "ns").last { $0["reason"].string == reason }.map {
            "\($0["type"].string ?? "") \($0["message"].string ?? "")"
        }
    }

    var replicas: Int { twin.object(.workerPools, "ns", "pool")?["spec"]["replicas"].int ?? -1 }

    func wait(_ what: String, _ holds: () async throws -> Bool) async throws {
        try await eventually(
            "\(what); status \(status.text), replicas \(replicas), Events \(events.sorted())", within: Self.patience, holds)
    }

    /// Until the pool has so many workers, and the object says so.
    func settle(at count: Int) async throws {
        try await wait("\(count) workers") {
            replicas == count && status["desired"].int == count && status["ready"].int == count
                && condition("Ready") == "True PolicyApplied"
        }
    }

    // MARK: - The service

    func query(_ url: String, _ request: APIRequest) async throws -> APIResponse {
        let connection = try await ServiceConnection.open(url: url, token: nil)
        defer { Task { await connection.close() } }
        return try await connection.send(request)
    }

    func send(_ url: String, _ kind: String, _ subject: String, _ data: String) async throws {
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"test","subject":"\#(subject)","id":"\#(kind)-\#(subject)","data":\#(data)}"#
        let response = try await query(
            url, APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8)))
        guard response.status == 200 else {
            throw NeverHappened(what: "\(kind) of \(subject): \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    /// As `/v1/workers` lists them.
    func workers(_ url: String) async throws -> [JSONValue] {
        let listed = try JSONValue(parsing: try await query(url, APIRequest(path: "/v1/workers")).body)
        return listed.array + listed["items"].array
    }

    /// Policies that took effect, in order: `minReplicaCount`, or nil where one was taken away.
    func applied() async throws -> [Int64?] {
        var found: [Int64?] = []
        let source = try await LogFile.events(path: configuration.database)
        try await source.forEachEvent(EventQuery()) { event in
            if event.kindName == "policy.applied" { found.append(event.data["policy"]["spec"]["minReplicaCount"].integer) }
            return true
        }
        return found
    }
}
