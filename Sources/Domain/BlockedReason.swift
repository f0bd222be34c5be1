// Why does an actor wait?
//
// One word for it in demand, in placements' answers, in metrics. The numbers behind it are the answer's.

/// Why an actor waits. The order is the order of listing.
package enum BlockedReason: UInt8, Hashable, Sendable, CaseIterable {
    case poolExhausted = 0
    case nodeLocality = 1
    case noEligiblePool = 2
    case quota = 3

    /// The name in events, metrics and answers.
    package var name: String {
        switch self {
        case .poolExhausted: "pool_exhausted"
        case .nodeLocality: "node_locality"
        case .noEligiblePool: "no_eligible_pool"
        case .quota: "quota"
        }
    }
}
