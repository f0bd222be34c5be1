internal import Autoscaling
internal import Domain

// Which policy does a KEDA ScaledObject (keda.sh/v1alpha1) amount to?
//
// Fields have KEDA's names and meanings here too, so most come along as they are. What doesn't: anything about the HPA that
// KEDA would make, scalers that Greenroom has no reader for, and polling of what is told to it anyway.

struct ScaledObjectConverter {
    let root: ManifestObject
    let secrets: TriggerSecrets
    let now: LogTime

    /// KEDA's own.
    private static let pollingIntervalSeconds = 30

    func policy() -> Policy? {
        root.pass(["status"])
        guard let names = ManifestNames(root), let spec = root.required("spec", root.object("spec")), let target = names.target(spec) else { return nil }
        var policy = Policy(pool: names.pool, target: target)
        policy.minReplicaCount = spec.integer("minReplicaCount") ?? policy.minReplicaCount
        policy.maxReplicaCount = spec.integer("maxReplicaCount") ?? policy.maxReplicaCount
        policy.idleReplicaCount = spec.integer("idleReplicaCount")
        policy.cooldownPeriodSeconds = spec.integer("cooldownPeriod") ?? policy.cooldownPeriodSeconds
        policy.initialCooldownPeriodSeconds = spec.integer("initialCooldownPeriod") ?? policy.initialCooldownPeriodSeconds
        policy.behaviorGiven = true
        readTriggers(spec, into: &policy)
        spec.object("advanced").map { readAdvanced($0, into: &policy) }
        policy.fallback = spec.object("fallback").flatMap(fallback)
        readAnnotations(names.metadata, into: &policy)
        names.noteName(of: target)
        names.finish()
        spec.noteUnread()
        root.noteUnread()
        return policy
    }

    // MARK: - Triggers

    private func readTriggers(_ spec: ManifestObject, into policy: inout Policy) {
        let interval = spec.integer("pollingInterval")
        let triggers = spec.objects("triggers")
        if spec.value("triggers") == nil { spec.problems.report(spec.pathOf("triggers"), at: spec.place, "is missing") }
        for document in triggers.prefix(PolicyLimits.triggers) {
            let reader = ScaledTrigger(document: document, pool: policy.pool, intervalSeconds: interval ?? Self.pollingIntervalSeconds, secrets: secrets, now: now)
            switch reader.read(maxReplicaCount: policy.maxReplicaCount) {
            case .trigger(let trigger): policy.triggers.append(Self.named(trigger, among: policy.triggers))
            case .schedule(let schedule): policy.schedules.append(schedule)
            case nil: break
            }
            document.noteUnread()
        }
        if interval != nil, !policy.triggers.contains(where: { $0.poll != nil }) {
            spec.note("pollingInterval", "left out: nothing is polled here, every event counts at once")
        }
        if policy.triggers.isEmpty, !triggers.isEmpty {
            policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
            spec.note("triggers", "no other trigger is left: the pool follows its own demand too, one actor a worker")
        }
    }

    /// A name of its own; a metric that is fetched is called like its trigger.
    private static func named(_ trigger: Trigger, among others: [Trigger]) -> Trigger {
        var trigger = trigger
        trigger.name = ManifestNames.unique(trigger.name, among: others.map(\.name))
        guard trigger.poll != nil, case .observed(_, let selector, let staleAfterSeconds) = trigger.source else { return trigger }
        trigger.source = .observed(metric: trigger.name, selector: selector, staleAfterSeconds: staleAfterSeconds)
        return trigger
    }

    // MARK: - Advanced

    private func readAdvanced(_ advanced: ManifestObject, into policy: inout Policy) {
        advanced.leaveOut("restoreToOriginalReplicaCount", "a removed policy leaves its pool as it is")
        if let config = advanced.object("horizontalPodAutoscalerConfig") {
            config.leaveOut("name", "there is no HPA")
            config.object("behavior").map { ManifestBehavior.read($0, into: &policy.behavior) }
            config.noteUnread()
        }
        if let modifiers = advanced.object("scalingModifiers") {
            policy.scalingModifiers = scalingModifiers(modifiers, names: policy.triggers.map(\.name))
            modifiers.noteUnread()
        }
        advanced.noteUnread()
    }

    private func scalingModifiers(_ modifiers: ManifestObject, names: [String]) -> ScalingModifiers? {
        // KEDA reads empty modifiers as none.
        guard let text = modifiers.text("formula"), !text.isEmpty else { return nil }
        guard let target = modifiers.required("target", modifiers.milli("target")) else { return nil }
        let activationTarget = modifiers.milli("activationTarget") ?? 0
        let metricType = modifiers.choice("metricType", MetricType.self) ?? .averageValue
        do throws(FormulaError) {
            return ScalingModifiers(
                formula: try Formula(compiling: text, names: names), targetMilli: target, activationTargetMilli: activationTarget, metricType: metricType)
        } catch {
            modifiers.problems.report(
                modifiers.pathOf("formula"),
                "column \(error.column) of the formula: \(error.message); write it with the operators and functions that formulas have here, and convert again")
            return nil
        }
    }

    private func fallback(_ fallback: ManifestObject) -> Fallback? {
        let failureThreshold = fallback.required("failureThreshold", fallback.integer("failureThreshold"))
        let replicas = fallback.required("replicas", fallback.integer("replicas"))
        let behavior = fallback.choice("behavior", Fallback.Behavior.self) ?? .static
        fallback.noteUnread()
        guard let failureThreshold, let replicas else { return nil }
        return Fallback(failureThreshold: failureThreshold, replicas: replicas, behavior: behavior)
    }

    // MARK: - Annotations

    private func readAnnotations(_ metadata: ManifestObject, into policy: inout Policy) {
        guard let annotations = metadata.object("annotations") else { return }
        let prefix = "autoscaling.keda.sh/"
        func isOn(_ name: String) -> Bool { annotations.text(prefix + name).map { $0.lowercased() == "true" } ?? false }
        if isOn("paused") { policy.pause = Pause(scaleIn: true, scaleOut: true) }
        if isOn("paused-scale-in") { policy.pause.scaleIn = true }
        if isOn("paused-scale-out") { policy.pause.scaleOut = true }
        if let hold = annotations.integer(prefix + "paused-replicas") { policy.pause.hold = hold }
        policy.forceActivation = isOn("force-activation")
        for name in annotations.names where name.contains("keda.sh/") && !Self.readAnnotationNames.contains(name) {
            annotations.leaveOut(name, "it is about the HPA that KEDA makes, or unknown here")
        }
        annotations.passAll()
    }

    private static let readAnnotationNames = ["paused", "paused-scale-in", "paused-scale-out", "paused-replicas", "force-activation"].map { "autoscaling.keda.sh/\($0)" }
}
