import Basics
import Autoscaling
package import Domain

// What does a pool's event change?

extension State {
    package mutating func applyPool(_ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold) -> Bool {
        let home = pool(event.pool, names: names, at: fold.at)
        if event.kind.isOurs { fold.change.own.append(event) }
        switch event.kind {
        case .policyApplied: return applyPolicy(home, event, body, &fold)
        case .scaleDecided: return applyDecision(home, event, body, &fold)
        case .timerFired: return applyTimer(home, event, body, &fold)
        default: break
        }
        fold.touched.insert(home)
        switch event.kind {
        case .queueObserved: return observeQueue(home, event, body, &fold)
        case .poolObserved: return observePool(home, event, body, &fold)
        case .scaleApplied:
            pools[home].scaleProblem = nil
            return true
        case .scaleFailed: return noteFailure(home, event, body, &fold)
        case .poolPaused: return applyPause(home, event, body, &fold)
        case .poolDeleted: return body.readMembers { _, _ in } ? deletePool(home) : fold.skipDamaged(event)
        default: return fold.skip(event, "\(event.kind.name) is not about a pool")
        }
    }

    private mutating func observeQueue(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        let now = fold.at
        var metric = ""
        var labels: [Trigger.Label] = []
        var valueMilli: Int64?
        var inFlightMilli: Int64 = 0
        let isWhole = body.readMembers { key, value in
            if key == "inFlight" { inFlightMilli = max(0, body.milli(value) ?? 0) }
            if key == "metric" { metric = body.text(value) ?? "" }
            if key == "value" { valueMilli = body.milli(value) }
            if key == "labels" { labels = body.stringMap(value).map { Trigger.Label(key: $0.key, value: $0.value) } }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        let found = pools[home].series.firstIndex { $0.metric == metric && $0.labels == labels }
        guard let k = found else {
            guard pools[home].series.count < PoolState.seriesLimit else { return false }
            let sample = ObservedSample(
                valueMilli: valueMilli, at: now, consecutiveFailures: valueMilli == nil ? 1 : 0, inFlightMilli: inFlightMilli)
            pools[home].series.append(ObservedSeries(metric: metric, labels: labels, sample: sample))
            return true
        }
        if let valueMilli {
            pools[home].series[k].sample = ObservedSample(valueMilli: valueMilli, at: now, inFlightMilli: inFlightMilli)
        } else {
            pools[home].series[k].sample.consecutiveFailures &+= 1
        }
        return true
    }

    private mutating func observePool(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var found: Int?
        var ready: Int?
        var problem: String?
        var reason: String?
        var updating: Int?
        let isWhole = body.readMembers { key, value in
            if key == "updating" { updating = body.integer(value).map(Self.replicas) }
            if key == "specReplicas" { found = body.integer(value).map(Self.replicas) }
            if key == "readyReplicas" { ready = body.integer(value).map(Self.replicas) }
            if key == "problem" { problem = body.text(value) }
            if key == "reason" { reason = body.text(value) }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        pools[home].targetProblem = problem.map { TargetProblem(reason: reason ?? "TargetProblem", text: $0) }
        // Of a target that can't be read the counts say nothing.
        guard pools[home].targetProblem?.hasCounts ?? true else { return true }
        pools[home].observedReady = ready ?? pools[home].observedReady
        if let updating { pools[home].noteRollingUpdate(left: updating, at: fold.at) }
        if let found {
            pools[home].noteReplicas(found, at: fold.at)
            fold.change.shown.append(home)
        }
        return true
    }

    /// A number of replicas that an event tells. Readers take 31 bits since they are bounded; logs from before hold any count, and
    /// what was decided on one is decided again, so only what no target has is put right here. Arithmetic on it stops at the end
    /// of its range.
    private static func replicas(_ told: Int64) -> Int { Int(clamping: max(0, told)) }

    /// Why a pool can't be deleted; nil where it can. Its past stays in the log.
    package func obstacleToDeleting(_ pool: Int) -> String? {
        if pools[pool].policy != nil { return "it has a policy: delete that first" }
        if let shadow = pools[pool].shadows.first { return "\(shadow.name) is its shadow: delete that first" }
        if !pools[pool].members.isEmpty { return "it has \(pools[pool].members.count) workers: they must go first" }
        if pools[pool].queue.count > 0 { return "\(pools[pool].queue.count) of its actors wait for a worker: withdraw them first" }
        if pools[pool].resident > 0 { return "\(pools[pool].resident) of its actors run" }
        return nil
    }

    /// Its number stays its own, as actors that sleep name it.
    private mutating func deletePool(_ home: Int) -> Bool {
        guard obstacleToDeleting(home) == nil else { return false }
        pools[home].forget()
        pools[home].isDeleted = true
        deletedPools += 1
        return true
    }

    /// Something happens in it again.
    mutating func restorePool(_ index: Int) {
        pools[index].isDeleted = false
        deletedPools -= 1
    }

    private mutating func applyPause(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var order = PauseOrder(pause: Pause(), by: nil, seq: event.seq, at: fold.at)
        let isWhole = body.readMembers { key, value in
            if key == "in" { order.pause.scaleIn = body.bool(value) }
            if key == "out" { order.pause.scaleOut = body.bool(value) }
            if key == "hold" { order.pause.hold = body.integer(value).map { min(max(0, Int(clamping: $0)), Int(Int32.max)) } }
            if key == "by" { order.by = body.text(value) }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        pools[home].takePauseOrder(order)
        return true
    }

    /// A drain that took too long, replicas that somebody else set, found when ours were to be set, a worker that never became ready,
    /// or a target that fails.
    private mutating func noteFailure(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var error = "failed"
        var hasWorkers = false
        var found: Int?
        var isStart = false
        let isWhole = body.readMembers { key, value in
            if key == "error" { error = body.text(value) ?? "failed" }
            if key == "workers" { hasWorkers = true }
            if key == "start" { isStart = true }
            if key == "specReplicas" { found = body.integer(value).map(Self.replicas) }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        if hasWorkers {
            pools[home].drains.gaveUp(error, at: fold.at)
        } else if let found {
            if !pools[home].target.isYielding, found != pools[home].desired { pools[home].noteForeignReplicas(found, at: fold.at) }
        } else if isStart {
            let before = pools[home].failedStarts?.count ?? 0
            pools[home].failedStarts = FailedStarts(count: before.addingClamped(1), error: error, at: fold.at)
            fold.change.measured.append(.workerGone(pool: home, .failedToStart))
        } else {
            pools[home].scaleProblem = error
        }
        return true
    }

    /// A policy that is null is taken away: the pool keeps what it has and nothing scales it any more.
    private mutating func applyPolicy(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var json: [UInt8] = []
        var digest = ""
        var shadow: String?
        var rules: DecisionRules? = .first
        var renews = false
        let isWhole = body.readMembers { key, value in
            if key == "policy" { json = body.raw(value) }
            if key == "rules" { rules = body.integer(value).flatMap { DecisionRules(rawValue: Int(clamping: $0)) } }
            if key == "renews" { renews = true }
            if key == "digest" { digest = body.text(value) ?? "" }
            if key == "shadow" { shadow = body.text(value) }
        }
        touch(home, shadow, &fold)
        guard isWhole else {
            pools[home].policyProblem = "the policy of position \(event.seq) is damaged and was passed over: apply it again"
            return fold.skipDamaged(event)
        }
        guard json.count > 2 else {
            pools[home].policyProblem = nil
            let isRemoved = pools[home].removePolicy(shadow)
            if shadow == nil { adoptPlacementRules(home) }
            countReports(of: home, &fold)
            return isRemoved
        }
        let policy: Policy
        do {
            policy = try Policy(canonicalJSON: json, isLogged: true)
        } catch {
            // Only our own service writes these, and it reads each back before it logs it: a policy of a later version.
            pools[home].policyProblem =
                "the policy\(shadow.map { " \($0)" } ?? "") of position \(event.seq) can't be read and was passed over (\(error)): apply it again"
            return fold.skip(event, "its policy can't be read: \(error)")
        }
        // Our own service asked that before it logged the policy; two at once may both have been told yes.
        guard let rules, policy.shadow == shadow, clash(of: policy) == nil else { return false }
        // Another policy may have taken effect since it was to be renewed.
        guard !renews || pools[home].applied(shadow)?.digest == digest else { return false }
        pools[home].policyProblem = nil
        pools[home].apply(
            AppliedPolicy(policy: policy, canonicalJSON: json, digest: digest, seq: event.seq, at: fold.at, rules: rules), renews: renews)
        if shadow == nil { adoptPlacementRules(home) }
        countReports(of: home, &fold)
        return true
    }

    private mutating func applyTimer(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var shadow: String?
        guard body.readMembers({ key, value in if key == "shadow" { shadow = body.text(value) } }) else { return fold.skipDamaged(event) }
        touch(home, shadow, &fold)
        guard let shadow else {
            pools[home].timersFired &+= 1
            ringForecasts(of: home, at: fold.at)
            return true
        }
        return pools[home].changeShadow(shadow) { $0.timersFired &+= 1 }
    }

    private func touch(_ home: Int, _ shadow: String?, _ fold: inout Fold) {
        if let shadow { fold.touchedShadows.insert(PolicyKey(pool: home, shadow: shadow)) } else { fold.touched.insert(home) }
    }

    private mutating func applyDecision(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        let now = fold.at
        var from = 0
        var to = 0
        var codes = ReasonCodes()
        var shadow: String?
        let isWhole = body.readMembers { key, value in
            if key == "shadow" { shadow = body.text(value) }
            if key == "from" { from = Self.replicas(body.integer(value) ?? 0) }
            if key == "to" { to = Self.replicas(body.integer(value) ?? 0) }
            if key == "why" { codes = Self.codes(body, value) }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        touch(home, shadow, &fold)
        let mark = DecisionMark(seq: event.seq, at: now, from: from, to: to, codes: codes)
        if let shadow {
            fold.change.shadowDecisions[event.seq] = shadow
            return pools[home].changeShadow(shadow) { $0.decided(mark) }
        }
        pools[home].lastDecision = mark
        guard let policy = pools[home].policy?.policy, pools[home].isFollowed, from != to else { return true }
        pools[home].desired = to
        pools[home].target.told(to, from: from, draining: pools[home].drainingReplicas)
        if to > from { pools[home].drains.triedAgain() }
        pools[home].memory.scaled(from: from, to: to, at: now, policy: policy)
        // There each worker says itself how long it took: a claim asks for one as well as a decision.
        guard !pools[home].isUnclaimed else { return true }
        let starting = min(max(0, to - from), PoolState.pendingStartsLimit - pools[home].pendingStarts.count)
        pools[home].pendingStarts.append(contentsOf: repeatElement(now, count: max(0, starting)))
        if to < from { pools[home].pendingStarts.removeLast(min(from - to, pools[home].pendingStarts.count)) }
        return true
    }

    private static func codes(_ body: EventBody, _ why: JSONCursor.Value) -> ReasonCodes {
        var codes = ReasonCodes()
        body.forEachElement(of: why) { element in
            if let code = element["code"].flatMap({ element.text($0) }).flatMap({ ReasonCode(name: $0) }) { codes.insert(code) }
        }
        return codes
    }
}
