import Basics
package import Domain
import Placement

// Where do snapshots come to lie, and where do they go?
//
// Actors' events and nodes' own reports, told to the placer's model of the nodes' caches. An actor's latest external
// snapshot is kept as a position of the log; only of actors that are awake, or paused, more is known (`ActiveSnapshots`).

extension State {
    /// What an actor's event says of its snapshots. `worker` is the one whose slot it held before, `actor` as it is after.
    package mutating func noteSnapshot(
        _ actor: inout ActorRecord, _ index: Int, from old: ActorState, _ event: CommittedEvent, _ fields: ActorFields, held worker: Int,
        _ fold: inout Fold
    ) {
        let now = fold.at
        switch event.kind {
        case .actorPlaced: notePlaced(actor, index, fields)
        case .actorRunning: noteRunning(actor, index, fields, wasPlaced: old == .placed, &fold)
        case .actorPaused: notePaused(&actor, index, event, fields, worker, at: now)
        case .actorSuspended: noteSuspended(&actor, index, event, fields, worker, at: now)
        case .actorCrashed, .actorWithdrawn: if active[index]?.isVoid ?? false { active.remove(index) }
        case .actorDeleted: noteDeleted(index)
        default: break
        }
    }

    private mutating func notePlaced(_ actor: ActorRecord, _ index: Int, _ fields: ActorFields) {
        guard fields.snapshot != nil || fields.bytes > 0 else { return }
        var entry = active[index] ?? ActiveSnapshot()
        entry.restoreBytes = fields.bytes
        if actor.tier != .local, actor.snapshotSeq > 0 { entry.external = fields.snapshot }
        active.set(index, entry)
    }

    /// What was restored is in the node's cache now, but for a paused state, which is used up.
    private mutating func noteRunning(_ actor: ActorRecord, _ index: Int, _ fields: ActorFields, wasPlaced: Bool, _ fold: inout Fold) {
        let node = actor.worker >= 0 ? workers[Int(actor.worker)].node : .none
        var entry = active[index]
        let paused = entry?.paused
        let isLocal = wasPlaced ? actor.tier == .local : paused.map { $0.node == node } ?? false
        if wasPlaced, let millis = fields.restoreMillis, !node.isNone {
            let zone = workers[Int(actor.worker)].zone
            // Whoever waits for a node weighs that against what restores take.
            if placer.noteRestore(actor.tier, bytes: entry?.restoreBytes ?? goldenBytes(actor), millis: millis, zone: zone) {
                for pool in pausedPools {
                    news.note(pool: pool)
                    fold.touched.insert(pool)
                }
            }
        }
        if let paused { updateSnapshots { $0.drop(paused.snapshot, on: paused.node) } }
        if !isLocal, !node.isNone { noteRestored(actor, entry, fields, on: node, at: fold.at) }
        guard entry != nil else { return }
        entry?.paused = nil
        entry?.isPausedLost = false
        if let entry { active.set(index, entry) }
    }

    private mutating func noteRestored(
        _ actor: ActorRecord, _ entry: ActiveSnapshot?, _ fields: ActorFields, on node: NameID, at now: LogTime
    ) {
        guard actor.snapshotSeq == 0 else {
            guard let snapshot = entry?.external ?? fields.snapshot else { return }
            updateSnapshots { $0.note(snapshot, bytes: entry?.restoreBytes ?? 0, on: node, at: now) }
            return
        }
        // An actor without a snapshot of its own starts from its template's: the first one tells which that is.
        let template = actors.traits(of: actor).template
        guard !template.isNone else { return }
        if let snapshot = fields.snapshot, placer.snapshots.golden(of: template) == nil {
            updateSnapshots { $0.setGolden(snapshot, bytes: 0, of: template) }
        }
        guard let golden = placer.snapshots.golden(of: template) else { return }
        updateSnapshots { $0.note(golden.snapshot, bytes: golden.bytes, on: node, at: now) }
    }

    private mutating func notePaused(
        _ actor: inout ActorRecord, _ index: Int, _ event: CommittedEvent, _ fields: ActorFields, _ worker: Int, at now: LogTime
    ) {
        // It lies where the actor ran, unless the event says another node.
        actor.node = fields.node != nil ? label(fields.node) : worker >= 0 ? workers[worker].node : .none
        guard !actor.node.isNone else { return }
        // Where the snapshot has no name of its own, the position stands for it.
        let snapshot = fields.snapshot ?? SnapshotID(rawValue: ByteHash.mix(UInt64(bitPattern: event.seq)))
        var entry = active[index] ?? ActiveSnapshot()
        entry.paused = PausedSnapshot(node: actor.node, snapshot: snapshot, bytes: fields.bytes, isBound: fields.isBound)
        entry.pausedSeq = event.seq
        entry.isPausedLost = false
        active.set(index, entry)
        updateSnapshots { [node = actor.node] in $0.keepPaused(snapshot, bytes: fields.bytes, on: node, at: now) }
    }

    private mutating func noteSuspended(
        _ actor: inout ActorRecord, _ index: Int, _ event: CommittedEvent, _ fields: ActorFields, _ worker: Int, at now: LogTime
    ) {
        let entry = active.remove(index)
        if let paused = entry?.paused { updateSnapshots { $0.drop(paused.snapshot, on: paused.node) } }
        guard let snapshot = fields.snapshot else { return }
        actor.snapshotSeq = event.seq
        // The node it ran on has the snapshot still.
        actor.node = worker >= 0 ? workers[worker].node : entry?.paused?.node ?? .none
        updateSnapshots { [node = actor.node] cache in
            if let old = entry?.external, old != snapshot { cache.outdate(old) }
            if !node.isNone { cache.note(snapshot, bytes: fields.bytes, on: node, at: now) }
        }
    }

    private mutating func noteDeleted(_ index: Int) {
        guard let entry = active.remove(index) else { return }
        updateSnapshots { cache in
            if let paused = entry.paused { cache.drop(paused.snapshot, on: paused.node) }
            if let external = entry.external { cache.outdate(external) }
        }
    }

    private func goldenBytes(_ actor: ActorRecord) -> Int64 {
        actor.snapshotSeq == 0 ? placer.snapshots.golden(of: actors.traits(of: actor).template)?.bytes ?? 0 : 0
    }

    private mutating func updateSnapshots(_ change: (inout SnapshotCache) -> Void) { news.note(placer.updateSnapshots(change)) }

    // MARK: - What nodes say

    package mutating func applySnapshot(_ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var node: String?
        var snapshot: SnapshotID?
        var template: String?
        var bytes: Int64?
        let isWhole = body.readMembers { key, value in
            if key == "node" { node = body.text(value) }
            if key == "snapshot" { snapshot = body.withText(value) { SnapshotID($0) } }
            if key == "template" { template = body.text(value) }
            if key == "bytes" { bytes = body.integer(value).map { max(0, $0) } }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        let place = label(node)
        guard let snapshot, !place.isNone else { return true }
        guard event.kind == .snapshotEvicted else {
            let golden = label(template)
            updateSnapshots { cache in
                if !golden.isNone { cache.setGolden(snapshot, bytes: bytes ?? cache.golden(of: golden)?.bytes ?? 0, of: golden) }
                cache.reportCached(snapshot, bytes: bytes ?? 0, on: place, at: fold.at)
            }
            return true
        }
        updateSnapshots { $0.reportEvicted(snapshot, bytes: bytes, on: place) }
        losePaused(snapshot, on: place, &fold)
        return true
    }

    /// A paused actor whose state the node dropped can be restored from its external snapshot alone.
    private mutating func losePaused(_ snapshot: SnapshotID, on node: NameID, _ fold: inout Fold) {
        guard let index = active.actor(paused: snapshot), var entry = active[index], entry.paused?.node == node else { return }
        let actor = actors[index]
        let isWaiting = actor.state == .waiting
        let selector = isWaiting ? pools[Int(actor.pool)].queue[actor.stateSeq]?.selector ?? [] : []
        if isWaiting { countWaiting(actor, index, selector, by: -1) }
        entry.paused = nil
        entry.isPausedLost = true
        active.set(index, entry)
        guard isWaiting else { return }
        countWaiting(actor, index, selector, by: 1)
        news.note(pool: Int(actor.pool))
        fold.touched.insert(Int(actor.pool))
    }

    // MARK: - What object storage says

    /// A template's golden snapshot, or the one that an actor's event told of: overtaken by a later suspension, it says nothing.
    package mutating func applyObserved(_ event: CommittedEvent, _ body: EventBody, _ fold: inout Fold) -> Bool {
        var snapshot: SnapshotID?
        var template: String?
        var (bytes, toldAt): (Int64, Position) = (0, 0)
        var isGone = false
        let isWhole = body.readMembers { key, value in
            if key == "snapshot" { snapshot = body.withText(value) { SnapshotID($0) } }
            if key == "template" { template = body.text(value) }
            if key == "state" { isGone = body.text(value) == "gone" }
            if key == "bytes" { bytes = max(0, body.integer(value) ?? 0) }
            if key == "toldAt" { toldAt = body.integer(value) ?? 0 }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        guard let snapshot else { return true }
        guard template == nil else {
            let name = label(template)
            updateSnapshots { cache in
                if isGone { cache.removeGolden(snapshot, of: name) } else { cache.setGolden(snapshot, bytes: bytes, of: name) }
            }
            return true
        }
        guard let index = actors.find(event.subject), toldAt > 0, actors[index].snapshotSeq == toldAt else { return true }
        // From here on it is read at this event, with its size; or there is none, and the actor starts from its template's.
        actors[index].snapshotSeq = isGone ? 0 : event.seq
        if isGone { updateSnapshots { $0.outdate(snapshot) } }
        guard actors[index].state == .waiting else { return true }
        let pool = Int(actors[index].pool)
        news.note(pool: pool)
        fold.touched.insert(pool)
        return true
    }
}
