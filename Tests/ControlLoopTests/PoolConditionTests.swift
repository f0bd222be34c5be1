import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// What does a pool say of its target and of workers that don't come, and does that end with its cause?

@Suite struct PoolConditionTests {
    private func failStart(_ loop: LoopHarness, _ k: Int) {
        loop.ours(
            .scaleFailed, "ns/p",
            #"{"error":"worker w\#(k) ended before it was ready: exited with status 2","attempt":\#(k),"start":"w\#(k)"}"#)
        loop.settle()
    }

    @Test func `workers that end before they are ready make the pool not ready, until one is`() throws {
        let loop = try LoopHarness()
        loop.startSeconds = 1_000
        loop.apply(.quick())
        loop.request("a")
        for k in 1...2 { failStart(loop, k) }
        var pool = try loop.pool
        #expect(pool.readyCondition && pool.workersFailing?.count == 2 && pool.workersFailing?.isPersistent == false)
        failStart(loop, 3)
        pool = try loop.pool
        #expect(!pool.readyCondition && pool.workersFailing?.isPersistent == true)
        #expect(
            pool.reason?.hasPrefix("WorkersFailing: 3 starts in a row failed; the last: worker w3") == true
                && pool.reason?.hasSuffix("exited with status 2") == true)
        #expect(loop.state.policyStatus(named: "ns/p")?.workersFailing != nil)
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.workersFailing == pool.workersFailing)
        loop.send(.workerReady, "w9", #"{"pool":"ns/p","node":"n1"}"#)
        loop.settle()
        pool = try loop.pool
        #expect(pool.readyCondition && pool.workersFailing == nil && pool.reason == nil)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    private func failTarget(_ loop: LoopHarness) {
        loop.ours(.scaleFailed, "ns/p", #"{"error":"refused: no such Deployment","attempt":1}"#)
        loop.settle()
    }

    @Test func `what a target answered is forgotten with its policy, and where another target takes its place`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        failTarget(loop)
        #expect(loop.state.targetProblems.map(\.pool) == ["ns/p"])
        #expect(try !loop.pool.readyCondition)
        loop.apply(.quick(max: 9))
        #expect(loop.state.targetProblems.count == 1, "the same target")
        var moved = Policy.quick()
        moved.target.name = "other"
        loop.apply(moved)
        #expect(try loop.state.targetProblems.isEmpty && loop.pool.readyCondition)
        failTarget(loop)
        loop.removePolicy()
        #expect(loop.state.targetProblems.isEmpty)
        loop.apply(.quick())
        #expect(try loop.pool.readyCondition)
    }

    @Test func `a pool that only recommends shows what it recommends`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick()
        policy.mode = .recommend
        loop.apply(policy)
        for k in 1...5 { loop.request("a\(k)") }
        loop.settle()
        #expect(try loop.pool.desired == 5)
        #expect(loop.state.policyStatus(named: "ns/p")?.desired == 5)
        #expect(loop.state.metricReadings(at: loop.scheduler.now).pools.map(\.desired) == [5])
        #expect(loop.rescales.isEmpty)
    }

    @Test func `a failing target is asked again when its policy is applied again, and let go of when it goes`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        loop.request("a")
        loop.settle()
        let before = loop.rescales.count
        failTarget(loop)
        #expect(loop.rescales.count == before)
        loop.apply(.quick(max: 9))
        #expect(loop.rescales.count == before + 1 && loop.rescales.last?.to == 1)
        #expect(loop.releases.isEmpty)
        var quiet = Policy.quick()
        quiet.mode = .recommend
        loop.apply(quiet)
        #expect(loop.releases == ["ns/p"])
        loop.apply(.quick())
        loop.removePolicy()
        #expect(loop.releases == ["ns/p", "ns/p"] || loop.releases == ["ns/p"])
    }
}
