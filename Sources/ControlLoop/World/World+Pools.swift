import Autoscaling
import Domain

// What does a pool's event change?

extension World {
    mutating func applyPool(_ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold) -> Bool {
        let home = pool(event.pool, names: names, at: fold.at)
        fold.touched.insert(home)
        if event.kind.isOurs { fold.change.own.append(event) }
        switch event.kind {
        case .queueObserved: return observeQueue(home, body, fold.at)
        case .poolObserved: return observePool(home, body)
        case .policyApplied: return applyPolicy(home, event, body, &fold)
        case .scaleDecided: return applyDecision(home, event, body, fold.at)
        case .scaleApplied: pools[home].scaleProblem = nil
        case .scaleFailed: pools[home].scaleProblem = body["error"].flatMap { body.text($0) } ?? "failed"
        case .timerFired:
            pools[home].timersFired &+= 1
            fold.change.prompted.insert(home)
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

    private mutating func observePool(_ home: Int, _ body: EventBody) -> Bool {
        body.forEachMember { key, value in
            if key == "specReplicas" { pools[home].observedSpec = body.integer(value).map { Int(clamping: $0) } }
            if key == "readyReplicas" { pools[home].observedReady = body.integer(value).map { Int(clamping: $0) } }
        }
        if let spec = pools[home].observedSpec { pools[home].desired = spec }
        return true
    }

    /// A policy that is null is taken away: the pool keeps what it has and nothing scales it any more.
    private mutating func applyPolicy(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        fold.change.prompted.insert(home)
        var json: [UInt8] = []
        var digest = ""
        body.forEachMember { key, value in
            if key == "policy" { json = body.raw(value) }
            if key == "digest" { digest = body.text(value) ?? "" }
        }
        guard json.count > 2 else {
            pools[home].policy = nil
            pools[home].evaluation = nil
            pools[home].observed = nil
            return true
        }
        let policy: Policy
        do {
            policy = try Policy(canonicalJSON: json)
        } catch {
            // Only our own service writes these, and it reads each back before it logs it: a policy of a later version.
            return false
        }
        pools[home].policy = AppliedPolicy(policy: policy, canonicalJSON: json, digest: digest, seq: event.seq, at: fold.at)
        pools[home].memory.policyApplied(at: fold.at)
        return true
    }

    private mutating func applyDecision(_ home: Int, _ event: CommittedEvent, _ body: EventBody, _ now: LogTime) -> Bool {
        var from = 0
        var to = 0
        var codes = ReasonCodes()
        body.forEachMember { key, value in
            if key == "from" { from = Int(clamping: body.integer(value) ?? 0) }
            if key == "to" { to = Int(clamping: body.integer(value) ?? 0) }
            if key == "why" { codes = Self.codes(body, value) }
        }
        pools[home].lastDecision = DecisionMark(seq: event.seq, at: now, from: from, to: to, codes: codes)
        guard let policy = pools[home].policy?.policy, policy.mode == .auto, from != to else { return true }
        pools[home].desired = to
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
