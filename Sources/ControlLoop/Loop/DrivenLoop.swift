package import Autoscaling
package import Domain
package import EventLog
package import State
package import Views

// What does the loop do, where somebody else has the clock, the way into the log and the targets?
//
// The same `LoopCore` as in the service. Whoever drives it decides what time it is, what becomes of an append, and what a
// target answers: so a simulation can break each of them. All work is done inside the scheduler's calls. What the loop
// concluded and hasn't read back yet can be asked for: it is nothing once all is quiet.

package final class DrivenLoop {
    /// What the loop asks of a target.
    package enum Request: Hashable, Sendable {
        /// - Parameter uncordoning: workers that shall stay after all, before new ones are asked for.
        case resize(ActuatedPool, to: Int, seq: Position, uncordoning: [Uncordon])
        case drain(ActuatedPool, worker: String)
        case remove(ActuatedPool, worker: String)
        case uncordon(ActuatedPool, Uncordon)
        /// Nothing that was asked of the pool's target is wanted any more.
        case release(pool: String)
    }

    package struct Uncordon: Hashable, Sendable {
        package var worker: String
        /// The target was told already that it is empty and may go.
        package var isRemovalSent: Bool
    }

    package typealias Append = (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void

    private let core: LoopCore
    private let actuations: Actuations
    private let log: EventLog
    /// What callers ask for. Its answers need the scheduler to run.
    package let commands: ControlLoop

    /// - Parameters:
    ///   - append: the way into the log of all that the loop concludes.
    ///   - command: the way into the log of what callers ask for.
    ///   - newNumber: numbers that no id has yet.
    ///   - targets: where calls to targets go, with that fence.
    ///   - asked: hears what the loop asks for, before it is on its way.
    package init(
        log: EventLog, scheduler: any LoopScheduler, targets: any ActuatorPort, fence: Fence, limits: LoopLimits = LoopLimits(),
        append: @escaping Append,
        command: @escaping @Sendable (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void,
        newNumber: @escaping @Sendable () -> UInt64,
        asked: @escaping (Request) -> Void
    ) {
        self.log = log
        core = LoopCore(
            log: log, state: State.restored(from: log), scheduler: scheduler, observer: SilentObserver(), limits: limits, append: append)
        actuations = core.follow(through: targets, fence: fence, run: "\(fence.number)-\(log.head.seq)", limits: ActuationLimits())
        commands = ControlLoop(
            driving: core, actuations, configuration: ControlLoop.Configuration(fence: fence, targets: targets), append: command,
            newNumber: newNumber)
        let passOn = core.follow
        core.follow = { order in
            asked(Request(order))
            passOn(order)
        }
    }

    /// Begins to act. On the scheduler, as everything here.
    package func goLive() { core.goLive() }

    /// Folds whatever the log holds beyond the state, and acts on it.
    package func catchUp() { core.catchUp() }

    package func saveCheckpoint() { core.saveCheckpoint() }

    /// Returns once the checkpoint that is being written, if any, is there.
    package func waitForCheckpoint() { core.waitForCheckpoint() }

    /// A worker says that it is there: for how many seconds that holds, or why it doesn't count.
    package func hear(_ worker: String, uid: String) -> Result<Int, ControlFault> { core.hear(worker, uid: uid) }

    /// A stream of a worker's placements was opened (1), or ended (-1).
    package func countStream(of worker: String, by step: Int) { core.countStream(of: worker, by: step) }

    /// The process ends in order: those who wait for placements are answered.
    package func endWaits() { core.endWaits() }

    /// The process is gone: nobody waits for what it would have folded.
    package func endFoldWaits() { core.endFoldWaits() }

    package var state: State { core.state }
    package var waitingCallers: Int { core.waitingCallers }

    /// Whether there are conclusions that aren't in the log yet: slots reserved, workers cordoned.
    package var hasReservations: Bool { !core.reservations.isEmpty }
}

extension DrivenLoop.Request {
    init(_ order: LoopCore.Order) {
        switch order {
        case .rescale(let rescale):
            let back = rescale.uncordoning.map { DrivenLoop.Uncordon(worker: $0.worker.name, isRemovalSent: $0.isRemovalSent) }
            self = .resize(rescale.pool, to: rescale.to, seq: rescale.seq, uncordoning: back)
        case .drain(let drain):
            switch drain.step {
            case .drain: self = .drain(drain.pool, worker: drain.worker.name)
            case .remove: self = .remove(drain.pool, worker: drain.worker.name)
            case .uncordon:
                self = .uncordon(drain.pool, DrivenLoop.Uncordon(worker: drain.worker.name, isRemovalSent: drain.isRemovalSent))
            }
        case .release(let pool): self = .release(pool: pool)
        }
    }
}

extension DrivenLoop {
    /// As a policy that is applied goes to the log; with an empty one a policy is taken away.
    package static func policyApplied(_ policy: Policy, id: String) -> EventBatch {
        ours(.policyApplied, id: id, pool: policy.pool, ControlLoop.body(of: policy))
    }

    package static func policyRemoved(of pool: String, shadow: String? = nil, id: String) -> EventBatch {
        ours(.policyApplied, id: id, pool: pool, ControlLoop.removal(of: shadow))
    }

    package static func paused(_ pool: String, _ pause: Pause, id: String) -> EventBatch {
        ours(.poolPaused, id: id, pool: pool, ControlLoop.body(of: pause, by: "simulation", was: Pause()))
    }

    /// One of the service's own events about a pool.
    package static func ours(_ kind: EventKind, id: String, pool: String, _ body: [UInt8]) -> EventBatch {
        var batch = EventBatch()
        batch.append(kind, source: Outputs.source, id: id, subject: pool, pool: pool, body: body)
        return batch
    }

    /// The source of all that the service itself logs.
    package static var ownSource: String { Outputs.source }
}

/// A worker as the state has it.
package struct WorkerStanding: Hashable, Sendable {
    package var name: String
    package var pool: String
    package var isDraining: Bool
    package var slots: Int
    /// Names of the actors that hold a slot, in order.
    package var residents: [String]

    package init(name: String, pool: String, isDraining: Bool, slots: Int, residents: [String]) {
        self.name = name
        self.pool = pool
        self.isDraining = isDraining
        self.slots = slots
        self.residents = residents
    }
}

/// A pool as the state has it.
package struct PoolStanding: Hashable, Sendable {
    package var name: String
    package var desired: Int
    package var waiting: Int
    package var resident: Int
    package var isFollowed: Bool
    /// Until then nobody is told to go.
    package var drainsPausedUntil: LogTime
    package var evaluatedTo: Int?
}

extension State {
    package func workerStandings(_ names: some NameReading) -> [WorkerStanding] {
        workers.indices.map { index in
            let record = workers[index]
            return WorkerStanding(
                name: names.text(of: record.name), pool: pools[Int(record.pool)].text, isDraining: record.state == .draining,
                slots: record.slots,
                residents: record.residents.map { names.text(of: actors[$0].name) }.sorted())
        }.sorted { $0.name < $1.name }
    }

    package var poolStandings: [PoolStanding] {
        pools.map { pool in
            PoolStanding(
                name: pool.text, desired: pool.desired, waiting: pool.queue.count, resident: pool.resident, isFollowed: pool.isFollowed,
                drainsPausedUntil: pool.drains.pausedUntil, evaluatedTo: pool.evaluation?.recommended)
        }.sorted { $0.name < $1.name }
    }

    /// Actors that aren't at rest, by name, with the worker they hold.
    package func actorStandings(_ names: some NameReading) -> [(name: String, state: ActorState, worker: String?)] {
        (0..<actors.capacity).compactMap { index in
            let record = actors[index]
            guard !record.name.isNone else { return nil }
            return (names.text(of: record.name), record.state, record.worker >= 0 ? names.text(of: workers[Int(record.worker)].name) : nil)
        }.sorted { $0.0 < $1.0 }
    }
}
