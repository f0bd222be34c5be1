package import Domain

// How many workers should the pool have now, and until when does that stand?
//
// Steps 4 to 7: stabilization and rates, bounds, schedules, pauses, safety. The stages are functions over one flat
// value, in this order:
//
//     at rest, or HPA's way (stabilize → limit → bound) → schedules → pauses → rolling update → work in flight → busy workers
//     → next deadline
//
// A schedule's minimum is recommended before stabilization (`evaluate`); here it is made sure of, whatever limits the way up.
//
// An `Outcome` is the decision without its words: same inputs, same outcome; `Autoscaler.decide` only adds reasons.
// Always: `to` is at least the number of busy workers, and `nextDeadline`, where there is one, is in the future.

package struct Outcome: Hashable, Sendable {
    package var from: Int
    package var to: Int
    /// The steps that had a say. A decision is news when this or `to` changes.
    package var codes = ReasonCodes()
    package var nextDeadline: LogTime?

    // What the reasons say in numbers. Meaningful where the step had a say.

    /// The count that stabilization and limits start from: the current one, or the first step up.
    var base: Int
    var stabilized = 0
    var limited = 0
    var limitingRule: Int?
    var stabilizedUntil: LogTime?
    var budgetChangesAt: LogTime?
    var cooldownEndsAt: LogTime?
    var scheduleFloor = 0
    var beforeSchedule = 0
    var beforePause = 0
    var beforeUpdate = 0
    var inFlight: WorkInFlight?
    var beforeInFlight = 0
    var beforeSafety = 0

    init(from: Int) {
        self.from = from
        to = from
        base = from
    }

    mutating func note(deadline: LogTime?) {
        guard let deadline else { return }
        nextDeadline = nextDeadline.map { min($0, deadline) } ?? deadline
    }
}

extension Autoscaler {
    /// Steps 4–7 in numbers. `memory` has been advanced by this evaluation.
    package static func outcome(policy: Policy, observation: Observation, memory: AutoscalerMemory, evaluation: Evaluation) -> Outcome {
        var outcome = Outcome(from: observation.replicas)
        outcome.noteSignals(policy, evaluation, isUnclaimed: observation.claims != nil)
        if outcome.rests(policy, memory, evaluation) {
            outcome.to = policy.restingCount
        } else {
            outcome.rouse(policy, evaluation)
            outcome.followHPA(policy, memory, evaluation)
        }
        outcome.raiseToSchedule(policy, evaluation)
        outcome.pause(by: policy.pause)
        outcome.holdThroughUpdate(policy, observation, evaluation.rules)
        outcome.spareWorkInFlight(policy, observation)
        // Whoever took a worker has it, whatever the count: it isn't the pool's.
        if observation.claims == nil { outcome.spareBusyWorkers(observation.workers) }
        outcome.note(deadline: evaluation.nextSignalChange)
        assert(observation.claims != nil || outcome.to >= observation.workers.busy, "a count below what is busy")
        return outcome
    }
}

// MARK: - Activation

extension Outcome {
    fileprivate mutating func noteSignals(_ policy: Policy, _ evaluation: Evaluation, isUnclaimed: Bool) {
        if isUnclaimed {
            codes.insert(.claims)
        } else if evaluation.source == .buffer || policy.watchesDemand {
            codes.insert(.demand)
        }
        switch evaluation.failing {
        case .trigger: codes.insert(.triggerFailed)
        case .formula: codes.insert(.formulaUndefined)
        case nil: break
        }
        if evaluation.fallbackReplicas != nil { codes.insert(.fallbackInEffect) }
        switch evaluation.activity {
        case .none: codes.insert(.inactive)
        case .trigger: codes.insert(.triggerActive)
        case .formula: codes.insert(.formulaActive)
        case .forced: codes.insert(.forcedActive)
        case .schedule: codes.insert(.scheduleActive)
        }
    }

    /// Whether the pool is at rest, or goes to rest now. Only the step to idle, or to zero, waits for the cooldown; and
    /// what fails without a fallback keeps the pool from taking it, as nobody knows whether there is work.
    fileprivate mutating func rests(_ policy: Policy, _ memory: AutoscalerMemory, _ evaluation: Evaluation) -> Bool {
        guard !evaluation.isActive, evaluation.fallbackReplicas ?? 0 == 0 else { return false }
        guard from > policy.restingCount else {
            codes.insert(from < policy.restingCount ? .belowMinimum : .atRest)
            return true
        }
        let isBelowHPA = policy.restingCount < policy.firstStep
        guard isBelowHPA, evaluation.failing == nil else { return false }
        let end = policy.cooldownEnd(memory)
        cooldownEndsAt = end
        guard evaluation.at < end else {
            codes.insert(.cooldownPassed)
            return true
        }
        codes.insert(memory.lastActiveAt == nil ? .initialCooldownRunning : .cooldownRunning)
        return false
    }

    /// The first step of a pool that is wanted: up to the minimum, and to what fallback asks for, at once; and down to
    /// the maximum. Stabilization and limits go on from there, in the same decision.
    fileprivate mutating func rouse(_ policy: Policy, _ evaluation: Evaluation) {
        let first = policy.firstStep
        if from < first {
            base = first
            codes.insert(from <= policy.restingCount ? .scaleTargetActivated : .belowMinimum)
        }
        if !evaluation.isActive, let fallback = evaluation.fallbackReplicas { base = max(base, fallback) }
        if base > policy.highestCount {
            base = policy.highestCount
            if from > base { codes.insert(.aboveMaximum) }
        }
    }
}

extension Policy {
    fileprivate var watchesDemand: Bool {
        for trigger in triggers {
            if case .demand = trigger.source { return true }
        }
        return false
    }

    /// Bounds that contradict each other are refused when the policy is read; here the first step wins.
    var highestCount: Int { max(maxReplicaCount, firstStep) }

    /// After the last activity `cooldownPeriod`; before any, `initialCooldownPeriod` after the policy took effect.
    fileprivate func cooldownEnd(_ memory: AutoscalerMemory) -> LogTime {
        guard let active = memory.lastActiveAt else { return memory.policyAppliedAt.adding(seconds: initialCooldownPeriodSeconds) }
        return active.adding(seconds: cooldownPeriodSeconds)
    }
}

// MARK: - HPA's way

extension Outcome {
    /// Stabilization, then rates and bounds. Base 2, wanted 7, at most 2 a minute: 4, and more when that minute is over.
    fileprivate mutating func followHPA(_ policy: Policy, _ memory: AutoscalerMemory, _ evaluation: Evaluation) {
        let behavior = policy.hpaBehavior
        let bounds = policy.firstStep...policy.highestCount
        let windows = StabilizationWindows(behavior)
        noteRecommendation(evaluation, isUnclaimed: codes.contains(.claims))

        stabilized = memory.recommendations.stabilized(evaluation.recommended, current: base, at: evaluation.at, windows: windows)
        if stabilized != evaluation.recommended {
            codes.insert(behavior != nil && evaluation.recommended >= base ? .scaleUpStabilized : .scaleDownStabilized)
        }

        let answer = limit(behavior, bounds, memory.scaleEvents, evaluation.at)
        codes.insert(answer.code)
        limitingRule = answer.rule
        limited = answer.count
        to = answer.count

        stabilizedUntil = memory.recommendations.releases(
            held: min(max(stabilized, bounds.lowerBound), bounds.upperBound),
            wanted: min(max(evaluation.recommended, bounds.lowerBound), bounds.upperBound),
            at: evaluation.at, windows: windows)
        note(deadline: stabilizedUntil)
        note(deadline: evaluation.nextBufferChange)
        noteBudget(answer.code, behavior, memory.scaleEvents, evaluation.at)
        if let end = cooldownEndsAt { note(deadline: end) }
    }

    private mutating func noteRecommendation(_ evaluation: Evaluation, isUnclaimed: Bool) {
        switch evaluation.source {
        case .trigger, .formula: codes.insert(evaluation.isWithinTolerance ? .withinTolerance : .recommended)
        case .buffer: codes.insert(isUnclaimed ? .unclaimedSpare : evaluation.isSurge ? .surgeBuffer : .warmBuffer)
        case .failure: codes.insert(.heldByFailingTrigger)
        case .schedule: codes.insert(.scheduleFloor)
        case .fallback, .none: break
        }
    }

    private func limit(_ behavior: Behavior?, _ bounds: ClosedRange<Int>, _ events: ScaleEvents, _ now: LogTime) -> Limited {
        guard let behavior else {
            let start = events.countAtStart(ofSeconds: RateLimit.syncPeriodSeconds, current: base, at: now)
            return Limited.legacy(stabilized, current: base, start: start, bounds: bounds)
        }
        return Limited.withBehavior(stabilized, current: base, bounds: bounds, behavior: behavior, events: events, at: now)
    }

    private mutating func noteBudget(_ code: ReasonCode, _ behavior: Behavior?, _ events: ScaleEvents, _ now: LogTime) {
        // Where no limit held the count but it moves, an event's end may still bring the limit down on it.
        let isUp = code == .scaleUpLimit || (code != .scaleDownLimit && limited > base)
        guard isUp || code == .scaleDownLimit || limited < base else { return }
        budgetChangesAt = RateLimit.nextChange(isUp ? behavior?.scaleUp : behavior?.scaleDown, events: events, at: now)
        note(deadline: budgetChangesAt)
    }
}

// MARK: - Schedules, pauses, safety

extension Outcome {
    fileprivate mutating func raiseToSchedule(_ policy: Policy, _ evaluation: Evaluation) {
        beforeSchedule = to
        guard !policy.schedules.isEmpty else { return }
        let now = evaluation.at
        let isFound = evaluation.rules >= .scheduleIsActivity
        if isFound {
            scheduleFloor = evaluation.scheduleFloor
            if evaluation.source == .schedule { beforeSchedule = evaluation.recommendedWithoutSchedule }
        }
        for schedule in policy.schedules {
            if !isFound, schedule.isActive(at: now) { scheduleFloor = max(scheduleFloor, schedule.minReplicaCount) }
            if let change = schedule.nextChange(after: now), change > now { note(deadline: change) }
        }
        scheduleFloor = min(scheduleFloor, policy.highestCount)
        guard to < scheduleFloor else { return }
        beforeSchedule = to
        to = scheduleFloor
        codes.insert(.scheduleFloor)
    }

    /// Where a pause leaves nothing that time could change, there is nothing to wake up for either.
    fileprivate mutating func pause(by pause: Pause) {
        beforePause = to
        if let held = pause.hold {
            to = held
            codes.insert(.held)
            nextDeadline = nil
        } else if pause.scaleIn, to < from {
            to = from
            codes.insert(.pausedScaleIn)
        } else if pause.scaleOut, to > from {
            to = from
            codes.insert(.pausedScaleOut)
        }
        if pause.scaleIn, pause.scaleOut { nextDeadline = nil }
    }

    /// 2 wanted while a rolling update replaces 6 workers: 6, until it is over.
    fileprivate mutating func holdThroughUpdate(_ policy: Policy, _ observation: Observation, _ rules: DecisionRules) {
        guard let update = observation.rollingUpdate, update.holds(from, policy, rules, at: observation.at) else { return }
        beforeUpdate = to
        to = from
        codes.insert(.heldThroughUpdate)
        note(deadline: update.holdEndsAt)
    }

    /// 0 wanted while 3 messages are delivered and not acknowledged, at one a worker: 3 of the 8 there are stay. It asks for no worker that
    /// isn't there, and a count that an operator holds stands.
    fileprivate mutating func spareWorkInFlight(_ policy: Policy, _ observation: Observation) {
        guard to < from, policy.pause.hold == nil else { return }
        for index in policy.triggers.indices {
            guard var found = WorkInFlight(index, policy, observation) else { continue }
            found.workers = min(found.workers, from, policy.highestCount)
            guard to < found.workers else { continue }
            if inFlight == nil { beforeInFlight = to }
            (inFlight, to) = (found, found.workers)
            codes.insert(.workInFlight)
        }
    }

    /// 5 wanted while 7 workers hold actors: 7. The surplus is drained, and removed when it is idle.
    fileprivate mutating func spareBusyWorkers(_ workers: WorkerCounts) {
        beforeSafety = to
        guard to < workers.busy else { return }
        to = workers.busy
        codes.insert(.busyWorkers)
    }
}

/// Work of one trigger's metric that somebody has taken and not finished, and the workers it may be on.
struct WorkInFlight: Hashable, Sendable {
    var trigger: Int
    var milli: Int64
    var workers: Int

    /// nil where nothing is known to be in flight.
    init?(_ index: Int, _ policy: Policy, _ observation: Observation) {
        guard observation.samples.indices.contains(index), let sample = observation.samples[index], sample.inFlightMilli > 0 else {
            return nil
        }
        trigger = index
        milli = sample.inFlightMilli
        // Which workers have it isn't known: as many as the policy's share of each makes of it, and at least one.
        let (threshold, type) = (max(1, policy.triggers[index].thresholdMilli), policy.triggers[index].metricType)
        workers = type == .averageValue ? Int(clamping: (milli - 1) / threshold + 1) : 1
    }
}
