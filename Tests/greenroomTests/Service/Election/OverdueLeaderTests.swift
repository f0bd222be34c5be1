import Foundation
import KubernetesTwin
import Testing
import TestSupport

@testable import Inspection

// A leader whose work doesn't end before its lease may be taken: does its process end, so that another can write the log?

@Suite struct OverdueLeaderTests {
    /// A margin of a second: a worker in the middle of a turn is given longer to end.
    private static let timing = "leaseDurationSeconds: 4, renewDeadlineSeconds: 3, retryPeriodSeconds: 0.3"
    private static let policy = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: pool, namespace: ns}
        spec: {scaleTargetRef: {kind: Process}, minReplicaCount: 1, maxReplicaCount: 1, triggers: [{type: demand, threshold: 1}]}
        """
    private static let turn = #"""
        {"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/agents","id":"1","subject":"actor-1","data":{"pool":"ns/pool","expectedMillis":600000}}
        """#

    @Test(.timeLimit(.minutes(2)))
    func `a leader that is deposed in the middle of work that takes too long ends with status 75, and says why`() async throws {
        var settings = KubernetesTwin.Configuration()
        settings.users = ["alpha-token": .admin]
        let twin = try await KubernetesTwin.start(settings)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-overdue-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Self.policy.write(toFile: "\(folder)/policy.yaml", atomically: true, encoding: .utf8)
        let alpha = try ServeInstance("alpha", folder: folder, twin: twin, timing: Self.timing)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await beOverdue(alpha, twin)) } catch { outcome = .failure(error) }
        if alpha.isRunning { _ = await alpha.stop() }
        await twin.stop()
        try? FileManager.default.removeItem(atPath: folder)
        try outcome.get()
    }

    private func beOverdue(_ alpha: ServeInstance, _ twin: KubernetesTwin) async throws {
        try alpha.start()
        try await eventually("it leads:\n\(alpha.log)") { await alpha.isReady() }
        let request = APIRequest(
            method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(Self.turn.utf8))
        try await eventually("it takes the event:\n\(alpha.log)") { await alpha.query(request)?.status == 200 }
        try await eventually("the turn runs:\n\(alpha.log)") {
            await alpha.get("/v1/actors/actor-1").map { String(decoding: $0.body, as: UTF8.self).contains("STATUS_RUNNING") } ?? false
        }
        twin.inject(TwinFault(.cut, times: nil))
        twin.cutConnections()
        let status = await alpha.ended()
        #expect(status == 75, "\(alpha.log)")
        #expect(
            alpha.log.contains("leading no more") && alpha.log.contains("this process ends, so that another can write the log"),
            "\(alpha.log)")
    }
}
