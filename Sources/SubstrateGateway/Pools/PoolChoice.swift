package import Views
import Autoscaling

// Several pools would do: in which does a waiting actor queue?
//
// In the one that a policy puts first: a pool whose policy spills to another comes before it. Then in one with an idle worker, then in one
// that may still grow, then by name. Pure.

package enum PoolChoice {
    package static func best(of eligible: [String], _ pools: [PoolView], spills: [String: [String]]) -> String? {
        guard eligible.count > 1 else { return eligible.first }
        let views = Dictionary(pools.map { ("\($0.namespace)/\($0.name)", $0) }, uniquingKeysWith: { a, _ in a })
        func rank(_ name: String) -> (Int, Int, Int, String) {
            let isFirst = spills[name]?.contains(where: eligible.contains) ?? false
            let isSpilledTo = eligible.contains { spills[$0]?.contains(name) ?? false }
            let view = views[name]
            return (
                isFirst && !isSpilledTo ? 0 : isSpilledTo ? 2 : 1, (view?.idle ?? 0) > 0 ? 0 : 1,
                view.map { $0.desired < $0.max } ?? false ? 0 : 1, name
            )
        }
        return eligible.min { rank($0) < rank($1) }
    }

    /// By pool, the pools that its policy spills to.
    static func spills(_ policies: [PolicyView]) -> [String: [String]] {
        var spills: [String: [String]] = [:]
        for view in policies where view.shadowOf == nil {
            guard let policy = try? Policy(canonicalJSON: Array(view.canonicalJSON.utf8)), !policy.spillTo.isEmpty else { continue }
            spills[policy.pool] = policy.spillTo
        }
        return spills
    }
}
