import Autoscaling
import Domain

// What does a policy of ours decide in a simulation?
//
// What it would decide live: the same `evaluate`, `advance` and `outcome`, at each commit and each deadline, and again
// after a change until the answer stands, as a logged decision is a commit of its own. Policies may follow one another; while
// there is none, nothing changes. The simulation's time counts from zero, the policy's from when that was.

struct PolicyScaler: SimulatedScaler {
    let name: String
    private var policy: Policy?
    /// What comes, in order.
    private var changes: ArraySlice<PolicyChange>
    private let beginsAt: LogTime
    let slotsPerWorker: Int
    private var memory: AutoscalerMemory
    private(set) var nextWake: LogTime?
    private var keepsReasons = false
    /// What the last answer was made of; empty where reasons aren't kept or nothing changed.
    private var decisions: [Decision] = []

    /// Changes that follow from one commit; a stable policy needs two.
    private static let mostRounds = 8

    init(policy: Policy, name: String, beginsAt: LogTime = .zero) {
        self.init([PolicyChange(atMicroseconds: .min, policy: policy)], name: name, beginsAt: beginsAt)
    }

    init(_ changes: [PolicyChange], name: String, beginsAt: LogTime) {
        self.name = name
        self.beginsAt = beginsAt
        self.changes = changes[...]
        slotsPerWorker = changes.lazy.compactMap(\.policy).first?.slotsPerWorker ?? 1
        memory = AutoscalerMemory(policyAppliedAt: beginsAt)
        follow(at: 0)
    }

    var victims: Victims { .idle }
    var initialReplicas: Int { policy?.minReplicaCount ?? 0 }

    /// Takes over the policies that took effect until now.
    private mutating func follow(at now: Int64) {
        while let next = changes.first, next.atMicroseconds <= now {
            policy = next.policy?.onDemandAlone.policy
            memory.policyApplied(at: beginsAt.adding(microseconds: max(0, next.atMicroseconds)))
            changes.removeFirst()
        }
    }

    mutating func keepReasons() { keepsReasons = true }

    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons {
        let settling = decisions.last.flatMap { $0.limitingReason ?? $0.why.last { $0.code != ReasonCode.desiredWithinRange.name } }
        return ScalingReasons(
            code: settling?.code ?? "", lines: decisions.flatMap { $0.why.map { beginsAt == .zero ? $0.sinceBeginning.text : $0.text } })
    }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        follow(at: pool.at.microseconds)
        decisions = []
        let change = changes.first.map { LogTime(microseconds: $0.atMicroseconds) }
        guard let policy else {
            nextWake = change
            return pool.replicas
        }
        let now = beginsAt.adding(microseconds: pool.at.microseconds)
        var observation = Observation(pool)
        observation.at = now
        for _ in 0..<Self.mostRounds {
            let evaluation = Autoscaler.evaluate(policy: policy, observation: observation, memory: memory)
            memory.advance(evaluation, policy: policy)
            let outcome = Autoscaler.outcome(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
            nextWake = [outcome.nextDeadline.map { LogTime(microseconds: $0.microseconds(since: beginsAt)) }, change].compactMap { $0 }
                .min()
            guard outcome.to != outcome.from else { break }
            if keepsReasons {
                decisions.append(outcome.explained(policy: policy, observation: observation, memory: memory, evaluation: evaluation))
            }
            memory.scaled(from: outcome.from, to: outcome.to, at: now, policy: policy)
            observation.replicas = outcome.to
            observation.workers.starting = max(0, outcome.to - pool.ready)
        }
        return observation.replicas
    }
}

extension Policy {
    /// The policy as a trace can feed it: acting, and without triggers on outside metrics, of which a trace knows nothing.
    /// `leftOut` names them.
    var onDemandAlone: (policy: Policy, leftOut: [String]) {
        var policy = self
        policy.mode = .auto
        policy.triggers = triggers.filter { $0.source == .demand }
        var leftOut = triggers.filter { $0.source != .demand }.map(\.name)
        if let modifiers = scalingModifiers, !leftOut.isEmpty {
            leftOut.append("formula \(modifiers.formula.text)")
            policy.scalingModifiers = nil
        }
        if policy.triggers.isEmpty {
            policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: Int64(slotsPerWorker) * 1_000)]
        }
        return (policy, leftOut)
    }
}

extension Reason {
    /// With times told from the beginning of the simulation, which knows no dates.
    fileprivate var sinceBeginning: Reason {
        var reason = self
        for (index, number) in numbers.enumerated() {
            if case .time(let time) = number.value {
                reason.numbers[index].value = .text(ElapsedTime.text(seconds: Double(time.microseconds) / 1e6))
            }
        }
        return reason
    }
}

extension Observation {
    init(_ pool: PoolSnapshot) {
        var workers = WorkerCounts()
        workers.starting = max(0, pool.replicas - pool.ready)
        workers.idle = pool.idle
        workers.partial = pool.partial
        workers.full = pool.full
        workers.draining = pool.drainingBusy
        workers.drainingBusy = pool.drainingBusy
        self.init(
            at: pool.at, replicas: pool.replicas, workers: workers, demand: Demand(resident: pool.resident, poolExhausted: pool.waiting),
            startMicroseconds: pool.startMicroseconds, claims: pool.claims)
    }
}
