import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import Testing
import TestSupport

@testable import greenroom

// The whole service on a cluster, over real TLS.

@Suite struct ServiceOnKubernetesTests {
    @Test func `a policy raises a WorkerPool's replicas, and after a restart another lowers them, pod by pod`() async throws {
        var settings = KubernetesTwin.Configuration()
        settings.controllerNodes = ["node-a"]
        let twin = try await KubernetesTwin.start(settings)
        twin.seed(.workerPools, ["metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": 0], "status": ["selector": "app=pool", "replicas": 0]])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-cluster-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try twin.kubeconfig().write(toFile: "\(folder)/kubeconfig", atomically: true, encoding: .utf8)
        let yaml = "listen: 127.0.0.1:0\npolicies: [policy.yaml]\nkubernetes: {kubeconfig: kubeconfig}\n"
        var configuration = try ServiceConfiguration(yaml: yaml, file: "\(folder)/greenroom.yaml")
        configuration.database = "\(folder)/greenroom.db"
        for replicas in [2, 0] {
            try Self.policy(min: replicas).write(toFile: "\(folder)/policy.yaml", atomically: true, encoding: .utf8)
            let service = GreenroomService(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { try await service.run(stopOn: []) }
            defer { running.cancel() }
            try await eventually("\(replicas) pods") { twin.objects(.pods, "ns").count == replicas }
            #expect(twin.object(.workerPools, "ns", "pool")?["spec"]["replicas"].int == replicas)
            running.cancel()
            _ = await running.result
        }
        await twin.stop()
    }

    private static func policy(min: Int) -> String {
        """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: pool, namespace: ns}
        spec:
          scaleTargetRef: {apiVersion: ate.dev/v1alpha1, kind: WorkerPool, name: pool}
          minReplicaCount: \(min)
          maxReplicaCount: 5
          cooldownPeriod: 0
          advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {stabilizationWindowSeconds: 0}}}}
          triggers:
          - {type: demand, threshold: 1}
        """
    }
}
