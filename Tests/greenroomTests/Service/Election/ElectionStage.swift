import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Testing
import TestSupport

@testable import Inspection
@testable import Output

// Two instances over one log, the twin of an API server, a pool, and a client that repeats what wasn't acknowledged.

struct ElectionStage: Sendable {
    /// Long enough for a busy machine's leader to renew in time, and to close its log in the margin of three seconds.
    static let leaseSeconds = 8
    static let timing = "leaseDurationSeconds: \(leaseSeconds), renewDeadlineSeconds: 5, retryPeriodSeconds: 0.5"
    static let patience = Duration.seconds(40)

    let twin: KubernetesTwin
    let folder: String
    let alpha: ServeInstance
    let beta: ServeInstance
    var database: String { "\(folder)/shared/greenroom.db" }

    /// Runs `body` with alpha leading and beta standing by; ends everything after it.
    static func run(_ body: (ElectionStage) async throws -> Void) async throws {
        var settings = KubernetesTwin.Configuration()
        settings.controllerNodes = ["node-a", "node-b"]
        settings.users = ["alpha-token": .admin, "beta-token": .admin]
        let twin = try await KubernetesTwin.start(settings)
        twin.seed(
            .workerPools,
            ["metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": 0], "status": ["selector": "app=pool", "replicas": 0]])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-election-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try policy.write(toFile: "\(folder)/policy.yaml", atomically: true, encoding: .utf8)
        let stage = ElectionStage(
            twin: twin, folder: folder, alpha: try ServeInstance("alpha", folder: folder, twin: twin, timing: timing),
            beta: try ServeInstance("beta", folder: folder, twin: twin, timing: timing))
        let outcome: Result<Void, any Error>
        do {
            try await stage.begin()
            try await body(stage)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        for instance in [stage.alpha, stage.beta] where instance.isRunning { _ = await instance.stop() }
        await twin.stop()
        try? FileManager.default.removeItem(atPath: folder)
        try outcome.get()
    }

    private func begin() async throws {
        try alpha.start()
        try await wait("alpha leads") { await alpha.isReady() }
        try beta.start()
        try await wait("beta stands by") { await beta.lead().contains("the leader is alpha_") }
    }

    func wait(_ what: String, _ holds: () async throws -> Bool) async throws {
        try await eventually("\(what)\nalpha: \(alpha.log)\nbeta: \(beta.log)", within: Self.patience, holds)
    }

    private static let policy = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: pool, namespace: ns}
        spec:
          scaleTargetRef: {apiVersion: ate.dev/v1alpha1, kind: WorkerPool, name: pool}
          minReplicaCount: 0
          maxReplicaCount: 500
          cooldownPeriod: 300
          advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 1000, periodSeconds: 1}]}}}}
          triggers:
          - {type: demand, threshold: 1}
        """

    // MARK: - What the twin saw

    /// Which instance holds the lease; empty where none does.
    var holder: String { String((twin.object(.leases, "ns", "greenroom")?["spec"]["holderIdentity"].string ?? "").prefix { $0 != "_" }) }
    var transitions: Int { twin.object(.leases, "ns", "greenroom")?["spec"]["leaseTransitions"].int ?? 0 }
    var replicas: Int { twin.object(.workerPools, "ns", "pool")?["spec"]["replicas"].int ?? 0 }

    func isFrom(_ instance: ServeInstance, _ request: TwinRequest) -> Bool {
        request.headers["authorization"] == "Bearer \(instance.token)"
    }

    /// Changes of anything but the lease, in order: by whom, and whether of `/scale`.
    var writes: [(by: String, isScale: Bool)] {
        twin.requests.filter { $0.method != "GET" && !$0.path.contains("/leases") }.map { request in
            (isFrom(alpha, request) ? "alpha" : "beta", request.path.hasSuffix("/scale"))
        }
    }

    /// The fences that were left on the target, in order.
    var fences: [UInt64] {
        twin.requests.filter { $0.method == "PATCH" && $0.path.hasSuffix("/workerpools/pool") }.compactMap { request in
            (try? JSONValue(parsing: request.body)).flatMap { $0["metadata"]["annotations"]["greenroom.dev/fence"].string }
                .flatMap { UInt64($0) }
        }
    }

    // MARK: - The client

    /// Asks for workers for the actors of one request. Ids are the same at each try.
    static func request(_ actors: Range<Int>) -> APIRequest {
        let events = actors.map { k in
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/agents","id":"ask-\#(k)","subject":"actor-\#(k)","data":{"pool":"ns/pool"}}"#
        }
        return APIRequest(
            method: .post, path: "/v1/events", contentType: "application/cloudevents-batch+json",
            body: Array("[\(events.joined(separator: ","))]".utf8))
    }

    /// Sends until somebody acknowledges it: now to one, now to the other.
    func send(_ request: APIRequest) async throws {
        var turn = 0
        try await wait("somebody takes it") {
            turn += 1
            return await (turn.isMultiple(of: 2) ? beta : alpha).query(request)?.status == 200
        }
    }

    // MARK: - The log

    func events(_ kind: String? = nil) async throws -> [EventRecord] {
        var events: [EventRecord] = []
        let source = try await LogFile.events(path: database)
        try await source.forEachEvent(EventQuery()) { event in
            if kind == nil || event.kindName == kind { events.append(event) }
            return true
        }
        return events
    }

    /// Each (source, id) once; a decision a position; what was applied last is what was decided last; fences that never fall;
    /// and the log's own judges find nothing.
    func checkLog(actors: Int) async throws {
        let events = try await events()
        #expect(Set(events.map { "\($0.source) \($0.id)" }).count == events.count)
        #expect(Set(events.filter { $0.source == "/agents" }.map(\.id)) == Set((0..<actors).map { "ask-\($0)" }))
        let decided = events.filter { $0.kindName == "scale.decided" }
        // Each looked at a position of its own, later than the one before; demand only grew, so counts never fall.
        let (looked, counts) = (decided.compactMap { $0.data["inputs"]["asOf"].integer }, decided.compactMap { $0.data["to"].integer })
        #expect(looked.count == decided.count && zip(looked, looked.dropFirst()).allSatisfy { $0 < $1 })
        #expect(counts == counts.sorted())
        #expect(decided.last?.data["to"].integer == Int64(actors))
        let applied = events.filter { $0.kindName == "scale.applied" }
        #expect(applied.last?.data["to"] == decided.last?.data["to"])
        let fences = applied.compactMap { $0.data["fence"].integer }
        #expect(fences.count == applied.count && fences == fences.sorted())
        // A change of the target's spec is a generation: no decision had two, and no count was set that wasn't decided.
        let moves = Set(decided.filter { $0.data["from"] != $0.data["to"] }.compactMap { $0.data["to"].integer }).count
        #expect((1...moves).contains((twin.object(.workerPools, "ns", "pool")?.metadata["generation"].int ?? .max) - 1))
        for arguments in [["log", "verify"], ["replay"]] {
            let (status, output) = try await BuiltProgram.run(arguments + ["--db", database])
            #expect(status == 0, "\(arguments): \(output)")
        }
    }
}
