package import Domain
import Basics

// What does placement know of one worker, and what may an actor ask of it?

/// A key and a value, both names in the state's table of labels.
package struct LabelPair: Hashable, Sendable, Comparable {
    package var key: NameID
    package var value: NameID
    package init(key: NameID, value: NameID) { self.key = key; self.value = value }
    package static func < (a: LabelPair, b: LabelPair) -> Bool { a.key != b.key ? a.key < b.key : a.value < b.value }
}

/// Where a worker is in its life. How full it is follows from its slots.
package enum WorkerPhase: UInt8, Hashable, Sendable, CaseIterable {
    /// Known, not ready yet.
    case starting = 0
    case ready = 1
    /// Takes no more actors.
    case draining = 2
}

/// What a worker said of itself, and where it is in its life.
package struct WorkerFacts: Hashable, Sendable {
    /// Index of its pool.
    package var pool: Int
    package var node: NameID
    /// The zone of its node; `.none` where nothing is said of zones.
    package var zone: NameID
    package var sandboxClass: NameID
    /// Sorted.
    package var labels: [LabelPair]
    /// Actors it can host at once, at least 1.
    package var slots: Int
    /// Position of its `worker.ready` (of what first told of it): unique, and its order is the order of age.
    package var readySeq: Position
    package var phase: WorkerPhase

    package init(
        pool: Int, node: NameID, zone: NameID = .none, sandboxClass: NameID = .none, labels: [LabelPair] = [], slots: Int = 1,
        readySeq: Position, phase: WorkerPhase = .ready
    ) {
        self.pool = pool
        self.node = node
        self.zone = zone
        self.sandboxClass = sandboxClass
        self.labels = labels
        self.slots = max(1, slots)
        self.readySeq = readySeq
        self.phase = phase
    }
}

/// What a worker must be to take an actor. Its pool is asked apart.
package struct Eligibility: Hashable, Sendable {
    /// The worker's class must be this one; `.none` takes any.
    package var sandboxClass: NameID
    /// Labels the worker must carry, sorted.
    package var selector: [LabelPair]
    /// Its node must have this template's snapshot in its cache; nil asks nothing.
    var golden: SnapshotID?

    package init(sandboxClass: NameID = .none, selector: [LabelPair] = []) {
        self.sandboxClass = sandboxClass
        self.selector = selector
    }

    static let anyone = Eligibility()

    /// Whether any worker will do.
    package var isAnyone: Bool { sandboxClass.isNone && selector.isEmpty && golden == nil }

    /// The same for equal ones; hardly ever the same for others.
    var mixed: UInt64 {
        var mixed = ByteHash.mix(UInt64(sandboxClass.rawValue) &+ (golden?.rawValue ?? 0))
        for pair in selector { mixed = ByteHash.mix(mixed ^ (UInt64(pair.key.rawValue) << 32 | UInt64(pair.value.rawValue))) }
        return mixed
    }

    func with(golden: SnapshotID) -> Eligibility {
        var copy = self
        copy.golden = golden
        return copy
    }

    /// Whether a worker is what is asked for, whatever its node has cached.
    package func accepts(_ worker: WorkerFacts) -> Bool { accepts(worker, goldens: golden.map { [$0] } ?? []) }

    func accepts(_ worker: WorkerFacts, goldens: [SnapshotID]) -> Bool {
        guard sandboxClass.isNone || worker.sandboxClass == sandboxClass else { return false }
        guard golden.map({ goldens.contains($0) }) ?? true else { return false }
        return selector.allSatisfy { worker.labels.contains($0) }
    }
}

/// How full a worker is, in the order in which its free slots are given away: the fuller before the emptier, idle last.
enum PackLevel {
    /// No free slot, or not ready.
    static let none = 0
    /// In use with this many slots free, or more: beyond it they are not told apart.
    static let mostFree = 7
    static let idle = 8

    static func of(_ phase: WorkerPhase, slots: Int, used: Int) -> Int {
        guard phase == .ready, used < slots else { return none }
        return used == 0 ? idle : min(slots - used, mostFree)
    }
}

/// Workers of a pool by what they do. A worker is in exactly one of these.
package struct WorkerTally: Hashable, Sendable {
    package var starting = 0
    package var free = 0
    package var partial = 0
    package var full = 0
    package var draining = 0
    /// Slots of ready workers.
    package var freeSlots = 0
    package var usedSlots = 0

    package init() {}

    package var ready: Int { free + partial + full }
    /// Workers with at least one free slot.
    package var available: Int { free + partial }

    mutating func count(_ phase: WorkerPhase, slots: Int, used: Int, by step: Int) {
        switch phase {
        case .starting: starting += step
        case .draining: draining += step
        case .ready:
            if used >= slots { full += step } else if used == 0 { free += step } else { partial += step }
            freeSlots += step * max(0, slots - used)
            usedSlots += step * used
        }
    }

    /// That of one worker.
    static func of(_ phase: WorkerPhase, slots: Int, used: Int) -> WorkerTally {
        var tally = WorkerTally()
        tally.count(phase, slots: slots, used: used, by: 1)
        return tally
    }

    mutating func add(_ other: WorkerTally) {
        starting += other.starting
        free += other.free
        partial += other.partial
        full += other.full
        draining += other.draining
        freeSlots += other.freeSlots
        usedSlots += other.usedSlots
    }

    static func + (a: WorkerTally, b: WorkerTally) -> WorkerTally {
        var sum = a
        sum.add(b)
        return sum
    }

    /// What changed as `a` became `b`: a change to add to whatever counts the worker.
    static func change(from a: WorkerTally, to b: WorkerTally) -> WorkerTally {
        var change = b
        change.starting -= a.starting
        change.free -= a.free
        change.partial -= a.partial
        change.full -= a.full
        change.draining -= a.draining
        change.freeSlots -= a.freeSlots
        change.usedSlots -= a.usedSlots
        return change
    }
}
