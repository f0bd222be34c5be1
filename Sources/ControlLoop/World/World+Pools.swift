import Autoscaling
import Domain

// What does a pool's event change?

extension World {
    mutating func applyPool(_ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold) -> Bool {
        let home = pool(event.pool, names: names, at: fold.at)
        if event.kind.isOurs { fold.change.own.append(event) }
        switch event.kind {
        case .policyApplied: return applyPolicy(home, event, body, &fold)
        case .scaleDecided: return applyDecision(home, event, body, &fold)
        case .timerFired: return applyTimer(home, body, &fold)
        default: break
        }
        fold.touched.insert(home)
        switch event.kind {
        case .queueObserved: return observeQueue(home, body, fold.at)
        case .poolObserved: return observePool(home, body, fold.at)
        case .scaleApplied: pools[home].scaleProblem = nil
        case .scaleFailed: noteFailure(home, body, &fold)
        case .poolPaused: applyPause(home, event, body, fold.at)
        default: preconditionFailure("\(event.kind.name) is not about a pool")
        }
        return true
    }

    private mutating func observeQueue(_ home: Int, _ body: EventBody, _ now: LogTime) -> Bool {
        var metric = ""
        var labels: [Trigger.Label] = []
        var valueMilli: Int64?
        body.forEachMember { key, value in
            if key == "metric" { metric = body.text(value) ?? "" }
            if key == "value" { valueMilli = body.milli(value) }
            if key == "labels" { labels = body.stringMap(value).map { Trigger.Label(key: $0.key, value: $0.value) } }
        }
        let found = pools[home].series.firstIndex { $0.metric == metric && $0.labels == labels }
        guard let k = found else {
            guard pools[home].series.count < PoolState.seriesLimit else { return false }
            let sample = ObservedSample(valueMilli: valueMilli, at: now, consecutiveFailures: valueMilli == nil ? 1 : 0)
            pools[home].series.append(ObservedSeries(metric: metric, labels: labels, sample: sample))
            return true
        }
        if let valueMilli {
            pools[home].series[k].sample = ObservedSample(valueMilli: valueMilli, at: now)
        } else {
            pools[home].series[k].sample.consecutiveFailures += 1
        }
        return true
    }

    private mutating func observePool(_ home: Int, _ body: EventBody, _ now: LogTime) -> Bool {
        var found: Int?
        body.forEachMember { key, value in
            if key == "specReplicas" { found = body.integer(value).map { Int(clamping: $0) } }
            if key == "readyReplicas" { pools[home].observedReady = body.integer(value).map { Int(clamping: $0) } }
        }
        if let found { pools[home].noteReplicas(found, at: now) }
        return true
    }

    private mutating func applyPause(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ now: LogTime) {
        var order = PauseOrder(pause: Pause(), by: nil, seq: event.seq, at: now)
        body.forEachMember { key, value in
            if key == "in" { order.pause.scaleIn = body.bool(value) }
            if key == "out" { order.pause.scaleOut = body.bool(value) }
            if key == "hold" { order.pause.hold = body.integer(value).map { min(max(0, Int(clamping: $0)), Int(Int32.max)) } }
            if key == "by" { order.by = body.text(value) }
        }
        pools[home].takePauseOrder(order)
    }

    /// A drain that took too long, replicas that somebody else set, found when ours were to be set, a worker that never became ready,
    /// or a target that fails.
    private mutating func noteFailure(_ home: Int, _ body: EventBody, _ fold: inout Fold) {
        let now = fold.at
        let error = body["error"].flatMap { body.text($0) } ?? "failed"
        if body["workers"] != nil {
            pools[home].drains.gaveUp(error, at: now)
        } else if let found = body["specReplicas"].flatMap({ body.integer($0) }) {
            let found = Int(clamping: found)
            if !pools[home].target.isYielding, found != pools[home].desired { pools[home].noteForeignReplicas(found, at: now) }
        } else if body["start"] != nil {
            let before = pools[home].failedStarts?.count ?? 0
            pools[home].failedStarts = FailedStarts(count: before == .max ? before : before + 1, error: error, at: now)
            fold.change.measured.append(.workerGone(pool: home, .failedToStart))
        } else {
            pools[home].scaleProblem = error
        }
    }

    /// A policy that is null is taken away: the pool keeps what it has and nothing scales it any more.
    private mutating func applyPolicy(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var json: [UInt8] = []
        var digest = ""
        var shadow: String?
        var rules: DecisionRules? = .first
        var renews = false
        body.forEachMember { key, value in
            if key == "policy" { json = body.raw(value) }
            if key == "rules" { rules = body.integer(value).flatMap { DecisionRules(rawValue: Int(clamping: $0)) } }
            if key == "renews" { renews = true }
            if key == "digest" { digest = body.text(value) ?? "" }
            if key == "shadow" { shadow = body.text(value) }
        }
        touch(home, shadow, &fold)
        guard json.count > 2 else {
            let isRemoved = pools[home].removePolicy(shadow)
            if shadow == nil { adoptPlacementRules(home) }
            return isRemoved
        }
        let policy: Policy
        do {
            policy = try Policy(canonicalJSON: json)
        } catch {
            // Only our own service writes these, and it reads each back before it logs it: a policy of a later version.
            return false
        }
        // Our own service asked that before it logged the policy; two at once may both have been told yes.
        guard let rules, policy.shadow == shadow, clash(of: policy) == nil else { return false }
        // Another policy may have taken effect since it was to be renewed.
        guard !renews || pools[home].applied(shadow)?.digest == digest else { return false }
        pools[home].apply(AppliedPolicy(policy: policy, canonicalJSON: json, digest: digest, seq: event.seq, at: fold.at, rules: rules), renews: renews)
        if shadow == nil { adoptPlacementRules(home) }
        return true
    }

    private mutating func applyTimer(_ home: Int, _ body: EventBody, _ fold: inout Fold) -> Bool {
        let shadow = body["shadow"].flatMap { body.text($0) }
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
        body.forEachMember { key, value in
            if key == "shadow" { shadow = body.text(value) }
            if key == "from" { from = Int(clamping: body.integer(value) ?? 0) }
            if key == "to" { to = Int(clamping: body.integer(value) ?? 0) }
            if key == "why" { codes = Self.codes(body, value) }
        }
        touch(home, shadow, &fold)
        let mark = DecisionMark(seq: event.seq, at: now, from: from, to: to, codes: codes)
        if let shadow {
            fold.change.shadowDecisions[event.seq] = shadow
            return pools[home].changeShadow(shadow) { $0.decided(mark) }
        }
        pools[home].lastDecision = mark
        guard let policy = pools[home].policy?.policy, pools[home].isFollowed, from != to else { return true }
        pools[home].desired = to
        pools[home].target.told(to, from: from, draining: pools[home].workers.draining)
        if to > from { pools[home].drains.triedAgain() }
        pools[home].memory.scaled(from: from, to: to, at: now, policy: policy)
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
