package import Domain
import Basics

// What do the triggers ask for, before anything holds it back?
//
// Steps 1 to 3 of the way from demand to replicas: signals, activation, recommendation. An `Evaluation` is flat (no
// arrays, no strings): it is made for every pool that a commit touched, whether or not its decision is news. Names and
// words come later, from the policy.

/// The pure autoscaler: every function of it answers from its arguments alone.
package enum Autoscaler {}

package struct Evaluation: Hashable, Sendable {
    /// What makes the pool active.
    package enum Activity: Hashable, Sendable {
        case none
        case forced
        /// The first trigger, in the policy's order, above its activation threshold.
        case trigger(Int)
        case formula
        /// The first schedule, in the policy's order, that runs and has a floor.
        case schedule(Int)
    }

    /// What gave the recommended count.
    package enum Source: Hashable, Sendable {
        case none
        case trigger(Int)
        case formula
        case buffer
        case schedule
        case fallback
        /// Something fails, and the rest asks for less than there is.
        case failure
    }

    /// What gives no value, and has no fallback in effect for it.
    package enum Failing: Hashable, Sendable {
        case trigger(Int, failures: Int)
        /// Every trigger gave its value, the formula none.
        case formula
    }

    package var at: LogTime
    /// The count that the target has (its spec) as this is evaluated.
    package var replicas: Int
    package var activity: Activity = .none
    /// The count wanted, before stabilization, limits and bounds.
    package var recommended = 0
    package var source: Source = .none
    /// Metric behind `recommended`, where a trigger or the formula gave it.
    package var valueMilli: Int64 = 0
    package var thresholdMilli: Int64 = 0
    package var metricType: MetricType = .averageValue
    /// Whether the tolerance kept the count as it is.
    package var isWithinTolerance = false
    /// The first one that fails.
    package var failing: Failing?
    /// The count that fallback asks for, and the trigger it stands in for.
    package var fallbackReplicas: Int?
    package var fallbackTrigger = 0
    package var fallbackFailures = 0
    /// When a signal changes though nothing is observed: a metric goes stale, or fails once more.
    package var nextSignalChange: LogTime?
    /// What the surge buffer learns from at this moment.
    package var demand = 0
    package var startMicroseconds: Int64?
    /// Whether the surge buffer gave the count, and when it is looked at again though nothing is observed. What it learns
    /// from silence may show a little earlier where something else happens: no timer runs for each of its cells.
    package var isSurge = false
    /// The quarters of demand that the surge buffer's room moves with.
    package var surgeShareQuarters = 0
    package var nextBufferChange: LogTime?
    package var rules: DecisionRules
    /// The highest floor of the schedules that run, and what is recommended without it. Under the first rules nothing knows of
    /// schedules yet.
    package var scheduleFloor = 0
    package var recommendedWithoutSchedule = 0

    package init(at: LogTime, replicas: Int, rules: DecisionRules = .current) {
        self.at = at
        self.replicas = replicas
        self.rules = rules
    }

    package var isActive: Bool { activity != .none }
}

extension Autoscaler {
    /// Steps 1–3. `memory` is as it was before this moment; when the policy was applied and what the surge buffer has learned
    /// are read from it.
    package static func evaluate(
        policy: Policy, observation: Observation, memory: AutoscalerMemory, rules: DecisionRules = .current
    ) -> Evaluation {
        var evaluation = Evaluation(at: observation.at, replicas: observation.replicas, rules: rules)
        // Two numbers are read where they lie: a behavior that is handed over is copied.
        let tolerances = Tolerances(scaleUpPPM: policy.behavior.scaleUp.tolerancePPM, scaleDownPPM: policy.behavior.scaleDown.tolerancePPM)
        if let modifiers = policy.scalingModifiers {
            evaluation.addFormula(modifiers, policy, observation, memory.policyAppliedAt, tolerances)
        } else {
            for index in policy.triggers.indices {
                evaluation.addTrigger(index, policy, observation, memory.policyAppliedAt, tolerances)
            }
        }
        if policy.forceActivation { evaluation.activity = .forced }
        if rules >= .scheduleIsActivity, !policy.schedules.isEmpty { evaluation.findScheduleFloor(policy) }
        if let claims = observation.claims {
            evaluation.addSpare(policy, claims)
        } else if evaluation.isActive {
            evaluation.addBuffer(policy, observation.demand)
        }
        evaluation.addSurge(policy, observation, memory.surge, tolerances)
        evaluation.addScheduleFloor()
        evaluation.holdWhileFailing()
        return evaluation
    }
}

// MARK: - Triggers and formula

extension Evaluation {
    fileprivate mutating func addTrigger(
        _ index: Int, _ policy: Policy, _ observation: Observation, _ appliedAt: LogTime, _ tolerances: Tolerances
    ) {
        let timed = Autoscaler.timedSignal(index, policy, observation, appliedAt, rules)
        note(timed.nextChange)
        switch timed.signal {
        case .failed(let failures):
            fail(.trigger(index, failures: failures), policy.fallback)
        case .value(let value):
            if activity == .none, value > policy.triggers[index].activationThresholdMilli { activity = .trigger(index) }
            // Claims that came and were served make the pool active; room for such is the buffer's to say.
            let isOfClaims = observation.claims != nil && policy.triggers[index].source == .demand
            recommend(
                isOfClaims ? Autoscaler.milli(observation.claims?.waiting ?? 0) : value, policy.triggers[index].thresholdMilli,
                policy.triggers[index].metricType, .trigger(index), observation, tolerances)
        }
    }

    /// The composite stands for all triggers: for their activation, their targets, and their failures. A formula that
    /// gives a value though one of them has none (`??`) has dealt with that failure.
    fileprivate mutating func addFormula(
        _ modifiers: ScalingModifiers, _ policy: Policy, _ observation: Observation, _ appliedAt: LogTime, _ tolerances: Tolerances
    ) {
        var values: [Double?] = []
        values.reserveCapacity(policy.triggers.count)
        var worst: Failing?
        for index in policy.triggers.indices {
            let timed = Autoscaler.timedSignal(index, policy, observation, appliedAt, rules)
            note(timed.nextChange)
            values.append(timed.signal.valueMilli.map { Double($0) / 1_000 })
            if case .failed(let failures) = timed.signal { worst = Self.worse(worst, index, failures) }
        }
        guard let composite = modifiers.formula.evaluate(values), composite.isFinite else {
            return fail(worst ?? .formula, policy.fallback)
        }
        let value = Self.milli(composite)
        if value > modifiers.activationTargetMilli { activity = .formula }
        recommend(value, modifiers.targetMilli, modifiers.metricType, .formula, observation, tolerances)
    }

    private static func worse(_ known: Failing?, _ index: Int, _ failures: Int) -> Failing {
        if let known, case .trigger(_, let most) = known, most >= failures { return known }
        return .trigger(index, failures: failures)
    }

    /// To the nearest thousandth (5.001 × 1,000 is 5,000.999… in floats, and means 5,001); negative is zero.
    private static func milli(_ value: Double) -> Int64 {
        let scaled = (value * 1_000).rounded()
        return scaled <= 0 ? 0 : scaled >= 9.2e18 ? .max : Int64(scaled)
    }

    private mutating func note(_ change: LogTime?) {
        guard let change else { return }
        nextSignalChange = nextSignalChange.map { min($0, change) } ?? change
    }
}

// MARK: - Recommendation

extension Evaluation {
    /// HPA's arithmetic on one metric; of several, the highest count wins, and the earliest of equals is named.
    private mutating func recommend(
        _ value: Int64, _ threshold: Int64, _ type: MetricType, _ from: Source, _ observation: Observation, _ tolerances: Tolerances
    ) {
        let count =
            switch type {
            case .averageValue:
                ReplicaCalculator.perPod(usageMilli: value, targetMilli: threshold, running: replicas, tolerances: tolerances)
            case .value:
                ReplicaCalculator.wholeValue(
                    usageMilli: value, targetMilli: threshold, current: replicas, ready: observation.workers.ready, tolerances: tolerances)
            }
        guard source == .none || count > recommended else { return }
        recommended = count
        source = from
        valueMilli = value
        thresholdMilli = threshold
        metricType = type
        isWithinTolerance = count == replicas && ReplicaCalculator.keeps(value, threshold, type, running: replicas, tolerances)
    }

    /// 21 actors in slots of 3 need 7 workers; with 2 spare, or 20 % of 7 rounded up, 9.
    fileprivate mutating func addBuffer(_ policy: Policy, _ demand: Demand) {
        guard let buffered = policy.buffer.count(demand: demand.wanted(by: rules), slotsPerWorker: policy.slotsPerWorker),
            buffered > recommended
        else { return }
        recommended = buffered
        source = .buffer
    }

    /// Also between claims: one makes the pool active for a moment alone, and the cooldown says when it may rest.
    /// 3 spare while 2 claims wait: 5. With 50 %, and 4 claims that came while a replacement started: 6. Those that were served count for
    /// nothing: their workers aren't the pool's any more.
    fileprivate mutating func addSpare(_ policy: Policy, _ claims: ClaimDemand) {
        note(claims.nextChange)
        let count: Int
        switch policy.buffer {
        case .fixed(let spare): count = spare > 0 ? claims.waiting.addingClamped(spare) : 0
        case .percent(let percent):
            count = percent > 0 ? claims.recent.addingClamped(claims.recent.multipliedClamped(by: percent).addingClamped(99) / 100) : 0
        // Its count comes from memory: `addSurge`.
        case .surge: return
        }
        guard count > recommended else { return }
        (recommended, source) = (min(count, ReplicaCalculator.mostReplicas), .buffer)
    }

    /// 12 actors, 14 within the last half of a start, 20 to come beyond them at the quantile: 34 slots. It holds in the pauses of a burst
    /// too, until the cooldown brings the pool to rest. What is less by no more than the tolerance is left as it is, or a
    /// large pool would turn at every turn.
    fileprivate mutating func addSurge(_ policy: Policy, _ observation: Observation, _ surge: SurgeBuffer, _ tolerances: Tolerances) {
        guard case .surge(let quantilePPM, let windowSeconds, let min) = policy.buffer else { return }
        // What was taken within a start is what the stock lacks: the same rise and fall as of actors that keep their worker so long. What
        // was predicted teaches nothing: it has room of its own, from a start before it comes until it came.
        demand = observation.claims?.unpredicted ?? observation.demand.wanted(by: rules)
        let slotsPerWorker = observation.claims == nil ? policy.slotsPerWorker : 1
        note(observation.claims?.nextChange)
        startMicroseconds = observation.startMicroseconds
        let answer = surge.answer(
            quantilePPM: quantilePPM, windowSeconds: windowSeconds, demand: demand, startMicroseconds: startMicroseconds, at: at)
        nextBufferChange = answer.nextChange
        let held = WarmBuffer.needed(demand: answer.held, slotsPerWorker: slotsPerWorker)
        var count = max(
            WarmBuffer.needed(demand: answer.held.addingClamped(answer.spare), slotsPerWorker: slotsPerWorker),
            held.addingClamped(min))
        if let predicted = observation.claims?.predicted, predicted > 0 {
            count = Swift.min(count.addingClamped(predicted), ReplicaCalculator.mostReplicas)
        }
        if count < replicas, Double(replicas.subtractingClamped(count)) <= tolerances.scaleDown * Double(replicas) { count = replicas }
        guard count > recommended else { return }
        (recommended, source, isSurge, surgeShareQuarters) = (count, .buffer, true, answer.shareQuarters)
    }

    /// KEDA's cron scaler is active while it runs.
    fileprivate mutating func findScheduleFloor(_ policy: Policy) {
        for (index, schedule) in policy.schedules.enumerated() where schedule.minReplicaCount > 0 && schedule.isActive(at: at) {
            if activity == .none { activity = .schedule(index) }
            scheduleFloor = max(scheduleFloor, min(schedule.minReplicaCount, policy.highestCount))
        }
    }

    fileprivate mutating func addScheduleFloor() {
        recommendedWithoutSchedule = recommended
        guard scheduleFloor > recommended else { return }
        (recommended, source) = (scheduleFloor, .schedule)
    }

    /// What fails is replaced by the fallback once it failed often enough. Until then, and where there is none, it is
    /// known only that something fails.
    private mutating func fail(_ what: Failing, _ fallback: Fallback?) {
        if let fallback, case .trigger(let index, let failures) = what, failures >= fallback.failureThreshold {
            let count = fallback.count(current: replicas)
            guard count > fallbackReplicas ?? -1 else { return }
            (fallbackReplicas, fallbackTrigger, fallbackFailures) = (count, index, failures)
            if source == .none || count > recommended { (recommended, source) = (count, .fallback) }
        } else if failing == nil {
            failing = what
        }
    }

    /// HPA takes no scale-down from metrics of which one is invalid (`computeReplicasForMetrics`): the count stays.
    fileprivate mutating func holdWhileFailing() {
        guard failing != nil, recommended < replicas else { return }
        recommended = replicas
        source = .failure
    }
}

extension WarmBuffer {
    /// The workers that demand needs and those kept beyond it; nil where nothing is to be kept beyond it.
    func count(demand: Int, slotsPerWorker: Int) -> Int? {
        let needed = WarmBuffer.needed(demand: demand, slotsPerWorker: slotsPerWorker)
        switch self {
        case .fixed(let spare): return spare > 0 ? needed.addingClamped(spare) : nil
        case .percent(let percent):
            return percent > 0 ? needed.addingClamped(needed.multipliedClamped(by: percent).addingClamped(99) / 100) : nil
        // Its count comes from memory: `addSurge`.
        case .surge: return nil
        }
    }

    static func needed(demand: Int, slotsPerWorker: Int) -> Int {
        let slots = max(slotsPerWorker, 1)
        return min(max(demand, 0).addingClamped(slots - 1) / slots, ReplicaCalculator.mostReplicas)
    }
}

extension Fallback {
    /// KEDA's fallback behaviors.
    func count(current: Int) -> Int {
        switch behavior {
        case .static: replicas
        case .currentReplicas: current
        case .currentReplicasIfHigher: max(current, replicas)
        case .currentReplicasIfLower: min(current, replicas)
        }
    }
}
