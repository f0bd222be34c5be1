import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import SubstrateTwin
import TestSupport
import Testing

@testable import Inspection
@testable import Machine
@testable import Output

// The whole service as a process of its own, between the stock gRPC library and the twin of ateapi, with a WorkerPool that it scales.

@Suite("A fleet of agent-substrate through the gateway")
struct SubstrateFleetTests {
    @Test("200 resumes on 40 workers: nobody is refused, the pool grows, all run, none twice")
    func grows() async throws {
        guard let python = await Python.find() else {
            return Tool.skip("a stock gRPC client through the gateway: no Python with grpcio; set GREENROOM_GRPC_PYTHON to one")
        }
        try await FleetStage.run(actors: 200, workers: 40) { stage in
            try await stage.served.start()
            try await eventually("40 workers are known: \(stage.served.log)") { try await stage.workers() == 40 }
            let own = try ManifestRights.of("deploy/substrate/rbac.yaml", "greenroom-substrate")
            try await eventually("what the role allows is used, and no more: \(stage.cluster.rightsUsed.sorted())") {
                stage.cluster.rightsUsed.filter { $0.contains("actortemplates") } == own
            }
            let answers = try await stage.resume(python, first: 0, count: 200)
            #expect(answers.count == 200)
            for response in answers where response.code != "OK" { Issue.record("\(response)") }
            #expect(stage.substrate.running == 200)
            #expect(stage.substrate.read { $0.doubleClaims } == 0)
            let resumed = stage.substrate.read { $0.resumed }
            #expect(Set(resumed).count == 200 && resumed.count == 200)
            #expect(stage.replicas == 200)
            try await eventually("the log has them all") { try await stage.running() == 200 }
            // The fence is a right of its own, by the targets' names (deploy/fence).
            let more = stage.cluster.rightsUsed.subtracting(own).subtracting(try ManifestRights.of("deploy/base/rbac.yaml", "greenroom"))
            #expect(more.subtracting(["patch ate.dev workerpools"]).isEmpty, "\(more.sorted())")
            try await eventually("each on a worker, and no worker is free") {
                let named = try await stage.rows("/v1/actors?limit=1000").compactMap { $0["worker"].string }
                let statuses = try await stage.rows("/v1/workers?limit=1000").map { $0["status"].string }
                return Set(named).count == 200 && statuses.allSatisfy { $0 == "BUSY" }
            }
            let waited = answers.map(\.seconds).sorted()
            print(
                "*** MEASURED: 200 resumes on 40 workers that become 200 (debug build): p50 \(waited[100]) s, longest \(waited[199]) s, upstream \(stage.substrate.count("ResumeActor"))"
            )
        }
    }

    @Test("the gateway is killed three times at random: its callers call again, and no actor stays stuck")
    func killed() async throws {
        guard let python = await Python.find() else {
            return Tool.skip("a stock gRPC client and a gateway that is killed: no Python with grpcio; set GREENROOM_GRPC_PYTHON to one")
        }
        try await FleetStage.run(actors: 60, workers: 20) { stage in
            stage.substrate.behave { $0.restore = .milliseconds(800) }
            try await stage.served.start()
            try await eventually("20 workers are known") { try await stage.workers() == 20 }
            let calling = Task { try await stage.resume(python, first: 0, count: 60, retrySeconds: 180) }
            let seed = ProcessInfo.processInfo.environment["GREENROOM_KILL_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...0xFF_FFFF)
            print("*** the kills are those of GREENROOM_KILL_SEED=\(seed)")
            for round in 0..<3 {
                let (running, resuming) = (round * 12 + Int(seed >> (8 * round) % 12), 1 + Int(seed >> (8 * round + 4) % 8))
                try await eventually("round \(round): some are on their way") {
                    (stage.substrate.running >= running && stage.substrate.resuming >= resuming) || stage.substrate.running == 60
                }
                stage.served.signal(SIGKILL)
                try await stage.served.ended()
                try await stage.served.start()
            }
            let answers = try await calling.value
            for response in answers where response.code != "OK" { Issue.record("\(response)") }
            try await eventually("all run", within: .seconds(60)) {
                stage.substrate.running == 60
            }
            #expect(stage.substrate.read { $0.doubleClaims } == 0)
            try await eventually("the log has them all", within: .seconds(90)) { try await stage.running() == 60 }
        }
    }
}

/// A Python that has grpcio: the environment's, the machine's, or none.
private enum Python {
    static func find() async -> String? {
        let candidates = [ProcessInfo.processInfo.environment["GREENROOM_GRPC_PYTHON"], Tool.find("python3")].compactMap { $0 }
        for python in candidates where (try? await Tool.run(python, ["-c", "import grpc"]).status) == 0 { return python }
        return nil
    }
}

private struct FleetStage: Sendable {
    struct Response: Decodable, Sendable {
        var actor: String
        var code: String
        var text: String?
        var tries: Int
        var seconds: Double
    }

    private static let templates = TwinResource("ate.dev", "v1alpha1", "actortemplates", "ActorTemplate", isCustom: true)

    let cluster: KubernetesTwin
    let substrate: AteapiTwin
    let served: Served
    private let gatewayPort: Int
    private let authority: String

    static func run(actors: Int, workers: Int, _ body: (FleetStage) async throws -> Void) async throws {
        var settings = KubernetesTwin.Configuration()
        settings.controllerNodes = ["node-a", "node-b"]
        settings.resources.append(templates)
        let cluster = try await KubernetesTwin.start(settings)
        cluster.seed(
            .workerPools,
            [
                "metadata": ["name": "pool-a", "namespace": "demo", "labels": ["tier": "cpu"]],
                "spec": ["replicas": JSONValue(workers)], "status": ["replicas": 0],
            ])
        cluster.seed(
            templates,
            ["metadata": ["name": "counter", "namespace": "demo"], "spec": ["workerSelector": ["matchLabels": ["tier": "cpu"]]]])
        let substrate = try AteapiTwin()
        try await substrate.start()
        substrate.seed(actors: actors)
        substrate.behave { $0.restore = .milliseconds(200) }
        let following = Task { await follow(cluster, substrate) }
        let port = try LocalPort.free()
        let served = try Served { folder in
            func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: folder.appendingPathComponent(name)) }
            try write("ca.pem", substrate.certificates.authority)
            try write("bundle.pem", substrate.certificates.serverKey + substrate.certificates.server)
            try write("kubeconfig", Array(cluster.kubeconfig().utf8))
            try write("policy.yaml", Array(policy(least: workers).utf8))
            return """
                policies: [policy.yaml]
                kubernetes: {kubeconfig: kubeconfig}
                gateway:
                  listen: 127.0.0.1:\(port)
                  tls: {bundle: bundle.pem}
                  upstream: {address: "127.0.0.1:\(substrate.port)", ca: ca.pem}
                  parkSeconds: 60
                  reconcileSeconds: 5
                """
        }
        let outcome: Result<Void, any Error>
        do {
            let stage = FleetStage(
                cluster: cluster, substrate: substrate, served: served, gatewayPort: port,
                authority: served.folder.appendingPathComponent("ca.pem").path)
            outcome = .success(try await body(stage))
        } catch { outcome = .failure(error) }
        served.signal(SIGTERM)
        try? await served.ended()
        following.cancel()
        await following.value
        await substrate.stop()
        await cluster.stop()
        try outcome.get()
    }

    /// - Parameter least: the workers that there are when nobody asks.
    private static func policy(least: Int) -> String {
        """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: pool-a, namespace: demo}
        spec:
          scaleTargetRef: {apiVersion: ate.dev/v1alpha1, kind: WorkerPool, name: pool-a}
          minReplicaCount: \(least)
          maxReplicaCount: 300
          triggers: [{type: demand, threshold: 1}]
          advanced:
            horizontalPodAutoscalerConfig:
              behavior:
                scaleUp: {stabilizationWindowSeconds: 0, policies: [{type: Pods, value: 1000, periodSeconds: 15}]}
                scaleDown: {stabilizationWindowSeconds: 300}
        """
    }

    /// As ateapi follows the pods of its label: registered with their IP, gone with them.
    private static func follow(_ cluster: KubernetesTwin, _ substrate: AteapiTwin) async {
        while !Task.isCancelled {
            let pods = cluster.objects(.pods, "demo").filter { $0.labels["ate.dev/worker-pool"] != nil }
            substrate.change { store in
                let there = Set(pods.map { "demo/\($0.name)" })
                for name in store.workers.keys where !there.contains(name) { store.remove(pod: name) }
                for pod in pods {
                    guard let ip = pod["status"]["podIP"].string, let pool = pod.labels["ate.dev/worker-pool"] else { continue }
                    store.register(
                        pod: pod.name, namespace: "demo", pool: pool, node: pod["spec"]["nodeName"].string ?? "", ip: ip, uid: pod.uid)
                }
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    var replicas: Int { cluster.object(.workerPools, "demo", "pool-a")?["spec"]["replicas"].int ?? -1 }

    func resume(_ python: String, first: Int, count: Int, retrySeconds: Double = 0) async throws -> [Response] {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../SubstrateGatewayTests/Support/resume_fleet.py"
        ).standardizedFileURL.path
        let (status, output) = try await Tool.run(
            python, [script, "127.0.0.1:\(gatewayPort)", authority, "team-a", "\(first)", "\(count)", "\(retrySeconds)"])
        #expect(status == 0, "\(output)")
        return try output.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
            try JSONDecoder().decode(Response.self, from: Data($0.utf8))
        }
    }

    /// Rows of a listing of the service.
    fileprivate func rows(_ path: String) async throws -> [JSONValue] {
        guard let response = await served.query(APIRequest(path: path)), response.status == 200 else { return [] }
        let listed = try JSONValue(parsing: response.body)
        return listed.array + listed["items"].array
    }

    func workers() async throws -> Int { try await rows("/v1/workers?limit=1000").count }
    func running() async throws -> Int { try await rows("/v1/actors?status=STATUS_RUNNING&limit=1000").count }
}
