public import Domain

// How much does a pool have to carry, and why is some of it waiting?
//
// Demand is `resident + blocked` and is never clamped by capacity: it reads the same whether one worker or a thousand
// serve it. Counts of actors and counts of workers are kept apart.

public struct Demand: Hashable, Sendable {
    /// Actors that hold a slot: placed or running.
    public var resident = 0
    /// Actors waiting, by reason.
    public var blockedPoolExhausted = 0
    public var blockedNodeLocality = 0
    public var blockedNoEligiblePool = 0
    public var blockedQuota = 0

    public init(resident: Int = 0, poolExhausted: Int = 0, nodeLocality: Int = 0, noEligiblePool: Int = 0, quota: Int = 0) {
        self.resident = resident
        blockedPoolExhausted = poolExhausted
        blockedNodeLocality = nodeLocality
        blockedNoEligiblePool = noEligiblePool
        blockedQuota = quota
    }

    public var blocked: Int { blockedPoolExhausted.addingClamped(blockedNodeLocality).addingClamped(blockedNoEligiblePool).addingClamped(blockedQuota) }
    public var total: Int { resident.addingClamped(blocked) }

    public subscript(reason: BlockedReason) -> Int {
        get {
            switch reason {
            case .poolExhausted: blockedPoolExhausted
            case .nodeLocality: blockedNodeLocality
            case .noEligiblePool: blockedNoEligiblePool
            case .quota: blockedQuota
            }
        }
        set {
            switch reason {
            case .poolExhausted: blockedPoolExhausted = newValue
            case .nodeLocality: blockedNodeLocality = newValue
            case .noEligiblePool: blockedNoEligiblePool = newValue
            case .quota: blockedQuota = newValue
            }
        }
    }
}

/// Workers of a pool by what they do. A worker is in exactly one of these, but for `lost`, which counts the past.
public struct WorkerCounts: Hashable, Sendable {
    /// Asked for (desired), not ready yet.
    public var starting = 0
    /// Ready with every slot free.
    public var idle = 0
    /// Ready with some slots taken.
    public var partial = 0
    /// Ready with every slot taken.
    public var full = 0
    /// Taking no more actors, whether or not some still run there.
    public var draining = 0
    /// Draining with at least one actor still there (a part of `draining`).
    public var drainingBusy = 0
    /// Gone without having been asked to, since the log began.
    public var lost = 0

    public init() {}

    public var ready: Int { idle + partial + full }
    /// Workers that hold at least one placed or running actor: no scale-down may go below this.
    public var busy: Int { partial + full + drainingBusy }
}
