import Autoscaling
import Domain
import EventLog
import Foundation
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Does a decision keep the rules that it was made under?

@Suite struct DecisionRulesTests {
    /// 4 workers in the first ten minutes of each hour; the harness starts at 8:00.
    private func scheduled(cooldownSeconds: Int = 300) throws -> Policy {
        var policy = Policy.quick(cooldownSeconds: cooldownSeconds)
        policy.schedules = [try Schedule(cron: "0 * * * *", durationSeconds: 600, minReplicaCount: 4)]
        return policy
    }

    @Test func `when a schedule ends, the cooldown holds the count`() throws {
        let loop = try LoopHarness()
        loop.apply(try scheduled())
        #expect(try loop.pool.desired == 4 && loop.pool.active)
        loop.advance(600)
        #expect(try !loop.pool.active)
        // The window of 10 s holds the count, then HPA's minimum of one does until the cooldown is over.
        #expect(try loop.pool.desired == 4)
        loop.advance(11)
        #expect(try loop.pool.desired == 1)
        loop.advance(280)
        #expect(try loop.pool.desired == 1)
        loop.advance(10)
        #expect(try loop.pool.desired == 0)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `a policy that took effect under the first rules keeps them, also over a restart`() throws {
        let loop = try LoopHarness()
        loop.rules = 1
        loop.apply(try scheduled())
        loop.advance(300)
        loop.core.saveCheckpoint()
        loop.restart()
        loop.advance(300)
        #expect(try loop.pool.desired == 0, "at once")
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `one that is renewed goes on as it was, by the new rules`() throws {
        let loop = try LoopHarness()
        loop.rules = 1
        var policy = try scheduled()
        policy.initialCooldownPeriodSeconds = 1_000
        loop.apply(policy)
        loop.advance(100)
        let before = try #require(loop.state.policyStatus(named: "ns/p"))
        loop.renew(policy, of: before.seq)
        let after = try #require(loop.state.policyStatus(named: "ns/p"))
        #expect(before.rules == .first && after.rules == .current && after.digest == before.digest && after.seq > before.seq)
        #expect(loop.state.policyViews()[0].appliedAt == LoopHarness.start.rfc3339, "since when it is in effect stays")
        loop.advance(500)
        #expect(try loop.pool.desired == 4, "the cooldown counts from the schedule's end")
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
        // Another one took effect in between: there is nothing to renew.
        loop.apply(.quick(max: 3))
        loop.renew(policy, of: before.seq)
        #expect(loop.state.policyStatus(named: "ns/p")?.policy.maxReplicaCount == 3)
    }

    @Test func `a log of before there were rules comes out as it was decided`() throws {
        let url = try #require(Bundle.module.url(forResource: "Fixtures/schedules-by-first-rules", withExtension: "ndjson"))
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-rules-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("old.db").path)
        configuration.durability = .off
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var copy = try LogImport(into: log)
        for line in try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")) {
            try Array(line).withUnsafeBufferPointer { try copy.add($0) }
        }
        #expect(try copy.finish() == 103)
        var verifier = DecisionVerifier(log: log)
        let report = try verifier.verify()
        #expect(report.checked == 37 && report.first == nil)
    }
}
