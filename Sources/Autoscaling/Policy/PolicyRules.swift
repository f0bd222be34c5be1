// Which values of a policy make no sense, alone or together?
//
// Every range and every relation between fields, checked on the parsed value: the same rules hold for a file, a request and
// a `policy.applied` event from an imported log. What has passed has a positive threshold to divide by, a minimum not above
// its maximum, and no list or number so large that deciding gets slow. HPA's and KEDA's own rules where the field is theirs.

/// A rule that a policy breaks.
package struct PolicyViolation: Hashable, Sendable {
    /// Of the field to change, as in the document: `spec.triggers[1].threshold`.
    package var path: String
    /// Other fields that the rule compares it with.
    package var comparedWith: [String]
    /// What is wrong and what to do.
    package var message: String
}

/// Upper ends that no real pool comes near.
package enum PolicyLimits {
    package static let replicas = 100_000
    package static let slotsPerWorker = 10_000
    package static let seconds = 31_536_000
    package static let sparePercent = 10_000
    /// A day: what the surge buffer learns from beyond that is not the pool as it is.
    package static let surgeWindowSeconds = 86_400
    package static let triggers = 64
    package static let selectorLabels = 64
    package static let schedules = 64
    package static let quotas = 1_024
    package static let spillTo = 64
    package static let nameBytes = 253
    /// Shadows of one pool.
    package static let shadows = 4
    package static let commandWords = 64
    package static let commandWordBytes = 4_096
    /// Of each direction's `policies`.
    package static let rateLimits = 64
    package static let rateLimitValue = 1_000_000
    /// Kubernetes: `MaxStabilizationWindowSeconds` and `MaxPeriodSeconds` of autoscaling/validation.
    package static let stabilizationSeconds = 3_600
    package static let periodSeconds = 1_800
    /// A thousandfold deviation tolerated is no autoscaling.
    package static let tolerancePPM = 1_000_000_000
    /// Between two requests of a poller, and for one request.
    package static let pollSeconds = 3_600
    package static let pollTimeoutSeconds = 60
    package static let queryBytes = 8_192
    package static let addressBytes = 2_048
    package static let ports = 1...65_535
    package static let maxSkew = 1_000
    package static let maxRunning = 1_000_000_000
}

extension Policy {
    /// Every rule this policy breaks, in the order of its fields; none where it may be used.
    package var violations: [PolicyViolation] { violations(isLogged: false) }

    func violations(isLogged: Bool) -> [PolicyViolation] {
        var rules = PolicyRules(isLogged: isLogged)
        rules.checkNames(self)
        rules.checkBusy(self)
        rules.checkReplicas(self)
        rules.checkTriggers(self)
        rules.checkAdvanced(self)
        rules.checkFallback(self)
        rules.checkSchedules(self)
        rules.checkPlacement(self)
        return rules.violations
    }
}

struct PolicyRules {
    /// It came out of the log: see `Policy.init(canonicalJSON:isLogged:)`.
    let isLogged: Bool
    private(set) var violations: [PolicyViolation] = []

    init(isLogged: Bool) { self.isLogged = isLogged }

    mutating func refuse(_ path: String, _ message: String, comparedWith: [String] = []) {
        violations.append(PolicyViolation(path: path, comparedWith: comparedWith, message: message))
    }

    mutating func check(_ value: Int, _ path: String, in range: ClosedRange<Int>) {
        if !range.contains(value) { refuse(path, "must be from \(range.lowerBound) to \(range.upperBound), and is \(value)") }
    }

    mutating func checkCount(_ count: Int, _ path: String, limit: Int) {
        if count > limit { refuse(path, "at most \(limit) here, and there are \(count)") }
    }

    // MARK: - Names and target

    mutating func checkNames(_ policy: Policy) {
        let parts = policy.pool.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        checkLabel(parts.first.map(String.init) ?? "", "metadata.namespace")
        let pool = parts.count == 2 ? String(parts[1]) : ""
        checkLabel(policy.shadow ?? pool, "metadata.name")
        checkShadow(policy, of: pool)
        checkSegment(policy.target.apiVersion, "spec.scaleTargetRef.apiVersion", allowing: "/")
        checkSegment(policy.target.kind, "spec.scaleTargetRef.kind")
        checkSegment(policy.target.name, "spec.scaleTargetRef.name")
        checkCommand(policy.target)
        check(policy.slotsPerWorker, "spec.slotsPerWorker", in: 1...PolicyLimits.slotsPerWorker)
        checkCapacity(policy)
    }

    /// Only of a kind whose workers leave when they are taken does the count mean that.
    private mutating func checkCapacity(_ policy: Policy) {
        guard policy.capacity == .unclaimed, !policy.target.isWarmPool else { return }
        refuse(
            "spec.capacity",
            "only a \(ScaleTarget.warmPoolKind) of \(ScaleTarget.warmPoolGroup) counts unclaimed workers, and the target is a \(policy.target.kind); leave it out",
            comparedWith: ["spec.scaleTargetRef.kind", "spec.scaleTargetRef.apiVersion"])
    }

    private mutating func checkShadow(_ policy: Policy, of pool: String) {
        guard let name = policy.shadow else { return }
        let path = "spec.shadowOf"
        checkLabel(pool, path)
        if name == pool {
            refuse(path, "\(name) can't be its own shadow; give the shadow another metadata.name", comparedWith: ["metadata.name"])
        }
        if policy.mode != .recommend {
            refuse(path, "a shadow is never followed; write mode: recommend beside it", comparedWith: ["spec.mode"])
        }
    }

    /// A DNS subdomain (RFC 1123), as Kubernetes wants names.
    mutating func checkLabel(_ name: String, _ path: String) {
        let bytes = Array(name.utf8)
        let isInside = bytes.allSatisfy { ($0 &- 0x61) < 26 || ($0 &- 0x30) < 10 || $0 == 0x2D || $0 == 0x2E }
        let hasEnds = [bytes.first, bytes.last].allSatisfy { $0.map { $0 != 0x2D && $0 != 0x2E } ?? false }
        guard !isInside || !hasEnds || bytes.count > PolicyLimits.nameBytes else { return }
        refuse(
            path,
            "must be lower-case letters, digits, - and ., with a letter or digit at both ends, and at most \(PolicyLimits.nameBytes) bytes")
    }

    /// What may stand in a URL's path (Kubernetes: `IsValidPathSegmentName`).
    private mutating func checkSegment(_ name: String, _ path: String, allowing separator: Character? = nil) {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:".contains($0) || $0 == separator) }
        guard !isPlain || name.isEmpty || name == "." || name == ".." || name.utf8.count > PolicyLimits.nameBytes else { return }
        refuse(path, "must be letters, digits, ., _ and -, at most \(PolicyLimits.nameBytes) bytes")
    }

    private mutating func checkCommand(_ target: ScaleTarget) {
        let path = "spec.scaleTargetRef.command"
        guard !target.command.isEmpty else { return }
        if target.kind != "Process" {
            refuse(path, "only kind: Process has a command; leave it out for \(target.kind)", comparedWith: ["spec.scaleTargetRef.kind"])
        }
        checkCount(target.command.count, path, limit: PolicyLimits.commandWords)
        if target.command[0].isEmpty { refuse("\(path)[0]", "must name a program") }
        for (index, word) in target.command.enumerated()
        where word.utf8.count > PolicyLimits.commandWordBytes || !isPrintable(word, with: "\n\t") {
            refuse("\(path)[\(index)]", "must be at most \(PolicyLimits.commandWordBytes) bytes without control characters")
        }
    }

    /// What every YAML reader takes as it stands: no control characters, none of Unicode's own line breaks or marks.
    func isPrintable(_ text: String, with allowed: String = "") -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xFEFE, 0xFF00...0xFFFD, 0x10000...: true
            default: allowed.unicodeScalars.contains(scalar)
            }
        }
    }

    // MARK: - Counts and times

    mutating func checkReplicas(_ policy: Policy) {
        check(policy.minReplicaCount, "spec.minReplicaCount", in: 0...PolicyLimits.replicas)
        check(policy.maxReplicaCount, "spec.maxReplicaCount", in: 1...PolicyLimits.replicas)
        if policy.minReplicaCount > policy.maxReplicaCount {
            refuse(
                "spec.minReplicaCount",
                "\(policy.minReplicaCount) is more than maxReplicaCount, \(policy.maxReplicaCount); lower it or raise that",
                comparedWith: ["spec.maxReplicaCount"])
        }
        checkIdle(policy)
        check(policy.cooldownPeriodSeconds, "spec.cooldownPeriod", in: 0...PolicyLimits.seconds)
        check(policy.initialCooldownPeriodSeconds, "spec.initialCooldownPeriod", in: 0...PolicyLimits.seconds)
        switch policy.buffer {
        case .fixed(let spare): check(spare, "spec.buffer.spare", in: 0...PolicyLimits.replicas)
        case .percent(let percent): check(percent, "spec.buffer.sparePercent", in: 0...PolicyLimits.sparePercent)
        case .surge(let quantilePPM, let windowSeconds, let min):
            if !(1...999_999).contains(quantilePPM) { refuse("spec.buffer.surge.quantile", "must lie between 0 and 1") }
            check(windowSeconds, "spec.buffer.surge.windowSeconds", in: 1...PolicyLimits.surgeWindowSeconds)
            check(min, "spec.buffer.surge.min", in: 0...PolicyLimits.replicas)
        }
        check(policy.drainTimeoutSeconds, "spec.drain.timeoutSeconds", in: 0...PolicyLimits.seconds)
        if let hold = policy.pause.hold { check(hold, "spec.pause.hold", in: 0...PolicyLimits.replicas) }
    }

    /// KEDA compares with the HPA's minimum, which is 1 where `minReplicaCount` is 0: idle at 0 is always allowed.
    private mutating func checkIdle(_ policy: Policy) {
        guard let idle = policy.idleReplicaCount else { return }
        check(idle, "spec.idleReplicaCount", in: 0...PolicyLimits.replicas)
        if idle >= max(policy.minReplicaCount, 1) {
            refuse(
                "spec.idleReplicaCount",
                "\(idle) is not below minReplicaCount, \(policy.minReplicaCount); lower it, or leave it out to rest at the minimum",
                comparedWith: ["spec.minReplicaCount"])
        }
    }

    mutating func checkFallback(_ policy: Policy) {
        guard let fallback = policy.fallback else { return }
        check(fallback.failureThreshold, "spec.fallback.failureThreshold", in: 1...PolicyLimits.replicas)
        check(fallback.replicas, "spec.fallback.replicas", in: 0...PolicyLimits.replicas)
        if fallback.replicas > policy.maxReplicaCount {
            refuse(
                "spec.fallback.replicas",
                "\(fallback.replicas) is more than maxReplicaCount, \(policy.maxReplicaCount); lower it or raise that",
                comparedWith: ["spec.maxReplicaCount"])
        }
    }

    mutating func checkSchedules(_ policy: Policy) {
        checkCount(policy.schedules.count, "spec.schedules", limit: PolicyLimits.schedules)
        for (index, schedule) in policy.schedules.enumerated() {
            if schedule.timezone.utf8.count > PolicyLimits.nameBytes || !isPrintable(schedule.timezone) {
                refuse("spec.schedules[\(index)].timezone", "must be the name of a time zone, such as Europe/Zurich")
            }
            guard schedule.minReplicaCount > policy.maxReplicaCount else { continue }
            refuse(
                "spec.schedules[\(index)].minReplicaCount",
                "\(schedule.minReplicaCount) is more than maxReplicaCount, \(policy.maxReplicaCount); lower it or raise that",
                comparedWith: ["spec.maxReplicaCount"])
        }
    }
}
