package import Domain
package import State

// How does a pool stand, for those who must know at once?
//
// A `PoolSummary` is what outside scalers act on, flat and cheap enough to be made at every commit. It is taken from folded
// state, so it is the state at one position of the log. Everything else about a pool is in `PoolView`.

package struct PoolSummary: Hashable, Sendable {
    /// What decisions go by, never clamped by capacity: actors that hold a slot or wait for one, and tasks that pods report. In a pool of
    /// unclaimed workers it is the claims that a refill must cover, and those that wait. Actors that wait for their tenant's quota aren't in it.
    package var demand: Int
    /// Actors that wait; of claims, those for which no worker lies ready.
    package var waiting: Int
    /// The policy of the pool; nil where it has none.
    package var policy: Policy?

    package struct Policy: Hashable, Sendable {
        /// Where in the log it took effect.
        package var seq: Position
        package var slotsPerWorker: Int
        /// Whether the pool is active, as last evaluated.
        package var isActive: Bool
        /// The workers it wants: what the target was told, or, where nothing follows decisions (mode `recommend`), what the
        /// last one recommends.
        package var desired: Int

        package init(seq: Position, slotsPerWorker: Int, isActive: Bool, desired: Int) {
            self.seq = seq
            self.slotsPerWorker = slotsPerWorker
            self.isActive = isActive
            self.desired = desired
        }
    }

    package init(demand: Int, waiting: Int, policy: Policy? = nil) {
        self.demand = demand
        self.waiting = waiting
        self.policy = policy
    }
}

extension PoolState {
    package var summary: PoolSummary {
        let policy = policy.map { applied in
            PoolSummary.Policy(
                seq: applied.seq, slotsPerWorker: applied.policy.slotsPerWorker, isActive: evaluation?.isActive ?? false,
                desired: wanted)
        }
        let demand = decidedDemand()
        return PoolSummary(demand: demand.wanted(by: .current), waiting: demand.blocked, policy: policy)
    }
}
