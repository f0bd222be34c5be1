import Basics
package import Autoscaling
package import Domain
package import Placement

// What do a pool's policies, its own and its shadows, hold and find?
//
// `shadow` is nil for the pool's own policy everywhere. One way for both: same observation but for the count, same
// evaluation, same memory.

extension PoolState {
    package func shadowIndex(_ name: String) -> Int? { shadows.firstIndex { $0.name == name } }

    package func applied(_ shadow: String?) -> AppliedPolicy? {
        guard let shadow else { return policy }
        return shadowIndex(shadow).map { shadows[$0].applied }
    }

    /// The pool as a shadow sees it: as it is, but for the count, which is the shadow's own.
    package func observation(for shadow: ShadowPolicy, at now: LogTime) -> Observation {
        var observation = observation(at: now)
        observation.replicas = shadow.desired
        observation.workers.starting = max(0, shadow.desired.subtractingClamped(workers.ready))
        observation.samples = samples(for: shadow.applied)
        observation.claims = shadow.applied.isUnclaimed ? claimDemand(at: now, rules: shadow.applied.rules) : nil
        return observation
    }

    /// nil where there is no such policy, or it was never looked at.
    package func standing(of shadow: String?) -> PolicyStanding? {
        guard let shadow else {
            guard let policy, let evaluation, let observed else { return nil }
            return PolicyStanding(
                applied: policy, observation: observed, memory: memory, evaluation: evaluation, lastDecision: lastDecision)
        }
        guard let index = shadowIndex(shadow), let evaluation = shadows[index].evaluation, let observed = shadows[index].observed else {
            return nil
        }
        return PolicyStanding(
            applied: shadows[index].applied, observation: observed, memory: shadows[index].memory, evaluation: evaluation,
            lastDecision: shadows[index].lastDecision)
    }

    /// nil where there is nothing to decide. Mutating, so that the state is looked at where it lies.
    package mutating func revision(of shadow: String?) -> PolicyRevision? {
        guard let shadow else {
            guard let policy, evaluation != nil else { return nil }
            return PolicyRevision(policySeq: policy.seq, number: revision)
        }
        guard let index = shadowIndex(shadow), shadows[index].evaluation != nil else { return nil }
        return PolicyRevision(policySeq: shadows[index].applied.seq, number: shadows[index].revision)
    }

    /// What its own policy leads to now, and whether that is news: another count, or other steps that had a say. Mutating, so
    /// that state is looked at where it lies: this runs for nearly every pool of every commit.
    package mutating func outcome(of shadow: String?) -> (outcome: Outcome, isNews: Bool)? {
        if let shadow { return shadowIndex(shadow).flatMap { shadows[$0].outcome() } }
        guard let policy, let evaluation, let observed else { return nil }
        let outcome = policy.outcome(observed, memory, evaluation)
        return (outcome, outcome.isNews(after: lastDecision))
    }

    // MARK: - Changes

    /// A policy takes effect: the first of its name or another one. What was learned under that name stays.
    /// - Parameter renews: it is the one in effect, from here on under other rules; nothing else begins anew.
    package mutating func apply(_ applied: AppliedPolicy, renews: Bool = false) {
        guard let name = applied.policy.shadow else {
            // What a target answered is of no concern to another one, nor where nothing is asked of it.
            if applied.mode != .auto || applied.policy.target != policy?.policy.target { scaleProblem = nil }
            if applied.policy.target != policy?.policy.target { rollingUpdate = nil }
            policy = applied.following(policy, renews: renews, under: pauseOrder)
            if applied.isUnclaimed, claims == nil {
                claims = ClaimFlow()
                claims?.noteIdle(workers.idle, at: applied.at)
                // Starts are told with each worker from now on; those asked for so far are of claimed ones, too.
                pendingStarts = []
            }
            guard !renews else { return }
            // An operator's word: what was yielded to or given up is tried again.
            target.resumed()
            drains.forget()
            memory.policyApplied(at: applied.at)
            return
        }
        if let index = shadowIndex(name) {
            shadows[index].applied = applied.following(shadows[index].applied, renews: renews, under: nil)
            if !renews { shadows[index].memory.policyApplied(at: applied.at) }
        } else {
            let count = policy?.policy.mode == .auto ? desired : unfollowedCount
            shadows.append(ShadowPolicy(applied, named: name, memory: memory, count: count))
            shadows.sort { $0.name < $1.name }
        }
    }

    /// An operator says what is paused.
    package mutating func takePauseOrder(_ order: PauseOrder) {
        pauseOrder = order
        if let applied = policy { policy = applied.under(order) }
        // As with a policy that is applied: what was yielded to or given up is tried again.
        target.resumed()
        drains.forget()
    }

    /// The pause in effect; without a policy that of the operator.
    package var pause: Pause { policy?.policy.pause ?? pauseOrder?.pause ?? Pause() }

    /// False where there is no such shadow.
    package mutating func removePolicy(_ shadow: String?) -> Bool {
        guard let shadow else {
            policy = nil
            (scaleProblem, rollingUpdate) = (nil, nil)
            evaluation = nil
            observed = nil
            return true
        }
        guard let index = shadowIndex(shadow) else { return false }
        shadows.remove(at: index)
        return true
    }

    /// False where there is no such shadow: it was taken away while its event was on its way.
    package mutating func changeShadow(_ name: String, _ change: (inout ShadowPolicy) -> Void) -> Bool {
        guard let index = shadowIndex(name) else { return false }
        change(&shadows[index])
        return true
    }

    /// Evaluates all of the pool's policies at `now` and lets their memories take note.
    package mutating func evaluate(at now: LogTime) {
        evaluate(nil, at: now)
        for index in shadows.indices { evaluateShadow(index, at: now) }
    }

    /// The same for one policy, where there is one of that name.
    package mutating func evaluate(_ shadow: String?, at now: LogTime) {
        if let shadow { return shadowIndex(shadow).map { evaluateShadow($0, at: now) } ?? () }
        guard let applied = policy else { return }
        let observation = observe(at: now)
        let found = applied.evaluate(observation, memory)
        applied.advance(&memory, found)
        evaluation = found
    }

    private mutating func evaluateShadow(_ index: Int, at now: LogTime) {
        let observation = observation(for: shadows[index], at: now)
        shadows[index].observe(observation)
        let found = shadows[index].applied.evaluate(observation, shadows[index].memory)
        shadows[index].applied.advance(&shadows[index].memory, found)
        shadows[index].evaluation = found
    }
}

extension ShadowPolicy {
    package mutating func outcome() -> (outcome: Outcome, isNews: Bool)? {
        guard let evaluation, let observed else { return nil }
        let outcome = applied.outcome(observed, memory, evaluation)
        return (outcome, outcome.isNews(after: lastDecision))
    }
}

extension Outcome {
    package func isNews(after last: DecisionMark?) -> Bool { last.map { $0.to != to || $0.codes != codes } ?? true }
}

/// The autoscaler's steps are methods of what holds the policy, and are never inlined. So the policy is read where it lies. One
/// that is passed from elsewhere is copied: a dozen parts retained and released, 4 % of the loop.
extension AppliedPolicy {
    @inline(never)
    package func evaluate(_ observation: Observation, _ memory: AutoscalerMemory) -> Evaluation {
        Autoscaler.evaluate(policy: policy, observation: observation, memory: memory, rules: rules)
    }

    @inline(never)
    package func samples(of series: [ObservedSeries]) -> [ObservedSample?] {
        policy.triggers.map { trigger in
            guard case .observed(let metric, let selector, _) = trigger.source else { return nil }
            return series.first { $0.metric == metric && $0.labels == selector }?.sample
        }
    }

    @inline(never)
    package func placementRules(hold microseconds: Int64?) -> PlacementRules {
        PlacementRules(
            zoneMaxSkew: policy.zoneMaxSkew, localWaitMicroseconds: policy.localWaitSeconds.map { Int64($0) * 1_000_000 },
            holdMicroseconds: microseconds, canGrow: true)
    }

    @inline(never)
    package func advance(_ memory: inout AutoscalerMemory, _ evaluation: Evaluation) { memory.advance(evaluation, policy: policy) }

    @inline(never)
    package func outcome(_ observation: Observation, _ memory: AutoscalerMemory, _ evaluation: Evaluation) -> Outcome {
        Autoscaler.outcome(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
    }
}

extension State {
    package func standing(of key: PolicyKey) -> PolicyStanding? { pools[key.pool].standing(of: key.shadow) }

    /// Why a policy can't take effect beside those there are, and what to do; nil where it can.
    package func clash(of policy: Policy) -> String? {
        guard let shadow = policy.shadow else {
            let other = pools.first { pool in pool.shadows.contains { $0.applied.policy.name == policy.name } }
            return other.map { "\(policy.name) is a shadow of \($0.text): delete that shadow first, or give this policy another name" }
        }
        for pool in pools {
            if pool.policy != nil, pool.text == policy.name { return "\(policy.name) is a pool's own policy: give the shadow another name" }
            if pool.text != policy.pool, pool.shadows.contains(where: { $0.applied.policy.name == policy.name }) {
                return "\(policy.name) is a shadow of \(pool.text) already: delete that one first, or give this one another name"
            }
        }
        guard let pool = pools.first(where: { $0.text == policy.pool }), pool.shadowIndex(shadow) == nil,
            pool.shadows.count >= PolicyLimits.shadows
        else { return nil }
        let names = pool.shadows.map(\.name).joined(separator: ", ")
        return "\(policy.pool) has \(PolicyLimits.shadows) shadows (\(names)), which is the most: delete one of them first"
    }
}
