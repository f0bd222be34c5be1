import Autoscaling
import Domain
import Placement

// What does an actor's event change?
//
// The state machine says where the actor goes; here its slot, its place in the queue and the counts of its pool follow.
// Always: an actor holds at most one slot; a waiting actor has exactly one ticket, in its own pool's queue.

/// The fields of an actor's event that state depends on, read in one pass.
struct ActorFields {
    var version: Int64?
    var priority: Int64 = 0
    var expectedMillis: Int64 = 0
    var restoreMillis: Int64?
    var hasSnapshot = false
    var template: String?
    var tenant: String?
    var node: String?
    var tier: String?
    var selector: [(key: String, value: String)] = []

    init(_ kind: EventKind, _ body: EventBody) {
        guard !body.isEmpty else { return }
        body.forEachMember { key, value in
            if key == "version" { version = body.integer(value) }
            switch kind {
            case .actorRequested:
                if key == "priority" { priority = body.integer(value) ?? 0 }
                if key == "expectedMillis" { expectedMillis = body.integer(value) ?? 0 }
                if key == "selector" { selector = body.stringMap(value) }
                if key == "template" { template = body.text(value) }
            case .actorCreated:
                if key == "template" { template = body.text(value) }
                if key == "tenant" { tenant = body.text(value) }
            case .actorRunning:
                if key == "restoreMillis" { restoreMillis = body.integer(value) }
            case .actorPaused, .actorSuspended:
                if key == "snapshot" { hasSnapshot = value.kind == .string }
                if key == "node" { node = body.text(value) }
            case .actorPlaced:
                if key == "tier" { tier = body.text(value) }
            default: break
            }
        }
    }
}

extension World {
    mutating func applyActor(_ event: CommittedEvent, _ fields: ActorFields, _ names: some NameReading, _ fold: inout Fold) -> Bool {
        let known = actors.find(event.subject)
        let state = known.map { actors[$0].state } ?? (tombstones.contains(event.subject) ? .deleted : .unknown)
        if event.kind.isOurs { fold.change.own.append(event) }
        if let version = fields.version, let known, actors[known].hasVersion, version <= actors[known].version { return false }

        let worker = event.worker.isNone ? nil : workers.find(event.worker)
        let holds = known.map { Int(actors[$0].worker) } ?? -1
        let sameWorker = event.worker.isNone || holds < 0 || worker == holds
        let resting = known.map { actors[$0].resting } ?? .suspended
        guard case .moves(let next) = state.after(event.kind, resting: resting, sameWorker: sameWorker) else { return false }
        // A placement counts only where the worker can still take it.
        if event.kind == .actorPlaced, worker.map({ workers[$0].state != .ready }) ?? true { return false }

        tombstones.remove(event.subject)
        let index = known ?? actors.insert(event.subject)
        if known == nil { actors[index].createdAtSeconds = UInt32(clamping: fold.at.microseconds / 1_000_000) }
        if let version = fields.version {
            actors[index].version = version
            actors[index].hasVersion = true
        }
        adopt(index, event, fields, names, &fold)
        move(index, from: state, to: next, event, fields, worker, &fold)
        if next == .deleted {
            actors.remove(index)
            tombstones.add(event.subject)
        }
        return true
    }

    /// Takes over what the event says of the actor itself: its pool, template and tenant.
    private mutating func adopt(_ index: Int, _ event: CommittedEvent, _ fields: ActorFields, _ names: some NameReading, _ fold: inout Fold) {
        if event.kind.shape.carriesPool {
            actors[index].pool = Int32(pool(event.pool, names: names, at: fold.at))
        }
        if let template = fields.template { actors[index].template = label(template) }
        if let tenant = fields.tenant { actors[index].tenant = label(tenant) }
    }

    private mutating func move(
        _ index: Int, from old: ActorState, to next: ActorState, _ event: CommittedEvent, _ fields: ActorFields, _ worker: Int?, _ fold: inout Fold
    ) {
        let since = actors[index].since
        let held = Int(actors[index].worker)
        if old == .waiting { leaveQueue(index, placedTier: fields.tier, at: fold.at, keepsWait: next == .placed || next == .running, &fold) }
        let keepsSlot = old.isResident && next.isResident && (worker == nil || worker.map(Int32.init) == actors[index].worker)
        if old.isResident, !keepsSlot { release(index, held: since, at: fold.at, &fold) }
        if next.isResident, !keepsSlot { occupy(index, worker, &fold) }
        if next == .waiting {
            actors[index].resting = old.isResting ? old : .suspended
            joinQueue(index, event, fields, &fold)
        }
        if old == .placed, next == .running { noteRestore(index, fields, since: since, at: fold.at) }
        noteSnapshot(index, event, fields, held: held)
        if old != next || event.kind == .actorRunning { actors[index].since = fold.at }
        actors[index].stateSeq = event.seq
        actors[index].state = next
        touch(index, &fold)
    }

    // MARK: - The queue

    private mutating func joinQueue(_ index: Int, _ event: CommittedEvent, _ fields: ActorFields, _ fold: inout Fold) {
        let home = Int(actors[index].pool)
        let selector = fields.selector.map { LabelPair(key: label($0.key), value: label($0.value)) }.sorted()
        pools[home].queue.add(
            WaitingTicket(
                actor: index, seq: event.seq, requestedAt: fold.at, priority: fields.priority,
                expectedMillis: fields.expectedMillis, selector: selector))
        pools[home].arrivals.add(at: fold.at)
    }

    private mutating func leaveQueue(_ index: Int, placedTier: String?, at now: LogTime, keepsWait: Bool, _ fold: inout Fold) {
        let home = Int(actors[index].pool)
        pools[home].queue.remove(actors[index].stateSeq)
        guard keepsWait else { return }
        let waited = now.microseconds(since: actors[index].since)
        actors[index].waitedMillis = UInt32(clamping: waited / 1_000)
        let tier = RestoreTier.allCases.first { $0.name == placedTier } ?? .cold
        actors[index].tier = tier
        fold.change.measured.append(.wait(pool: home, tier: tier, seconds: Double(waited) / 1e6))
    }

    // MARK: - Slots

    /// Takes a slot of `worker`; of none where the worker isn't known, and the actor counts as resident all the same.
    private mutating func occupy(_ index: Int, _ worker: Int?, _ fold: inout Fold) {
        if actors[index].pool < 0, let worker { actors[index].pool = workers[worker].pool }
        if actors[index].pool >= 0 { pools[Int(actors[index].pool)].resident += 1 }
        guard let worker else { return }
        actors[index].worker = Int32(worker)
        changeWorker(worker, &fold) { $0.residents.append(index) }
    }

    /// Gives its slot back.
    mutating func release(_ index: Int, held since: LogTime, at now: LogTime, _ fold: inout Fold) {
        if actors[index].pool >= 0 {
            let home = Int(actors[index].pool)
            pools[home].resident -= 1
            pools[home].holds.add(microseconds: now.microseconds(since: since))
        }
        let worker = Int(actors[index].worker)
        actors[index].worker = -1
        guard worker >= 0 else { return }
        changeWorker(worker, &fold) { record in
            if let k = record.residents.firstIndex(of: index) { record.residents.swapAt(k, record.residents.count - 1) }
            record.residents.removeLast()
        }
    }

    private mutating func noteRestore(_ index: Int, _ fields: ActorFields, since: LogTime, at now: LogTime) {
        guard actors[index].pool >= 0 else { return }
        let micros = fields.restoreMillis.map { $0.multipliedReportingOverflow(by: 1_000).partialValue } ?? now.microseconds(since: since)
        pools[Int(actors[index].pool)].restores.add(microseconds: micros)
    }

    private mutating func noteSnapshot(_ index: Int, _ event: CommittedEvent, _ fields: ActorFields, held worker: Int) {
        switch event.kind {
        case .actorPaused:
            actors[index].snapshotSeq = event.seq
            // It lies where the actor ran, unless the event says another node.
            actors[index].node = fields.node != nil ? label(fields.node) : worker >= 0 ? workers[worker].node : .none
        case .actorSuspended:
            guard fields.hasSnapshot else { return }
            actors[index].snapshotSeq = event.seq
            // The node it ran on has the snapshot still.
            actors[index].node = worker >= 0 ? workers[worker].node : .none
        default: break
        }
    }

    private mutating func touch(_ index: Int, _ fold: inout Fold) {
        if actors[index].pool >= 0 { fold.touched.insert(Int(actors[index].pool)) }
    }
}
