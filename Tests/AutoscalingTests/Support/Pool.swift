import Domain
@testable import Autoscaling

// A pool on virtual time: what the control loop does with the core, without the loop.

extension LogTime {
    static func s(_ seconds: Int) -> LogTime { LogTime.zero.adding(seconds: seconds) }
}

/// What may happen to a pool, as the log tells it.
enum Fact: Hashable, Sendable {
    case demand(Demand)
    case sample(Int, ObservedSample?)
    case workers(WorkerCounts)
    /// The target was found to have that many.
    case replicas(Int)
    case policy(Policy)
    case timer

    static func demand(_ waiting: Int) -> Fact { .demand(Demand(poolExhausted: waiting)) }
}

struct Pool: Hashable, Sendable {
    var policy: Policy
    var memory: AutoscalerMemory
    var replicas: Int
    var demand = Demand()
    var workers = WorkerCounts()
    var samples: [ObservedSample?]

    init(_ policy: Policy, replicas: Int = 0, at now: LogTime = .zero) {
        self.policy = policy
        self.replicas = replicas
        memory = AutoscalerMemory(policyAppliedAt: now)
        samples = Array(repeating: nil, count: policy.triggers.count)
    }

    func observation(at now: LogTime) -> Observation {
        Observation(at: now, replicas: replicas, workers: workers, demand: demand, samples: samples)
    }

    /// Folds a fact and remembers what follows from it; nothing is decided.
    mutating func fold(_ fact: Fact, at now: LogTime) {
        switch fact {
        case .demand(let value): demand = value
        case .sample(let index, let value): samples[index] = value
        case .workers(let value): workers = value
        case .replicas(let value): replicas = value
        case .policy(let value):
            policy = value
            memory.policyApplied(at: now)
        case .timer: break
        }
        memory.advance(evaluate(at: now), policy: policy)
    }

    func evaluate(at now: LogTime) -> Evaluation {
        Autoscaler.evaluate(policy: policy, observation: observation(at: now), memory: memory)
    }

    /// The decision at this moment, in a pool to which nothing else happens.
    func decision(at now: LogTime) -> Decision {
        var copy = self
        copy.fold(.timer, at: now)
        return Autoscaler.decide(policy: policy, observation: observation(at: now), memory: copy.memory, evaluation: evaluate(at: now))
    }

    /// Folds a fact, decides, folds the decision, and decides again until it stands. Returns what was decided, first to last.
    @discardableResult
    mutating func commit(_ fact: Fact, at now: LogTime) -> [Decision] {
        fold(fact, at: now)
        guard policy.mode == .auto else { return [decision(at: now)] }
        var decisions: [Decision] = []
        for _ in 0..<4 {
            let decision = decision(at: now)
            decisions.append(decision)
            guard decision.to != replicas else { break }
            memory.scaled(from: replicas, to: decision.to, at: now, policy: policy)
            fold(.replicas(decision.to), at: now)
        }
        return decisions
    }
}

extension Policy {
    /// A policy with one `demand` trigger, one actor a worker, and no tolerance to think about.
    static func test(min: Int = 0, max: Int = 10, idle: Int? = nil, cooldown: Int = 300, _ change: (inout Policy) -> Void = { _ in })
        -> Policy
    {
        var policy = Policy(
            pool: "kagent/default", target: ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "default"))
        policy.minReplicaCount = min
        policy.maxReplicaCount = max
        policy.idleReplicaCount = idle
        policy.cooldownPeriodSeconds = cooldown
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        change(&policy)
        return policy
    }

    mutating func behave(up: Behavior.Rules = .unlimited, down: Behavior.Rules = .unlimited) {
        behavior = Behavior(scaleUp: up, scaleDown: down)
        behaviorGiven = true
    }
}

extension Behavior.Rules {
    static let unlimited = Behavior.Rules(
        stabilizationWindowSeconds: 0, limits: [Behavior.Limit(kind: .pods, value: 1_000, periodSeconds: 1)], tolerancePPM: 0)

    static func pods(_ value: Int, per seconds: Int, window: Int = 0) -> Behavior.Rules {
        Behavior.Rules(
            stabilizationWindowSeconds: window, limits: [Behavior.Limit(kind: .pods, value: value, periodSeconds: seconds)], tolerancePPM: 0
        )
    }

    static func window(_ seconds: Int) -> Behavior.Rules {
        var rules = unlimited
        rules.stabilizationWindowSeconds = seconds
        return rules
    }
}

extension Trigger {
    static func observed(
        _ name: String = "queue", threshold: Int64 = 1_000, activation: Int64 = 0, staleAfter: Int? = nil, type: MetricType = .averageValue
    ) -> Trigger {
        Trigger(
            name: name, source: .observed(metric: name, selector: [], staleAfterSeconds: staleAfter), thresholdMilli: threshold,
            activationThresholdMilli: activation, metricType: type)
    }
}

extension Decision {
    func reason(_ code: ReasonCode) -> Reason? { why.first { $0.code == code.name } }
    func has(_ code: ReasonCode) -> Bool { reason(code) != nil }
}

extension WorkerCounts {
    static func counts(starting: Int = 0, idle: Int = 0, partial: Int = 0, full: Int = 0) -> WorkerCounts {
        var counts = WorkerCounts()
        counts.starting = starting
        counts.idle = idle
        counts.partial = partial
        counts.full = full
        return counts
    }
}
