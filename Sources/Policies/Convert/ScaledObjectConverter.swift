internal import Autoscaling
internal import Domain

// Which policy does a KEDA ScaledObject (keda.sh/v1alpha1) amount to?
//
// Fields have KEDA's names and meanings here too, so most come along as they are. What has no counterpart: anything about the HPA
// that KEDA would make, scalers that Greenroom has no reader for, and polling of what Greenroom gets as events.

struct ScaledObjectConverter {
    let root: ManifestObject
    let secrets: TriggerSecrets
    let now: LogTime

    /// KEDA's own.
    private static let pollingIntervalSeconds = 30

    func policy() -> Policy? {
        root.pass(["status"])
        guard let names = ManifestNames(root), let spec = root.required("spec", root.object("spec")), let target = names.target(spec) else {
            return nil
        }
        var policy = Policy(pool: names.pool, target: target)
        policy.minReplicaCount = spec.integer("minReplicaCount") ?? policy.minReplicaCount
        policy.maxReplicaCount = spec.integer("maxReplicaCount") ?? policy.maxReplicaCount
        policy.idleReplicaCount = spec.integer("idleReplicaCount")
        policy.cooldownPeriodSeconds = spec.integer("cooldownPeriod") ?? policy.cooldownPeriodSeconds
        policy.initialCooldownPeriodSeconds = spec.integer("initialCooldownPeriod") ?? policy.initialCooldownPeriodSeconds
        policy.behaviorGiven = true
        let scheduled = readTriggers(spec, into: &policy)
        spec.object("advanced").map { readAdvanced($0, scheduled: scheduled, into: &policy) }
        policy.fallback = spec.object("fallback").flatMap { fallback($0, policy) }
        readAnnotations(names.metadata, into: &policy)
        names.noteName(of: target, pool: policy.pool)
        names.finish()
        spec.noteUnread()
        root.noteUnread()
        return policy
    }

    // MARK: - Triggers

    /// - Returns: the names of the triggers that became schedules.
    private func readTriggers(_ spec: ManifestObject, into policy: inout Policy) -> [String] {
        let interval = spec.integer("pollingInterval")
        let intervalSeconds = min(max(interval ?? Self.pollingIntervalSeconds, 1), PolicyLimits.pollSeconds)
        if let interval, interval != intervalSeconds {
            spec.note("pollingInterval", "\(interval) became \(intervalSeconds) s, the nearest there is")
        }
        let triggers = spec.objects("triggers")
        var demandPool: String?
        var scheduled: [String] = []
        if spec.value("triggers") == nil { spec.problems.report(spec.pathOf("triggers"), at: spec.place, "is missing") }
        for document in triggers.prefix(PolicyLimits.triggers) {
            let reader = ScaledTrigger(document: document, pool: policy.pool, intervalSeconds: intervalSeconds, secrets: secrets, now: now)
            switch reader.read(maxReplicaCount: policy.maxReplicaCount) {
            case .trigger(let trigger): append(trigger, of: document, to: &policy)
            case .demand(let trigger, let pool):
                if let first = demandPool, first != pool {
                    document.note("metadata", "left out: the pool of a policy is one, and this ScaledObject asks for \(first) already")
                } else {
                    demandPool = pool
                    append(trigger, of: document, to: &policy)
                }
            case .schedule(let schedule):
                let path = "spec.schedules[\(policy.schedules.count)]"
                document.isOrigin(nil, of: path)
                if let metadata = document.object("metadata") {
                    for (theirs, ours) in [("start", "cron"), ("end", "durationSeconds"), ("desiredReplicas", "minReplicaCount")] {
                        metadata.isOrigin(theirs, of: "\(path).\(ours)")
                    }
                }
                policy.schedules.append(schedule)
                document.text("name").map { scheduled.append($0) }
            case nil: break
            }
            document.noteUnread()
        }
        if let demandPool { policy.pool = demandPool }
        for document in triggers.dropFirst(PolicyLimits.triggers) {
            document.problems.report(
                document.path, at: document.place, "a policy has at most \(PolicyLimits.triggers) triggers; split the ScaledObject")
        }
        if interval != nil, !policy.triggers.contains(where: { $0.poll != nil }) {
            spec.note("pollingInterval", "left out: nothing is polled here, every event counts at once")
        }
        if policy.triggers.isEmpty, !triggers.isEmpty {
            policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
            spec.note("triggers", "no other trigger is left: the pool follows its own demand too, one actor a worker")
        }
        return scheduled
    }

    private func append(_ trigger: Trigger, of document: ManifestObject, to policy: inout Policy) {
        var trigger = Self.named(trigger, among: policy.triggers)
        let path = "spec.triggers[\(policy.triggers.count)]"
        document.isOrigin(nil, of: path)
        // Its name is KEDA's, or the scaler's; a metric that is sent is called like the scaler.
        let named = document.names.contains("name") ? "name" : "type"
        document.isOrigin(named, of: "\(path).name")
        document.isOrigin(trigger.poll == nil ? "type" : named, of: "\(path).metric")
        let metadata = document.object("metadata")
        if let metadata { ScaledTrigger.noteOrigins(of: document.text("type") ?? "", in: metadata, path) }
        for ours in ["bearerTokenFile", "tls"] where document.names.contains("authenticationRef") {
            document.isOrigin("authenticationRef", of: "\(path).\(ours)")
        }
        if trigger.activationThresholdMilli < 0 {
            trigger.activationThresholdMilli = 0
            policy.forceActivation = true
            document.note("metadata", "an activation threshold below 0 keeps the pool active at any value: it became forceActivation: true")
        }
        policy.triggers.append(trigger)
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

    private func readAdvanced(_ advanced: ManifestObject, scheduled: [String], into policy: inout Policy) {
        advanced.leaveOut("restoreToOriginalReplicaCount", "a removed policy leaves its pool as it is")
        if let config = advanced.object("horizontalPodAutoscalerConfig") {
            config.leaveOut("name", "there is no HPA")
            config.object("behavior").map { ManifestBehavior.read($0, into: &policy.behavior) }
            config.noteUnread()
        }
        if let modifiers = advanced.object("scalingModifiers") {
            policy.scalingModifiers = scalingModifiers(modifiers, names: policy.triggers.map(\.name), scheduled: scheduled)
            if policy.scalingModifiers != nil, policy.triggers.contains(where: Self.isResource) {
                modifiers.note(
                    "formula", "stands for all triggers here, also for cpu and memory, by which KEDA scales beside it: name them in it")
            }
            modifiers.noteUnread()
        }
        advanced.noteUnread()
    }

    /// - Parameter scheduled: triggers that a formula can't name any more, as they became schedules.
    private func scalingModifiers(_ modifiers: ManifestObject, names: [String], scheduled: [String]) -> ScalingModifiers? {
        // KEDA reads empty modifiers as none.
        guard let text = modifiers.text("formula"), !text.isEmpty else { return nil }
        guard let target = modifiers.required("target", modifiers.milli("target")) else { return nil }
        let activationTarget = modifiers.milli("activationTarget") ?? 0
        let metricType = modifiers.choice("metricType", MetricType.self) ?? .averageValue
        do throws(FormulaError) {
            return ScalingModifiers(
                formula: try Formula(compiling: text, names: names), targetMilli: target, activationTargetMilli: activationTarget,
                metricType: metricType)
        } catch {
            let became =
                scheduled.isEmpty
                ? ""
                : " (\(scheduled.joined(separator: ", ")) became spec.schedules, which hold the count up by themselves: take that out of the formula)"
            modifiers.problems.report(
                modifiers.pathOf("formula"),
                "column \(error.column) of the formula: \(error.message)\(became); write it with the operators and functions that formulas have here, and convert again"
            )
            return nil
        }
    }

    private static func isResource(_ trigger: Trigger) -> Bool {
        guard case .observed(let metric, _, _) = trigger.source, trigger.poll == nil else { return false }
        return ["cpu_utilization", "cpu_used", "memory_utilization", "memory_used"].contains(metric)
    }

    private func fallback(_ fallback: ManifestObject, _ policy: Policy) -> Fallback? {
        guard var failureThreshold = fallback.required("failureThreshold", fallback.integer("failureThreshold")),
            var replicas = fallback.required("replicas", fallback.integer("replicas"))
        else { return nil }
        let behavior = fallbackBehavior(fallback, policy)
        fallback.noteUnread()
        if failureThreshold == 0 {
            failureThreshold = 1
            fallback.note("failureThreshold", "0 became 1: the first failure counts")
        }
        if replicas > policy.maxReplicaCount {
            fallback.note("replicas", "\(replicas) lowered to maxReplicaCount, \(policy.maxReplicaCount), where KEDA's HPA stops too")
            replicas = policy.maxReplicaCount
        }
        return Fallback(failureThreshold: failureThreshold, replicas: replicas, behavior: behavior)
    }

    /// KEDA's `scalingModifiers` hands a failing trigger to the formula as nil, and takes `replicas` where the formula is nil
    /// too. A formula here always works so.
    private func fallbackBehavior(_ fallback: ManifestObject, _ policy: Policy) -> Fallback.Behavior {
        guard fallback.text("behavior") == "scalingModifiers" else { return fallback.choice("behavior", Fallback.Behavior.self) ?? .static }
        if policy.scalingModifiers == nil, fallback.problems.problems.isEmpty {
            fallback.problems.report(
                fallback.pathOf("behavior"), "scalingModifiers needs advanced.scalingModifiers with a formula, as KEDA demands")
        }
        fallback.note(
            "behavior",
            "scalingModifiers became static: a formula sees a trigger that fails as nil from its first failure on, so ?? decides, and replicas where the formula is nil"
        )
        return .static
    }

    // MARK: - Annotations

    private func readAnnotations(_ metadata: ManifestObject, into policy: inout Policy) {
        guard let annotations = metadata.object("annotations") else { return }
        let prefix = "autoscaling.keda.sh/"
        // KEDA: what is no flag counts as true.
        func isOn(_ name: String) -> Bool {
            guard annotations.names.contains(prefix + name) else { return false }
            let written = annotations.text(prefix + name) ?? ""
            if let flag = ManifestObject.flag(written) { return flag }
            annotations.note(prefix + name, "\"\(written.prefix(40))\" is no flag, and so counts as true, as for KEDA")
            return true
        }
        if isOn("paused") { policy.pause = Pause(scaleIn: true, scaleOut: true) }
        if isOn("paused-scale-in") { policy.pause.scaleIn = true }
        if isOn("paused-scale-down") { policy.pause.scaleIn = true }
        if isOn("paused-scale-out") { policy.pause.scaleOut = true }
        if let hold = annotations.integer(prefix + "paused-replicas") { policy.pause.hold = hold }
        annotations.isOrigin(prefix + "paused-replicas", of: "spec.pause.hold")
        if isOn("force-activation") { policy.forceActivation = true }
        for name in annotations.names where name.contains("keda.sh/") && !Self.readAnnotationNames.contains(name) {
            annotations.leaveOut(name, "it is about the HPA that KEDA makes, or unknown here")
        }
        annotations.passAll()
    }

    private static let readAnnotationNames = [
        "paused", "paused-scale-in", "paused-scale-down", "paused-scale-out", "paused-replicas", "force-activation",
    ].map { "autoscaling.keda.sh/\($0)" }
}
