import Domain

// Why is it that many?
//
// Step 7: the outcome with its reasons, one for each step that had a say, in the order of the steps. Each reason's
// numbers come in a fixed order. The reasons are written from the same values the outcome was computed from, so they
// can't tell another story.

extension Autoscaler {
    /// The decision: from, to, why, and until when it stands. Pure: equal arguments, equal decision, to the byte.
    /// `memory` has been advanced by this evaluation. A change that is decided here is a fact to fold and evaluate again;
    /// `nextDeadline` speaks of the pool as observed.
    package static func decide(policy: Policy, observation: Observation, memory: AutoscalerMemory, evaluation: Evaluation) -> Decision {
        let outcome = outcome(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
        return outcome.explained(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
    }
}

extension Outcome {
    /// The same outcome with its reasons.
    package func explained(policy: Policy, observation: Observation, memory: AutoscalerMemory, evaluation: Evaluation) -> Decision {
        let account = Account(outcome: self, policy: policy, observation: observation, memory: memory, evaluation: evaluation)
        var why: [Reason] = []
        why.reserveCapacity(codes.count)
        for code in codes { why.append(Reason(code.step, code.name, account.numbers(code))) }
        return Decision(from: from, to: to, why: why, nextDeadline: nextDeadline)
    }
}

/// All that the reasons of one decision are told from.
private struct Account {
    let outcome: Outcome
    let policy: Policy
    let observation: Observation
    let memory: AutoscalerMemory
    let evaluation: Evaluation

    func numbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code.step {
        case .signal, .fallback: signalNumbers(code)
        case .activation: activationNumbers(code)
        case .recommendation, .buffer: recommendationNumbers(code)
        case .stabilization: stabilizationNumbers(code)
        case .rateLimit: limitNumbers(code)
        case .bounds: boundNumbers(code)
        case .schedule, .pause, .safety: guardNumbers(code)
        }
    }
}

// MARK: - Signals and activation

extension Account {
    private func signalNumbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code {
        case .demand: demandNumbers(observation.demand) + neededNumbers()
        case .claims: claimNumbers()
        case .triggerFailed: failureNumbers()
        case .fallbackInEffect:
            [
                Reason.Number("trigger", .text(policy.triggers[evaluation.fallbackTrigger].name)),
                Reason.Number("failures", evaluation.fallbackFailures),
                Reason.Number("replicas", evaluation.fallbackReplicas ?? 0),
                Reason.Number("behavior", .text(policy.fallback?.behavior.rawValue ?? "")),
            ]
        default: []
        }
    }

    private func demandNumbers(_ demand: Demand) -> [Reason.Number] {
        [
            Reason.Number("total", demand.wanted(by: evaluation.rules)),
            Reason.Number("resident", demand.resident),
            Reason.Number("blocked", demand.blocked),
            Reason.Number("pool_exhausted", demand.blockedPoolExhausted),
            Reason.Number("node_locality", demand.blockedNodeLocality),
            Reason.Number("no_eligible_pool", demand.blockedNoEligiblePool),
            Reason.Number("quota", demand.blockedQuota),
        ]
    }

    /// What was taken is told and asks for nothing.
    private func claimNumbers() -> [Reason.Number] {
        guard let claims = observation.claims else { return [] }
        return [
            Reason.Number("waiting", claims.waiting), Reason.Number("recent", claims.recent), refillSeconds,
            Reason.Number("claimed", observation.demand.resident),
        ] + predictedNumbers(claims)
    }

    /// Nothing where nothing is predicted: decisions of older logs keep their bytes.
    private func predictedNumbers(_ claims: ClaimDemand) -> [Reason.Number] {
        guard claims.predicted > 0 else { return [] }
        return [Reason.Number("predicted", claims.predicted), Reason.Number("everySeconds", Int(claims.everySeconds))]
    }

    private var refillSeconds: Reason.Number {
        Reason.Number("refillSeconds", .milli((observation.startMicroseconds ?? SurgeBuffer.assumedStartMicroseconds) / 1_000))
    }

    private func neededNumbers() -> [Reason.Number] {
        guard observation.demand.blockedNodeLocality > 0, let node = observation.neededOnNode else { return [] }
        return [Reason.Number("neededOn", .text(node))]
    }

    private func failureNumbers() -> [Reason.Number] {
        guard case .trigger(let index, let failures)? = evaluation.failing else { return [] }
        let numbers = [Reason.Number("trigger", .text(policy.triggers[index].name)), Reason.Number("failures", failures)]
        guard let fallback = policy.fallback else { return numbers }
        return numbers + [Reason.Number("failureThreshold", fallback.failureThreshold)]
    }

    private func activationNumbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code {
        case .triggerActive:
            if case .trigger(let index) = evaluation.activity { thresholdNumbers(trigger: index) } else { [] }
        case .formulaActive: compositeNumbers()
        case .scheduleActive: scheduleNumbers()
        case .inactive: inactiveNumbers()
        case .cooldownRunning, .initialCooldownRunning, .cooldownPassed: cooldownNumbers(code)
        case .atRest: [Reason.Number("replicas", outcome.from)]
        case .scaleTargetActivated: [Reason.Number("from", outcome.from), Reason.Number("replicas", outcome.base)]
        default: []
        }
    }

    private func scheduleNumbers() -> [Reason.Number] {
        guard case .schedule(let index) = evaluation.activity else { return [] }
        let schedule = policy.schedules[index]
        return [
            Reason.Number("cron", .text(schedule.cron)), Reason.Number("timezone", .text(schedule.timezone)),
            Reason.Number("floor", schedule.minReplicaCount),
        ]
    }

    private func inactiveNumbers() -> [Reason.Number] {
        guard policy.scalingModifiers == nil else { return evaluation.failing == nil ? compositeNumbers() : [] }
        for index in policy.triggers.indices where signal(index).valueMilli != nil { return thresholdNumbers(trigger: index) }
        return []
    }

    private func thresholdNumbers(trigger index: Int) -> [Reason.Number] {
        [
            Reason.Number("trigger", .text(policy.triggers[index].name)),
            Reason.Number("value", .milli(signal(index).valueMilli ?? 0)),
            Reason.Number("activationThreshold", .milli(policy.triggers[index].activationThresholdMilli)),
        ]
    }

    private func compositeNumbers() -> [Reason.Number] {
        [
            Reason.Number("trigger", .text("formula")),
            Reason.Number("value", .milli(evaluation.valueMilli)),
            Reason.Number("activationThreshold", .milli(policy.scalingModifiers?.activationTargetMilli ?? 0)),
        ]
    }

    private func signal(_ index: Int) -> Signal {
        Autoscaler.signal(index, policy: policy, observation: observation, memory: memory, rules: evaluation.rules)
    }

    private func cooldownNumbers(_ code: ReasonCode) -> [Reason.Number] {
        let wasActive = memory.lastActiveAt != nil
        return [
            Reason.Number(wasActive ? "lastActive" : "policyApplied", .time(memory.lastActiveAt ?? memory.policyAppliedAt)),
            Reason.Number("seconds", wasActive ? policy.cooldownPeriodSeconds : policy.initialCooldownPeriodSeconds),
            Reason.Number("until", .time(outcome.cooldownEndsAt ?? observation.at)),
            Reason.Number("replicas", policy.restingCount),
        ]
    }
}

// MARK: - Recommendation to safety

extension Account {
    private func recommendationNumbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code {
        case .warmBuffer:
            let needed = WarmBuffer.needed(demand: observation.demand.wanted(by: evaluation.rules), slotsPerWorker: policy.slotsPerWorker)
            return [
                Reason.Number("needed", needed),
                Reason.Number("spare", evaluation.recommended - needed),
                Reason.Number("replicas", evaluation.recommended),
            ]
        case .surgeBuffer: return surgeNumbers()
        case .unclaimedSpare: return unclaimedNumbers()
        case .heldByFailingTrigger: return [Reason.Number("replicas", evaluation.recommended)]
        default: return metricNumbers()
        }
    }

    private func unclaimedNumbers() -> [Reason.Number] {
        let claims = observation.claims ?? ClaimDemand()
        let ends = [refillSeconds, Reason.Number("waiting", claims.waiting), Reason.Number("replicas", evaluation.recommended)]
        switch policy.buffer {
        case .fixed(let spare): return [Reason.Number("by", .text("spare")), Reason.Number("spare", spare)] + ends
        case .percent(let percent):
            let numbers = [Reason.Number("by", .text("sparePercent")), Reason.Number("percent", percent)]
            return numbers + [Reason.Number("recent", claims.recent)] + ends
        case .surge(let quantilePPM, let windowSeconds, _):
            return [
                Reason.Number("by", .text("surge")),
                Reason.Number("quantile", .text(Quantity.text(Int64(quantilePPM), decimals: Quantity.microDecimals))),
                Reason.Number("windowSeconds", windowSeconds),
                Reason.Number("followsPercent", evaluation.surgeShareQuarters * 100 / SurgeShare.whole),
            ] + predictedNumbers(claims) + ends
        }
    }

    private func surgeNumbers() -> [Reason.Number] {
        guard case .surge(let quantilePPM, let windowSeconds, _) = policy.buffer else { return [] }
        let needed = WarmBuffer.needed(demand: observation.demand.wanted(by: evaluation.rules), slotsPerWorker: policy.slotsPerWorker)
        let start = observation.startMicroseconds ?? SurgeBuffer.assumedStartMicroseconds
        return [
            Reason.Number("quantile", .text(Quantity.text(Int64(quantilePPM), decimals: Quantity.microDecimals))),
            Reason.Number("windowSeconds", windowSeconds),
            Reason.Number("startSeconds", .milli(start / 1_000)),
            Reason.Number("followsPercent", evaluation.surgeShareQuarters * 100 / SurgeShare.whole),
            Reason.Number("needed", needed),
            Reason.Number("spare", evaluation.recommended - needed),
            Reason.Number("replicas", evaluation.recommended),
        ]
    }

    private func metricNumbers() -> [Reason.Number] {
        var numbers = [Reason.Number("trigger", .text(sourceName)), Reason.Number("value", .milli(evaluation.valueMilli))]
        numbers.append(Reason.Number("threshold", .milli(evaluation.thresholdMilli)))
        if evaluation.metricType == .value, outcome.from > 0 { numbers.append(Reason.Number("ready", observation.workers.ready)) }
        numbers.append(Reason.Number("replicas", evaluation.recommended))
        return numbers
    }

    private var sourceName: String {
        if case .trigger(let index) = evaluation.source { policy.triggers[index].name } else { "formula" }
    }

    private func stabilizationNumbers(_ code: ReasonCode) -> [Reason.Number] {
        let windows = StabilizationWindows(policy.hpaBehavior)
        let window = code == .scaleUpStabilized ? windows.scaleUp : windows.scaleDown
        let numbers = [
            Reason.Number("recommended", evaluation.recommended),
            Reason.Number("stabilized", outcome.stabilized),
            Reason.Number("windowSeconds", window?.seconds ?? 0),
        ]
        return numbers + time("until", outcome.stabilizedUntil)
    }

    private func limitNumbers(_ code: ReasonCode) -> [Reason.Number] {
        [Reason.Number("wanted", outcome.stabilized), Reason.Number("limit", outcome.limited)]
            + ruleNumbers(code == .scaleUpLimit ? policy.behavior.scaleUp : policy.behavior.scaleDown)
            + time("freedAt", outcome.budgetChangesAt)
    }

    private func ruleNumbers(_ rules: Behavior.Rules) -> [Reason.Number] {
        guard policy.behaviorGiven else {
            return [Reason.Number("kind", .text("Default")), Reason.Number("periodSeconds", RateLimit.syncPeriodSeconds)]
        }
        guard let index = outcome.limitingRule else { return [Reason.Number("kind", .text("Disabled"))] }
        let rule = rules.limits[index]
        return [
            Reason.Number("kind", .text(rule.kind.rawValue)),
            Reason.Number("value", rule.value),
            Reason.Number("periodSeconds", rule.periodSeconds),
        ]
    }

    private func boundNumbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code {
        case .belowMinimum: [Reason.Number("wanted", outcome.from), Reason.Number("minReplicaCount", passedMinimum)]
        case .aboveMaximum: [Reason.Number("wanted", outcome.from), Reason.Number("maxReplicaCount", policy.maxReplicaCount)]
        case .tooFewReplicas: [Reason.Number("wanted", outcome.stabilized), Reason.Number("minReplicaCount", policy.firstStep)]
        case .tooManyReplicas: [Reason.Number("wanted", outcome.stabilized), Reason.Number("maxReplicaCount", policy.maxReplicaCount)]
        default: [Reason.Number("replicas", outcome.limited)]
        }
    }

    /// The minimum that the count was below: where an inactive pool rests, or the first step of a wanted one.
    private var passedMinimum: Int { outcome.base == outcome.from ? policy.restingCount : policy.firstStep }

    private func guardNumbers(_ code: ReasonCode) -> [Reason.Number] {
        switch code {
        case .scheduleFloor: [Reason.Number("wanted", outcome.beforeSchedule), Reason.Number("floor", outcome.scheduleFloor)]
        case .workInFlight:
            [
                Reason.Number("wanted", outcome.beforeInFlight),
                Reason.Number("trigger", .text(outcome.inFlight.map { policy.triggers[$0.trigger].name } ?? "")),
                Reason.Number("inFlight", .milli(outcome.inFlight?.milli ?? 0)),
                Reason.Number("replicas", outcome.inFlight?.workers ?? 0),
            ]
        case .heldThroughUpdate:
            [
                Reason.Number("wanted", outcome.beforeUpdate), Reason.Number("replicas", outcome.from),
                Reason.Number("left", observation.rollingUpdate?.left ?? 0),
            ] + time("until", observation.rollingUpdate?.holdEndsAt)
        case .busyWorkers: [Reason.Number("wanted", outcome.beforeSafety), Reason.Number("busy", observation.workers.busy)]
        case .held: [Reason.Number("wanted", outcome.beforePause), Reason.Number("replicas", policy.pause.hold ?? 0)]
        default: [Reason.Number("wanted", outcome.beforePause), Reason.Number("replicas", outcome.from)]
        }
    }

    private func time(_ name: String, _ time: LogTime?) -> [Reason.Number] {
        time.map { [Reason.Number(name, .time($0))] } ?? []
    }
}

extension Reason.Number {
    init(_ name: String, _ count: Int) { self.init(name, .integer(Int64(count))) }
}
