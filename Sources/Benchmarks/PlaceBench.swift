import Basics
import Domain
import Placement

// How long does it take to place an actor, with so many workers?
//
// A cluster in memory, most of it busy: ten workers a node, four zones, a tenth of the actors asking for a label, two in
// ten of those that rest paused on their node, the others suspended, one in twenty new. A decision is the whole of it: the
// pick, what follows for workers and snapshots from placing the actor, and what follows when another one rests.

package struct PlaceBench {
    private static let zones = 4
    private static let workersPerNode = 10
    private static let actorsPerWorker = 5
    private static let roundLength = 256
    private static let template = NameID(5_000_001)
    private static let label = LabelPair(key: NameID(5_000_002), value: NameID(5_000_003))
    private static let snapshotBytes: Int64 = 200 << 20

    private struct Actor {
        var external: ExternalSnapshot?
        var paused: PausedSnapshot?
        var asksForLabel: Bool
    }

    package let workers: Int
    package let busyShare: Double
    private var generator: SplitMix64
    private var placer = Placer()
    private var linear = LinearPicker()
    private var actors: [Actor] = []
    /// Actors that hold no slot, and workers with the actor they run.
    private var resting: [Int] = []
    private var busy: [(worker: Int, actor: Int)] = []
    private var now = LogTime(microseconds: 1_000_000_000)
    private var snapshotsMade: UInt64 = 0
    private let pools = [0]
    private let anyone = Eligibility()
    private let labelled = Eligibility(selector: [PlaceBench.label])

    package init(workers: Int, busyShare: Double, seed: UInt64) {
        self.workers = workers
        self.busyShare = busyShare
        generator = SplitMix64(seed: seed)
        start()
    }

    private mutating func start() {
        placer.updateSnapshots { $0.setGolden(SnapshotID("golden"), bytes: Self.snapshotBytes, of: Self.template) }
        for worker in 0..<workers {
            let facts = facts(worker)
            placer.setWorker(worker, facts)
            linear.add(facts, used: 0)
            if worker % (Self.workersPerNode * 4) == 0 {
                placer.updateSnapshots { [now] in $0.note(SnapshotID("golden"), bytes: Self.snapshotBytes, on: facts.node, at: now) }
            }
        }
        for actor in 0..<(workers * Self.actorsPerWorker) {
            actors.append(Actor(asksForLabel: actor % 10 == 0))
            resting.append(actor)
        }
        // Every actor has run once, so that nodes have what a cluster in use has.
        for _ in 0..<(workers * Self.actorsPerWorker) {
            let actor = takeResting()
            if step(actor, waiting(actor)) == nil { resting.append(actor) }
        }
    }

    private static func node(_ worker: Int) -> NameID { NameID(UInt32(worker / workersPerNode + 1)) }

    private func facts(_ worker: Int) -> WorkerFacts {
        WorkerFacts(
            pool: 0, node: Self.node(worker), zone: NameID(UInt32(6_000_000 + worker / Self.workersPerNode % Self.zones)),
            labels: worker % 4 == 0 ? [Self.label] : [], readySeq: Position(worker + 1))
    }

    // MARK: - Measuring

    /// In rounds: who asks next is chosen and described before the clock runs, as a queue would have it.
    package mutating func measure(decisions: Int) -> PlaceFigures {
        var figures = PlaceFigures(workers: workers, busy: busy.count)
        let clock = ContinuousClock()
        figures.nanoseconds.reserveCapacity(decisions)
        while figures.nanoseconds.count < decisions {
            var asking = (0..<min(Self.roundLength, decisions - figures.nanoseconds.count)).map { _ in takeResting() }
            let described = asking.map { waiting($0) }
            let before = ProcessorTime.nanoseconds()
            for index in asking.indices {
                let begin = clock.now
                let tier = step(asking[index], described[index])
                figures.nanoseconds.append(Self.nanoseconds(clock.now - begin))
                if let tier {
                    figures.tiers[Int(tier.rawValue)] += 1
                    asking[index] = -1
                } else {
                    figures.waiting += 1
                }
            }
            figures.processorNanoseconds += ProcessorTime.nanoseconds() - before
            resting.append(contentsOf: asking.filter { $0 >= 0 })
        }
        return figures
    }

    /// The same with the picker that goes through all workers: only its pick and its two changes are timed.
    package mutating func measureLinear(decisions: Int) -> [Int64] {
        let clock = ContinuousClock()
        for entry in busy { linear.setUsed(entry.worker, 1) }
        return (0..<decisions).map { _ in
            let freed = Int(generator.next() % UInt64(busy.count))
            let actor = waiting(resting[Int(generator.next() % UInt64(resting.count))])
            let begin = clock.now
            linear.setUsed(busy[freed].worker, 0)
            if let worker = linear.pick(actor, using: &generator) {
                linear.setUsed(worker, 1)
                busy[freed].worker = worker
            } else {
                linear.setUsed(busy[freed].worker, 1)
            }
            return Self.nanoseconds(clock.now - begin)
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
    }

    // MARK: - One decision

    private mutating func step(_ actor: Int, _ waiting: WaitingActor) -> RestoreTier? {
        now = now.adding(microseconds: 1_000)
        if Double(busy.count) >= busyShare * Double(workers) { rest() }
        return place(actor, waiting)
    }

    private mutating func takeResting() -> Int {
        resting.swapAt(Int(generator.next() % UInt64(resting.count)), resting.count - 1)
        return resting.removeLast()
    }

    /// An actor gets a worker; nil where it must wait.
    private mutating func place(_ actor: Int, _ waiting: WaitingActor) -> RestoreTier? {
        placer.prepare(waiting)
        guard case .place(let choice) = placer.decide(waiting, PlacementRules(zoneMaxSkew: 1, holdMicroseconds: 8_000_000), at: now) else {
            return nil
        }
        placer.setUsed(choice.worker, 1)
        let node = Self.node(choice.worker)
        placer.updateSnapshots { [now] cache in
            if let paused = waiting.paused { cache.drop(paused.snapshot, on: paused.node) }
            if choice.moved != nil || waiting.paused == nil, let external = waiting.external {
                cache.note(external.snapshot, bytes: external.bytes, on: node, at: now)
            }
        }
        actors[actor].paused = nil
        busy.append((choice.worker, actor))
        return choice.tier
    }

    /// An actor gives its worker back, and its new snapshot is on the node.
    private mutating func rest() {
        let place = Int(generator.next() % UInt64(busy.count))
        let (worker, actor) = busy[place]
        busy.swapAt(place, busy.count - 1)
        busy.removeLast()
        resting.append(actor)
        placer.setUsed(worker, 0)
        snapshotsMade += 1
        let node = Self.node(worker)
        let made = SnapshotID(rawValue: ByteHash.mix(snapshotsMade))
        let kind = generator.next() % 20
        if kind == 0 {
            // Gone, and a new one in its place.
            if let old = actors[actor].external { placer.updateSnapshots { $0.outdate(old.snapshot) } }
            actors[actor].external = nil
        } else if kind < 5 {
            actors[actor].paused = PausedSnapshot(node: node, snapshot: made, bytes: Self.snapshotBytes)
            placer.updateSnapshots { [now] in $0.keepPaused(made, bytes: Self.snapshotBytes, on: node, at: now) }
        } else {
            let old = actors[actor].external
            actors[actor].external = ExternalSnapshot(snapshot: made, bytes: Self.snapshotBytes, at: now)
            placer.updateSnapshots { [now] cache in
                if let old { cache.outdate(old.snapshot) }
                cache.note(made, bytes: Self.snapshotBytes, on: node, at: now)
            }
        }
    }

    private func waiting(_ actor: Int) -> WaitingActor {
        WaitingActor(
            pools: pools, eligibility: actors[actor].asksForLabel ? labelled : anyone, template: Self.template,
            paused: actors[actor].paused, external: actors[actor].external, requestedAt: now)
    }
}
