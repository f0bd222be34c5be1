// Which values of a policy's triggers, limits and placement make no sense?
//
// The second half of `Policy.violations`: the lists. A list that is too long is named once; its elements are checked all the
// same, so that a document's mistakes come out together.

extension PolicyRules {
    mutating func checkTriggers(_ policy: Policy) {
        checkCount(policy.triggers.count, "spec.triggers", limit: PolicyLimits.triggers)
        for (index, trigger) in policy.triggers.enumerated() {
            let path = "spec.triggers[\(index)]"
            checkName(trigger.name, "\(path).name")
            if let first = policy.triggers[..<index].firstIndex(where: { $0.name == trigger.name }) {
                refuse(
                    "\(path).name", "\(trigger.name) is the name of spec.triggers[\(first)] already; give one of the two another name",
                    comparedWith: ["spec.triggers[\(first)].name"])
            }
            checkPositive(trigger.thresholdMilli, "\(path).threshold")
            checkNotNegative(trigger.activationThresholdMilli, "\(path).activationThreshold")
            checkSource(trigger.source, path)
            if let poll = trigger.poll { checkPoll(poll, of: trigger, path) }
        }
    }

    private mutating func checkSource(_ source: Trigger.Source, _ path: String) {
        guard case .observed(let metric, let selector, let staleAfterSeconds) = source else { return }
        checkName(metric, "\(path).metric")
        if let staleAfterSeconds { check(staleAfterSeconds, "\(path).staleAfter", in: 1...PolicyLimits.seconds) }
        checkCount(selector.count, "\(path).selector", limit: PolicyLimits.selectorLabels)
        for (label, next) in zip(selector, selector.dropFirst()) where !label.key.utf8.lexicographicallyPrecedes(next.key.utf8) {
            refuse("\(path).selector", "the labels \(label.key) and \(next.key) must be in order, each once")
        }
        for label in selector {
            let isFit = [label.key, label.value].allSatisfy { $0.utf8.count <= PolicyLimits.nameBytes && isPrintable($0) }
            guard label.key.isEmpty || !isFit else { continue }
            refuse(
                "\(path).selector.\(label.key)",
                "a label needs a name, and both name and value have at most \(PolicyLimits.nameBytes) bytes without control characters")
        }
    }

    /// Trigger, metric and tenant names: what Prometheus, NATS and Kubernetes call things.
    private mutating func checkName(_ name: String, _ path: String) {
        let bytes = Array(name.utf8)
        let isPlain = bytes.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || "_.:/@-".utf8.contains($0) }
        let hasStart = bytes.first.map { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x5F } ?? false
        guard !isPlain || !hasStart || bytes.count > PolicyLimits.nameBytes else { return }
        refuse(
            path,
            "must be letters, digits and any of _ . : / @ -, beginning with a letter, digit or _, and at most \(PolicyLimits.nameBytes) bytes"
        )
    }

    private mutating func checkPositive(_ milli: Int64, _ path: String) {
        if milli <= 0 { refuse(path, "must be more than 0, and is \(Quantity.text(milli, decimals: Quantity.milliDecimals))") }
    }

    private mutating func checkNotNegative(_ milli: Int64, _ path: String) {
        guard milli < 0 else { return }
        refuse(path, "must not be negative, as no value is; to keep the pool active whatever the values, set spec.forceActivation: true")
    }

    // MARK: - Advanced

    mutating func checkAdvanced(_ policy: Policy) {
        let behavior = "spec.advanced.horizontalPodAutoscalerConfig.behavior"
        if policy.behaviorGiven {
            checkRules(policy.behavior.scaleUp, "\(behavior).scaleUp")
            checkRules(policy.behavior.scaleDown, "\(behavior).scaleDown")
        } else if policy.behavior != .kubernetesDefault {
            refuse(behavior, "a policy without behavior has Kubernetes' default")
        }
        guard let modifiers = policy.scalingModifiers else { return }
        checkPositive(modifiers.targetMilli, "spec.advanced.scalingModifiers.target")
        checkNotNegative(modifiers.activationTargetMilli, "spec.advanced.scalingModifiers.activationTarget")
    }

    /// HPA's `validateScalingRules` and `validateScalingPolicy` (pkg/apis/autoscaling/validation, Kubernetes 1.36).
    private mutating func checkRules(_ rules: Behavior.Rules, _ path: String) {
        check(rules.stabilizationWindowSeconds, "\(path).stabilizationWindowSeconds", in: 0...PolicyLimits.stabilizationSeconds)
        if rules.tolerancePPM < 0 || rules.tolerancePPM > PolicyLimits.tolerancePPM {
            refuse("\(path).tolerance", "must be from 0 to \(PolicyLimits.tolerancePPM / 1_000_000)")
        }
        if rules.limits.isEmpty {
            refuse(
                "\(path).policies",
                "needs at least one policy; leave it out for Kubernetes' default, or forbid this direction with selectPolicy: Disabled")
        }
        checkCount(rules.limits.count, "\(path).policies", limit: PolicyLimits.rateLimits)
        for (index, limit) in rules.limits.enumerated() {
            check(limit.value, "\(path).policies[\(index)].value", in: 1...PolicyLimits.rateLimitValue)
            check(limit.periodSeconds, "\(path).policies[\(index)].periodSeconds", in: 1...PolicyLimits.periodSeconds)
        }
    }

    // MARK: - Placement

    mutating func checkPlacement(_ policy: Policy) {
        checkCount(policy.spillTo.count, "spec.placement.spillTo", limit: PolicyLimits.spillTo)
        for (index, pool) in policy.spillTo.enumerated() { checkSpill(pool, index, policy) }
        if let skew = policy.zoneMaxSkew { check(skew, "spec.placement.zoneSpread.maxSkew", in: 1...PolicyLimits.maxSkew) }
        if let wait = policy.localWaitSeconds { check(wait, "spec.placement.localWaitSeconds", in: 0...PolicyLimits.seconds) }
        checkCount(policy.quotas.count, "spec.quotas", limit: PolicyLimits.quotas)
        for (index, quota) in policy.quotas.enumerated() {
            let path = "spec.quotas[\(index)]"
            checkName(quota.tenant, "\(path).tenant")
            if let first = policy.quotas[..<index].firstIndex(where: { $0.tenant == quota.tenant }) {
                refuse(
                    "\(path).tenant", "\(quota.tenant) has spec.quotas[\(first)] already; keep one of the two",
                    comparedWith: ["spec.quotas[\(first)].tenant"])
            }
            check(quota.maxRunning, "\(path).maxRunning", in: 0...PolicyLimits.maxRunning)
        }
    }

    private mutating func checkSpill(_ pool: String, _ index: Int, _ policy: Policy) {
        let path = "spec.placement.spillTo[\(index)]"
        let parts = pool.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return refuse(path, "must be NAMESPACE/NAME, or a NAME in the same namespace") }
        for part in parts { checkLabel(String(part), path) }
        if pool == policy.pool {
            refuse(path, "a pool can't spill to itself; leave it out", comparedWith: ["metadata.name", "metadata.namespace"])
        }
        if policy.spillTo[..<index].contains(pool) { refuse(path, "\(pool) is listed already; leave one out") }
    }
}
