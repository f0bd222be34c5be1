package import Domain

// What is known of an actor that waits for a worker, and by which rules is it placed?

/// The state of a paused actor: on one node, in no other place.
package struct PausedSnapshot: Hashable, Sendable {
    package var node: NameID
    package var snapshot: SnapshotID
    package var bytes: Int64
    /// The system that hosts it restores it nowhere else, whatever else there is of it.
    package var isBound: Bool

    package init(node: NameID, snapshot: SnapshotID, bytes: Int64, isBound: Bool = false) {
        self.node = node
        self.snapshot = snapshot
        self.bytes = bytes
        self.isBound = isBound
    }
}

/// An actor's latest snapshot in object storage.
package struct ExternalSnapshot: Hashable, Sendable {
    package var snapshot: SnapshotID
    /// 0 where nobody said.
    package var bytes: Int64
    package var at: LogTime

    package init(snapshot: SnapshotID, bytes: Int64, at: LogTime) {
        self.snapshot = snapshot
        self.bytes = bytes
        self.at = at
    }
}

/// How much of its quota a tenant uses.
package struct QuotaStanding: Hashable, Sendable {
    package var running: Int
    package var maxRunning: Int

    package init(running: Int, maxRunning: Int) {
        self.running = running
        self.maxRunning = maxRunning
    }

    package var isUsedUp: Bool { running >= maxRunning }
}

package struct WaitingActor: Hashable, Sendable {
    /// Its own pool, then the pools the policy lets it spill to, in order.
    package var pools: [Int]
    package var eligibility: Eligibility
    package var template: NameID
    package var paused: PausedSnapshot?
    package var external: ExternalSnapshot?
    package var requestedAt: LogTime
    /// nil where its tenant has none.
    package var quota: QuotaStanding?
    /// Actors before it in the queue that wait for the same node.
    package var aheadOnNode: Int

    package init(
        pools: [Int], eligibility: Eligibility = Eligibility(), template: NameID = .none, paused: PausedSnapshot? = nil,
        external: ExternalSnapshot? = nil, requestedAt: LogTime, quota: QuotaStanding? = nil, aheadOnNode: Int = 0
    ) {
        self.pools = pools
        self.eligibility = eligibility
        self.template = template
        self.paused = paused
        self.external = external
        self.requestedAt = requestedAt
        self.quota = quota
        self.aheadOnNode = aheadOnNode
    }
}

/// What a pool's policy and history say.
package struct PlacementRules: Hashable, Sendable {
    /// How many more workers of a zone than of another may be in use; nil doesn't care.
    package var zoneMaxSkew: Int?
    /// How long a paused actor waits for its node; nil computes it.
    package var localWaitMicroseconds: Int64?
    /// How long actors of the pool hold a slot, typically; nil where nothing was measured.
    package var holdMicroseconds: Int64?

    /// Whether anything starts workers for the pool: a policy.
    package var canGrow: Bool

    package init(zoneMaxSkew: Int? = nil, localWaitMicroseconds: Int64? = nil, holdMicroseconds: Int64? = nil, canGrow: Bool = true) {
        self.zoneMaxSkew = zoneMaxSkew
        self.localWaitMicroseconds = localWaitMicroseconds
        self.holdMicroseconds = holdMicroseconds
        self.canGrow = canGrow
    }
}
