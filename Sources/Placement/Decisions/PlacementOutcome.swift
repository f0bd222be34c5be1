package import Domain

// Where does an actor go, from what is it restored, and if nowhere, why?

/// Of two workers the lower score is better: the closer copy, then the fuller worker, then the zone less used, then the
/// faster restore, then the older worker.
package struct PlacementScore: Hashable, Comparable, Sendable {
    package var tier: RestoreTier
    /// 1…7: in use with so many slots free (7: or more). 8: idle.
    package var packLevel: Int
    /// Workers in use beyond what the zone may have more than another; 0 for a worker already in use.
    package var skew: Int
    package var restoreMicroseconds: Int64
    package var readySeq: Position

    package init(tier: RestoreTier, packLevel: Int, skew: Int, restoreMicroseconds: Int64, readySeq: Position) {
        self.tier = tier
        self.packLevel = packLevel
        self.skew = skew
        self.restoreMicroseconds = restoreMicroseconds
        self.readySeq = readySeq
    }

    package static func < (a: PlacementScore, b: PlacementScore) -> Bool {
        if a.tier != b.tier { return a.tier.rawValue < b.tier.rawValue }
        if a.packLevel != b.packLevel { return a.packLevel < b.packLevel }
        if a.skew != b.skew { return a.skew < b.skew }
        if a.restoreMicroseconds != b.restoreMicroseconds { return a.restoreMicroseconds < b.restoreMicroseconds }
        return a.readySeq < b.readySeq
    }
}

/// What an actor is restored from.
package enum RestoreSource: Hashable, Sendable {
    case paused(SnapshotID)
    case external(SnapshotID)
    case golden(SnapshotID)
    /// Nothing is known: it starts anew.
    case nothing
}

/// Why a paused actor goes elsewhere than to its node.
package enum MoveReason: UInt8, Hashable, Sendable, CaseIterable {
    /// No worker of any pool is there any more.
    case nodeGone = 0
    /// None of the workers there may take it.
    case noneEligibleThere = 1
    /// A slot there is expected later than the restore elsewhere ends.
    case waitIsLonger = 2
    /// It has waited as long as it may.
    case waitedEnough = 3

    package var name: String {
        switch self {
        case .nodeGone: "node_gone"
        case .noneEligibleThere: "none_eligible_there"
        case .waitIsLonger: "wait_is_longer"
        case .waitedEnough: "waited_enough"
        }
    }
}

package struct PlacementChoice: Hashable, Sendable {
    package var worker: Int
    package var pool: Int
    package var score: PlacementScore
    package var source: RestoreSource
    /// Set for a paused actor that is not restored from its node: what it did since its external snapshot is lost.
    package var moved: MoveReason?

    package var tier: RestoreTier { score.tier }
}

/// An actor that must wait, with the numbers.
package struct BlockedPlacement: Hashable, Sendable {
    package var reason: BlockedReason
    /// Of the pools it may use: workers that may take it.
    package var eligible = WorkerTally()
    /// Of the pools it may use: all workers.
    package var all = WorkerTally()
    /// The node of its paused snapshot.
    package var node = NameID.none
    /// Workers there that may take it.
    package var eligibleThere = WorkerTally()
    /// Workers with a free slot that could take it elsewhere.
    package var freeElsewhere = 0
    package var external: ExternalSnapshot?
    /// How long it would take to restore the external snapshot elsewhere.
    package var restoreMicroseconds: Int64 = 0
    /// When a slot on its node is expected to be free, from now; nil where nothing is known.
    package var expectedWaitMicroseconds: Int64?
    /// It would rather wait for its node than go elsewhere, whether or not there is room elsewhere.
    package var waitsForNode = false
    /// When it will look elsewhere: a deadline for whoever asked.
    package var waitsUntil: LogTime?
    /// The system that hosts it restores it on that node alone.
    package var isBound = false
    package var quota: QuotaStanding?

    package init(reason: BlockedReason) { self.reason = reason }

    /// The node that needs a worker for this actor; nil where any will do.
    package var neededOn: NameID? { reason == .nodeLocality && !node.isNone ? node : nil }
}

package enum PlacementOutcome: Hashable, Sendable {
    case place(PlacementChoice)
    case wait(BlockedPlacement)
}
