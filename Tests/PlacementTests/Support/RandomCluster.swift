import Basics
import Domain
@testable import Placement

/// A cluster to which random things happen, told to the placer and to the oracle alike.
struct RandomCluster {
    static let nodes = 8
    static let pools = 3

    var generator: SplitMix64
    var placer: Placer
    var oracle: PlacementOracle
    var now = LogTime(microseconds: 1_700_000_000_000_000)
    private var nextSeq: Position = 0
    private var vacant = Array((0..<40).reversed())

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
        var limits = SnapshotCache.Limits()
        limits.entriesPerNode = 12
        limits.copies = 3
        limits.assumedCapacityBytes = 4_000_000_000
        placer = Placer(limits: limits)
        oracle = PlacementOracle(limits: limits)
    }

    static func node(_ index: Int) -> NameID { NameID(UInt32(100 + index)) }
    static func zone(_ node: NameID) -> NameID { NameID(200 + node.rawValue % 3) }
    static func template(_ index: Int) -> NameID { NameID(UInt32(300 + index)) }
    static func label(_ index: Int) -> LabelPair { LabelPair(key: NameID(UInt32(400 + index / 2)), value: NameID(UInt32(500 + index))) }

    private mutating func node() -> NameID { Self.node(generator.below(Self.nodes)) }
    private mutating func snapshot() -> SnapshotID { SnapshotID(rawValue: UInt64(generator.below(24))) }
    private mutating func bytes() -> Int64 { Int64(generator.below(10)) * 200_000_000 }
    private mutating func labels() -> [LabelPair] { (0..<4).filter { _ in generator.chance(40) }.map { Self.label($0) }.sorted() }
    private mutating func sandboxClass() -> NameID { generator.chance(70) ? .none : NameID(600) }

    private mutating func worker() -> Int? {
        let known = oracle.workers.keys.sorted()
        return known.isEmpty ? nil : known[generator.below(known.count)]
    }

    // MARK: - What happens

    mutating func step() {
        now = now.adding(microseconds: Int64(generator.below(60_000_000)))
        switch generator.below(100) {
        case 0..<16: arrive()
        case 16..<26: if let worker = worker() { leave(worker) }
        case 26..<60: if let worker = worker() { use(worker, generator.below(oracle.workers[worker]!.facts.slots + 1)) }
        case 60..<66: changePhase()
        case 66..<68: changeLabels()
        case 68..<70: restore()
        default: changeSnapshots()
        }
    }

    private mutating func arrive() {
        guard let index = vacant.popLast() else { return }
        // Now and then one comes out of order.
        nextSeq += 2
        let seq = generator.chance(5) && nextSeq > 50 ? nextSeq - 41 : nextSeq
        guard !oracle.workers.values.contains(where: { $0.facts.readySeq == seq }) else { return vacant.append(index) }
        let node = node()
        let facts = WorkerFacts(
            pool: generator.below(Self.pools), node: node, zone: Self.zone(node), sandboxClass: sandboxClass(), labels: labels(),
            slots: 1 + generator.below(10), readySeq: seq, phase: generator.chance(90) ? .ready : .starting)
        oracle.workers[index] = (facts, 0)
        placer.setWorker(index, facts)
    }

    mutating func leave(_ worker: Int) {
        oracle.workers[worker] = nil
        vacant.append(worker)
        placer.removeWorker(worker)
    }

    mutating func use(_ worker: Int, _ used: Int) {
        oracle.workers[worker]!.used = used
        placer.setUsed(worker, used)
    }

    private mutating func changePhase() {
        guard let worker = worker() else { return }
        let phase: WorkerPhase = generator.chance(60) ? .ready : generator.chance(50) ? .draining : .starting
        oracle.workers[worker]!.facts.phase = phase
        placer.setPhase(worker, phase)
    }

    private mutating func changeLabels() {
        guard let worker = worker() else { return }
        oracle.workers[worker]!.facts.labels = labels()
        placer.setWorker(worker, oracle.workers[worker]!.facts, used: oracle.workers[worker]!.used)
    }

    private mutating func restore() {
        let tier = RestoreTier.allCases[generator.below(4)]
        let (size, millis, zone) = (bytes(), Int64(100 + generator.below(5_000)), Self.zone(node()))
        placer.noteRestore(tier, bytes: size, millis: millis, zone: zone)
        oracle.bandwidth.add(tier, bytes: size, millis: millis, zone: zone)
    }

    private mutating func changeSnapshots() {
        let (node, snapshot, size, now) = (node(), snapshot(), bytes(), now)
        switch generator.below(12) {
        case 0..<6:
            placer.updateSnapshots { $0.note(snapshot, bytes: size, on: node, at: now) }
            oracle.cache.put(snapshot, size, .latest, on: node, at: now)
        case 6:
            placer.updateSnapshots { $0.keepPaused(snapshot, bytes: size, on: node, at: now) }
            oracle.cache.put(snapshot, size, .paused, on: node, at: now)
        case 7:
            placer.updateSnapshots { $0.drop(snapshot, on: node) }
            oracle.cache.drop(snapshot, on: node)
        case 8:
            placer.updateSnapshots { $0.reportEvicted(snapshot, bytes: size, on: node) }
            oracle.cache.reportEvicted(snapshot, size, on: node)
        case 9:
            placer.updateSnapshots { $0.outdate(snapshot) }
            oracle.cache.outdate(snapshot)
        case 10:
            let template = Self.template(generator.below(3))
            placer.updateSnapshots { $0.setGolden(snapshot, bytes: size, of: template) }
            oracle.cache.setGolden(snapshot, size, of: template)
        default:
            if generator.chance(10) {
                placer.updateSnapshots { $0.forget(node) }
                oracle.cache.forget(node)
            } else if generator.chance(30) {
                placer.updateSnapshots { $0.setCapacity(size * 3, of: node, at: now) }
                oracle.cache.setCapacity(size * 3, of: node, at: now)
            }
        }
    }

    // MARK: - Who asks

    mutating func actor() -> WaitingActor {
        var pools = [generator.below(Self.pools)]
        if generator.chance(20) { pools.append((pools[0] + 1) % Self.pools) }
        let selector = generator.chance(70) ? [] : (0..<4).filter { _ in generator.chance(30) }.map { Self.label($0) }.sorted()
        let external =
            generator.chance(65)
            ? ExternalSnapshot(snapshot: snapshot(), bytes: bytes(), at: now.adding(microseconds: -9_000_000)) : nil
        let paused = generator.chance(30) ? PausedSnapshot(node: node(), snapshot: snapshot(), bytes: bytes()) : nil
        return WaitingActor(
            pools: pools, eligibility: Eligibility(sandboxClass: generator.chance(85) ? .none : NameID(600), selector: selector),
            template: generator.chance(80) ? Self.template(generator.below(4)) : .none, paused: paused, external: external,
            requestedAt: now.adding(microseconds: -Int64(generator.below(4_000_000))),
            quota: generator.chance(5) ? QuotaStanding(running: generator.below(4), maxRunning: 2) : nil, aheadOnNode: generator.below(3))
    }

    mutating func rules() -> PlacementRules {
        PlacementRules(
            zoneMaxSkew: generator.chance(50) ? 1 + generator.below(2) : nil,
            localWaitMicroseconds: generator.chance(20) ? Int64(generator.below(5_000_000)) : nil,
            holdMicroseconds: generator.chance(80) ? Int64(generator.below(20_000_000)) : nil, canGrow: generator.chance(70))
    }
}
