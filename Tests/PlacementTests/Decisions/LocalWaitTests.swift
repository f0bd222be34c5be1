import Basics
import Domain
import Testing

@testable import Placement

// A paused actor and its node, step by step. Moving costs 3 s here: 1.2 GB at 400 MB/s from outside, nothing on its node.

@Suite struct LocalWaitTests {
    private let node = NameID(1)
    private let elsewhere = NameID(2)

    private func at(_ seconds: Double) -> LogTime { LogTime(microseconds: 1_000_000_000 + Int64(seconds * 1e6)) }

    /// Four busy workers on the node, two free ones elsewhere.
    private func placer() -> Placer {
        var placer = Placer()
        for worker in 0..<6 {
            placer.setWorker(
                worker, WorkerFacts(pool: 0, node: worker < 4 ? node : elsewhere, readySeq: Position(worker + 1)), used: worker < 4 ? 1 : 0)
        }
        return placer
    }

    private func actor(external: Bool = true, ahead: Int = 0) -> WaitingActor {
        WaitingActor(
            pools: [0], paused: PausedSnapshot(node: node, snapshot: SnapshotID(rawValue: 1), bytes: 0),
            external: external ? ExternalSnapshot(snapshot: SnapshotID(rawValue: 2), bytes: 1_200_000_000, at: at(-60)) : nil,
            requestedAt: at(0), aheadOnNode: ahead)
    }

    private enum Answer: Equatable {
        case waits(until: Double?)
        case moves(MoveReason)
        case local
    }

    private func answer(_ placer: Placer, _ actor: WaitingActor, _ rules: PlacementRules, at seconds: Double) -> Answer {
        switch placer.decide(actor, rules, at: at(seconds)) {
        case .place(let choice): choice.moved.map { .moves($0) } ?? .local
        case .wait(let blocked): .waits(until: blocked.waitsUntil.map { Double($0.microseconds(since: at(0))) / 1e6 })
        }
    }

    @Test("it waits while a slot is expected sooner than moving costs, and no longer than moving costs")
    func timeline() {
        // Held 8 s, four busy: one frees in 2 s; with one ahead in 4 s.
        let held = PlacementRules(holdMicroseconds: 8_000_000)
        let table: [(hold: Int64?, ahead: Int, policy: Int64?, external: Bool, seconds: Double, expected: Answer)] = [
            (8_000_000, 0, nil, true, 0, .waits(until: 3)),
            (8_000_000, 0, nil, true, 2.9, .waits(until: 3)),
            (8_000_000, 0, nil, true, 3, .moves(.waitedEnough)),
            (8_000_000, 1, nil, true, 0, .moves(.waitIsLonger)),
            (12_000_000, 0, nil, true, 0, .moves(.waitIsLonger)),
            (11_999_996, 0, nil, true, 0, .waits(until: 3)),
            // Nothing known of holds: as long as moving costs.
            (nil, 0, nil, true, 1, .waits(until: 3)),
            (nil, 5, nil, true, 3.5, .moves(.waitedEnough)),
            // The policy says how long, whatever is expected.
            (60_000_000, 3, 10_000_000, true, 9, .waits(until: 10)),
            (60_000_000, 3, 10_000_000, true, 10, .moves(.waitedEnough)),
            (1, 0, 0, true, 0, .moves(.waitedEnough)),
            // Nowhere else to go: as long as its node is there.
            (60_000_000, 9, nil, false, 3_600, .waits(until: nil)),
        ]
        for row in table {
            var rules = held
            (rules.holdMicroseconds, rules.localWaitMicroseconds) = (row.hold, row.policy)
            #expect(answer(placer(), actor(external: row.external, ahead: row.ahead), rules, at: row.seconds) == row.expected, "\(row)")
        }
    }

    @Test("one whose host restores it on its node alone never moves, and says why it waits")
    func bound() {
        var actor = actor()
        actor.paused?.isBound = true
        let rules = PlacementRules(localWaitMicroseconds: 0, holdMicroseconds: 8_000_000)
        for seconds in [0.0, 3, 3_600] { #expect(answer(placer(), actor, rules, at: seconds) == .waits(until: nil)) }
        // Its node has no worker any more, and others are free.
        var gone = placer()
        for worker in 0..<4 { gone.removeWorker(worker) }
        guard case .wait(let blocked) = gone.decide(actor, rules, at: at(9)) else {
            Issue.record("it went elsewhere")
            return
        }
        #expect(blocked.reason == .nodeLocality && blocked.isBound && blocked.waitsUntil == nil)
        gone.setWorker(9, WorkerFacts(pool: 0, node: node, readySeq: 9))
        #expect(answer(gone, actor, rules, at: 10) == .local)
    }

    @Test("one story: it waits, a slot frees, it goes home; the next one's node dies, it goes elsewhere at once")
    func story() {
        var placer = placer()
        let rules = PlacementRules(holdMicroseconds: 8_000_000)
        #expect(answer(placer, actor(), rules, at: 0) == .waits(until: 3))
        placer.setUsed(2, 0)
        #expect(answer(placer, actor(), rules, at: 1) == .local)
        placer.setUsed(2, 1)
        #expect(answer(placer, actor(), rules, at: 1) == .waits(until: 3))
        for worker in 0..<3 { placer.setPhase(worker, .draining) }
        placer.setPhase(3, .draining)
        #expect(answer(placer, actor(), rules, at: 1) == .moves(.noneEligibleThere))
        #expect(answer(placer, actor(external: false), rules, at: 1) == .waits(until: nil))
        for worker in 0..<4 { placer.removeWorker(worker) }
        #expect(answer(placer, actor(), rules, at: 1) == .moves(.nodeGone))
        #expect(answer(placer, actor(external: false), rules, at: 1) == .moves(.nodeGone), "it starts anew rather than never")
    }

    @Test("from request to any time later it is placed once the cost of moving is over, if anyone is free", arguments: 1...20)
    func neverForEver(seed: Int) {
        var generator = SplitMix64(seed: UInt64(seed))
        var placer = placer()
        let rules = PlacementRules(holdMicroseconds: Int64(generator.below(20_000_000)))
        for tenth in 0...40 {
            if generator.chance(20) { placer.setUsed(generator.below(4), 1) }
            guard case .wait(let blocked) = placer.decide(actor(ahead: generator.below(2)), rules, at: at(Double(tenth) / 10)) else {
                continue
            }
            #expect(tenth < 30)
            #expect(blocked.waitsUntil == at(3), "who asked knows when to ask again")
        }
    }
}
