import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Where actors are placed by the live loop, from what, and why they wait where they aren't.

@Suite struct PlacementLoopTests {
    private func worker(_ loop: LoopHarness, _ name: String, on node: String, pool: String = "ns/p", slots: Int = 1, zone: String? = nil) {
        let zone = zone.map { #","zone":"\#($0)""# } ?? ""
        loop.send(.workerReady, name, #"{"pool":"\#(pool)","node":"\#(node)","slots":\#(slots)\#(zone)}"#)
        loop.settle()
    }

    private func start(_ loop: LoopHarness, _ actor: String, millis: Int = 100) {
        loop.request(actor)
        loop.settle()
        run(loop, actor, millis: millis)
    }

    private func run(_ loop: LoopHarness, _ actor: String, millis: Int = 100) {
        loop.send(.actorRunning, actor, #"{"worker":"\#(loop.view(of: actor)?.worker ?? "")","restoreMillis":\#(millis)}"#)
        loop.settle()
    }

    private func suspend(_ loop: LoopHarness, _ actor: String, bytes: Int64 = 1_200_000_000) {
        loop.send(
            .actorSuspended, actor, #"{"worker":"\#(loop.view(of: actor)?.worker ?? "")","snapshot":"s3://b/\#(actor)","bytes":\#(bytes)}"#)
        loop.settle()
    }

    private func pause(_ loop: LoopHarness, _ actor: String, bytes: Int64 = 1_200_000_000) {
        loop.send(
            .actorPaused, actor, #"{"worker":"\#(loop.view(of: actor)?.worker ?? "")","snapshot":"/run/\#(actor)","bytes":\#(bytes)}"#)
        loop.settle()
    }

    /// Worker a on n1; the actor is paused there, with an external snapshot, and the occupant has its slot.
    private func pauseOnBusyNode(_ loop: LoopHarness, _ actor: String, occupant: String) {
        worker(loop, "a", on: "n1")
        start(loop, actor)
        suspend(loop, actor)
        start(loop, actor)
        pause(loop, actor)
        start(loop, occupant)
    }

    private func lastPlaced(_ loop: LoopHarness) throws -> String { try #require(try loop.events(.actorPlaced).last?.body) }

    @Test func `an actor goes back to the node that has its snapshot, not to the oldest worker`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        worker(loop, "b", on: "n2")
        start(loop, "first")
        start(loop, "second")
        #expect(loop.view(of: "second")?.worker == "b")
        suspend(loop, "first")
        suspend(loop, "second")
        start(loop, "second")
        #expect(loop.view(of: "second")?.worker == "b")
        let body = try lastPlaced(loop)
        #expect(
            body.contains(#""tier":"warm""#) && body.contains(#""restoreFrom":"s3://b/second""#) && body.contains(#""bytes":1200000000"#))
        #expect(body.contains(#""score":1.2"#), "1.2 GB from a local disk at an assumed 1 GB/s")
    }

    @Test func `a paused actor resumes where it is, and uses its state up`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        worker(loop, "b", on: "n2")
        start(loop, "x")
        pause(loop, "x")
        start(loop, "x", millis: 40)
        #expect(loop.view(of: "x")?.worker == "a")
        #expect(try lastPlaced(loop).contains(#""tier":"local""#))
        #expect(try lastPlaced(loop).contains(#""restoreFrom":"/run/x""#))
        #expect(loop.state.placer.snapshots.usedBytes(on: try #require(loop.state.labels.find("n1"))) == 0)
    }

    @Test func `a paused actor waits for its busy node as long as moving would cost, then restores elsewhere and says so`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 2, min: 2))
        pauseOnBusyNode(loop, "x", occupant: "other")
        #expect(loop.view(of: "other")?.worker == "a")
        worker(loop, "b", on: "n2")
        loop.request("x")
        loop.settle()
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING")
        let standing = loop.state.placement(of: "x", log: loop.log)
        guard case .waiting(let position, let reason, let detail)? = standing.response else { throw ExpectationFailedError() }
        #expect(position == 1 && reason == .nodeLocality)
        #expect(
            detail.hasPrefix(
                "paused on n1: 1 eligible worker there, busy; 1 free worker elsewhere could restore the external snapshot of 08:00 (1.2 GB ≈ "
            ))
        #expect(try loop.pool.demand.blocked == ["node_locality": 1])
        // The recommendation says where the worker is needed.
        loop.apply(.quick(max: 4, min: 2))
        let decision = try #require(try loop.events(.scaleDecided).last?.body)
        #expect(decision.contains(#""node_locality":1"#) && decision.contains(#""neededOn":"n1""#))
        loop.advance(30)
        #expect(loop.view(of: "x")?.worker == "b")
        let body = try lastPlaced(loop)
        #expect(body.contains(#""tier":"cold""#) && body.contains(#""moved":"waited_enough","pausedOn":"n1""#))
        #expect(body.contains(#""restoreFrom":"s3://b/x""#))
        #expect(try loop.events(.timerFired).count >= 1)
    }

    /// x is paused on n1 with an external snapshot and waits; both workers are busy.
    private func waitingInFullPool() throws -> LoopHarness {
        let loop = try LoopHarness()
        pauseOnBusyNode(loop, "x", occupant: "on-a")
        worker(loop, "b", on: "n2")
        start(loop, "on-b")
        loop.request("x")
        loop.settle()
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING")
        return loop
    }

    @Test func `one who waits for a node in a full pool looks elsewhere once that is better, whenever a slot comes free there`() throws {
        // The wait is over before any slot is free: no timer runs, and the first slot is taken.
        let late = try waitingInFullPool()
        late.advance(30)
        #expect(try late.events(.timerFired).isEmpty)
        suspend(late, "on-b")
        #expect(late.view(of: "x")?.worker == "b")
        #expect(try lastPlaced(late).contains(#""moved":"waited_enough""#))
        // A slot is free elsewhere before: then the end of the wait is a moment to act at.
        let early = try waitingInFullPool()
        suspend(early, "on-b")
        #expect(early.view(of: "x")?.status == "STATUS_WAITING")
        early.advance(30)
        #expect(early.view(of: "x")?.worker == "b")
        #expect(try early.events(.timerFired).count == 1)
        // And the node's own slot is taken at once.
        let local = try waitingInFullPool()
        suspend(local, "on-a")
        #expect(local.view(of: "x")?.worker == "a")
        #expect(try lastPlaced(local).contains(#""tier":"local""#))
    }

    @Test func `who waits for a node moves as soon as restores turn out to be so fast that the wait is over`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        for actor in ["y", "x", "x"] {
            start(loop, actor)
            suspend(loop, actor)
        }
        start(loop, "x")
        pause(loop, "x")
        start(loop, "on-a")
        loop.request("x")
        loop.settle()
        loop.advance(1)
        worker(loop, "c", on: "n3", slots: 2)
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING", "to move costs 1.8 s by what is assumed")
        loop.request("y")
        loop.settle()
        #expect(try lastPlaced(loop).contains(#""tier":"cold""#))
        run(loop, "y", millis: 10)
        #expect(loop.view(of: "x")?.worker == "c")
        #expect(try lastPlaced(loop).contains(#""moved":"waited_enough""#) && loop.events(.timerFired).isEmpty)
    }

    @Test func `a free slot of a full pool goes to whom it saves a restore, but not over one who asked much earlier`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        worker(loop, "b", on: "n2")
        for actor in ["cold", "warm"] {
            start(loop, actor)
        }
        // Both have snapshots of 1.2 GB: 3 s from object storage, 1.2 s from a cache. The one's is on n1, the other's on n2.
        for actor in ["cold", "warm"] { suspend(loop, actor) }
        for actor in ["busy-1", "busy-2"] { start(loop, actor) }
        let onB = try #require(["busy-1", "busy-2"].first { loop.view(of: $0)?.worker == "b" })
        loop.request("cold")
        loop.settle()
        loop.advance(1)
        loop.request("warm")
        loop.settle()
        suspend(loop, onB)
        #expect(loop.view(of: "warm")?.worker == "b" && loop.view(of: "cold")?.status == "STATUS_WAITING")
        #expect(try lastPlaced(loop).contains(#""tier":"warm""#) && lastPlaced(loop).contains(#""overtook":1"#))
        run(loop, "warm")
        suspend(loop, "warm")
        #expect(try loop.view(of: "cold")?.worker == "b" && !lastPlaced(loop).contains("overtook"), "nobody else waits")
        run(loop, "cold")
        loop.request("other")
        loop.settle()
        loop.advance(3)
        loop.request("warm")
        loop.settle()
        suspend(loop, "cold")
        #expect(loop.view(of: "other")?.worker == "b", "2 s of restoring don't outweigh 3 s of waiting")
    }

    @Test func `a paused actor whose node is gone is placed elsewhere in the same decision`() throws {
        let loop = try LoopHarness()
        pauseOnBusyNode(loop, "x", occupant: "other")
        worker(loop, "b", on: "n2")
        loop.request("x")
        loop.settle()
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING")
        loop.send(.workerGone, "a", #"{"reason":"node lost"}"#)
        loop.settle()
        #expect(loop.view(of: "x")?.worker == "b")
        #expect(try lastPlaced(loop).contains(#""moved":"node_gone""#))
    }

    @Test func `why an actor waits, and what each tier has, is told of now and of the position a placement looked at`() async throws {
        let loop = try LoopHarness()
        pauseOnBusyNode(loop, "x", occupant: "other")
        worker(loop, "b", on: "n2")
        loop.request("x")
        loop.settle()
        let view = try #require(loop.state.placementView(of: "x", log: loop.log, at: loop.scheduler.now))
        #expect(view.reason == "node_locality" && view.worker == nil && view.position == 1)
        #expect(view.tiers.map(\.tier) == ["local", "warm", "golden", "cold"])
        #expect(view.tiers.map(\.available) == [0, 0, 0, 1])
        #expect(
            view.tiers.map(\.why) == [
                "all busy", "all busy", "it has a snapshot of its own", "free, but a slot on its node is expected sooner than moving takes",
            ])
        #expect(view.tiers[3].worker == "b" && view.tiers[3].node == "n2")
        suspend(loop, "other")
        #expect(loop.view(of: "x")?.worker == "a")
        #expect(loop.state.placementView(of: "x", log: loop.log, at: loop.scheduler.now) == nil)
        let placed = try #require(try loop.events(.actorPlaced).last)
        let past = HistoricalState(state: try History.state(of: loop.log, at: .position(placed.event.seq - 1)), log: loop.log)
        let then = try #require(await past.explainPlacement(of: "x"))
        #expect(then.worker == "a" && then.tier == "local" && then.tiers[0].why == "chosen")
        #expect(placed.body.contains("\"asOf\":\(then.seq)"))
    }

    @Test func `a state that its node dropped is given up for the external snapshot`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        start(loop, "x")
        suspend(loop, "x")
        start(loop, "x")
        pause(loop, "x")
        loop.send(.snapshotEvicted, "n1", #"{"node":"n1","snapshot":"/run/x"}"#)
        start(loop, "x")
        let body = try lastPlaced(loop)
        #expect(body.contains(#""moved":"snapshot_evicted""#) && body.contains(#""restoreFrom":"s3://b/x""#))
    }

    @Test func `nodes say what they cache, and templates have snapshots of their own`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        worker(loop, "b", on: "n2")
        loop.send(.snapshotCached, "n2", #"{"node":"n2","snapshot":"s3://t/gold","bytes":500000000,"template":"t"}"#)
        loop.send(.actorCreated, "x", #"{"pool":"ns/p","template":"t"}"#)
        start(loop, "x")
        #expect(loop.view(of: "x")?.worker == "b")
        #expect(try lastPlaced(loop).contains(#""tier":"golden""#))
        loop.send(.snapshotEvicted, "n2", #"{"node":"n2","snapshot":"s3://t/gold"}"#)
        suspend(loop, "x")
        loop.send(.snapshotCached, "n1", #"{"node":"n1","snapshot":"s3://b/x","bytes":1200000000}"#)
        loop.send(.snapshotEvicted, "n2", #"{"node":"n2","snapshot":"s3://b/x"}"#)
        start(loop, "x")
        #expect(loop.view(of: "x")?.worker == "a")
        #expect(try lastPlaced(loop).contains(#""tier":"warm""#))
    }

    @Test func `what object storage says of a snapshot counts, unless a later one was told of`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        start(loop, "x")
        suspend(loop, "x")
        let told = try #require(try loop.events(.actorSuspended).last?.event.seq)
        worker(loop, "b", on: "n2")
        loop.send(.workerGone, "a", #"{"reason":"lost"}"#)
        loop.observe("x", #"{"snapshot":"s3://b/x","state":"present","bytes":700000000,"toldAt":\#(told)}"#)
        start(loop, "x")
        #expect(try lastPlaced(loop).contains(#""restoreFrom":"s3://b/x""#) && lastPlaced(loop).contains(#""bytes":700000000"#))
        suspend(loop, "x")
        // It told of the one before: the newer one stays.
        loop.observe("x", #"{"snapshot":"s3://b/x","state":"gone","toldAt":\#(told)}"#)
        start(loop, "x")
        #expect(try lastPlaced(loop).contains(#""restoreFrom":"s3://b/x""#))
        suspend(loop, "x")
        loop.observe(
            "x", #"{"snapshot":"s3://b/x","state":"gone","toldAt":\#(try #require(try loop.events(.actorSuspended).last?.event.seq))}"#)
        start(loop, "x")
        #expect(try lastPlaced(loop).contains(#""tier":"cold""#) && !lastPlaced(loop).contains("restoreFrom"))
    }

    @Test func `a template's golden snapshot is known from object storage, and no more once it is gone`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        loop.observe("t", #"{"snapshot":"s3://t/gold","state":"present","bytes":500,"template":"t"}"#)
        loop.send(.snapshotCached, "n1", #"{"node":"n1","snapshot":"s3://t/gold","bytes":500}"#)
        loop.send(.actorCreated, "x", #"{"pool":"ns/p","template":"t"}"#)
        start(loop, "x")
        #expect(try lastPlaced(loop).contains(#""tier":"golden""#))
        loop.observe("t", #"{"snapshot":"s3://t/older","state":"gone","template":"t"}"#)
        #expect(loop.state.placer.snapshots.golden(of: try #require(loop.state.labels.find("t"))) != nil)
        loop.observe("t", #"{"snapshot":"s3://t/gold","state":"gone","template":"t"}"#)
        #expect(loop.state.placer.snapshots.golden(of: try #require(loop.state.labels.find("t"))) == nil)
    }

    @Test func `a full pool's actors go to the pool that its policy names, and nobody else's do`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick(max: 1, min: 1)
        policy.spillTo = ["ns/q"]
        loop.apply(policy)
        worker(loop, "p1", on: "n1")
        start(loop, "x")
        loop.request("y")
        loop.settle()
        #expect(loop.view(of: "y")?.status == "STATUS_WAITING")
        worker(loop, "q1", on: "n2", pool: "ns/q")
        #expect(loop.view(of: "y")?.worker == "q1")
        #expect(try lastPlaced(loop).contains(#""spilledTo":"ns/q""#))
        #expect(try loop.pool.demand.resident == 2)
    }

    @Test func `tenants share a pool by their quotas, and those over it hold up nobody`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick(max: 4, min: 4)
        policy.quotas = [Quota(tenant: "a", maxRunning: 1), Quota(tenant: "b", maxRunning: 2)]
        loop.apply(policy)
        for k in 1...3 { loop.send(.actorCreated, "a\(k)", #"{"pool":"ns/p","template":"t","tenant":"a"}"#) }
        loop.send(.actorCreated, "b1", #"{"pool":"ns/p","template":"t","tenant":"b"}"#)
        for actor in ["a1", "a2", "a3", "b1"] { loop.request(actor) }
        loop.advance(3)
        #expect(loop.view(of: "a1")?.status == "STATUS_RESUMING")
        #expect(loop.view(of: "b1")?.status == "STATUS_RESUMING")
        #expect(loop.view(of: "a2")?.reason == "quota")
        #expect(try loop.pool.demand.blocked == ["quota": 2])
        guard case .waiting(_, .quota, let detail)? = loop.state.placement(of: "a2", log: loop.log).response else {
            throw ExpectationFailedError()
        }
        #expect(detail == "its tenant a runs 1 of at most 1")
        loop.run("a1", seconds: 1)
        loop.advance(2)
        #expect(loop.view(of: "a2")?.status == "STATUS_RESUMING")
    }

    @Test func `who asks for what no worker has is told so`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 3, min: 1))
        loop.advance(3)
        start(loop, "x")
        loop.send(.actorRequested, "picky", #"{"pool":"ns/p","selector":{"gpu":"yes"}}"#)
        loop.send(.actorCreated, "classy", #"{"pool":"ns/p","template":"t","sandboxClass":"microvm"}"#)
        loop.request("classy")
        loop.settle()
        #expect(loop.view(of: "picky")?.reason == "no_eligible_pool")
        #expect(loop.view(of: "classy")?.reason == "no_eligible_pool")
        #expect(try loop.pool.demand.blocked == ["no_eligible_pool": 2])
    }

    // MARK: - Races

    @Test func `of two placements that race for one slot the second changes nothing, and its actor is placed elsewhere`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        loop.send(.actorRequested, "x", #"{"pool":"ns/p","selector":{"k":"v"}}"#)
        loop.settle()
        let ticket = try #require(loop.state.pools[0].queue.all.first?.seq)
        let version = try #require(loop.state.workers.indices.first.map { loop.state.workers[$0].readySeq })
        // Another instance placed both on the same worker.
        var batch = EventBatch()
        for actor in ["x", "y"] {
            if actor == "y" { batch.append(.actorRequested, source: "/test", id: "y", subject: "y", pool: "ns/p", body: Array("{}".utf8)) }
            let request = actor == "x" ? ticket : ticket + 1
            batch.append(
                .actorPlaced, source: "/other", id: "placed-\(actor)", subject: actor, worker: "a",
                body: Array(#"{"tier":"cold","request":\#(request),"workerVersion":\#(version)}"#.utf8))
        }
        loop.log.append(batch) { _ in }
        loop.settle()
        #expect(loop.view(of: "x")?.worker == "a")
        #expect(loop.view(of: "y")?.status == "STATUS_WAITING")
        worker(loop, "b", on: "n2")
        #expect(loop.view(of: "y")?.worker == "b")
    }

    @Test func `a placement that means an earlier life of the worker, or an earlier request, changes nothing`() throws {
        let loop = try LoopHarness()
        worker(loop, "a", on: "n1")
        let version = try #require(loop.state.workers.indices.first.map { loop.state.workers[$0].readySeq })
        loop.send(.workerGone, "a", #"{"reason":"gone"}"#)
        worker(loop, "a", on: "n1")
        loop.send(.actorRequested, "x", #"{"pool":"ns/p","selector":{"k":"v"}}"#)
        loop.settle()
        let ticket = try #require(loop.state.pools[0].queue.all.first?.seq)
        func place(_ id: String, request: Position, version: Position) {
            var batch = EventBatch()
            batch.append(
                .actorPlaced, source: "/other", id: id, subject: "x", worker: "a",
                body: Array(#"{"tier":"cold","request":\#(request),"workerVersion":\#(version)}"#.utf8))
            loop.log.append(batch) { _ in }
            loop.settle()
        }
        place("old worker", request: ticket, version: version)
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING")
        let now = try #require(loop.state.workers.indices.first.map { loop.state.workers[$0].readySeq })
        place("old request", request: ticket - 1, version: now)
        #expect(loop.view(of: "x")?.status == "STATUS_WAITING")
        place("right", request: ticket, version: now)
        #expect(loop.view(of: "x")?.worker == "a")
    }

    // MARK: - Scale-down

    @Test func `those who go are idle, from nodes whose snapshots are missed least`() throws {
        let loop = try LoopHarness()
        loop.startSeconds = 1_000
        loop.apply(.quick(max: 3, min: 3))
        for k in 1...3 { worker(loop, "k\(k)", on: "m\(k)") }
        for k in 1...3 { start(loop, "a\(k)") }
        for k in 1...2 { suspend(loop, "a\(k)", bytes: Int64(3 - k) * 4_000_000_000) }
        // k1's node keeps 8 GB, k2's 4 GB, k3 is busy.
        loop.apply(.quick(max: 3, min: 2))
        loop.advance(60)
        #expect(loop.drainCommands == ["k2"])
    }

    // MARK: - Failures

    @Test func `a zone's nodes vanish under load: those who wait are placed elsewhere at once, nothing on the dead nodes, nobody lost`()
        throws
    {
        let loop = try LoopHarness()
        for k in 0..<12 { worker(loop, "w\(k)", on: "n\(k / 2)", slots: 2, zone: k < 6 ? "z1" : "z2") }
        for k in 0..<24 { start(loop, "a\(k)") }
        for k in 0..<24 { loop.request("late\(k)") }
        loop.settle()
        #expect(try loop.pool.demand.waiting == 24)
        // Half of what runs in the living zone ends just when the other zone dies, all in one commit.
        let alive = (0..<24).filter { loop.view(of: "a\($0)").flatMap(\.worker).map { Int($0.dropFirst())! >= 6 } ?? false }
        let dead = (0..<24).filter { !alive.contains($0) }
        var batch = EventBatch()
        for k in 0..<6 {
            batch.append(.workerGone, source: "/test", id: "gone\(k)", subject: "w\(k)", body: Array(#"{"reason":"zone lost"}"#.utf8))
        }
        for k in alive.prefix(6) {
            batch.append(
                .actorSuspended, source: "/test", id: "end\(k)", subject: "a\(k)", worker: loop.view(of: "a\(k)")?.worker ?? "",
                body: Array(#"{"snapshot":"s3://b/a\#(k)"}"#.utf8))
        }
        loop.log.append(batch) { _ in }
        let before = loop.log.head.seq
        loop.settle()
        let placed = try loop.events(.actorPlaced).filter { $0.event.seq > before }
        #expect(placed.count == 6, "every slot that came free, in the decision that followed")
        for event in placed { #expect(Int(loop.log.names.text(of: event.event.worker).dropFirst())! >= 6) }
        for k in dead { #expect(loop.view(of: "a\(k)")?.status == "STATUS_CRASHED") }
        for k in dead { loop.request("a\(k)") }
        for k in 0..<6 { worker(loop, "r\(k)", on: "n\(k + 20)", slots: 12) }
        loop.settle()
        for k in dead { #expect(loop.view(of: "a\(k)")?.status == "STATUS_RESUMING") }
        for k in 0..<24 { #expect(loop.view(of: "late\(k)")?.status == "STATUS_RESUMING") }
    }
}

private struct ExpectationFailedError: Error {}
