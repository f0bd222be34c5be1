import Autoscaling
import Domain
import State

// Which draining workers stay after all?
//
// Those that are wanted again, the busy ones first, for they are warm and can't go anyway: cheaper than asking for new ones. Those
// that were still busy when their time was up: first the log says that the step is given up, then they are uncordoned. Those whose
// pods say that they are busy again: no drain keeps work from elsewhere from them, so an idle one goes in their place. And all of
// them where the target isn't to be touched any more. The target answers each, for it may be too late; only then does the log call
// the worker ready.

extension Planner {
    /// Says, once for each time, that the pool's drains outlasted the policy's time.
    func giveUpDrains(_ pool: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs) {
        guard held.state.pools[pool].workers.drainingBusy > 0, held.isFollowed(pool),
            !held.state.pools[pool].drains.isPaused(at: held.state.at)
        else { return }
        let overdue = held.state.overdueDrains(pool)
        guard !overdue.isEmpty,
            reservations.giveUps.updateValue(held.state.pools[pool].drains.total, forKey: pool) != held.state.pools[pool].drains.total
        else { return }
        // The target may have been unable to give them back last time.
        for worker in overdue where reservations.uncordon(worker) == .refused { reservations.setUncordon(.none, worker, held) }
        out.giveUp(overdue, in: pool, held.state)
    }

    /// Workers to uncordon now, each returned once.
    func uncordon(_ pool: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations) -> [Int] {
        guard held.state.pools[pool].workers.draining > 0, held.state.pools[pool].policy != nil else { return [] }
        // The common case first: nothing is missing.
        let mayMiss =
            held.state.pools[pool].desired > held.state.pools[pool].workers.ready
            || held.state.pools[pool].drains.isPaused(at: held.state.at)
            || (held.state.pools[pool].workers.drainingBusy > 0 && held.state.pools[pool].policy?.policy.busy != nil)
        guard mayMiss || !held.isFollowed(pool) else { return [] }
        let chosen = held.state.pools[pool].members.filter { held.state.workers[$0].isChosen }
        let candidates = chosen.filter { reservations.uncordon($0) == .none }
        guard !candidates.isEmpty else { return [] }
        let back =
            held.isFollowed(pool)
            ? wanted(candidates, asked: chosen.count { reservations.uncordon($0) == .asked }, pool, held, reservations) : candidates
        for worker in back { reservations.setUncordon(.asked, worker, held) }
        return back
    }

    private func wanted(_ candidates: [Int], asked: Int, _ pool: Int, _ held: borrowing StateHolder, _ reservations: Reservations) -> [Int]
    {
        let overdue = held.state.pools[pool].drains.isPaused(at: held.state.at) ? Set(held.state.overdueDrains(pool)) : []
        let spared = Set(candidates.filter { held.state.workers[$0].isBusyByReport }).union(overdue)
        let missing = max(0, held.state.pools[pool].desired - held.state.pools[pool].workers.ready - asked - spared.count)
        let byCost = candidates.filter { !spared.contains($0) }.sorted { a, b in
            let (isIdleA, isIdleB) = (reservations.isIdle(a, held), reservations.isIdle(b, held))
            return isIdleA != isIdleB ? isIdleB : held.state.workers[a].readySeq < held.state.workers[b].readySeq
        }
        return candidates.filter { spared.contains($0) } + byCost.prefix(missing)
    }
}

extension Outputs {
    /// Workers and actors named in a sentence.
    private static let namedWorkers = 5
    /// Workers listed beside it.
    private static let listedWorkers = 100

    /// `2 workers still busy after 600 s: w-1 (actor a-7), w-2 (actor a-9 and 1 more); none is told to go before …`
    mutating func giveUp(_ overdue: [Int], in pool: Int, _ state: State) {
        let standing = state.pools[pool]
        let seconds = standing.policy?.policy.drainTimeoutSeconds ?? 0
        let shown = overdue.prefix(Self.namedWorkers).map { describe(state.workers[$0], state) }.joined(separator: ", ")
        let rest = overdue.count > Self.namedWorkers ? " and \(overdue.count - Self.namedWorkers) more" : ""
        var body = JSONWriter()
        body.openObject()
        body.member(
            "error",
            "drain given up: \(overdue.count == 1 ? "1 worker" : "\(overdue.count) workers") still busy after \(seconds) s: \(shown)\(rest)"
        )
        body.member("attempt", standing.drains.attempts + 1)
        body.key("workers")
        body.openArray()
        for index in overdue.prefix(Self.listedWorkers) { body.string(text(of: state.workers[index].name)) }
        body.closeArray()
        body.closeObject()
        append(
            .scaleFailed, id: "drain-given-up-\(standing.name.rawValue)-\(standing.drains.total + 1)", subject: standing.text,
            pool: standing.text,
            body: body.bytes)
    }

    /// A worker whose drain the target cancelled.
    mutating func uncordon(_ worker: WorkerRecord, in pool: PoolState, node: String, at now: LogTime) {
        var body = JSONWriter()
        body.openObject()
        body.member("node", node)
        body.member("slots", worker.slots)
        body.member("reason", Self.whyUncordoned(worker, pool, at: now))
        body.closeObject()
        append(.workerReady, id: "kept-\(worker.readySeq)", subject: text(of: worker.name), pool: pool.text, body: body.bytes)
    }

    private static func whyUncordoned(_ worker: WorkerRecord, _ pool: PoolState, at now: LogTime) -> String {
        if !pool.isFollowed { return "its drain was taken back: the target is left alone" }
        if worker.isBusyByReport {
            return worker.report?.state == .unknown
                ? "its drain was taken back: its pod doesn't say whether it is busy" : "its drain was taken back: its pod is busy"
        }
        return pool.drains.isPaused(at: now) ? "its drain was given up" : "its drain was taken back: \(pool.desired) wanted"
    }

    private func describe(_ worker: WorkerRecord, _ state: State) -> String {
        guard let first = worker.residents.min().map({ text(of: state.actors[$0].name) }) else {
            return "\(text(of: worker.name)) (\(worker.report?.from ?? ""))"
        }
        let more = worker.residents.count - 1
        return "\(text(of: worker.name)) (actor \(first)\(more > 0 ? " and \(more) more" : ""))"
    }
}
