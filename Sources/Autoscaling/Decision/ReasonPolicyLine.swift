// Which line of the policy does a step of a decision go by?
//
// The path of a field in the policy as it is written (`spec.maxReplicaCount`), and what stands there, as far as the reason says. Only the
// reason is read: a decision of the log leads to its line without the policy of its time. Triggers and schedules are named by what tells
// them apart, since a reason knows no numbers of list elements.

package struct PolicyLine: Hashable, Sendable {
    package var path: String
    /// In one line of YAML; empty where the reason doesn't say.
    package var text: String
}

extension Reason {
    /// nil where no line of the policy is behind the step.
    package var policyLine: PolicyLine? {
        guard let code = ReasonCode(name: code) else { return nil }
        switch code {
        case .tooManyReplicas, .aboveMaximum: return line("maxReplicaCount", number: "maxReplicaCount")
        case .tooFewReplicas, .belowMinimum: return minimum
        case .cooldownRunning, .cooldownPassed:
            return line(self["lastActive"] == nil ? "initialCooldownPeriod" : "cooldownPeriod", number: "seconds")
        case .initialCooldownRunning: return line("initialCooldownPeriod", number: "seconds")
        case .triggerActive, .inactive:
            return trigger("activationThreshold")
        case .formulaActive: return line("advanced.scalingModifiers.activationTarget", number: "activationThreshold")
        case .formulaUndefined: return PolicyLine(path: "spec.advanced.scalingModifiers.formula", text: "")
        case .forcedActive: return PolicyLine(path: "spec.forceActivation", text: "true")
        case .recommended, .withinTolerance: return trigger("threshold")
        case .triggerFailed: return named("trigger").map { PolicyLine(path: "spec.triggers[name=\($0)]", text: "") }
        case .heldByFailingTrigger, .demand, .claims, .atRest, .desiredWithinRange, .scaleTargetActivated, .heldThroughUpdate,
            .busyWorkers:
            return nil
        case .fallbackInEffect: return PolicyLine(path: "spec.fallback", text: fields(["replicas", "behavior"]))
        case .warmBuffer: return PolicyLine(path: "spec.buffer", text: "")
        case .surgeBuffer: return PolicyLine(path: "spec.buffer.surge", text: fields(["quantile", "windowSeconds"]))
        case .unclaimedSpare: return PolicyLine(path: "spec.buffer", text: fields(["spare", "percent", "quantile", "windowSeconds"]))
        case .scaleUpStabilized: return behavior("scaleUp.stabilizationWindowSeconds", self["windowSeconds"]?.text ?? "")
        case .scaleDownStabilized: return behavior("scaleDown.stabilizationWindowSeconds", self["windowSeconds"]?.text ?? "")
        case .scaleUpLimit: return limit("scaleUp")
        case .scaleDownLimit: return limit("scaleDown")
        case .scheduleActive: return PolicyLine(path: "spec.schedules", text: fields(["cron", "timezone"]))
        case .scheduleFloor: return PolicyLine(path: "spec.schedules", text: self["floor"].map { "{minReplicaCount: \($0.text)}" } ?? "")
        case .held: return line("pause.hold", number: "replicas")
        case .pausedScaleIn: return PolicyLine(path: "spec.pause.in", text: "true")
        case .pausedScaleOut: return PolicyLine(path: "spec.pause.out", text: "true")
        case .workInFlight: return trigger("threshold")
        }
    }

    private func line(_ field: String, number: String) -> PolicyLine { PolicyLine(path: "spec.\(field)", text: self[number]?.text ?? "") }

    /// A wanted pool has a worker though the policy says none: then the reason's number isn't the line's.
    private var minimum: PolicyLine {
        var line = line("minReplicaCount", number: "minReplicaCount")
        if line.text == "1" { line.text = "" }
        return line
    }

    private func named(_ number: String) -> String? { if case .text(let name)? = self[number] { name } else { nil } }

    /// A trigger's threshold, or the formula's target.
    private func trigger(_ field: String) -> PolicyLine? {
        guard let name = named("trigger") else { return nil }
        guard name != "formula" else {
            return line("advanced.scalingModifiers.\(field == "threshold" ? "target" : "activationTarget")", number: field)
        }
        return PolicyLine(path: "spec.triggers[name=\(name)].\(field)", text: self[field]?.text ?? "")
    }

    private func behavior(_ field: String, _ text: String) -> PolicyLine {
        PolicyLine(path: "spec.advanced.horizontalPodAutoscalerConfig.behavior.\(field)", text: text)
    }

    /// Without a behavior of its own a policy has no such line: HPA's own limit holds.
    private func limit(_ direction: String) -> PolicyLine? {
        switch self["kind"] {
        case .text("Default"): return nil
        case .text("Disabled"): return behavior("\(direction).selectPolicy", "Disabled")
        default:
            guard let kind = named("kind"), let value = self["value"], let seconds = self["periodSeconds"] else { return nil }
            return behavior("\(direction).policies", "{type: \(kind), value: \(value.text), periodSeconds: \(seconds.text)}")
        }
    }

    private func fields(_ names: [String]) -> String {
        let known = names.compactMap { name in self[name].map { "\(name): \($0.text)" } }
        return known.isEmpty ? "" : "{\(known.joined(separator: ", "))}"
    }
}
