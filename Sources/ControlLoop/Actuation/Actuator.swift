package import Autoscaling
import Domain

// How does a decision reach the thing that runs workers?
//
// One `Actuator` serves one kind of scale target. It carries out a call, once. Retries, backoff and logging are `Actuation`'s
// business. Every call carries a fence: an actuator that has seen a higher one refuses a lower one, so a stale instance can't
// resize. Calls for one pool never overlap.
//
// A worker is named within the pool's namespace; another namespace's worker of that name is another one. Names come again: a StatefulSet's
// pod keeps its name when it is replaced. So each call carries the uid that the log knows, and a call never touches a pod of another uid.

package protocol Actuator: Sendable {
    /// What the target says of itself.
    func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation
    /// Makes `to` the number of workers the target keeps; idempotent. Workers being drained count as gone already.
    /// Lowering never stops a worker by itself: who goes is said by `drain`.
    func resize(_ pool: ActuatedPool, to: Int, fence: Fence) async throws(ActuationFault)
    /// Marks a worker for draining: it finishes what it runs and gets nothing more. Idempotent; unknown workers are fine.
    func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault)
    /// Cancels a drain: the worker stays and may get actors again. Answers whether that is so; false where it is too late, or
    /// nothing is known of it. Idempotent.
    func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool
    /// Ends a worker that is known to be idle: the loop asks it of each worker that it told to drain, once that is empty. One
    /// that holds an actor after all, or whose pod says that it is busy, is left alone, and `holdsActor` thrown. Idempotent.
    func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault)
}

/// One life of a worker.
package struct WorkerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Within its pool's namespace.
    package var name: String
    /// Empty where the log knows none: then the name says all.
    package var uid: String

    package init(_ name: String, uid: String = "") {
        self.name = name
        self.uid = uid
    }

    package var description: String { name }

    /// Whether what has that uid may be this one.
    package func mayBe(_ uid: String) -> Bool { self.uid.isEmpty || uid.isEmpty || self.uid == uid }
}

/// Rises with every change of writer; the higher one wins.
package struct Fence: Hashable, Comparable, Sendable {
    package var number: UInt64
    package init(_ number: UInt64) { self.number = number }
    package static func < (a: Fence, b: Fence) -> Bool { a.number < b.number }
}

/// What an actuator needs to know of a pool.
package struct ActuatedPool: Hashable, Sendable {
    /// `NAMESPACE/NAME`.
    package var name: String
    package var target: ScaleTarget
    /// The policy's word on which pods are workers; nil where owner references tell.
    package var workerSelector: WorkerSelector?
    package var slotsPerWorker: Int
    /// How its pods are asked whether they are busy; nil where they aren't.
    package var busy: BusyCheck?
    /// After it the loop gives the drain up; no actuator needs to watch it.
    package var drainTimeoutSeconds: Int
    package var foreignChange: ForeignChange
    /// Whether its policy sets the target's count, not only recommends one.
    package var isScaled: Bool
    /// Whether the target's count is one of workers that nobody has.
    package var isUnclaimed: Bool

    package init(
        name: String, target: ScaleTarget, slotsPerWorker: Int, drainTimeoutSeconds: Int, foreignChange: ForeignChange = .takeOver,
        workerSelector: WorkerSelector? = nil,
        isScaled: Bool = true, busy: BusyCheck? = nil, isUnclaimed: Bool = false
    ) {
        self.name = name
        self.target = target
        self.workerSelector = workerSelector
        self.slotsPerWorker = slotsPerWorker
        self.drainTimeoutSeconds = drainTimeoutSeconds
        self.foreignChange = foreignChange
        self.isScaled = isScaled
        self.busy = busy
        self.isUnclaimed = isUnclaimed
    }
}

package struct TargetObservation: Hashable, Sendable {
    package var specReplicas: Int
    package var readyReplicas: Int
    package init(specReplicas: Int, readyReplicas: Int) { self.specReplicas = specReplicas; self.readyReplicas = readyReplicas }
}

package enum ActuationFault: Error, Hashable, Sendable {
    /// The target can't be reached or answered nonsense; worth another try.
    case unreachable(String)
    /// The target refuses, and will refuse the same again until somebody changes something.
    case refused(String)
    /// A worker that was to be removed is at work again: it got an actor, or its pod says so. The log says it too, so that the loop asks
    /// again once it is idle.
    case holdsActor(worker: String)
    /// Somebody else set the target's replicas, and the policy is to leave them: not worth another try.
    case changedByOthers(found: Int)
    /// Someone with a higher fence acts on this target.
    case fenced(current: Fence)
}

/// Stands for targets of a kind that this service has no actuator for: refuses everything, and says so.
struct MissingActuator: Actuator {
    let kind: String

    private var fault: ActuationFault { .refused("there is no actuator for targets of kind \(kind) in this service") }

    func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation { throw fault }
    func resize(_ pool: ActuatedPool, to: Int, fence: Fence) async throws(ActuationFault) { throw fault }
    func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) { throw fault }
    func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool { throw fault }
    func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) { throw fault }
}
