import Autoscaling
import Machine

// How does a call leave the loop, and how does its answer come back?
//
// By a port: the loop hands a call over and goes on; the port answers once, whenever and from whichever thread. In the service
// the port is `Actuators`, which runs each call as a task. A test answers when it says so, on virtual time: then all that
// follows a decision is deterministic.
//
// Always: at most one call a pool is under way.

/// One call to a target.
package struct ActuatorCall: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        case resize(to: Int)
        case drain(WorkerIdentity)
        case cancelDrain(WorkerIdentity)
        case remove(WorkerIdentity)
    }

    package var action: Action
    package var pool: ActuatedPool
    package var fence: Fence

    package init(_ action: Action, of pool: ActuatedPool, fence: Fence) {
        self.action = action
        self.pool = pool
        self.fence = fence
    }
}

/// Whether it was done as told. False is an answer to `cancelDrain` alone: the worker goes all the same.
package typealias ActuatorResponse = Result<Bool, ActuationFault>

package protocol ActuatorPort: Sendable {
    /// Called on the loop's scheduler; must return at once. `done` is to be called exactly once, from anywhere, also before this
    /// returns.
    func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void)
    /// The call took too long: it should end now. It may still be answered as if nothing had happened.
    func cancel(_ call: ActuatorCall)
}

extension ActuatorPort {
    package func cancel(_ call: ActuatorCall) {}
}

/// The service's actuators, by the kind of target that each serves.
struct Actuators: ActuatorPort {
    let byKind: [String: any Actuator]
    /// Serves every other kind; nil where there is none.
    let others: (any Actuator)?
    /// The last call of each pool.
    private let calls = Locked<[String: Task<Void, Never>]>([:])

    init(byKind: [String: any Actuator], others: (any Actuator)?) {
        self.byKind = byKind
        self.others = others
    }

    func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void) {
        let kind = call.pool.target.kind
        let actuator = byKind[kind] ?? others ?? MissingActuator(kind: kind)
        let task = Task {
            do throws(ActuationFault) {
                done(.success(try await actuator.carryOut(call)))
            } catch {
                done(.failure(error))
            }
        }
        calls.withValue { $0[call.pool.name] = task }
    }

    func cancel(_ call: ActuatorCall) { calls.value[call.pool.name]?.cancel() }
}

extension Actuator {
    fileprivate func carryOut(_ call: ActuatorCall) async throws(ActuationFault) -> Bool {
        switch call.action {
        case .resize(let count): try await resize(call.pool, to: count, fence: call.fence)
        case .drain(let worker): try await drain(worker, of: call.pool, fence: call.fence)
        case .remove(let worker): try await remove(worker, of: call.pool, fence: call.fence)
        case .cancelDrain(let worker): return try await cancelDrain(worker, of: call.pool, fence: call.fence)
        }
        return true
    }
}

/// Lets no call through that begins when this instance may not act. Such a call is answered as failed, and tried again: by then the
/// instance may act, or it leads no more.
struct GuardedPort: ActuatorPort {
    let inner: any ActuatorPort
    let mayAct: @Sendable () -> Bool

    func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void) {
        guard mayAct() else {
            return done(
                .failure(
                    .unreachable("this instance's lease ran out, as the stream took none of its messages: it acts again once one is taken"))
            )
        }
        inner.start(call, done: done)
    }

    func cancel(_ call: ActuatorCall) { inner.cancel(call) }
}
