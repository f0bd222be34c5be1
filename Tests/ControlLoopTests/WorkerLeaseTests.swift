import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import EventLog
@testable import State
@testable import Views

// When is a worker that said `ttlSeconds` lost, and when isn't it?

@Suite struct WorkerLeaseTests {
    private func ready(_ loop: LoopHarness, _ worker: String, ttl: Int? = 60, uid: String? = nil) {
        let lease = ttl.map { #","ttlSeconds":\#($0)"# } ?? ""
        let uid = uid.map { #","uid":"\#($0)""# } ?? ""
        loop.send(.workerReady, worker, #"{"pool":"ns/p","node":"n1"\#(lease)\#(uid)}"#)
        loop.settle()
    }

    private func workers(_ loop: LoopHarness) -> [String] {
        loop.state.workerViews(pool: nil, after: nil, limit: 100, names: loop.log.names, at: loop.scheduler.now).map(\.name)
    }

    private func seen(_ loop: LoopHarness, _ worker: String) -> Double? {
        loop.state.workerView(named: worker, names: loop.log.names, at: loop.scheduler.now, lastSeen: loop.core.lastSeen)?.lastSeenSeconds
    }

    private func stream(_ loop: LoopHarness, _ worker: String, _ step: Int) {
        loop.core.countStream(of: worker, by: step)
        loop.settle()
    }

    @Test func `a silent worker is lost, its actor crashes, and may be placed again`() throws {
        let loop = try LoopHarness()
        ready(loop, "w1", uid: "u1")
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.worker == "w1")
        loop.advance(59.9)
        #expect(workers(loop) == ["w1"])
        loop.advance(0.2)
        #expect(workers(loop) == [])
        #expect(loop.view(of: "a")?.status == "STATUS_CRASHED")
        let gone = try #require(try loop.events(.workerGone).first)
        #expect(gone.body == #"{"reason":"lost","uid":"u1","asOf":1}"# && gone.event.isOurs)
        ready(loop, "w2")
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.worker == "w2")
    }

    @Test func `without ttlSeconds a worker stays, as in every log of before`() throws {
        let loop = try LoopHarness()
        ready(loop, "w1", ttl: nil)
        ready(loop, "w2", ttl: 0)
        stream(loop, "w1", 1)
        stream(loop, "w1", -1)
        loop.advance(100_000)
        loop.restart()
        loop.advance(100_000)
        #expect(workers(loop) == ["w1", "w2"])
        #expect(seen(loop, "w1") == nil)
    }

    @Test(
        "an open stream is a sign of life, under every name the worker has, opened before it says ready or after",
        arguments: ["w1", "ns/w1"], [true, false])
    func streams(_ name: String, _ isFirst: Bool) throws {
        let loop = try LoopHarness()
        if isFirst { stream(loop, name, 1) }
        ready(loop, "w1")
        if !isFirst { stream(loop, name, 1) }
        loop.advance(1_000)
        #expect(workers(loop) == ["w1"] && seen(loop, "w1") == 0)
        // A second one, as after a break that the service hasn't noticed.
        stream(loop, name, 1)
        stream(loop, name, -1)
        loop.advance(1_000)
        #expect(workers(loop) == ["w1"])
        stream(loop, name, -1)
        loop.advance(30)
        #expect(seen(loop, "w1") == 30)
        stream(loop, name, 1)
        loop.advance(1_000)
        stream(loop, name, -1)
        loop.advance(59)
        #expect(workers(loop) == ["w1"])
        loop.advance(2)
        #expect(workers(loop) == [])
    }

    @Test func `heartbeats renew a lease, and say who isn't known any more`() throws {
        let loop = try LoopHarness()
        ready(loop, "w1", uid: "u1")
        for _ in 0..<10 {
            loop.advance(50)
            #expect(try loop.core.hear("ns/w1", uid: "u1").get() == 60)
        }
        let before = loop.log.head.seq
        #expect(throws: ControlFault.self) { try loop.core.hear("w1", uid: "u0").get() }
        #expect(loop.log.head.seq == before, "nothing is logged for a heartbeat")
        loop.advance(61)
        #expect(loop.core.hear("w1", uid: "u1") == .failure(.notFound(what: "worker", name: "w1")))
        ready(loop, "w2", ttl: nil)
        #expect("\(loop.core.hear("w2", uid: nil))".contains("ttlSeconds"))
    }

    @Test func `after a restart a lease begins anew, once`() throws {
        let loop = try LoopHarness()
        ready(loop, "w1")
        loop.advance(59)
        loop.restart()
        #expect(seen(loop, "w1") == nil)
        loop.advance(59)
        #expect(workers(loop) == ["w1"])
        loop.advance(2)
        #expect(workers(loop) == [])
        #expect(try loop.events(.workerGone).count == 1)
    }

    @Test func `a worker that says ready again has a whole lease, and what was said of it before is late`() throws {
        let loop = try LoopHarness()
        ready(loop, "w1")
        loop.advance(50)
        ready(loop, "w1")
        loop.advance(50)
        #expect(workers(loop) == ["w1"])
        // As if the loop had found it silent just before it spoke.
        var late = EventBatch()
        late.append(.workerGone, source: "/greenroom", id: "late", subject: "w1", body: Array(#"{"reason":"lost","asOf":1}"#.utf8))
        loop.log.append(late) { _ in }
        loop.settle()
        #expect(workers(loop) == ["w1"])
        loop.advance(11)
        #expect(workers(loop) == [])
    }

    @Test func `a loop that was away itself loses nobody`() throws {
        let scheduler = VirtualScheduler(now: LoopHarness.start)
        var leases = WorkerLeases()
        leases.begin(3, seconds: 60, ready: 7, names: ["w"], isHeard: true, at: scheduler.now)
        // The machine slept, or its clock was set.
        scheduler.advance(seconds: 3_600)
        #expect(leases.takeEnded(scheduler.now).isEmpty)
        #expect(leases.first == scheduler.now.adding(seconds: 60))
        scheduler.advance(seconds: 61)
        #expect(leases.takeEnded(scheduler.now).map(\.worker) == [3])
        #expect(leases.takeEnded(scheduler.now).isEmpty && leases.first == nil, "each is told of once")
        leases.beginAnew(at: scheduler.now)
        #expect(leases.first != nil, "and again if that didn't come to the log")
    }

    @Test func `losses follow from the log, in a replay and from a checkpoint`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 3, min: 1))
        ready(loop, "own", ttl: 30)
        loop.request("a")
        loop.advance(40)
        loop.core.saveCheckpoint()
        loop.restart()
        loop.request("a")
        loop.advance(100)
        #expect(try loop.verified() > 0)
        var replay = LogReplay(log: loop.log, stretch: try #require(try LogStretch(of: loop.log, from: nil, to: nil)))
        try replay.checkChain()
        while try replay.step() != nil {}
        #expect(replay.summary.isSame)
        #expect(try State(decoding: loop.state.encoded()).encoded() == loop.state.encoded())
    }
}

/// Requests that nobody needs any more, and pools that nobody serves.
@Suite struct AbandonedRequestTests {
    @Test func `a request whose deadline passes is withdrawn, also after a restart, and a placed one isn't`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "w1", #"{"pool":"ns/p","node":"n1"}"#)
        loop.request("runs")
        loop.settle()
        for (actor, second) in [("first", "10"), ("second", "20"), ("late", "00")] {
            loop.send(.actorRequested, actor, #"{"pool":"ns/p","deadline":"2026-11-21T08:00:\#(second)Z"}"#)
        }
        loop.send(.actorRequested, "stays", #"{"pool":"ns/p"}"#)
        loop.advance(1)
        #expect(loop.view(of: "late")?.status == "STATUS_SUSPENDED", "its deadline had passed when it asked")
        #expect(loop.view(of: "first")?.status == "STATUS_WAITING")
        loop.advance(10)
        #expect(loop.view(of: "first")?.status == "STATUS_SUSPENDED")
        loop.core.saveCheckpoint()
        loop.restart()
        loop.advance(10)
        #expect(loop.view(of: "second")?.status == "STATUS_SUSPENDED")
        #expect(loop.view(of: "stays")?.status == "STATUS_WAITING" && loop.view(of: "runs")?.worker == "w1")
        let withdrawn = try loop.events(.actorWithdrawn)
        #expect(withdrawn.count == 3 && withdrawn.allSatisfy { $0.body.contains("its deadline passed") })
    }

    @Test func `more than are withdrawn at once are withdrawn one lot after the other`() throws {
        let loop = try LoopHarness()
        for number in 0..<2_500 {
            loop.send(.actorRequested, "a\(number)", #"{"pool":"ns/p","deadline":"2026-11-21T08:00:10Z"}"#)
        }
        loop.send(.actorRequested, "stays", #"{"pool":"ns/p"}"#)
        loop.settle()
        loop.advance(11)
        let withdrawn = try loop.events(.actorWithdrawn)
        #expect(withdrawn.count == 2_500)
        #expect(loop.view(of: "a0")?.status == "STATUS_SUSPENDED" && loop.view(of: "a2499")?.status == "STATUS_SUSPENDED")
        #expect(loop.view(of: "stays")?.status == "STATUS_WAITING")
    }

    @Test func `a withdrawal that means one request leaves a later one, and one that was placed`() throws {
        let loop = try LoopHarness()
        loop.request("a")
        loop.settle()
        loop.send(.actorWithdrawn, "a")
        loop.request("a")
        loop.settle()
        loop.send(.actorWithdrawn, "a", #"{"request":1}"#)
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_WAITING")
        loop.send(.workerReady, "w1", #"{"pool":"ns/p","node":"n1"}"#)
        loop.settle()
        loop.send(.actorWithdrawn, "a", #"{"request":3}"#)
        loop.settle()
        #expect(loop.view(of: "a")?.worker == "w1")
    }

    @Test func `those who wait for their quota don't make the pool grow`() throws {
        for (rules, workers) in [(DecisionRules.current.rawValue, 1), (DecisionRules.unclaimedIsSpare.rawValue, 4)] {
            let loop = try LoopHarness()
            loop.rules = rules
            var policy = Policy.quick(max: 10)
            policy.quotas = [Quota(tenant: "a", maxRunning: 1)]
            loop.apply(policy)
            for k in 1...4 {
                loop.send(.actorCreated, "a\(k)", #"{"pool":"ns/p","template":"t","tenant":"a"}"#)
                loop.request("a\(k)")
            }
            loop.advance(10)
            #expect(try loop.pool.desired == workers, "rules \(rules)")
            #expect(try loop.verified() > 0)
        }
    }

    @Test func `a misspelt pool says NoPolicy, and can be deleted once nobody waits there`() throws {
        let loop = try LoopHarness()
        loop.request("a", pool: "ns/typo")
        loop.settle()
        let index = try #require(loop.state.find(pool: "ns/typo", names: loop.log.names))
        func view() -> PoolView { loop.state.poolView(index, names: loop.log.names, at: loop.scheduler.now) }
        #expect(view().reason?.hasPrefix("NoPolicy: ") == true)
        #expect(loop.state.obstacleToDeleting(index)?.contains("wait") == true)
        loop.ours(.poolDeleted, "ns/typo", "{}")
        loop.settle()
        #expect(loop.state.poolViews(names: loop.log.names, at: loop.scheduler.now).count == 1, "it stays while somebody waits")
        loop.send(.actorWithdrawn, "a")
        loop.ours(.poolDeleted, "ns/typo", #"{"by":"ops"}"#)
        loop.settle()
        #expect(loop.state.poolViews(names: loop.log.names, at: loop.scheduler.now).isEmpty)
        #expect(loop.state.find(pool: "ns/typo", names: loop.log.names) == nil)
        #expect(try State(decoding: loop.state.encoded()).encoded() == loop.state.encoded())
        loop.request("a", pool: "ns/typo")
        loop.settle()
        #expect(loop.state.find(pool: "ns/typo", names: loop.log.names) == index)
    }

    @Test func `turns that crash one after the other show, and one that ends well ends that`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "w1", #"{"pool":"ns/p","node":"n1"}"#)
        for k in 1...3 {
            loop.request("a")
            loop.settle()
            loop.send(.actorCrashed, "a", #"{"worker":"w1","reason":"exited with status 127"}"#)
            loop.settle()
            #expect(try loop.pool.workersFailing?.isPersistent == (k == 3))
        }
        #expect(try loop.pool.workersFailing?.text == "3 failures in a row; the last: exited with status 127")
        #expect(try loop.pool.reason?.hasPrefix("WorkersFailing: 3 failures") == true)
        #expect(try State(decoding: loop.state.encoded()).encoded() == loop.state.encoded())
        loop.advance(3_601)
        #expect(try loop.pool.workersFailing == nil, "what happened an hour ago says nothing of now")
        loop.request("a")
        loop.settle()
        loop.send(.actorCrashed, "a", #"{"worker":"w1"}"#)
        loop.settle()
        #expect(try loop.pool.workersFailing?.count == 1)
        loop.request("a")
        loop.settle()
        loop.run("a", seconds: 1)
        loop.advance(2)
        #expect(try loop.pool.workersFailing == nil)
    }

    @Test func `workers that are lost soon after they were ready count as failing, drained ones don't`() throws {
        let loop = try LoopHarness()
        for k in 1...4 {
            loop.send(.workerReady, "w\(k)", #"{"pool":"ns/p","node":"n1"}"#)
            if k == 1 { loop.send(.workerDraining, "w1", #"{"reason":"done"}"#) }
            loop.send(.workerGone, "w\(k)", #"{"reason":"OOMKilled"}"#)
        }
        loop.settle()
        #expect(try loop.pool.workersFailing?.text == "3 failures in a row; the last: a worker is gone: OOMKilled")
        #expect(try loop.pool.workersFailing?.isPersistent == true)
        loop.send(.workerReady, "old", #"{"pool":"ns/p","node":"n1"}"#)
        loop.advance(601)
        loop.send(.workerGone, "old", #"{"reason":"node drained"}"#)
        loop.settle()
        #expect(try loop.pool.workersFailing?.count == 3)
    }
}
