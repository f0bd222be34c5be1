package import Autoscaling
package import Domain
package import EventLog

// How does a loop hold the state?
//
// In one place, lent to whoever reads it. Nobody gets a copy by accident: one retains all that the state holds, which costs more
// than most questions. It changes by `fold` alone: what else is mutating here looks at a pool where it lies, and changes nothing.

package struct StateHolder: ~Copyable {
    package private(set) var state: State

    package init(_ state: State) { self.state = state }

    /// Applies one commit, for one who places actors as well where `placing` says so.
    package mutating func fold(_ batch: CommittedBatch, names: NameDictionary, placing: Bool) -> State.Change {
        state.fold(batch, names: names, placing: placing)
    }

    /// Whether decisions reach the pool's target.
    package func isFollowed(_ pool: Int) -> Bool { state.pools[pool].isFollowed }

    /// What the policy leads to now, and whether that is news: another count, or other steps that had a say.
    package mutating func outcome(of key: PolicyKey) -> (outcome: Outcome, isNews: Bool)? { state.pools[key.pool].outcome(of: key.shadow) }

    /// nil where there is nothing to decide.
    package mutating func revision(of key: PolicyKey) -> PolicyRevision? { state.pools[key.pool].revision(of: key.shadow) }

    /// When the pool's drains are to be looked at again though nothing happens.
    package mutating func drainDeadline(_ pool: Int) -> LogTime? { state.drainDeadline(pool) }
}
