import Basics
import Autoscaling
package import Domain
package import Placement

// What does an actor's event change?
//
// The state machine says where the actor goes; here its slot, its place in the queue and the counts of its pool follow.
// Always: an actor holds at most one slot; a waiting actor has exactly one ticket, in its own pool's queue.

/// The fields of an actor's event that state depends on, read in one pass.
package struct ActorFields {
    package internal(set) var version: Int64?
    package internal(set) var priority: Int64 = 0
    package internal(set) var expectedMillis: Int64 = 0
    package internal(set) var restoreMillis: Int64?
    /// What it is about to be, or was, restored from, or what was written of it.
    package internal(set) var snapshot: SnapshotID?
    package internal(set) var bytes: Int64 = 0
    /// Of a paused one: it runs on no other node.
    package internal(set) var isBound = false
    package internal(set) var sandboxClass: String?
    /// The life of the worker that a placement means, and the request it answers.
    package internal(set) var workerVersion: Position?
    package internal(set) var request: Position?
    /// The actor's change that this one puts right: it counts only while nothing else has happened to the actor since.
    package internal(set) var corrects: Position?
    package internal(set) var template: String?
    package internal(set) var tenant: String?
    package internal(set) var node: String?
    package internal(set) var tier: String?
    /// When it wakes by itself: a cron expression and the zone it is read in.
    package internal(set) var schedule: String?
    package internal(set) var timezone: String?
    package internal(set) var selector: [(key: String, value: String)] = []
    /// Of a claim: how it comes, or came, to its worker; why not from the pool; and how long it took.
    package internal(set) var launch: ClaimLaunch?
    package internal(set) var reason: String?
    package internal(set) var startMillis: Int64?
    /// By when the actor needs a worker.
    package internal(set) var deadline = LogTime.zero
    /// False where the body is damaged: then none of it counts.
    package private(set) var isWhole = true

    package init(_ kind: EventKind, _ body: EventBody) {
        guard !body.isEmpty else { return }
        var why: JSONCursor.Value?
        isWhole = body.readMembers { key, value in
            if key == "version" { version = body.integer(value) }
            if key == "corrects" { corrects = body.integer(value) }
            switch kind {
            case .actorRequested:
                if key == "priority" { priority = body.integer(value) ?? 0 }
                if key == "expectedMillis" { expectedMillis = body.integer(value) ?? 0 }
                if key == "selector" { selector = body.stringMap(value) }
                if key == "template" { template = body.text(value) }
                if key == "launch" { launch = body.text(value).flatMap { ClaimLaunch(rawValue: $0) } }
                if key == "reason" { why = value }
                if key == "deadline" { deadline = body.text(value).flatMap { LogTime(rfc3339: $0) } ?? .zero }
            case .actorWithdrawn: if key == "request" { request = body.integer(value) }
            case .actorCrashed: if key == "reason" { reason = body.text(value) }
            case .actorCreated:
                if key == "template" { template = body.text(value) }
                if key == "tenant" { tenant = body.text(value) }
                if key == "sandboxClass" { sandboxClass = body.text(value) }
                if key == "schedule" { schedule = body.text(value).flatMap { $0.isEmpty ? nil : $0 } }
                if key == "timezone" { timezone = body.text(value) }
            case .actorRunning:
                if key == "restoreMillis" { restoreMillis = body.integer(value) }
                if key == "restoredFrom" { snapshot = body.withText(value) { SnapshotID($0) } }
                if key == "launch" { launch = body.text(value).flatMap { ClaimLaunch(rawValue: $0) } }
                if key == "startMillis" { startMillis = body.integer(value) }
            case .actorPaused, .actorSuspended:
                if key == "snapshot" { snapshot = body.withText(value) { SnapshotID($0) } }
                if key == "bytes" { bytes = max(0, body.integer(value) ?? 0) }
                if key == "node" { node = body.text(value) }
                if key == "bound" { isBound = body.bool(value) }
            case .actorPlaced:
                if key == "tier" { tier = body.text(value) }
                if key == "restoreFrom" { snapshot = body.withText(value) { SnapshotID($0) } }
                if key == "bytes" { bytes = max(0, body.integer(value) ?? 0) }
                if key == "workerVersion" { workerVersion = body.integer(value) }
                if key == "request" { request = body.integer(value) }
            default: break
            }
        }
        // Only of a claim: others' reasons are kept in the log alone.
        if launch != nil, let why { reason = body.text(why) }
    }
}

extension State {
    package mutating func applyActor(_ event: CommittedEvent, _ fields: ActorFields, _ names: some NameReading, _ fold: inout Fold) -> Bool
    {
        guard fields.isWhole else { return fold.skipDamaged(event) }
        let known = actors.find(event.subject)
        // Changed here, in one place, and put back once: the table is looked into as seldom as may be.
        var actor = known.map { actors[$0] } ?? ActorRecord(name: event.subject)
        let state = known != nil ? actor.state : tombstones.contains(event.subject) ? .deleted : .unknown
        if event.kind.isOurs { fold.change.own.append(event) }
        if let corrects = fields.corrects {
            // Whoever corrects saw this state: where it is another by now, they look again.
            guard known != nil, actor.stateSeq == corrects else { return false }
            if let version = fields.version, actor.hasVersion, version < actor.version { return false }
        } else if let version = fields.version, actor.hasVersion, version <= actor.version {
            return false
        }

        if let known, event.kind == .actorRequested, state == .waiting, let launch = fields.launch {
            return setAside(actor, known, launch, fields.reason, &fold)
        }

        let worker = event.worker.isNone ? nil : workers.find(event.worker)
        let sameWorker = event.worker.isNone || actor.worker < 0 || worker == Int(actor.worker)
        let corrected = fields.corrects == nil ? nil : ActorState.corrected(by: event.kind)
        guard case .moves(let next) = corrected ?? state.after(event.kind, resting: actor.resting, sameWorker: sameWorker) else {
            return false
        }
        if event.kind == .actorPlaced, !mayPlace(actor, on: worker, fields, &fold) { return false }
        // One that says which request it means is for this one alone, and only while it waits.
        if event.kind == .actorWithdrawn, let request = fields.request, state != .waiting || request != actor.stateSeq { return false }

        if known == nil {
            if state == .deleted { tombstones.remove(event.subject) }
            actor.createdAtSeconds = UInt32(clamping: fold.at.microseconds / 1_000_000)
        }
        let index = known ?? actors.insert(event.subject)
        if let version = fields.version {
            actor.version = version
            actor.hasVersion = true
        }
        adopt(&actor, event, fields, names, &fold)
        move(&actor, index, from: state, to: next, event, fields, worker, &fold)
        actors[index] = actor
        if next == .deleted {
            actors.remove(index)
            tombstones.add(event.subject)
        }
        return true
    }

    /// A claim that waits is told to be served by a worker made for it: the pool owes it none any more.
    private mutating func setAside(
        _ actor: ActorRecord, _ index: Int, _ launch: ClaimLaunch, _ reason: String?, _ fold: inout Fold
    ) -> Bool {
        let home = Int(actor.pool)
        guard home >= 0, pools[home].isUnclaimed, pools[home].claims?.setAside(index, launch, reason: reason) ?? false else { return false }
        fold.touched.insert(home)
        return true
    }

    /// A claim of a pool whose workers leave when they are taken begins or ends its wait.
    private mutating func noteClaim(
        _ actor: ActorRecord, _ index: Int, from old: ActorState, to next: ActorState, _ kind: EventKind, _ fields: ActorFields,
        _ fold: inout Fold
    ) {
        let home = Int(actor.pool)
        guard pools[home].claims != nil else { return }
        if next == .waiting, old != .waiting {
            if let launch = fields.launch, launch != .warm {
                _ = pools[home].claims?.setAside(index, launch, reason: fields.reason)
            } else {
                let refill = pools[home].starts.p90Microseconds
                pools[home].claims?.arrived(at: fold.at, refillMicroseconds: refill)
            }
        }
        guard old == .waiting, next != .waiting else { return }
        let aside = pools[home].claims?.endWait(index)
        if kind == .actorWithdrawn, aside != .forced {
            // It couldn't be served by anybody.
            pools[home].claims?.takeBack(arrivedAt: actor.since)
        }
        guard next == .running, let launch = fields.launch else { return }
        let micros = fields.startMillis.flatMap { (0...EventLimits.millis).contains($0) ? $0 * 1_000 : nil }
        pools[home].claims?.serve(launch, microseconds: micros)
        fold.change.measured.append(.claim(pool: home, launch, seconds: micros.map { Double($0) / 1e6 }))
    }

    /// A placement counts only where the worker can still take it. One that says which life of the worker and which request
    /// it means counts for these alone, and not beyond the worker's slots: of two that race, the later one changes nothing.
    private mutating func mayPlace(_ actor: ActorRecord, on worker: Int?, _ fields: ActorFields, _ fold: inout Fold) -> Bool {
        guard let version = fields.workerVersion else { return worker.map { workers[$0].state == .ready } ?? false }
        splitsDemand = true
        let isMeant = fields.request.map { $0 == actor.stateSeq } ?? true
        if isMeant, let worker, workers[worker].state == .ready, workers[worker].readySeq == version,
            workers[worker].used < workers[worker].slots
        {
            return true
        }
        // Both are free again: whoever waits is looked at in this commit.
        if actor.pool >= 0 { fold.touched.insert(Int(actor.pool)) }
        if let worker { touch(Int(workers[worker].pool), &fold) }
        return false
    }

    /// Takes over what the event says of the actor itself: its pool, template and tenant.
    private mutating func adopt(
        _ actor: inout ActorRecord, _ event: CommittedEvent, _ fields: ActorFields, _ names: some NameReading, _ fold: inout Fold
    ) {
        if event.kind.carriesPool { actor.pool = Int32(pool(event.pool, names: names, at: fold.at)) }
        guard fields.template != nil || fields.tenant != nil || fields.sandboxClass != nil else { return }
        var traits = actors.traits(of: actor)
        if let template = fields.template { traits.template = label(template) }
        if let tenant = fields.tenant { traits.tenant = label(tenant) }
        if let sandboxClass = fields.sandboxClass { traits.sandboxClass = label(sandboxClass) }
        actors.setTraits(traits, of: &actor)
    }

    private mutating func move(
        _ actor: inout ActorRecord, _ index: Int, from old: ActorState, to next: ActorState, _ event: CommittedEvent, _ fields: ActorFields,
        _ worker: Int?, _ fold: inout Fold
    ) {
        let since = actor.since
        let held = Int(actor.worker)
        if pools.indices.contains(Int(actor.pool)), pools[Int(actor.pool)].isUnclaimed {
            noteClaim(actor, index, from: old, to: next, event.kind, fields, &fold)
        }
        if old == .waiting {
            leaveQueue(&actor, index, placedTier: fields.tier, at: fold.at, keepsWait: next == .placed || next == .running, &fold)
        }
        // One that is corrected to a worker that nobody knows has none; others keep theirs.
        let leavesWorker = fields.corrects != nil && !event.worker.isNone
        let keepsSlot =
            old.isResident && next.isResident && (worker == nil && !leavesWorker || worker.map(Int32.init) == actor.worker)
        if old.isResident, !keepsSlot { release(&actor, index, at: fold.at, &fold) }
        if next.isResident, !keepsSlot { occupy(&actor, index, worker, &fold) }
        if next == .waiting {
            actor.resting = old.isResting ? old : .suspended
            joinQueue(actor, index, event, fields, &fold)
        }
        if old == .placed, next == .running { noteRestore(actor, fields, since: since, at: fold.at) }
        noteSnapshot(&actor, index, from: old, event, fields, held: held, &fold)
        noteForecast(actor, index, from: old, to: next, event.kind, fields, at: fold.at)
        if old != next || event.kind == .actorRunning { actor.since = fold.at }
        actor.stateSeq = event.seq
        actor.state = next
        guard actor.pool >= 0 else { return }
        fold.touched.insert(Int(actor.pool))
        // A correction says what was missed, and says it of any time.
        if next == .crashed, fields.corrects == nil {
            noteCrash(Int(actor.pool), fields.reason ?? "an actor crashed", &fold)
        } else if event.kind == .actorSuspended || event.kind == .actorPaused, old.isResident, pools[Int(actor.pool)].crashes != nil {
            pools[Int(actor.pool)].crashes = nil
        }
    }

    // MARK: - The queue

    private mutating func joinQueue(_ actor: ActorRecord, _ index: Int, _ event: CommittedEvent, _ fields: ActorFields, _ fold: inout Fold)
    {
        let home = Int(actor.pool)
        let selector = fields.selector.isEmpty ? [] : fields.selector.map { LabelPair(key: label($0.key), value: label($0.value)) }.sorted()
        let ticket = WaitingTicket(
            actor: index, seq: event.seq, requestedAt: fold.at, priority: fields.priority,
            expectedMillis: fields.expectedMillis, selector: selector, tenant: actors.traits(of: actor).tenant, deadline: fields.deadline)
        pools[home].queue.add(ticket)
        if ticket.deadline > .zero { requestDeadlines.add(ticket) }
        news.note(ticket, in: home, joins: true)
        countWaiting(actor, index, selector, by: 1)
        pools[home].arrivals.add(at: fold.at)
    }

    private mutating func leaveQueue(
        _ actor: inout ActorRecord, _ index: Int, placedTier: String?, at now: LogTime, keepsWait: Bool, _ fold: inout Fold
    ) {
        let home = Int(actor.pool)
        let ticket = pools[home].queue.remove(actor.stateSeq)
        assert(ticket != nil, "a waiting actor has a ticket in its own pool's queue")
        if let ticket {
            if ticket.deadline > .zero { requestDeadlines.remove(ticket) }
            news.note(ticket, in: home, joins: false)
            countWaiting(actor, index, ticket.selector, by: -1)
        }
        pools[home].placing.forgetSuggested(actor.stateSeq)
        guard keepsWait else { return }
        let waited = now.microseconds(since: actor.since)
        actor.waitedMillis = UInt32(clamping: waited / 1_000)
        let tier = RestoreTier.allCases.first { $0.name == placedTier } ?? .cold
        actor.tier = tier
        fold.change.measured.append(.wait(pool: home, tier: tier, seconds: Double(waited) / 1e6))
    }

    // MARK: - Slots

    /// Takes a slot of `worker`; of none where the worker isn't known, and the actor counts as resident all the same.
    private mutating func occupy(_ actor: inout ActorRecord, _ index: Int, _ worker: Int?, _ fold: inout Fold) {
        if actor.pool < 0, let worker { actor.pool = workers[worker].pool }
        if actor.pool >= 0 {
            pools[Int(actor.pool)].resident += 1
            countRunning(actor, by: 1)
        }
        guard let worker else { return }
        assert(actor.worker < 0, "an actor holds one slot at most")
        actor.worker = Int32(worker)
        changeWorker(worker, &fold) { $0.residents.append(index) }
    }

    /// Gives its slot back, held since the actor entered its state.
    package mutating func release(_ actor: inout ActorRecord, _ index: Int, at now: LogTime, _ fold: inout Fold) {
        if actor.pool >= 0 {
            pools[Int(actor.pool)].resident -= 1
            countRunning(actor, by: -1)
            if pools[Int(actor.pool)].noteHold(microseconds: now.microseconds(since: actor.since)) { news.note(pool: Int(actor.pool)) }
        }
        let worker = Int(actor.worker)
        actor.worker = -1
        guard worker >= 0 else { return }
        changeWorker(worker, &fold) { record in
            guard let k = record.residents.firstIndex(of: index) else { return }
            record.residents.swapAt(k, record.residents.count - 1)
            record.residents.removeLast()
        }
    }

    private mutating func countRunning(_ actor: ActorRecord, by step: Int) {
        let tenant = actors.traits(of: actor).tenant
        pools[Int(actor.pool)].queue.addRunning(step, of: tenant)
        news.note(running: step, of: tenant, in: Int(actor.pool))
    }

    private mutating func noteRestore(_ actor: ActorRecord, _ fields: ActorFields, since: LogTime, at now: LogTime) {
        guard actor.pool >= 0 else { return }
        let micros = fields.restoreMillis.map { $0.multipliedClamped(by: 1_000) } ?? now.microseconds(since: since)
        pools[Int(actor.pool)].restores.add(microseconds: micros)
    }
}
