import Basics
import Domain
import State

// Which slots are held and who waits, and what did each of them cost so far?
//
// Goes beside the fold, commit by commit. The state says where each actor and worker is after a commit, so whatever the
// fold takes for a held slot is counted as one. Events that the fold superseded count nothing. Kept: one entry for each actor
// that waits or holds a slot, one for each worker, and one row for each name.

struct UsageLedger {
    /// An actor that waits or holds a slot.
    private struct Stay {
        var row: UInt32
        var phase: ActorState
        /// Until when its time is in the figures.
        var since: LogTime
        /// Index of the pool of the worker it is on; -1 where none is known.
        var workerPool: Int32 = -1
        /// What its placement said, until it runs.
        var tier: RestoreTier?
        var bytes: Int64 = 0
        var placedAt = LogTime.zero
    }

    private struct Offer {
        var pool: Int32
        var slots: Int
        var since: LogTime
    }

    /// Rows of a report: a report of more is refused, and says how to narrow it.
    static let rowsMost = 200_000

    let grouping: UsageGrouping
    /// Only this pool's actors and workers; nil for all.
    let pool: NameID?
    private(set) var isFull = false
    private var stays: [NameID: Stay] = [:]
    private var offers: [NameID: Offer] = [:]
    private var rows: [UInt32: UsageFigures] = [:]
    /// By actor: the pool that each row's actor was in last, as the log may hold its name without a namespace.
    private var homes: [UInt32: Int32] = [:]

    /// The row of nobody: actors of other pools than the one that is asked for.
    private static let unwanted = UInt32.max
    /// The row of actors of which the name isn't known.
    private static let nameless = UInt32.max - 1

    init(grouping: UsageGrouping, pool: NameID?) {
        self.grouping = grouping
        self.pool = pool
    }

    /// Takes over who waits and who holds a slot at the beginning.
    mutating func begin(with state: State, at now: LogTime) {
        for index in 0..<state.actors.capacity {
            let actor = state.actors[index]
            guard !actor.name.isNone, Self.isCounted(actor.state) else { continue }
            var stay = Stay(row: row(of: actor, in: state), phase: actor.state, since: now)
            stay.workerPool = Self.workerPool(of: actor, in: state)
            if actor.state == .placed {
                stay.tier = actor.tier
                stay.bytes = state.active[index]?.restoreBytes ?? 0
                stay.placedAt = actor.since
            }
            stays[actor.name] = stay
            note(home: actor.pool, of: stay.row)
        }
        for index in state.workers.indices {
            let worker = state.workers[index]
            offers[worker.name] = Offer(pool: worker.pool, slots: worker.slots, since: now)
        }
    }

    /// Folds one commit, and counts it.
    mutating func fold(_ batch: CommittedBatch, into state: inout State, names: some NameReading) {
        var actors: Set<NameID> = []
        var workers: Set<NameID> = []
        for event in batch.events {
            if event.kind.subject == .actor { actors.insert(event.subject) }
            guard event.kind.isAboutWorker else { continue }
            workers.insert(event.subject)
            // One that goes takes its actors with it.
            if let index = state.workers.find(event.subject) {
                for actor in state.workers[index].residents { actors.insert(state.actors[actor].name) }
            }
        }
        var before: [NameID: UInt32] = [:]
        for name in actors { if let index = state.actors.find(name) { before[name] = row(of: state.actors[index], in: state) } }
        let superseded = Set(state.fold(batch, names: names).superseded)
        for event in batch.events where event.kind.subject == .actor && !superseded.contains(event.seq) {
            count(event, of: batch, in: state, before: before[event.subject])
        }
        for actor in actors { settle(actor, in: state, at: batch.at) }
        for worker in workers { settle(worker: worker, in: state, at: batch.at) }
    }

    /// Counts what is still held, up to the end.
    mutating func finish(at end: LogTime) {
        for name in stays.keys { accrue(name, until: end) }
        for name in offers.keys { offer(name, until: end) }
    }

    /// The rows by name, and none that holds nothing.
    func report(_ state: State, names: some NameReading) -> [UsageReport.Row] {
        let blank = UsageFigures(hasWorkers: grouping == .pool)
        var found: [UsageReport.Row] = []
        for (key, figures) in rows where key != Self.unwanted && figures != blank {
            found.append(UsageReport.Row(name: name(of: key, state, names), figures: figures))
        }
        return found.sorted {
            $0.figures.slotMicroseconds != $1.figures.slotMicroseconds
                ? $0.figures.slotMicroseconds > $1.figures.slotMicroseconds : $0.name < $1.name
        }
    }

    // MARK: - Events

    private mutating func count(_ event: CommittedEvent, of batch: CommittedBatch, in state: State, before: UInt32?) {
        let name = event.subject
        let old = stays[name]?.phase ?? .suspended
        switch event.kind {
        case .actorRequested:
            // One that waits already said something else about its wait.
            guard old != .waiting else { return }
            enter(.waiting, name, event, batch.at, in: state, before)
            change(name) { figures in
                figures.requests += 1
                // Its worker went in this very commit.
                if old.isResident { figures.crashes += 1 }
            }
        case .actorPlaced:
            let (tier, bytes) = batch.withBody(of: event) { body in
                (
                    body["tier"].flatMap { body.text($0) }.flatMap { said in RestoreTier.allCases.first { $0.name == said } },
                    body["bytes"].flatMap { body.integer($0) } ?? 0
                )
            }
            enter(.placed, name, event, batch.at, in: state, before)
            stays[name]?.tier = tier ?? .cold
            stays[name]?.bytes = max(0, bytes)
            stays[name]?.placedAt = batch.at
            if old == .waiting { change(name) { $0.waits += 1 } }
        case .actorRunning:
            let isTurn = old != .running && old != .idle
            let restore = old == .placed ? stays[name] : nil
            enter(.running, name, event, batch.at, in: state, before)
            guard isTurn else { return }
            let measured = batch.withBody(of: event) { body in body["restoreMillis"].flatMap { body.integer($0) } }
            change(name) { figures in
                figures.turns += 1
                if old == .waiting { figures.waits += 1 }
                guard let restore, let tier = restore.tier else { return }
                let micros = measured.map { max(0, $0).multipliedClamped(by: 1_000) } ?? batch.at.microseconds(since: restore.placedAt)
                let index = Int(tier.rawValue)
                figures.tiers[index].restores += 1
                figures.tiers[index].bytes = figures.tiers[index].bytes.addingClamped(restore.bytes)
                figures.tiers[index].microseconds = figures.tiers[index].microseconds.addingClamped(micros)
            }
        case .actorIdle: enter(.idle, name, event, batch.at, in: state, before)
        case .actorCrashed:
            // One that held no slot had no turn that could end.
            if old.isResident { change(name) { $0.crashes += 1 } }
            leave(name, batch.at)
        case .actorPaused, .actorSuspended, .actorWithdrawn, .actorDeleted:
            // One that is withdrawn while its worker restores it ends as a crash.
            if old.isResident, state.actors.find(name).map({ state.actors[$0].state }) == .crashed { change(name) { $0.crashes += 1 } }
            leave(name, batch.at)
        // Created is where it rests; others aren't about actors.
        default: return
        }
    }

    /// After a commit the state has the last word: an actor may have lost its worker, or have come to another.
    private mutating func settle(_ name: NameID, in state: State, at now: LogTime) {
        let actor = state.actors.find(name).map { state.actors[$0] }
        guard let actor, Self.isCounted(actor.state) else {
            if let stay = stays[name], stay.phase.isResident, actor?.state == .crashed { change(name) { $0.crashes += 1 } }
            leave(name, now)
            return
        }
        let row = self.row(of: actor, in: state)
        if stays[name] == nil { stays[name] = Stay(row: row, phase: actor.state, since: now) }
        accrue(name, until: now)
        stays[name]?.phase = actor.state
        stays[name]?.row = row
        note(home: actor.pool, of: row)
        stays[name]?.workerPool = Self.workerPool(of: actor, in: state)
    }

    private mutating func settle(worker name: NameID, in state: State, at now: LogTime) {
        offer(name, until: now)
        offers[name] = state.workers.find(name).map {
            Offer(pool: state.workers[$0].pool, slots: state.workers[$0].slots, since: now)
        }
    }

    // MARK: - Stays

    private mutating func enter(
        _ phase: ActorState, _ name: NameID, _ event: CommittedEvent, _ now: LogTime, in state: State, _ before: UInt32?
    ) {
        accrue(name, until: now)
        if stays[name] == nil {
            // One that is gone again by the end of the commit is counted where it was, or where the event says.
            let row =
                state.actors.find(name).map { self.row(of: state.actors[$0], in: state) } ?? before
                ?? self.row(ofGone: name, pool: event.pool, state)
            stays[name] = Stay(row: row, phase: phase, since: now)
            if let home = state.poolByName[event.pool] { note(home: Int32(clamping: home), of: row) }
        }
        stays[name]?.phase = phase
    }

    private mutating func leave(_ name: NameID, _ now: LogTime) {
        accrue(name, until: now)
        stays[name] = nil
    }

    /// Moves the time since the entry was last looked at into the figures.
    private mutating func accrue(_ name: NameID, until now: LogTime) {
        guard let stay = stays[name] else { return }
        let micros = max(0, now.microseconds(since: stay.since))
        stays[name]?.since = max(now, stay.since)
        guard micros > 0 else { return }
        if stay.phase == .waiting {
            change(name) { $0.waitMicroseconds = $0.waitMicroseconds.addingClamped(micros) }
            return
        }
        change(name) { figures in
            figures.slotMicroseconds = figures.slotMicroseconds.addingClamped(micros)
            switch stay.phase {
            case .placed: figures.restoringMicroseconds = figures.restoringMicroseconds.addingClamped(micros)
            case .idle: figures.idleMicroseconds = figures.idleMicroseconds.addingClamped(micros)
            default: figures.runningMicroseconds = figures.runningMicroseconds.addingClamped(micros)
            }
        }
        guard grouping == .pool, stay.workerPool >= 0 else { return }
        addWorkers(Int(stay.workerPool)) { $0.takenMicroseconds = ($0.takenMicroseconds ?? 0).addingClamped(micros) }
    }

    private mutating func offer(_ name: NameID, until now: LogTime) {
        guard grouping == .pool, let offer = offers[name] else { return }
        offers[name]?.since = max(now, offer.since)
        let micros = max(0, now.microseconds(since: offer.since)).multipliedClamped(by: Int64(offer.slots))
        guard micros > 0 else { return }
        addWorkers(Int(offer.pool)) { $0.offeredMicroseconds = ($0.offeredMicroseconds ?? 0).addingClamped(micros) }
    }

    private mutating func change(_ name: NameID, _ edit: (inout UsageFigures) -> Void) {
        guard let row = stays[name]?.row else { return }
        change(row: row, edit)
    }

    private mutating func change(row: UInt32, _ edit: (inout UsageFigures) -> Void) {
        guard row != Self.unwanted else { return }
        guard rows[row] != nil || rows.count < Self.rowsMost else {
            isFull = true
            return
        }
        edit(&rows[row, default: UsageFigures(hasWorkers: grouping == .pool)])
    }

    private mutating func note(home pool: Int32, of row: UInt32) {
        if grouping == .actor, pool >= 0, row != Self.unwanted { homes[row] = pool }
    }

    /// To the row of a pool that workers belong to.
    private mutating func addWorkers(_ index: Int, _ edit: (inout UsageFigures) -> Void) {
        guard index >= 0, pool == nil || index == poolIndex else { return }
        change(row: UInt32(index), edit)
    }

    // MARK: - Names

    /// The index of the pool that is asked for, once it is known.
    private var poolIndex = -1

    private static func isCounted(_ state: ActorState) -> Bool { state == .waiting || state.isResident }

    private static func workerPool(of actor: ActorRecord, in state: State) -> Int32 {
        actor.worker >= 0 ? state.workers[Int(actor.worker)].pool : -1
    }

    /// Finds the pool that is asked for. Its index, once there is one, stays.
    mutating func findPool(in state: State) {
        guard poolIndex < 0, let pool, let index = state.poolByName[pool] else { return }
        poolIndex = index
    }

    private func row(of actor: ActorRecord, in state: State) -> UInt32 {
        if let pool, actor.pool < 0 || state.pools[Int(actor.pool)].name != pool { return Self.unwanted }
        switch grouping {
        case .pool: return actor.pool < 0 ? Self.nameless : UInt32(actor.pool)
        case .actor: return actor.name.rawValue
        case .tenant: return Self.label(state.actors.traits(of: actor).tenant)
        case .template: return Self.label(state.actors.traits(of: actor).template)
        }
    }

    private func row(ofGone name: NameID, pool gonePool: NameID, _ state: State) -> UInt32 {
        if let pool, gonePool != pool { return Self.unwanted }
        return switch grouping {
        case .actor: name.rawValue
        case .pool: state.poolByName[gonePool].map { UInt32($0) } ?? Self.nameless
        case .tenant, .template: Self.nameless
        }
    }

    private static func label(_ name: NameID) -> UInt32 { name.isNone ? nameless : name.rawValue }

    private func name(of key: UInt32, _ state: State, _ names: some NameReading) -> String {
        guard key != Self.nameless else { return "" }
        return switch grouping {
        case .pool: state.pools[Int(key)].text
        case .actor:
            QualifiedName.full(
                names.text(of: NameID(key)), in: homes[key].map { QualifiedName.namespace(ofPool: state.pools[Int($0)].text) } ?? "")
        case .tenant, .template: state.labels.text(of: NameID(key))
        }
    }
}
