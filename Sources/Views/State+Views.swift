package import Domain
package import State
import Autoscaling
import Placement

// How does the state look from outside?

extension PoolState {
    var pauseView: PoolView.PauseView? {
        let pause = pause
        guard pause.isOn else { return nil }
        let order = policy == nil || policy?.orderSeq != nil ? pauseOrder : nil
        return PoolView.PauseView(
            scaleIn: pause.scaleIn, scaleOut: pause.scaleOut, hold: pause.hold, by: order?.by,
            at: (order?.at ?? policy?.at ?? createdAt).rfc3339, seq: order?.seq ?? policy?.ownPauseSeq ?? 0)
    }
}

extension ForeignReplicas {
    fileprivate var view: PoolView.ForeignReplicasView {
        PoolView.ForeignReplicasView(expected: expected, found: found, at: at.rfc3339, yields: isYielding)
    }
}

extension ClaimFlow {
    fileprivate func view(refill: DurationRing, at now: LogTime) -> PoolView.ClaimsView {
        PoolView.ClaimsView(
            warm: served[.warm] ?? 0, cold: served[.cold] ?? 0, forced: served[.forced] ?? 0, rejected: rejected, warmShare: warmShare,
            misses: misses, warmSeconds: latencies[.warm].flatMap { State.quantiles($0) },
            coldSeconds: latencies[.cold].flatMap { State.quantiles($0) },
            refillSeconds: refill.p90Microseconds.map { Double($0) / 1e6 }, idleSandboxSeconds: idleSeconds(at: now))
    }
}

extension FailedStarts {
    /// - Parameter isTold: whether the target's pods are said to fail, as one that fails for good ends only once.
    fileprivate func view(isTold: Bool) -> PoolView.WorkersFailingView {
        PoolView.WorkersFailingView(count: count, error: error, at: at.rfc3339, text: sentence, isPersistent: isPersistent || isTold)
    }
}

extension CrashRun {
    fileprivate func view(at now: LogTime) -> PoolView.WorkersFailingView {
        PoolView.WorkersFailingView(count: count, error: error, at: self.at.rfc3339, text: sentence, isPersistent: isPersistent(at: now))
    }
}

extension RollingUpdate {
    fileprivate var view: PoolView.RollingUpdateView {
        PoolView.RollingUpdateView(since: since.rfc3339, left: left, heldUntil: holdEndsAt.rfc3339)
    }
}

extension WorkerReport {
    fileprivate func view(at now: LogTime) -> WorkerView.ReportView {
        WorkerView.ReportView(
            state: state.name, tasks: tasks, from: from, problem: problem.isEmpty ? nil : problem,
            seconds: max(0, now.seconds(since: since)), seq: seq)
    }
}

extension State {
    /// Targets that didn't do as they were told last, of pools that have a policy, by the pool's name.
    package var targetProblems: [LoopHealth.UnreachableTarget] {
        pools.lazy.filter { $0.policy != nil }.compactMap { pool in pool.scaleProblem.map { .init(pool: pool.text, problem: $0) } }.sorted {
            $0.pool < $1.pool
        }
    }

    package func poolView(_ index: Int, names: some NameReading, at now: LogTime) -> PoolView {
        let pool = pools[index]
        let (namespace, name) = Self.split(pool.text)
        let policy = pool.policy?.policy
        let demand = pool.demand
        let counts = pool.workerCounts
        return PoolView(
            namespace: namespace, name: name,
            target: policy.map { "\($0.target.kind)/\($0.target.name)" } ?? "",
            mode: policy?.mode.rawValue ?? "",
            min: policy?.minReplicaCount ?? 0, max: policy?.maxReplicaCount ?? 0,
            desired: pool.wanted, ready: counts.ready, busy: counts.busy, idle: counts.idle, starting: counts.starting,
            draining: counts.draining, lost: counts.lost,
            demand: PoolView.DemandView(
                total: demand.total, resident: demand.resident, waiting: demand.blocked,
                blocked: Dictionary(uniqueKeysWithValues: BlockedReason.allCases.filter { demand[$0] > 0 }.map { ($0.name, demand[$0]) })),
            oldestWaitSeconds: pool.queue.oldestRequestedAt.map { max(0, now.seconds(since: $0)) },
            arrivalsPerSecond: PoolView.ArrivalsView(
                seconds10: pool.arrivals.rate(overSeconds: 10, at: now), minute1: pool.arrivals.rate(overSeconds: 60, at: now),
                minutes5: pool.arrivals.rate(overSeconds: 300, at: now)),
            startSeconds: Self.quantiles(pool.starts), restoreSeconds: Self.quantiles(pool.restores),
            holdSeconds: Self.quantiles(pool.holds),
            readyCondition: policy != nil && pool.targetProblem == nil && pool.scaleProblem == nil && pool.policyProblem == nil
                && !pool.target.isYielding && pool.failedStarts?.isPersistent != true,
            active: pool.evaluation?.isActive ?? false,
            paused: pool.pause.isOn,
            fallback: pool.evaluation?.fallbackReplicas != nil,
            reason: Self.problem(of: pool, at: now),
            foreignChange: pool.target.foreign?.sentence, foreignReplicas: pool.target.foreign?.view, pause: pool.pauseView,
            wanted: policy == nil ? nil : pool.evaluation?.recommended,
            workersFailing: Self.failing(of: pool, at: now),
            rollingUpdate: pool.isHeldThroughUpdate(at: now) ? pool.rollingUpdate?.view : nil,
            busyReports: busyReports(index, names: names, at: now),
            claims: pool.isUnclaimed ? pool.claims?.view(refill: pool.starts, at: now) : nil,
            decisionSeq: pool.lastDecision?.seq, nextDeadline: nil, ageSeconds: max(0, now.seconds(since: pool.createdAt)))
    }

    package func workerView(_ index: Int, names: some NameReading, at now: LogTime, lastSeen: LogTime? = nil) -> WorkerView {
        let worker = workers[index]
        let (namespace, name) = Self.split(pools[Int(worker.pool)].text)
        return WorkerView(
            namespace: namespace, pool: name, name: QualifiedName.bare(names.text(of: worker.name), in: namespace),
            uid: worker.uid.isEmpty ? nil : worker.uid,
            status: worker.state == .draining && worker.used > 0 && pools[Int(worker.pool)].isUnclaimed
                ? WorkerStatus.claimed.rawValue : WorkerStatus(state: worker.state, used: worker.used, slots: worker.slots).rawValue,
            actors: worker.residents.map { actorName($0, seenFrom: namespace, names) },
            node: labels.text(of: worker.node), zone: text(worker.zone), ip: text(worker.ip), slots: worker.slots, used: worker.used,
            ageSeconds: max(0, now.seconds(since: worker.createdAt)), report: worker.isReportCounted ? worker.report?.view(at: now) : nil,
            ttlSeconds: worker.ttlSeconds > 0 ? Int(worker.ttlSeconds) : nil,
            lastSeenSeconds: lastSeen.map { max(0, now.seconds(since: $0)) })
    }

    /// What is wrong, the worst first.
    private static func problem(of pool: PoolState, at now: LogTime) -> String? {
        if let problem = pool.targetProblem?.text ?? pool.scaleProblem ?? pool.policyProblem { return problem }
        if pool.target.isYielding, let foreign = pool.target.foreign { return foreign.sentence }
        if let failed = pool.failedStarts, failed.isPersistent { return "WorkersFailing: \(failed.sentence)" }
        if let crashes = pool.crashes, crashes.isPersistent(at: now) { return "WorkersFailing: \(crashes.sentence)" }
        return pool.drains.problem ?? (pool.isUnserved ? unserved : nil)
    }

    private static func failing(of pool: PoolState, at now: LogTime) -> PoolView.WorkersFailingView? {
        if let failed = pool.failedStarts { return failed.view(isTold: pool.targetProblem?.reason == TargetProblem.workersFailing) }
        guard let crashes = pool.crashes, crashes.isRecent(at: now) else { return nil }
        return crashes.view(at: now)
    }

    /// Nobody scales it and nobody is there, though actors wait.
    private static let unserved =
        "NoPolicy: actors wait, and the pool has neither policy nor workers. Apply a policy or start workers; if its name is misspelt, withdraw them and delete it"

    /// What the pool's pods said of their own work; nil where the policy doesn't ask them.
    private func busyReports(_ index: Int, names: some NameReading, at now: LogTime) -> PoolView.BusyReportsView? {
        guard let busy = pools[index].policy?.policy.busy else { return nil }
        var view = PoolView.BusyReportsView(
            from: busy.source.text, intervalSeconds: busy.intervalSeconds, busy: 0, idle: 0, unknown: 0, unasked: 0, longest: [])
        var longest: [(worker: Int, since: LogTime)] = []
        for member in pools[index].members {
            switch workers[member].report?.state {
            case .busy: view.busy += 1
            case .idle: view.idle += 1
            case .unknown: view.unknown += 1
            case nil: view.unasked += 1
            }
            if let report = workers[member].report, report.state != .idle { longest.append((member, report.since)) }
        }
        longest.sort { ($0.since, $0.worker) < ($1.since, $1.worker) }
        view.longest = longest.prefix(PoolView.BusyReportsView.namedLimit).compactMap { entry in
            workers[entry.worker].report.map {
                PoolView.BusyReportsView.Named(
                    worker: QualifiedName.bare(names.text(of: workers[entry.worker].name), in: namespace(ofPool: index)),
                    report: $0.view(at: now))
            }
        }
        return view
    }

    package func actorView(_ index: Int, names: some NameReading, at now: LogTime) -> ActorView {
        let actor = actors[index]
        let (namespace, pool) = actor.pool >= 0 ? Self.split(pools[Int(actor.pool)].text) : ("", "")
        let worker = actor.worker >= 0 ? workers[Int(actor.worker)] : nil
        return ActorView(
            namespace: namespace, pool: pool, template: labels.text(of: actors.traits(of: actor).template),
            tenant: text(actors.traits(of: actor).tenant),
            id: QualifiedName.bare(names.text(of: actor.name), in: namespace),
            status: actor.state.statusName, worker: actor.worker >= 0 ? workerName(Int(actor.worker), seenFrom: namespace, names) : nil,
            node: worker.flatMap { text($0.node) } ?? text(actor.node), ip: worker.flatMap { text($0.ip) },
            version: actor.version, waitedSeconds: waited(actor, now),
            reason: actor.state == .waiting ? blockedReason(of: index).name : nil,
            snapshot: nil, seq: actor.stateSeq,
            ageSeconds: max(0, now.seconds(since: LogTime(microseconds: Int64(actor.createdAtSeconds) * 1_000_000))))
    }

    /// Empty where nobody said whose it is.
    func tenant(of index: Int) -> String { text(actors.traits(of: actors[index]).tenant) ?? "" }

    /// Its name within its namespace, and that before it where it isn't `namespace`.
    package func actorName(_ index: Int, seenFrom namespace: String, _ names: some NameReading) -> String {
        let text = names.text(of: actors[index].name)
        let own = self.namespace(ofActor: index)
        let bare = QualifiedName.bare(text, in: own)
        return own.isEmpty || own == namespace ? bare : QualifiedName.join(own, bare)
    }

    package func workerName(_ index: Int, seenFrom namespace: String, _ names: some NameReading) -> String {
        let own = self.namespace(ofWorker: index)
        let bare = QualifiedName.bare(names.text(of: workers[index].name), in: own)
        return own == namespace ? bare : QualifiedName.join(own, bare)
    }

    /// Empty where it is in no pool.
    package func namespace(ofActor index: Int) -> String { actors[index].pool < 0 ? "" : namespace(ofPool: Int(actors[index].pool)) }
    package func namespace(ofWorker index: Int) -> String { namespace(ofPool: Int(workers[index].pool)) }
    package func namespace(ofPool index: Int) -> String { QualifiedName.namespace(ofPool: pools[index].text) }

    package func policyView(_ key: PolicyKey) -> PolicyView? {
        guard let applied = pools[key.pool].applied(key.shadow) else { return nil }
        let (namespace, name) = Self.split(pools[key.pool].text)
        return PolicyView(
            namespace: namespace, name: key.shadow ?? name, mode: applied.policy.mode.rawValue, shadowOf: key.shadow == nil ? nil : name,
            digest: applied.digest, seq: applied.seq, appliedAt: applied.at.rfc3339,
            canonicalJSON: String(decoding: applied.canonicalJSON, as: UTF8.self))
    }

    private func waited(_ actor: ActorRecord, _ now: LogTime) -> Double? {
        if actor.state == .waiting { return max(0, now.seconds(since: actor.since)) }
        return actor.waitedMillis > 0 || actor.state.isResident ? Double(actor.waitedMillis) / 1_000 : nil
    }

    private func text(_ id: NameID) -> String? { id.isNone ? nil : labels.text(of: id) }

    fileprivate static func quantiles(_ ring: DurationRing) -> PoolView.QuantilesView? {
        ring.quantiles([0.5, 0.9]).map { PoolView.QuantilesView(p50: $0[0], p90: $0[1]) }
    }

    /// `NAMESPACE/NAME`; a name without a slash is in namespace `default`.
    package static func split(_ pool: String) -> (namespace: String, name: String) {
        guard let slash = pool.firstIndex(of: "/") else { return ("default", pool) }
        return (String(pool[..<slash]), String(pool[pool.index(after: slash)...]))
    }
}
