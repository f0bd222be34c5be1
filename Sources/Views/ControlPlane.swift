package import Autoscaling
package import Domain
package import EventLog

// What can the outside ask for, and what can it change?
//
// `ControlPlane` is the loop as its neighbours above see it: the HTTP service, the command line, and their tests, which
// bring a twin. Questions are answered from folded state on the loop's own scheduler, so an answer is the state at one
// position of the log. Commands end as events in the log; they are answered once those are durable and folded.
//
// An actor or a worker is named `NAMESPACE/NAME`, or by its name alone where only one has it.

package protocol ControlPlane: Sendable {
    func pools() async -> [PoolView]
    func pool(_ name: String) async -> PoolView?
    /// At most `limit` workers after the one named `after` in order of name; of one pool where it is named.
    func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView]
    /// The only one of that name; nil where there is none, or several.
    func worker(_ name: String) async -> WorkerView?
    /// All of that name, at most one of a namespace.
    func workers(named name: String) async -> [WorkerView]
    /// At most `limit` actors after the one named `after` in order of first appearance.
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView]
    /// The only one of that name; nil where there is none, or several.
    func actor(_ id: String) async -> ActorView?
    /// All of that name, at most one of a namespace.
    func actors(named name: String) async -> [ActorView]

    /// Pools' own policies and their shadows, by name.
    func policies() async -> [PolicyView]
    /// The policy of that name: a pool's own has the pool's name, a shadow one of its own.
    func policy(_ name: String) async -> PolicyView?
    /// Logs the policy, or the shadow, and answers the decision it leads to.
    func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView
    /// The decision the policy would lead to now; nothing is logged.
    func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView
    /// Takes a policy or a shadow away, by its own name. A pool's shadows stay when its policy goes.
    func removePolicy(_ name: String) async throws(ControlFault)
    /// Pauses a pool that has a policy, or lets it go, and answers the decision that follows. It stays until it is said otherwise here, or
    /// by a policy that comes with a pause of its own.
    /// - Parameter by: who says so; nil where nobody has a name.
    func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView

    /// Asks for a worker and waits for one, at most `waitSeconds`: 0 to `PlacementRequest.longestWaitSeconds`, or `.invalid`. The
    /// wait ends sooner if the actor is withdrawn or deleted (`.conflict`), if the caller's task is cancelled, and if the loop
    /// stops. The actor then still waits, as it does when the time is up; but a request whose caller is cancelled is withdrawn, unless
    /// another caller waits for the same actor. A request whose `deadline` passes is withdrawn too.
    func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse
    func withdraw(_ actor: String) async throws(ControlFault)
    /// Where a waiting actor would be placed and why, or why it waits; nil for one that doesn't wait.
    func explainPlacement(of actor: String) async -> PlacementView?

    func health() async -> LoopHealth

    /// The position whose state answers; nil where that isn't told. An answer that is asked for after it is of this position or a later one.
    func position() async -> Position?
    /// By name.
    func nodes() async -> [NodeView]

    // What a person changes comes with the name of their token, which goes into the log; nil where nobody has a name.

    func apply(_ policy: Policy, by: String?) async throws(ControlFault) -> DecisionView
    func removePolicy(_ name: String, by: String?) async throws(ControlFault)
    func withdraw(_ actor: String, by: String?) async throws(ControlFault)
    /// Logs that a pool is no more; `.conflict` while it has a policy, workers, or actors that wait or run.
    func deletePool(_ name: String, by: String?) async throws(ControlFault)

    /// A stream of the placements of a worker was opened (`step` 1), or ended (-1): while one is open the worker's lease doesn't end.
    /// Must not wait.
    func countStream(ofWorker name: String, by step: Int)
    /// A worker says that it is there. Nothing is logged.
    /// - Returns: the seconds of its lease, from now on. `.notFound` of one that isn't known, or not any more, and `.conflict` of one
    ///   that has no lease, or has another uid.
    func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int
}

extension ControlPlane {
    package func apply(_ policy: Policy, by: String?) async throws(ControlFault) -> DecisionView { try await apply(policy) }
    package func removePolicy(_ name: String, by: String?) async throws(ControlFault) { try await removePolicy(name) }
    package func withdraw(_ actor: String, by: String?) async throws(ControlFault) { try await withdraw(actor) }
    package func deletePool(_ name: String, by: String?) async throws(ControlFault) { throw .notFound(what: "pool", name: name) }
    package func countStream(ofWorker name: String, by step: Int) {}
    package func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int { throw .notFound(what: "worker", name: name) }
    package func position() async -> Position? { nil }
    package func nodes() async -> [NodeView] { [] }
    package func explainPlacement(of actor: String) async -> PlacementView? { nil }
    package func workers(named name: String) async -> [WorkerView] { await worker(name).map { [$0] } ?? [] }
    package func actors(named name: String) async -> [ActorView] { await actor(name).map { [$0] } ?? [] }
}

/// A command the loop refuses or couldn't carry out.
package enum ControlFault: Error, Hashable, Sendable {
    /// Nothing of that name: which kind of thing, which name.
    case notFound(what: String, name: String)
    /// The state forbids it; a sentence that says why and what to do.
    case conflict(String)
    case invalid(field: String, problem: String)
    /// The log takes no more now.
    case overloaded(retryAfterSeconds: Int)
    /// The log can't be written; a sentence that says why and what to do.
    case unavailable(String)
}

extension ControlFault {
    /// A command ended in an append that was refused.
    package init(_ error: AppendError) {
        switch error {
        case .overloaded(let seconds): self = .overloaded(retryAfterSeconds: seconds)
        case .invalid(_, let problem), .tooLarge(let problem): self = .invalid(field: "event", problem: problem)
        case .notWritable, .closed: self = .unavailable(error.sentence)
        }
    }

    /// What is wrong and, where that helps, what to do.
    package var sentence: String {
        switch self {
        case .notFound(let what, let name): "there is no \(what) \(String(name.prefix(EventLimits.nameBytes)))"
        case .conflict(let why), .unavailable(let why): why
        case .invalid(let field, let problem): "\(field): \(problem)"
        case .overloaded(let seconds): AppendError.overloaded(retryAfterSeconds: seconds).sentence
        }
    }

    /// Of a name that several have: which, each with its namespace.
    package static func several(_ what: String, _ name: String, _ candidates: [String]) -> ControlFault {
        let shown = candidates.prefix(10).joined(separator: ", ") + (candidates.count > 10 ? " and \(candidates.count - 10) more" : "")
        return .conflict("there are \(candidates.count) \(what)s named \(name): write NAMESPACE/NAME, one of \(shown)")
    }
}

package struct PlacementRequest: Hashable, Sendable {
    /// The longest a caller may wait: whoever wants to wait longer asks again, and loses no place in the queue.
    package static let longestWaitSeconds = 600.0

    /// In the pool's namespace, which may stand before it.
    package var actor: String
    package var pool: String
    package var template: String?
    /// Labels the worker must carry.
    package var selector: [Trigger.Label]
    package var priority: Int64
    /// How long the turn is expected to run.
    package var expectedMillis: Int64?
    /// By when it needs the worker: from then on it doesn't wait any more.
    package var deadline: LogTime?
    /// The caller's own name for this request, one for each turn: said again, it begins no second turn.
    package var id: String?
    /// W3C Trace Context of whoever asks, as it came. It is kept with the request, and read by what sends traces.
    package var traceparent: String?

    package static let idBytes = 256

    package init(
        actor: String, pool: String, template: String? = nil, selector: [Trigger.Label] = [], priority: Int64 = 0,
        expectedMillis: Int64? = nil, deadline: LogTime? = nil, id: String? = nil,
        traceparent: String? = nil
    ) {
        self.deadline = deadline
        self.id = id
        self.traceparent = traceparent
        self.actor = actor
        self.pool = pool
        self.template = template
        self.selector = selector
        self.priority = priority
        self.expectedMillis = expectedMillis
    }

    /// - Throws: `.invalid` for a wait that no `ControlPlane` takes.
    package static func check(waitSeconds: Double) throws(ControlFault) {
        guard waitSeconds >= 0, waitSeconds <= longestWaitSeconds else {
            throw .invalid(
                field: "waitSeconds", problem: "must be seconds, 0 to \(Int(longestWaitSeconds)): ask again where that is too short")
        }
    }
}

package enum PlacementResponse: Hashable, Sendable {
    case placed(worker: String, node: String, ip: String?, tier: RestoreTier, restoreFrom: String?, waitedSeconds: Double, seq: Position)
    /// The turn of that request began on this worker, and is over.
    case ended(worker: String, tier: RestoreTier, waitedSeconds: Double, seq: Position)
    /// Still waiting: place in the queue (from 1), the reason, and a sentence with its numbers.
    case waiting(position: Int, reason: BlockedReason, detail: String)
}

package struct LoopHealth: Hashable, Sendable {
    /// Commits not folded yet.
    package var behindEvents: Int64
    /// How old the oldest commit not folded yet is.
    package var lagSeconds: Double
    /// Scale targets that don't answer: pool, and a sentence that says why.
    package var unreachableTargets: [UnreachableTarget]

    package init(behindEvents: Int64, lagSeconds: Double, unreachableTargets: [UnreachableTarget] = []) {
        self.behindEvents = behindEvents
        self.lagSeconds = lagSeconds
        self.unreachableTargets = unreachableTargets
    }

    package struct UnreachableTarget: Hashable, Sendable {
        package var pool: String
        package var problem: String
        package init(pool: String, problem: String) { self.pool = pool; self.problem = problem }
    }
}
