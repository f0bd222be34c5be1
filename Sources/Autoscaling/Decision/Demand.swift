package import Domain
import Basics

// How much does a pool have to carry, and why is some of it waiting?
//
// Demand is `resident + blocked` and is never clamped by capacity: it reads the same whether one worker or a thousand
// serve it. Counts of actors and counts of workers are kept apart.

package struct Demand: Hashable, Sendable {
    /// Actors that hold a slot: placed or running.
    package var resident = 0
    /// Actors waiting, by reason.
    package var blockedPoolExhausted = 0
    package var blockedNodeLocality = 0
    package var blockedNoEligiblePool = 0
    package var blockedQuota = 0

    package init(resident: Int = 0, poolExhausted: Int = 0, nodeLocality: Int = 0, noEligiblePool: Int = 0, quota: Int = 0) {
        self.resident = resident
        blockedPoolExhausted = poolExhausted
        blockedNodeLocality = nodeLocality
        blockedNoEligiblePool = noEligiblePool
        blockedQuota = quota
    }

    package var blocked: Int {
        blockedPoolExhausted.addingClamped(blockedNodeLocality).addingClamped(blockedNoEligiblePool).addingClamped(blockedQuota)
    }
    package var total: Int { resident.addingClamped(blocked) }

    /// What workers are needed for: all of it, but, under rules that know of it, for those who wait for their tenant's quota.
    package func wanted(by rules: DecisionRules) -> Int {
        rules >= .quotaIsNoDemand ? max(resident, total.subtractingClamped(blockedQuota)) : total
    }

    package subscript(reason: BlockedReason) -> Int {
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
package struct WorkerCounts: Hashable, Sendable {
    /// Asked for (desired), not ready yet.
    package var starting = 0
    /// Ready with every slot free.
    package var idle = 0
    /// Ready with some slots taken.
    package var partial = 0
    /// Ready with every slot taken.
    package var full = 0
    /// Taking no more actors, whether or not some still run there.
    package var draining = 0
    /// Draining with at least one actor still there (a part of `draining`).
    package var drainingBusy = 0
    /// Gone without having been asked to, since the log began.
    package var lost = 0

    package init() {}

    package var ready: Int { idle + partial + full }
    /// Workers that hold at least one placed or running actor: no scale-down may go below this.
    package var busy: Int { partial + full + drainingBusy }
}
