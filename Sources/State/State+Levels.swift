import Basics
package import Autoscaling
package import Domain

// What does a pool's history look at, commit by commit?
//
// Counts, turns under way and what was measured, for whoever tells or simulates a stretch of the log. Reading only.

/// A pool after a commit.
package struct PoolLevels: Hashable, Sendable {
    /// The count its target was last told to have.
    package var desired: Int
    /// Asked for and not ready yet.
    package var starting: Int
    package var ready: Int
    /// Hosting at least one actor, draining ones included.
    package var busy: Int
    package var draining: Int
    /// Actors that hold a slot, and tasks that pods report.
    package var resident: Int
    package var waiting: Int
    /// Whether those that drain were taken, and are the pool's no more.
    package var isUnclaimed = false

    /// Of a pool that isn't there yet.
    package static let none = PoolLevels(desired: 0, starting: 0, ready: 0, busy: 0, draining: 0, resident: 0, waiting: 0)

    /// All workers that cost the pool.
    package var present: Int { starting.addingClamped(ready).addingClamped(isUnclaimed ? 0 : draining) }
    package var demand: Int { resident.addingClamped(waiting) }
}

/// An actor that waits for a slot, or holds one.
package struct TurnUnderWay: Hashable, Sendable {
    package var actor: NameID
    package var pool: NameID
    package var state: ActorState
    /// The worker it holds a slot of; none while it waits.
    package var worker: NameID
}

extension State {
    package func levels(of pool: NameID) -> PoolLevels? { poolByName[pool].map { levels($0) } }

    /// The pools a commit touched, as they are after it.
    package func levels(after change: Change) -> [(pool: NameID, levels: PoolLevels)] { change.pools.map { (pools[$0].name, levels($0)) } }

    private func levels(_ index: Int) -> PoolLevels {
        let pool = pools[index]
        let counts = pool.workerCounts
        return PoolLevels(
            desired: pool.desired, starting: counts.starting, ready: counts.ready, busy: counts.partial + counts.full + counts.drainingBusy,
            draining: counts.draining, resident: pool.resident.addingClamped(pool.tasks), waiting: pool.queue.count,
            isUnclaimed: pool.isUnclaimed)
    }

    /// From decision to ready, of the workers that became ready in a commit.
    package func workerStarts(in change: Change) -> [(pool: NameID, microseconds: Int64)] {
        change.measured.compactMap { measured in
            guard case .workerStart(let pool, let seconds) = measured else { return nil }
            return (pools[pool].name, Int64((seconds * 1e6).rounded()))
        }
    }

    /// The policy in force.
    package func policy(of pool: NameID) -> Policy? { poolByName[pool].flatMap { pools[$0].policy?.policy } }

    /// Whether its workers leave when they are taken.
    package func isUnclaimed(_ pool: NameID) -> Bool { poolByName[pool].map { pools[$0].isUnclaimed } ?? false }

    /// Tasks that a worker's pod reports, beyond its actors.
    package func tasks(of worker: NameID) -> Int { workers.find(worker).map { workers[$0].load.tasks } ?? 0 }

    /// Where a worker is; nil of one that isn't there.
    package func pool(ofWorker worker: NameID) -> NameID? { workers.find(worker).map { pools[Int(workers[$0].pool)].name } }

    /// Those whose pods report tasks, in the order in which they came.
    package var workersWithTasks: [NameID] { workers.indices.filter { workers[$0].load.tasks > 0 }.map { workers[$0].name } }

    /// In the order in which they came.
    package var poolNames: [NameID] { pools.map(\.name) }

    /// The pool an actor belongs to.
    package func pool(ofActor actor: NameID) -> NameID? {
        actors.find(actor).flatMap { actors[$0].pool >= 0 ? pools[Int(actors[$0].pool)].name : nil }
    }

    package func isDraining(_ worker: NameID) -> Bool { workers.find(worker).map { workers[$0].state == .draining } ?? false }

    /// Every actor that waits or holds a slot, in the order in which they became known.
    package func turnsUnderWay() -> [TurnUnderWay] {
        (0..<actors.capacity).compactMap { index in
            let actor = actors[index]
            guard actor.pool >= 0, actor.state == .waiting || actor.state.isResident else { return nil }
            let worker = actor.worker >= 0 ? workers[Int(actor.worker)].name : .none
            return TurnUnderWay(actor: actor.name, pool: pools[Int(actor.pool)].name, state: actor.state, worker: worker)
        }
    }
}
