import Autoscaling
import Basics
import Domain
import EventLog
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Whatever happened before it, a restart changes nothing: the index of workers, the nodes' caches and the queues come back
// from a checkpoint and the log as they were, and what follows is what would have followed. The same for commits run again.

@Suite struct PlacementRestartTests {
    private enum Restart { case fromTheLog, fromACheckpoint }

    @Test("what follows a restart is what would have followed without one", arguments: 1...6)
    func restart(seed: UInt64) throws {
        let plain = try RandomFleet(seed: seed)
        try plain.run(steps: 160)
        let expected = try plain.loop.ours()
        #expect(expected.contains { $0.hasPrefix("actor.placed") })
        for restart in [Restart.fromTheLog, .fromACheckpoint] {
            let other = try RandomFleet(seed: seed)
            let at = 30 + Int(SplitMix64.first(of: seed) % 110)
            try other.run(steps: at)
            if restart == .fromACheckpoint { other.loop.core.saveCheckpoint() }
            other.loop.restart()
            try other.run(steps: 160 - at)
            let found = try other.loop.ours()
            let differs = zip(expected, found).first { $0 != $1 }
            #expect(differs == nil && expected.count == found.count, "seed \(seed), \(restart) after \(at) steps")
        }
    }

    @Test("when it is quiet nothing is reserved, and the index of workers says what the log says", arguments: 1...3)
    func quiet(seed: UInt64) throws {
        let fleet = try RandomFleet(seed: seed)
        for _ in 0..<8 {
            try fleet.run(steps: 20)
            #expect(fleet.loop.core.reservations.isEmpty)
            var (mine, told) = (ByteWriter(), ByteWriter())
            fleet.loop.core.reservations.slots.encode(into: &mine)
            fleet.loop.state.placer.workers.encode(into: &told)
            #expect(mine.bytes == told.bytes)
        }
    }

    @Test("a state read back at any moment is the state that was written, and the log's own fold of it", arguments: 1...3)
    func checkpoints(seed: UInt64) throws {
        let fleet = try RandomFleet(seed: seed)
        for _ in 0..<5 {
            try fleet.run(steps: 30)
            let bytes = fleet.loop.state.encoded()
            #expect(try State(decoding: bytes).encoded() == bytes)
            #expect(try History.state(of: fleet.loop.log, at: .position(.max), ignoringCheckpoints: true).encoded() == bytes)
        }
    }

    @Test("what is free on each node, kept event by event, is what a count of all workers finds", arguments: 1...3)
    func rooms(seed: UInt64) throws {
        let fleet = try RandomFleet(seed: seed)
        for _ in 0..<10 {
            try fleet.run(steps: 15)
            let state = fleet.loop.state
            var counted = [[NameID: NodeRoom]](repeating: [:], count: state.pools.count)
            for worker in state.workers.indices.map({ state.workers[$0] }) where worker.state == .ready && !worker.node.isNone {
                let free = max(0, worker.slots - worker.used)
                counted[Int(worker.pool)][worker.node, default: NodeRoom()] += NodeRoom(
                    ready: 1, withRoom: free > 0 ? 1 : 0, freeSlots: free)
            }
            #expect(
                state.pools.map { pool in Dictionary(uniqueKeysWithValues: pool.placing.rooms.keys.map { ($0, pool.placing.rooms[$0]) }) }
                    == counted)
        }
    }

    @Test("recorded commits run again lead to the recorded decisions and placements", arguments: 1...4)
    func replay(seed: UInt64) throws {
        let fleet = try RandomFleet(seed: seed)
        try fleet.run(steps: 160)
        let log = fleet.loop.log
        var verifier = DecisionVerifier(log: log)
        #expect(try verifier.verify().first == nil)

        let again = Concluded()
        let scheduler = VirtualScheduler(now: .zero)
        let core = LoopCore(log: log, state: State(), scheduler: scheduler, observer: SilentObserver(), limits: LoopLimits()) { batch, _ in
            again.add(batch)
        }
        core.act()
        for batch in try log.read(after: 0, limitEvents: 1_000_000) {
            scheduler.advance(to: batch.at)
            core.take(batch)
        }
        let recorded = Set(
            try log.read(after: 0, limitEvents: 1_000_000).flatMap { batch in
                batch.events.filter { $0.kind == .actorPlaced }.map {
                    batch.text($0.body) + log.names.text(of: $0.subject) + log.names.text(of: $0.worker)
                }
            })
        #expect(again.placements == recorded)
    }
}

/// What a loop concludes while it keeps nothing.
private final class Concluded: @unchecked Sendable {
    // Filled on the test's own thread.
    private(set) var placements: Set<String> = []

    func add(_ batch: EventBatch) {
        for event in batch.events where event.kind == .actorPlaced {
            placements.insert(batch.text(event.body) + batch.text(event.subject) + batch.text(event.worker))
        }
    }
}

/// Random things that happen to two pools on a few nodes, the same for the same seed.
private final class RandomFleet {
    let loop: LoopHarness
    private var generator: SplitMix64
    private let actors = (0..<30).map { "a\($0)" }
    private var workers = 0

    init(seed: UInt64) throws {
        loop = try LoopHarness()
        loop.startSeconds = 1_000_000
        generator = SplitMix64(seed: seed)
        var policy = Policy.quick(max: 8)
        policy.quotas = [Quota(tenant: "t0", maxRunning: 3), Quota(tenant: "t1", maxRunning: 6)]
        policy.spillTo = ["ns/q"]
        policy.zoneMaxSkew = 1
        var other = Policy.quick(max: 4)
        other.pool = "ns/q"
        loop.apply(policy, other)
        for (k, actor) in actors.enumerated() {
            let (pool, tenant) = (k % 4 == 0 ? "ns/q" : "ns/p", k % 3)
            loop.send(.actorCreated, actor, #"{"pool":"\#(pool)","template":"t\#(k % 2)","tenant":"t\#(tenant)"}"#)
        }
        loop.settle()
    }

    private func below(_ limit: Int) -> Int { Int(generator.next() % UInt64(limit)) }

    func run(steps: Int) throws {
        for _ in 0..<steps {
            // Several in one go now and then: placements are on their way while others come.
            for _ in 0...below(3) { step() }
            loop.settle()
            loop.advance(Double(below(2_000)) / 1_000)
        }
    }

    private func step() {
        let actor = actors[below(actors.count)]
        let view = loop.view(of: actor)
        let (node, worker) = ("n\(below(6))", view?.worker)
        switch below(20) {
        case 0..<3: arrive(node)
        case 3: if workers > 0 { loop.send(.workerGone, "w\(below(workers))", #"{"reason":"lost"}"#) }
        case 4: loop.send(.snapshotCached, node, #"{"node":"\#(node)","snapshot":"s3://b/\#(actor)","bytes":\#(below(4) * 400_000_000)}"#)
        case 5:
            let path = below(2) == 0 ? "s3://b/\(actor)" : "/run/\(actor)"
            loop.send(.snapshotEvicted, node, #"{"node":"\#(node)","snapshot":"\#(path)","bytes":300000000}"#)
        case 6:
            loop.send(
                .snapshotCached, node, #"{"node":"\#(node)","snapshot":"s3://t/\#(below(2))","bytes":200000000,"template":"t\#(below(2))"}"#
            )
        default: act(actor, pool: view.map { "\($0.namespace)/\($0.pool)" } ?? "ns/p", status: view?.status, worker: worker)
        }
    }

    private func arrive(_ node: String) {
        let pool = below(3) == 0 ? "ns/q" : "ns/p"
        let labels = below(3) == 0 ? #","labels":{"gpu":"yes"}"# : ""
        loop.send(
            .workerReady, "w\(workers)",
            #"{"pool":"\#(pool)","node":"\#(node)","zone":"z\#(node.last ?? "0")","slots":\#(1 + below(3))\#(labels)}"#)
        workers += 1
    }

    private func act(_ actor: String, pool: String, status: String?, worker: String?) {
        switch (status, worker) {
        case ("STATUS_RESUMING", let worker?):
            loop.send(.actorRunning, actor, #"{"worker":"\#(worker)","restoreMillis":\#(50 + below(3_000))}"#)
        case ("STATUS_RUNNING", let worker?):
            switch below(6) {
            case 0: loop.send(.actorCrashed, actor, #"{"worker":"\#(worker)"}"#)
            case 1, 2, 3:
                loop.send(.actorPaused, actor, #"{"worker":"\#(worker)","snapshot":"/run/\#(actor)","bytes":\#(below(5) * 300_000_000)}"#)
            default:
                loop.send(
                    .actorSuspended, actor, #"{"worker":"\#(worker)","snapshot":"s3://b/\#(actor)","bytes":\#(below(5) * 300_000_000)}"#)
            }
        case ("STATUS_WAITING", _): if below(8) == 0 { loop.send(.actorWithdrawn, actor) }
        default:
            let selector = below(5) == 0 ? #","selector":{"gpu":"yes"}"# : ""
            loop.send(.actorRequested, actor, #"{"pool":"\#(pool)","priority":\#(below(3))\#(selector)}"#)
        }
    }
}

extension SplitMix64 {
    static func first(of seed: UInt64) -> UInt64 {
        var generator = SplitMix64(seed: seed &* 31)
        return generator.next()
    }
}

extension LoopHarness {
    /// All that the loop concluded: kinds, subjects, workers and bodies, in order.
    fileprivate func ours() throws -> [String] {
        try log.read(after: 0, limitEvents: 1_000_000).flatMap { batch in
            batch.events.filter { log.names.text(of: $0.source) == "/greenroom" }.map {
                "\($0.kind.name) \(log.names.text(of: $0.subject)) \(log.names.text(of: $0.worker)) \($0.seq) \(batch.text($0.body))"
            }
        }
    }
}
