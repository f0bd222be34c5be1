package import Domain
package import EventLog
import Autoscaling
package import Basics
package import Placement

// What is the state at this position of the log?
//
// `State` is fold(log): actors, workers, pools, and the autoscalers' memory, kept up to date commit by commit. It asks no
// clock, makes no decision and does no I/O: facts (placements, counts, workers) come from logged events alone, so a newer
// version of the rules never rewrites what happened. Same commits, same state, live or in replay.
//
// A commit is the unit: `fold` applies its events, then each pool they touched is evaluated once, at the commit's log
// time, and remembers what the evaluation found. What follows from the new state (decisions, placements, drains) is the
// loop's business, and comes back as events.

package struct State: Sendable {
    /// The last position folded.
    package internal(set) var position: Position = 0
    /// Log time of the last commit folded.
    package internal(set) var at = LogTime.zero

    package internal(set) var actors = ActorTable()
    package internal(set) var workers = WorkerTable()
    package internal(set) var pools: [PoolState] = []
    package internal(set) var poolByName = SlotTable<NameID>()
    package internal(set) var tombstones = Tombstones()
    /// What placement asks: workers, snapshots on nodes, measured restores.
    package internal(set) var placer = Placer(limits: State.placementLimits)
    package internal(set) var active = ActiveSnapshots()
    /// When actors will wake, of the few of which that is known.
    package internal(set) var forecasts = WakeForecasts()
    /// By when those who wait need a worker, of the requests that say so.
    package internal(set) var requestDeadlines = RequestDeadlines()
    /// Pools where somebody waits whose state lies on one node.
    package internal(set) var pausedPools: Set<Int> = []
    /// Whether waiting actors are counted by the reason they wait for. From the first placement on that says which worker's life it
    /// means: decisions of logs older than that looked at all who wait as one.
    package internal(set) var splitsDemand = false
    /// Names that are fields of events, not subjects: nodes, zones, templates, tenants, labels.
    package internal(set) var labels = NameTable()
    /// Which pools the running commit touched; empty between commits, and kept only for its memory.
    private var touched = TouchedPools()
    /// What the last commit changed of what is placed; empty where whoever folds doesn't ask for it.
    package internal(set) var news = PlacingNews()
    /// Pools that were deleted and keep their number.
    package internal(set) var deletedPools = 0

    /// A node holds some hundred snapshots; what is beyond counts as evicted. At most 25 MB in all.
    package static let placementLimits: SnapshotCache.Limits = {
        var limits = SnapshotCache.Limits()
        limits.entriesPerNode = 1_024
        limits.entries = 262_144
        return limits
    }()

    package init() {}

    /// What one commit changed.
    package struct Change: Sendable {
        /// Indices of the pools whose state changed, rising.
        package internal(set) var pools: [Int] = []
        /// Shadows to look at though their pools didn't change, in order; those taken away too.
        package internal(set) var shadows: [PolicyKey] = []
        /// Positions of events that fitted no state.
        package var superseded: [Position] = []
        /// Those among them that no state could have taken: they can't be read, or not by this version.
        package var skipped: [SkippedEvent] = []
        /// Workers that have a lease, or had one, and said that they are ready or are gone; by their numbers.
        package internal(set) var leased: [Int] = []
        /// Pools whose target showed its replicas.
        package internal(set) var shown: [Int] = []
        /// Our own events that the loop waits for, as (subject or pool, kind, position).
        package internal(set) var own: [CommittedEvent] = []
        /// Which of those are shadows' decisions, by position.
        package internal(set) var shadowDecisions: [Position: String] = [:]
        /// Durations and outcomes that metrics want to know, in order.
        package internal(set) var measured: [Measured] = []
    }

    package struct SkippedEvent: Hashable, Sendable {
        package var seq: Position
        /// A clause: "its body is not JSON".
        package var why: String
    }

    package enum Measured: Sendable {
        case wait(pool: Int, tier: RestoreTier, seconds: Double)
        case workerStart(pool: Int, seconds: Double)
        case workerGone(pool: Int, WorkerEnd)
        /// An actor ended by itself, or with its worker.
        case actorCrashed(pool: Int)
        /// A claim has its worker; after how long, where that was seen.
        case claim(pool: Int, ClaimLaunch, seconds: Double?)
    }

    /// Applies one commit. Commits must come whole and in order.
    /// - Parameter placing: whether whoever folds places actors as well, and so wants `news`.
    package mutating func fold(_ batch: CommittedBatch, names: some NameReading, placing: Bool = false) -> Change {
        foldAny(batch, names: names, placing: placing)
    }

    @inline(__always)
    private mutating func foldAny(_ batch: CommittedBatch, names: some NameReading, placing: Bool) -> Change {
        precondition(batch.firstSeq == position + 1, "commit \(batch.firstSeq) can't follow position \(position)")
        var fold = Fold(at: batch.at)
        swap(&fold.touched, &touched)
        if placing || news.isWanted { news.begin(isWanted: placing) }
        for event in batch.events {
            if !apply(event, of: batch, names: names, &fold) { fold.change.superseded.append(event.seq) }
        }
        position = batch.lastSeq
        at = batch.at
        fold.change.pools = fold.touched.take()
        fold.change.shadows = fold.touchedShadows.sorted()
        for index in fold.change.pools {
            pools[index].placing.split = blockedSplit(index)
            if pools[index].claims != nil {
                let idle = pools[index].workers.idle
                pools[index].claims?.noteIdle(idle, at: batch.at)
                pools[index].claims?.pass(to: batch.at)
            }
            pools[index].evaluate(at: batch.at)
        }
        for key in fold.change.shadows where !fold.change.pools.contains(key.pool) { pools[key.pool].evaluate(key.shadow, at: batch.at) }
        swap(&fold.touched, &touched)
        return fold.change
    }

    /// The same, made for the one dictionary there is: what takes any is slower where it is called from outside.
    package mutating func fold(_ batch: CommittedBatch, names: NameDictionary, placing: Bool = false) -> Change {
        foldAny(batch, names: names, placing: placing)
    }

    package struct Fold {
        package let at: LogTime
        package internal(set) var touched = TouchedPools()
        /// What is a shadow's own (its policy, its decisions, its timers) touches it alone: whether there are shadows
        /// makes no difference to the pool.
        package internal(set) var touchedShadows: Set<PolicyKey> = []
        package internal(set) var change = Change()

        /// Notes that an event is passed over: it changes nothing, here and at every later start, and the rest goes on. False, as
        /// `apply` answers it.
        package mutating func skip(_ event: CommittedEvent, _ why: String) -> Bool {
            change.skipped.append(SkippedEvent(seq: event.seq, why: why))
            return false
        }

        package mutating func skipDamaged(_ event: CommittedEvent) -> Bool {
            skip(event, "its body is not JSON: the file is damaged, run log verify")
        }
    }

    /// Applies one event; false where it fits no state and changes nothing.
    @inline(__always)
    private mutating func apply(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, _ fold: inout Fold) -> Bool {
        // Names that are fields come from the body; of a subject's the dictionary of the log has more.
        guard labels.hasRoom(forBytes: Int(event.body.count) + EventLimits.nameBytes) else {
            return fold.skip(event, "the table of labels is full at \(labels.count) names")
        }
        switch event.kind {
        case .actorCreated, .actorRequested, .actorWithdrawn, .actorPlaced, .actorRunning, .actorIdle, .actorPaused,
            .actorSuspended, .actorCrashed, .actorDeleted:
            // One that fits several of its name is none of them, and only this kind would make another.
            if event.kind == .actorRunning, !event.extensions.isEmpty, actors.find(event.subject) == nil, batch.isAmbiguous(event) {
                return false
            }
            return batch.withBody(of: event) { applyActor(event, ActorFields(event.kind, $0), names, &fold) }
        case .workerReady, .workerDraining, .workerGone, .workerObserved:
            return batch.withBody(of: event) { applyWorker(event, $0, names, &fold) }
        case .snapshotCached, .snapshotEvicted:
            return batch.withBody(of: event) { applySnapshot(event, $0, &fold) }
        case .queueObserved, .poolObserved, .policyApplied, .poolPaused, .poolDeleted, .scaleDecided, .scaleApplied, .scaleFailed,
            .timerFired:
            return batch.withBody(of: event) { applyPool(event, $0, names, &fold) }
        case .prefetchSuggested:
            return batch.withBody(of: event) { applySuggestion(event, $0, names, &fold) }
        case .snapshotObserved:
            return batch.withBody(of: event) { applyObserved(event, $0, &fold) }
        case .clockStepped, .positionLost, .leaderElected:
            // Nothing follows from them; what they say is for readers.
            return batch.withBody(of: event) { $0.readMembers { _, _ in } } || fold.skipDamaged(event)
        }
    }

    /// The pool of that name, made where it is new.
    package mutating func pool(_ name: NameID, names: some NameReading, at now: LogTime) -> Int {
        if let index = poolByName[name] {
            if deletedPools > 0, pools[index].isDeleted { restorePool(index) }
            return index
        }
        pools.append(PoolState(name: name, text: names.text(of: name), at: now))
        poolByName.set(name, pools.count - 1)
        findSpill()
        return pools.count - 1
    }

    /// The number of a name that stands in a body. Room for all of a body's was asked for before it was read.
    package mutating func label(_ text: String?) -> NameID {
        guard let text, !text.isEmpty else { return .none }
        return labels.intern(text) ?? .none
    }
}

/// A set of pools that costs nothing to empty: a bit for each, which come out in order by themselves.
package struct TouchedPools: Sendable {
    private var words: [UInt64] = []
    private var count = 0

    @inline(__always)
    package mutating func insert(_ pool: Int) {
        let (word, bit) = (pool / 64, UInt64(1) << UInt64(pool % 64))
        if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
        guard words[word] & bit == 0 else { return }
        words[word] |= bit
        count += 1
    }

    /// All of them, rising; none is left.
    package mutating func take() -> [Int] {
        guard count > 0 else { return [] }
        var pools: [Int] = []
        pools.reserveCapacity(count)
        for word in words.indices where words[word] != 0 {
            var bits = words[word]
            words[word] = 0
            while bits != 0 {
                pools.append(word * 64 + bits.trailingZeroBitCount)
                bits &= bits - 1
            }
        }
        count = 0
        return pools
    }
}
