public import Domain

// What is known of an actor that waits for a worker, and by which rules is it placed?

/// The state of a paused actor: on one node, in no other place.
public struct PausedSnapshot: Hashable, Sendable {
    public var node: NameID
    public var snapshot: SnapshotID
    public var bytes: Int64

    public init(node: NameID, snapshot: SnapshotID, bytes: Int64) {
        self.node = node
        self.snapshot = snapshot
        self.bytes = bytes
    }
}

/// An actor's latest snapshot in object storage.
public struct ExternalSnapshot: Hashable, Sendable {
    public var snapshot: SnapshotID
    /// 0 where nobody said.
    public var bytes: Int64
    public var at: LogTime

    public init(snapshot: SnapshotID, bytes: Int64, at: LogTime) {
        self.snapshot = snapshot
        self.bytes = bytes
        self.at = at
    }
}

/// How much of its quota a tenant uses.
public struct QuotaStanding: Hashable, Sendable {
    public var running: Int
    public var maxRunning: Int

    public init(running: Int, maxRunning: Int) {
        self.running = running
        self.maxRunning = maxRunning
    }

    public var isUsedUp: Bool { running >= maxRunning }
}

public struct WaitingActor: Hashable, Sendable {
    /// Its own pool, then the pools the policy lets it spill to, in order.
    public var pools: [Int]
    public var eligibility: Eligibility
    public var template: NameID
    public var paused: PausedSnapshot?
    public var external: ExternalSnapshot?
    public var requestedAt: LogTime
    /// nil where its tenant has none.
    public var quota: QuotaStanding?
    /// Actors before it in the queue that wait for the same node.
    public var aheadOnNode: Int

    public init(
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
public struct PlacementRules: Hashable, Sendable {
    /// How many more workers of a zone than of another may be in use; nil doesn't care.
    public var zoneMaxSkew: Int?
    /// How long a paused actor waits for its node; nil computes it.
    public var localWaitMicroseconds: Int64?
    /// How long actors of the pool hold a slot, typically; nil where nothing was measured.
    public var holdMicroseconds: Int64?

    /// Whether anything starts workers for the pool: a policy.
    public var canGrow: Bool

    public init(zoneMaxSkew: Int? = nil, localWaitMicroseconds: Int64? = nil, holdMicroseconds: Int64? = nil, canGrow: Bool = true) {
        self.zoneMaxSkew = zoneMaxSkew
        self.localWaitMicroseconds = localWaitMicroseconds
        self.holdMicroseconds = holdMicroseconds
        self.canGrow = canGrow
    }
}
