import Domain

// How does an operator say it?
//
// A reason becomes a phrase, a decision one line of phrases: what there is, what it asks for, what holds that back, and
// the count. Beside the line: what limits the count now, and what would change it. Only the reasons are read, never the
// policy, so a decision from the log reads the same as when it was made. A code this version does not know is written
// with its numbers.

extension Reason {
    /// The number of that name.
    package subscript(name: String) -> Value? { numbers.first { $0.name == name }?.value }

    /// This reason in words, for instance `scaleUp limit 2 pods/120 s → 5`.
    package var text: String {
        guard let code = ReasonCode(name: code) else { return plainText }
        switch code.step {
        case .signal, .fallback: return signalText(code)
        case .activation: return activationText(code)
        case .recommendation, .buffer: return recommendationText(code)
        case .stabilization, .rateLimit: return restraintText(code)
        case .bounds: return boundText(code)
        case .schedule, .pause, .safety: return guardText(code)
        }
    }

    private var plainText: String { ([code] + numbers.map { "\($0.name) \($0.value.text)" }).joined(separator: " ") }

    fileprivate func word(_ name: String) -> String { self[name]?.text ?? "?" }
}

extension Reason.Value {
    /// `5`, `12.5`, the text itself, or the time in RFC 3339.
    package var text: String {
        switch self {
        case .integer(let value): String(value)
        case .milli(let value): Self.decimal(value)
        case .text(let value): value
        case .time(let value): value.rfc3339
        }
    }

    /// 12,500 milli-units are `12.5`.
    static func decimal(_ milli: Int64) -> String {
        let (whole, rest) = milli.magnitude.quotientAndRemainder(dividingBy: 1_000)
        let sign = milli < 0 ? "-" : ""
        guard rest != 0 else { return "\(sign)\(whole)" }
        var digits = String(rest + 1_000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(sign)\(whole).\(digits)"
    }
}

// MARK: - Phrases

extension Reason {
    private func signalText(_ code: ReasonCode) -> String {
        switch code {
        case .demand: return demandText
        case .claims:
            let predicted = self["predicted"].map { "\($0.text) predicted, " } ?? ""
            return
                "claims: \(word("waiting")) waiting, \(word("recent")) within a refill of \(word("refillSeconds")) s, \(predicted)\(word("claimed")) served"
        case .triggerFailed:
            let of = self["failureThreshold"].map { " of \($0.text) before fallback" } ?? ", no fallback"
            return "trigger \(word("trigger")) fails (\(word("failures")) in a row\(of))"
        case .fallbackInEffect:
            return "fallback for \(word("trigger")) after \(word("failures")) failures: \(word("replicas")) (\(word("behavior")))"
        default: return "the formula gives no value"
        }
    }

    private var demandText: String {
        let reasons = numbers.dropFirst(3).filter { $0.value != .integer(0) && $0.name != "neededOn" }.map { number in
            let node = number.name == "node_locality" ? self["neededOn"].map { " on \($0.text)" } ?? "" : ""
            return "\(number.value.text) \(number.name)\(node)"
        }
        guard !reasons.isEmpty else { return "demand \(word("total")) = \(word("resident")) running" }
        let all = "\(word("resident")) running + \(word("blocked")) waiting (\(reasons.joined(separator: ", ")))"
        return "demand \(word("total")) = \(all)\(isQuotaLeftOut ? " − \(word("quota")) quota" : "")"
    }

    /// Whether those who wait for their tenant's quota are no part of the total, as later rules have it.
    private var isQuotaLeftOut: Bool {
        guard case .integer(let total)? = self["total"], case .integer(let resident)? = self["resident"],
            case .integer(let blocked)? = self["blocked"], case .integer(let quota)? = self["quota"]
        else { return false }
        return quota > 0 && total < resident.addingClamped(blocked)
    }

    private func activationText(_ code: ReasonCode) -> String {
        switch code {
        case .triggerActive, .formulaActive: "active: \(word("trigger")) \(word("value")) > \(word("activationThreshold"))"
        case .forcedActive: "active: forced"
        case .scheduleActive: "active: schedule \(word("cron")) \(word("timezone"))"
        case .inactive:
            numbers.isEmpty ? "inactive" : "inactive: \(word("trigger")) \(word("value")) is not above \(word("activationThreshold"))"
        case .cooldownRunning: "cooldown \(word("seconds")) s runs until \(word("until"))"
        case .initialCooldownRunning: "initial cooldown \(word("seconds")) s runs until \(word("until"))"
        case .cooldownPassed: "cooldown \(word("seconds")) s is over → rests at \(word("replicas"))"
        case .atRest: "at rest"
        default: "activated: first step \(word("from")) → \(word("replicas"))"
        }
    }

    private func recommendationText(_ code: ReasonCode) -> String {
        switch code {
        case .surgeBuffer:
            return
                "surge \(word("quantile")) of \(word("windowSeconds")) s at starts of \(word("startSeconds")) s, following demand by \(word("followsPercent")) %: \(word("needed")) + \(word("spare")) spare = \(word("replicas"))"
        case .unclaimedSpare: return unclaimedText
        case .warmBuffer: return "warm buffer \(word("needed")) + \(word("spare")) spare = \(word("replicas"))"
        case .heldByFailingTrigger: return "held at \(word("replicas")) while it fails"
        case .withinTolerance:
            return "\(metricText) is within tolerance of \(word("replicas"))"
        default: return "\(metricText) = \(word("replicas"))"
        }
    }

    /// `unclaimed sandboxes for the claims that come while a replacement starts (2.1 s), by spare 3, and for 2 that wait = 5`
    private var unclaimedText: String {
        let by =
            switch self["by"] {
            case .text("surge"): "surge \(word("quantile")) of \(word("windowSeconds")) s"
            case .text("sparePercent"): "\(word("percent")) % beyond the \(word("recent")) of the last such time"
            default: "spare \(word("spare"))"
            }
        let predicted = self["predicted"].map { ", for \($0.text) that come every \(periodText)" } ?? ""
        return
            "unclaimed sandboxes for the claims that come while a replacement starts (\(word("refillSeconds")) s), by \(by)\(predicted), and for \(word("waiting")) that wait = \(word("replicas"))"
    }

    private var periodText: String {
        switch self["everySeconds"] {
        case .integer(60): "minute"
        case .integer(3_600): "hour"
        case .integer(86_400): "day"
        case .integer(604_800): "week"
        case .integer(let seconds) where seconds % 60 == 0: "\(seconds / 60) minutes"
        default: "\(word("everySeconds")) s"
        }
    }

    /// `21 ÷ 3`, `request_rate 12.5 ÷ 3`, `4 ready × 12 ÷ 8`.
    private var metricText: String {
        let name = word("trigger") == "demand" ? "" : "\(word("trigger")) "
        let ready = self["ready"].map { "\($0.text) ready × " } ?? ""
        return "\(ready)\(name)\(word("value")) ÷ \(word("threshold"))"
    }

    private func restraintText(_ code: ReasonCode) -> String {
        switch code {
        case .scaleUpStabilized: "lowest of the last \(word("windowSeconds")) s → \(word("stabilized"))"
        case .scaleDownStabilized: "highest of the last \(word("windowSeconds")) s → \(word("stabilized"))"
        case .scaleUpLimit: "scaleUp \(ruleText) → \(word("limit"))"
        default: "scaleDown \(ruleText) → \(word("limit"))"
        }
    }

    private var ruleText: String {
        switch self["kind"] {
        case .text("Pods"): "limit \(word("value")) pods/\(word("periodSeconds")) s"
        case .text("Percent"): "limit \(word("value")) %/\(word("periodSeconds")) s"
        case .text("Disabled"): "disabled"
        default: "limit 100 % or 4/\(word("periodSeconds")) s"
        }
    }

    private func boundText(_ code: ReasonCode) -> String {
        switch code {
        case .belowMinimum: "\(word("wanted")) is below minReplicaCount \(word("minReplicaCount"))"
        case .aboveMaximum: "\(word("wanted")) is above maxReplicaCount \(word("maxReplicaCount"))"
        case .tooFewReplicas: "not below \(word("minReplicaCount")) → \(word("minReplicaCount"))"
        case .tooManyReplicas: "maxReplicaCount \(word("maxReplicaCount")) → \(word("maxReplicaCount"))"
        default: "\(word("replicas")) is within range"
        }
    }

    private func guardText(_ code: ReasonCode) -> String {
        switch code {
        case .scheduleFloor: "schedule's floor → \(word("floor"))"
        case .held: "held by the operator → \(word("replicas"))"
        case .pausedScaleIn: "scale-in paused → \(word("replicas"))"
        case .pausedScaleOut: "scale-out paused → \(word("replicas"))"
        case .heldThroughUpdate:
            "a rolling update replaces the workers (\(word("left")) left): held until it is over, at most until \(word("until")) → \(word("replicas"))"
        case .workInFlight: "\(word("inFlight")) of \(word("trigger")) in flight → not below \(word("replicas"))"
        default: "\(word("busy")) workers are busy → \(word("busy"))"
        }
    }
}

// MARK: - A whole decision

extension Decision {
    /// One line: `demand 21 = 5 running + 16 waiting (16 pool_exhausted) → 21 ÷ 3 = 7 → scaleUp limit 2 pods/120 s → 5`.
    package var text: String { Self.line(why.map { ($0.code, $0.text) }, to: to) }

    /// The same of a decision whose steps are told already.
    package static func line(_ steps: [(code: String, text: String)], to: Int) -> String {
        // That a wanted pool is active, and a count in range, goes without saying.
        let silent: [ReasonCode] = [.triggerActive, .formulaActive, .scheduleActive, .desiredWithinRange]
        let phrases = steps.filter { step in !silent.contains { $0.name == step.code } }.map(\.text)
        guard let last = phrases.last else { return String(to) }
        let ends = ["= ", "→ ", "at "].contains { last.hasSuffix("\($0)\(to)") }
        return (ends ? phrases : phrases + [String(to)]).joined(separator: " → ")
    }

    /// What keeps the count from what the triggers ask for; nil where nothing does.
    package var limitText: String? { limitingReason?.text }

    /// The last step that had the count at another value than it was given.
    package var limitingReason: Reason? {
        let free: [ReasonCode] = [
            .demand, .claims, .triggerActive, .formulaActive, .forcedActive, .scheduleActive, .inactive, .atRest, .scaleTargetActivated,
            .recommended, .warmBuffer, .surgeBuffer, .unclaimedSpare, .desiredWithinRange,
        ]
        return why.last { reason in !free.contains { $0.name == reason.code } }
    }

    /// What would change the count: the number that would, and the time at which it may change by itself.
    package var changeText: String {
        let byNumber = limitingReason?.remedy ?? why.lazy.compactMap(\.nextStep).last
        let byTime = nextDeadline.map { "time: may change at \($0.rfc3339)" } ?? "time alone changes nothing"
        return [byNumber, byTime].compactMap { $0 }.joined(separator: "; ")
    }
}

extension Reason {
    /// What an operator, or the world, would have to change for this to limit no more.
    fileprivate var remedy: String? {
        switch ReasonCode(name: code) {
        case .tooManyReplicas, .aboveMaximum: "maxReplicaCount above \(word("maxReplicaCount")) (\(word("wanted")) are wanted)"
        case .tooFewReplicas, .belowMinimum: "minReplicaCount below \(word("minReplicaCount"))"
        case .held, .pausedScaleIn, .pausedScaleOut: "lifting the pause (\(word("wanted")) are wanted)"
        case .scheduleFloor: "the schedule's end (\(word("wanted")) are wanted)"
        case .heldThroughUpdate: "the end of the rolling update (\(word("wanted")) are wanted)"
        case .workInFlight: "the work of \(word("trigger")) in flight being done (\(word("wanted")) are wanted)"
        case .busyWorkers: "workers becoming idle (\(word("wanted")) are wanted)"
        case .triggerFailed, .heldByFailingTrigger, .formulaUndefined: "the failing trigger's next value"
        case .scaleUpLimit, .scaleDownLimit: self["freedAt"].map { "budget is freed from \($0.text) (\(word("wanted")) are wanted)" }
        default: nil
        }
    }

    /// The nearest value of the metric that would ask for another count.
    fileprivate var nextStep: String? {
        switch ReasonCode(name: code) {
        case .inactive: numbers.isEmpty ? nil : "\(word("trigger")) above \(word("activationThreshold"))"
        case .recommended:
            // With `Value` the next step depends on how many are ready by then.
            if self["ready"] == nil, case .milli(let threshold)? = self["threshold"], case .integer(let replicas)? = self["replicas"] {
                "\(word("trigger")) above \(Value.decimal(threshold.multipliedReportingOverflow(by: replicas).partialValue))"
            } else {
                nil
            }
        default: nil
        }
    }
}
