import Autoscaling
package import Domain
import Placement

// What does a worker's event change?
//
// Counts of a pool's workers, and what the placer knows of them, follow every change of a record through `changeWorker`.
// A worker that goes takes its actors with it: they are crashed, and may be requested again.
//
//     ready ─draining, said by anyone→ draining ─ready, said by each who had said draining→ ready
//       └──────────────────────gone─────────┴──────────────gone──────────→ ·

extension State {
    package mutating func applyWorker(_ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold) -> Bool {
        let known = workers.find(event.subject)
        switch event.kind {
        case .workerReady:
            return makeReady(known, event, body, names, &fold)
        case .workerDraining:
            fold.change.own.append(event)
            guard let known, isSame(known, body) else { return false }
            beginDrain(known, event, &fold)
            return true
        case .workerGone:
            guard let known, isSame(known, body) else { return false }
            // Whoever found that it is silent meant what it had said by then.
            if event.isOurs, let asOf = body["asOf"].flatMap({ body.integer($0) }), asOf < workers[known].saidReadySeq { return false }
            lose(known, event, Self.reason(body), &fold)
            return true
        case .workerObserved:
            guard let known, isSame(known, body) else { return false }
            return observe(known, event, body, &fold)
        default: return fold.skip(event, "\(event.kind.name) is not about a worker")
        }
    }

    /// Whether an event means the worker that is there, not an earlier one of its name.
    private func isSame(_ known: Int, _ body: EventBody) -> Bool {
        workers[known].isSame(as: Self.uid(body))
    }

    private static func uid(_ body: EventBody) -> String { body["uid"].flatMap { body.text($0) } ?? "" }

    private mutating func makeReady(
        _ known: Int?, _ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold
    ) -> Bool {
        let home = pool(event.pool, names: names, at: fold.at)
        let uid = Self.uid(body)
        var known = known
        if let earlier = known, !workers[earlier].isSame(as: uid) {
            // Another of the same name: the one that was there is gone.
            lose(earlier, event, "another worker of its name is ready", &fold)
            known = nil
        }
        var record = WorkerRecord(name: event.subject, pool: Int32(home))
        var startMillis: Int64?
        if let known {
            // It says who it is again: what it holds stays, what it says of itself is news. A draining worker stays so, unless
            // whoever said that it drains takes it back.
            record = workers[known]
            guard record.pool == Int32(home), record.state == .ready || record.endDrain(event) else { return false }
        }
        if !uid.isEmpty { record.uid = uid }
        let isWhole = body.readMembers { key, value in
            if key == "slots" { record.slots = min(Int(clamping: max(1, body.integer(value) ?? 1)), WorkerRecord.slotsLimit) }
            if key == "node" { record.node = label(body.text(value)) }
            if key == "zone" { record.zone = label(body.text(value)) }
            if key == "sandboxClass" { record.sandboxClass = label(body.text(value)) }
            if key == "ip" { record.ip = label(body.text(value)) }
            if key == "startMillis" { startMillis = body.integer(value) }
            if key == "ttlSeconds" { record.ttlSeconds = Int32(clamping: min(max(0, body.integer(value) ?? 0), EventLimits.leaseSeconds)) }
            if key == "labels" {
                record.labels = body.stringMap(value).map { LabelPair(key: label($0.key), value: label($0.value)) }.sorted()
            }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        record.saidReadySeq = event.seq
        if let known {
            if record.ttlSeconds > 0 || workers[known].ttlSeconds > 0 { fold.change.leased.append(known) }
            // One start less is to come.
            let isBack = workers[known].state == .draining && record.state == .ready
            if isBack, !pools[home].pendingStarts.isEmpty { pools[home].pendingStarts.removeLast() }
            changeWorker(known, &fold) { $0 = record }
            placer.setWorker(known, record.facts, used: record.used)
            news.note(worker: known)
            noteNews(home)
            return true
        }
        record.createdAt = fold.at
        record.readySeq = event.seq
        record.isReportCounted = pools[home].policy?.policy.busy != nil
        let index = workers.insert(record)
        if record.ttlSeconds > 0 { fold.change.leased.append(index) }
        pools[home].members.append(index)
        count(index, by: 1)
        placer.setWorker(index, record.facts)
        news.note(worker: index)
        noteNews(home)
        pools[home].failedStarts = nil
        if pools[home].isUnclaimed { noteRefill(home, startMillis, &fold) } else { noteStart(home, &fold) }
        touch(home, &fold)
        return true
    }

    /// We say it when we choose the worker, and the worker, or its pod's watch, when it hears: the second is no contradiction.
    private mutating func beginDrain(_ known: Int, _ event: CommittedEvent, _ fold: inout Fold) {
        let isOurs = event.isOurs
        if !isOurs { workers[known].addDrainer(event.source) }
        guard workers[known].state == .ready || (isOurs && !workers[known].isChosen) else { return }
        if isOurs { pools[Int(workers[known].pool)].drains.triedAgain() }
        let now = fold.at
        changeWorker(known, &fold) { worker in
            worker.state = .draining
            guard isOurs else { return }
            worker.isChosen = true
            worker.drainedAt = now
        }
    }

    /// From a claim's taking one, or a decision, to this one: whoever watched says it.
    private mutating func noteRefill(_ home: Int, _ millis: Int64?, _ fold: inout Fold) {
        guard let millis, (0...EventLimits.millis).contains(millis) else { return }
        pools[home].starts.add(microseconds: millis * 1_000)
        fold.change.measured.append(.workerStart(pool: home, seconds: Double(millis) / 1e3))
    }

    /// The oldest start asked for has come.
    private mutating func noteStart(_ home: Int, _ fold: inout Fold) {
        guard !pools[home].pendingStarts.isEmpty else { return }
        let asked = pools[home].pendingStarts.removeFirst()
        let micros = fold.at.microseconds(since: asked)
        pools[home].starts.add(microseconds: micros)
        fold.change.measured.append(.workerStart(pool: home, seconds: Double(micros) / 1e6))
    }

    private static func reason(_ body: EventBody) -> String { body["reason"].flatMap { body.text($0) } ?? "" }

    private mutating func lose(_ index: Int, _ event: CommittedEvent, _ reason: String, _ fold: inout Fold) {
        let wasAsked = workers[index].state == .draining
        let actorCount = workers[index].residents.count
        for _ in 0..<actorCount { fold.change.measured.append(.actorCrashed(pool: Int(workers[index].pool))) }
        if workers[index].ttlSeconds > 0 { fold.change.leased.append(index) }
        for actor in workers[index].residents.sorted() {
            var record = actors[actor]
            release(&record, actor, at: fold.at, &fold)
            record.state = .crashed
            record.since = fold.at
            record.stateSeq = event.seq
            if record.pool >= 0 { fold.touched.insert(Int(record.pool)) }
            actors[actor] = record
            if active[actor]?.isVoid ?? false { active.remove(actor) }
        }
        let (home, node) = (Int(workers[index].pool), workers[index].node)
        count(index, by: -1)
        if !wasAsked {
            pools[home].workers.lost += 1
            // A claimed one leaves its pool as it should.
            if !pools[home].isUnclaimed { noteLoss(home, reason, actors: actorCount, readySince: workers[index].createdAt, &fold) }
        }
        fold.change.measured.append(.workerGone(pool: home, wasAsked ? .drained : .lost))
        if workers[index].isChosen { pools[home].drains.succeeded() }
        placer.removeWorker(index)
        pools[home].members.removeAll { $0 == index }
        workers.remove(index)
        news.note(worker: index)
        noteNews(home)
        touch(home, &fold)
        leaveNode(node, &fold)
    }

    /// With a node's last worker, of whatever pool, those who wait for the node must look elsewhere.
    private mutating func leaveNode(_ node: NameID, _ fold: inout Fold) {
        guard splitsDemand, placer.workers.workers(on: node) == 0 else { return }
        for pool in pools.indices where pools[pool].placing.pausedWaiting[node] != nil {
            news.note(pool: pool)
            fold.touched.insert(pool)
        }
    }

    /// Changes a record and lets counts and free slots follow.
    package mutating func changeWorker(_ index: Int, _ fold: inout Fold, _ change: (inout WorkerRecord) -> Void) {
        let (old, new) = workers[index].changed(by: change)
        let home = new.pool
        if new.load != old.load {
            count(old.load, in: home, by: -1)
            count(new.load, in: home, by: 1)
        }
        if new.load.state != old.load.state {
            placer.setPhase(index, new.phase)
            news.note(worker: index)
            noteNews(home)
        }
        placer.setUsed(index, new.load.used)
        news.note(slotsOf: index)
        touch(home, &fold)
    }

    /// A pool's workers changed: its own actors, and those that may spill to it, have others to choose from.
    package mutating func touch(_ home: Int, _ fold: inout Fold) {
        fold.touched.insert(home)
        for pool in pools[home].placing.spilledFrom { fold.touched.insert(pool) }
    }

    /// Something that an actor of the pool, or of one that spills to it, waits for may be there now.
    package mutating func noteNews(_ home: Int) {
        news.note(pool: home)
        for pool in pools[home].placing.spilledFrom { news.note(pool: pool) }
    }

    /// Counts a worker that was read back from a checkpoint.
    package mutating func recount(_ index: Int) { count(index, by: 1) }

    private mutating func count(_ index: Int, by step: Int) { count(workers[index].load, in: Int(workers[index].pool), by: step) }

    private mutating func count(_ load: WorkerLoad, in home: Int, by step: Int) {
        let (state, used, slots) = (load.state, load.used, load.slots)
        pools[home].tasks += step * load.tasks
        if state == .ready { pools[home].placing.countRoom(slots: slots, used: used, on: load.node, by: step) }
        switch state {
        case .draining:
            pools[home].workers.draining += step
            if used > 0 { pools[home].workers.drainingBusy += step }
        case .ready:
            if used == 0 {
                pools[home].workers.idle += step
            } else if used < slots {
                pools[home].workers.partial += step
            } else {
                pools[home].workers.full += step
            }
        case .gone: break
        }
    }
}

extension WorkerRecord {
    /// What others count a worker by: small, where a record takes its lists along.
    fileprivate struct Standing {
        var pool: Int
        var load: WorkerLoad
        var phase: WorkerPhase
    }

    private var standing: Standing { Standing(pool: Int(pool), load: load, phase: phase) }

    /// How it stood before and after a change, read where it lies.
    fileprivate mutating func changed(by change: (inout WorkerRecord) -> Void) -> (old: Standing, new: Standing) {
        let old = standing
        change(&self)
        return (old, standing)
    }

    /// Those beyond aren't waited for: a worker hears from its service, its pod and itself.
    private static let drainersLimit = 8

    fileprivate mutating func addDrainer(_ source: NameID) {
        guard !drainers.contains(source), drainers.count < Self.drainersLimit else { return }
        drainers.append(source)
    }

    /// Somebody says that it is ready; false where that one never said that it drains. It is another life: what was meant for the
    /// one before doesn't count.
    fileprivate mutating func endDrain(_ event: CommittedEvent) -> Bool {
        guard event.isOurs ? isChosen : drainers.contains(event.source) else { return false }
        if event.isOurs { isChosen = false } else { drainers.removeAll { $0 == event.source } }
        guard !isChosen, drainers.isEmpty else { return true }
        state = .ready
        readySeq = event.seq
        drainedAt = .zero
        return true
    }
}
