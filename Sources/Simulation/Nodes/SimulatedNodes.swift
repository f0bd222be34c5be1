import Basics
import Domain
import Placement
import State

// Which actors and snapshots are on which node, and which worker takes the next turn?
//
// The nodes of one simulated pool around the live `Placer`, which is told of every worker and snapshot. Its model of the
// nodes' caches is the truth here: a node keeps what it restored or wrote, and evicts what it used least recently.
//
//     turn ends → a new snapshot, in object storage and on the node: paused there for a while, then cached
//     turn begins → restored from the node (local, warm, golden) or from object storage (cold), and then cached
//
// Always: an actor runs on one worker at a time; whatever chose the worker, the tier follows from what the node has.
// Not simulated: the time that writing takes, restores that share a network or a disk, nodes that come or go.

struct SimulatedNodes: Sendable {
    /// What became of a turn that a worker was looked for.
    enum Choice: Hashable, Sendable {
        case worker(Int)
        /// It waits for a slot on its node; nil: for any change.
        case waits(until: Int64?)
    }

    private struct ActorStanding: Sendable {
        /// Snapshots it has written, and one for that which it came with; 0: it has none of its own.
        var version: UInt32
        /// Where its last one is paused.
        var pausedOn = NameID.none
        var isBusy = false
    }

    private let settings: NodeSettings
    private let resumeMicroseconds: Int64
    private let turns: TurnActors
    private(set) var placer: Placer
    private(set) var restores: SimulatedRestores
    private var actors: [ActorStanding]
    /// Turns that wait until their actor rests, by actor, in the order of arrival.
    private var held: [Int32: [Int32]] = [:]
    /// By worker.
    private var nodeByWorker: [NameID] = []
    private var workersByNode: [Int]
    private var pausedBytesByNode: [Int64]
    private var pauses: Pauses
    private var holds = DurationRing()
    private var beganAt: [Int32: Int64] = [:]
    /// When turns that wait for their node look elsewhere.
    private var elsewhereAt: [Int32: Int64] = [:]
    private var random: SplitMix64

    init(_ settings: NodeSettings, trace: ArrivalTrace, resumeMicroseconds: Int64, seed: UInt64) {
        self.settings = settings
        self.resumeMicroseconds = resumeMicroseconds
        turns = TurnActors(trace, settings, resumeMicroseconds: resumeMicroseconds, seed: seed)
        restores = SimulatedRestores(settings.placement)
        actors = turns.isNew.map { ActorStanding(version: $0 ? 0 : 1) }
        workersByNode = [Int](repeating: 0, count: settings.count)
        pausedBytesByNode = [Int64](repeating: 0, count: settings.count)
        pauses = Pauses(microseconds: settings.pauseMicroseconds)
        random = SplitMix64(seed: ByteHash.mix(seed ^ 0x91AC))
        var limits = SnapshotCache.Limits()
        limits.assumedCapacityBytes = settings.cacheBytes
        placer = Placer(limits: limits)
        for template in Set(turns.templates).sorted() {
            placer.updateSnapshots { $0.setGolden(Self.golden(template), bytes: settings.snapshotBytes, of: template) }
        }
    }

    // MARK: - Workers

    /// A worker is asked for. It comes to the node that has fewest, as a scheduler spreads them.
    mutating func added(_ worker: Int) {
        var node = 0
        for other in workersByNode.indices where workersByNode[other] < workersByNode[node] { node = other }
        workersByNode[node] += 1
        while nodeByWorker.count <= worker { nodeByWorker.append(.none) }
        nodeByWorker[worker] = Self.name(ofNode: node)
    }

    mutating func becameReady(_ worker: Int, slots: Int) {
        placer.setWorker(worker, WorkerFacts(pool: 0, node: nodeByWorker[worker], slots: slots, readySeq: Position(worker + 1)))
    }

    mutating func drains(_ worker: Int) { placer.setPhase(worker, .draining) }

    mutating func removed(_ worker: Int) {
        placer.removeWorker(worker)
        workersByNode[nodeByWorker[worker].index - 1] -= 1
    }

    /// Idle workers that go when there are too many; nil where the placement has no opinion.
    func victims(_ count: Int, at now: Int64) -> [Int]? {
        guard settings.placement == .greenroom else { return nil }
        return placer.victims(of: 0, count: count, zoneMaxSkew: nil, at: LogTime(microseconds: now)).map(\.worker)
    }

    // MARK: - Turns

    /// False where the turn's actor is busy: it asks when the actor rests.
    mutating func admits(_ turn: Int32) -> Bool {
        let actor = turns.actors[Int(turn)]
        guard actors[Int(actor)].isBusy else {
            actors[Int(actor)].isBusy = true
            return true
        }
        held[actor, default: []].append(turn)
        restores.heldTurns += 1
        return false
    }

    /// Which of the waiting turns is placed next, counted from the first, where there are fewer slots than turns.
    func nextInTurn(_ turns: ArraySlice<Int32>, requestedAt: (Int32) -> Int64) -> Int {
        guard settings.placement == .greenroom, turns.count > placer.workers.tally(of: 0).freeSlots else { return 0 }
        return placer.nextInTurn(turns.prefix(Placer.matchLimit).map { waiting($0, requestedAt: requestedAt($0), aheadOnNode: 0) })
    }

    /// A worker with a free slot for the turn. There must be one.
    mutating func choose(_ turn: Int32, requestedAt: Int64, at now: Int64, aheadOnNode: Int, free: () -> [Int]) -> Choice {
        endPauses(until: now)
        switch settings.placement {
        case .random:
            let candidates = free()
            return .worker(candidates[random.index(below: candidates.count)])
        case .firstFree: return decide(WaitingActor(pools: [0], requestedAt: LogTime(microseconds: requestedAt)), at: now)
        case .greenroom: return decide(waiting(turn, requestedAt: requestedAt, aheadOnNode: aheadOnNode), at: now)
        }
    }

    private mutating func decide(_ actor: WaitingActor, at now: Int64) -> Choice {
        placer.prepare(actor)
        let rules = PlacementRules(holdMicroseconds: holds.medianMicroseconds)
        switch placer.decide(actor, rules, at: LogTime(microseconds: now)) {
        case .place(let choice): return .worker(choice.worker)
        case .wait(let blocked): return .waits(until: blocked.waitsUntil?.microseconds)
        }
    }

    private func waiting(_ turn: Int32, requestedAt: Int64, aheadOnNode: Int) -> WaitingActor {
        let actor = Int(turns.actors[Int(turn)])
        var waiting = WaitingActor(
            pools: [0], template: turns.templates[actor], requestedAt: LogTime(microseconds: requestedAt), aheadOnNode: aheadOnNode)
        guard let own = own(actor) else { return waiting }
        let bytes = turns.bytes[Int(turn)]
        // Its state went to object storage when the turn ended: moving loses nothing.
        waiting.external = ExternalSnapshot(snapshot: own, bytes: bytes, at: .zero)
        let node = actors[actor].pausedOn
        if !node.isNone { waiting.paused = PausedSnapshot(node: node, snapshot: own, bytes: bytes) }
        return waiting
    }

    /// Where the turn's actor is paused; `.none` where it isn't.
    func pausedNode(of turn: Int32) -> NameID { actors[Int(turns.actors[Int(turn)])].pausedOn }

    /// Whether it wasn't known that the turn looks elsewhere at that time.
    mutating func willLookElsewhere(_ turn: Int32, at time: Int64) -> Bool { elsewhereAt.updateValue(time, forKey: turn) != time }

    /// The turn takes a slot. Answers how long its restore takes.
    mutating func begin(_ turn: Int32, on worker: Int, used: Int, at now: Int64) -> Int64 {
        placer.setUsed(worker, used)
        beganAt[turn] = now
        elsewhereAt[turn] = nil
        let actor = Int(turns.actors[Int(turn)])
        let node = nodeByWorker[worker]
        let snapshot = own(actor) ?? Self.golden(turns.templates[actor])
        let bytes = own(actor) == nil ? settings.snapshotBytes : turns.bytes[Int(turn)]
        let tier = tier(actor, snapshot, on: node)
        let copying = Self.microseconds(bytes, at: bytesPerSecond(tier))
        resume(actor, on: node)
        keep(snapshot, bytes, on: node, at: now)
        placer.noteRestore(tier, bytes: bytes, millis: (resumeMicroseconds + copying + 999) / 1_000)
        restores.add(tier, bytes: bytes, microseconds: resumeMicroseconds + copying)
        return resumeMicroseconds + copying
    }

    /// The turn gave its slot back, and its actor rests. Answers the turn that was held until then.
    mutating func end(_ turn: Int32, on worker: Int, used: Int, at now: Int64) -> Int32? {
        endPauses(until: now)
        placer.setUsed(worker, used)
        if let began = beganAt.removeValue(forKey: turn) { holds.add(microseconds: now - began) }
        let actor = turns.actors[Int(turn)]
        write(Int(actor), bytes: turns.bytes[Int(turn)], on: nodeByWorker[worker], at: now)
        guard var waiting = held[actor] else {
            actors[Int(actor)].isBusy = false
            return nil
        }
        let next = waiting.removeFirst()
        held[actor] = waiting.isEmpty ? nil : waiting
        return next
    }

    // MARK: - Snapshots

    private func tier(_ actor: Int, _ snapshot: SnapshotID, on node: NameID) -> RestoreTier {
        if actors[actor].pausedOn == node { return .local }
        guard placer.snapshots.isCached(snapshot, on: node) else { return .cold }
        return own(actor) == nil ? .golden : .warm
    }

    /// Its paused snapshot is used up, wherever it goes.
    private mutating func resume(_ actor: Int, on node: NameID) {
        let paused = actors[actor].pausedOn
        guard !paused.isNone, let snapshot = own(actor) else { return }
        actors[actor].pausedOn = .none
        pausedBytesByNode[paused.index - 1] -= pauses.bytes(of: snapshot)
        pauses.forget(snapshot)
        placer.updateSnapshots { $0.drop(snapshot, on: paused) }
    }

    /// A new state of the actor makes all older copies worthless.
    private mutating func write(_ actor: Int, bytes: Int64, on node: NameID, at now: Int64) {
        if let old = own(actor) {
            placer.updateSnapshots { cache in
                cache.outdate(old)
                cache.drop(old, on: node)
            }
        }
        actors[actor].version += 1
        guard let new = own(actor) else { return }
        guard settings.pauseMicroseconds > 0, pausedBytesByNode[node.index - 1] + bytes <= settings.cacheBytes else {
            keep(new, bytes, on: node, at: now)
            return
        }
        actors[actor].pausedOn = node
        pausedBytesByNode[node.index - 1] += bytes
        pauses.begin(new, of: actor, bytes: bytes, at: now)
        placer.updateSnapshots { $0.keepPaused(new, bytes: bytes, on: node, at: LogTime(microseconds: now)) }
    }

    /// Those paused long enough are suspended: a copy stays in the node's cache, where it may be evicted.
    private mutating func endPauses(until now: Int64) {
        while let ended = pauses.next(until: now) {
            let node = actors[ended.actor].pausedOn
            actors[ended.actor].pausedOn = .none
            pausedBytesByNode[node.index - 1] -= ended.bytes
            keep(ended.snapshot, ended.bytes, on: node, at: ended.at)
        }
    }

    private mutating func keep(_ snapshot: SnapshotID, _ bytes: Int64, on node: NameID, at now: Int64) {
        guard bytes <= settings.cacheBytes, settings.cacheBytes > 0 else { return }
        placer.updateSnapshots { $0.note(snapshot, bytes: bytes, on: node, at: LogTime(microseconds: now)) }
    }

    /// Its latest; nil before its first.
    private func own(_ actor: Int) -> SnapshotID? {
        let version = actors[actor].version
        return version > 0 ? SnapshotID(rawValue: ByteHash.mix(UInt64(actor) << 32 | UInt64(version))) : nil
    }

    private static func golden(_ template: NameID) -> SnapshotID { SnapshotID(rawValue: ByteHash.mix(1 << 63 | UInt64(template.rawValue))) }
    private static func name(ofNode node: Int) -> NameID { NameID(UInt32(node + 1)) }

    private func bytesPerSecond(_ tier: RestoreTier) -> Int64 {
        switch tier {
        case .local: settings.localBytesPerSecond
        case .warm, .golden: settings.warmBytesPerSecond
        case .cold: settings.coldBytesPerSecond
        }
    }

    /// 256 MiB at 400 MB a second are 0.67 s.
    private static func microseconds(_ bytes: Int64, at bytesPerSecond: Int64) -> Int64 {
        Int64((Double(bytes) / Double(max(1, bytesPerSecond)) * 1e6).rounded())
    }
}
