package import Domain
package import EventLog
package import Replay
import Autoscaling
import State

// Which turns, starts and counts does a stretch of the log hold, pool by pool?
//
// The log is folded as the live loop folds it, which says of each event whether it changed anything; what did opens, moves
// and closes turns here. Memory grows with the turns of the stretch and with the state, never with the log.
//
// A claim's turn is its first stay alone: one that is resumed, or gets another sandbox, asked its pool for nothing. A task that a pod
// reports is a turn that never waited: from the first report that counts it to the first that doesn't.

package struct HistoryReader {
    /// An actor's turn under way. Times are after the beginning of the stretch.
    private struct OpenTurn {
        var pool: NameID
        var arrival: Int64
        var placed: Int64?
        var running: Int64?
        var worker = NameID.none
        /// Of a claim that a worker is made for.
        var launch: ClaimLaunch?
    }

    private let log: EventLog
    package let stretch: LogStretch
    private let pools: Set<NameID>
    private var state: State
    private var hasBegun = false
    private var recorders: [NameID: PoolRecorder] = [:]
    private var open: [NameID: OpenTurn] = [:]
    /// Actors with an open turn that holds a slot, by worker.
    private var residents: [NameID: Set<NameID>] = [:]
    /// Turns of tasks that pods report, the oldest first, by worker.
    private var tasks: [NameID: [OpenTurn]] = [:]

    /// - Parameter pools: whose history is told; of all, where none is named.
    package init(log: EventLog, stretch: LogStretch, pools: Set<NameID> = []) {
        self.log = log
        self.stretch = stretch
        self.pools = pools
        state = stretch.first <= 1 ? State() : State.nearest(to: stretch.first - 1, in: log)
    }

    /// The position reached.
    package var position: Position { state.position }

    /// Whether what will be read is what was written. Comes before the first `step`.
    package func checkChain(progress: @escaping (Position) -> Void = { _ in }) throws(LogError) -> VerifyReport {
        try log.verify(after: state.position, through: stretch.last, progress: progress)
    }

    /// Reads on by some commits; false at the end.
    package mutating func step() throws(LogError) -> Bool {
        let batches = try History.slice(of: log, after: state.position, through: stretch.last)
        for batch in batches {
            if batch.lastSeq < stretch.first {
                _ = state.fold(batch, names: log.names)
            } else {
                begin()
                record(batch)
            }
        }
        return !batches.isEmpty
    }

    /// Everything read so far, cut at the end of the stretch; in order of name. Pools without a turn are left out.
    package mutating func finish() -> [PoolHistory] {
        begin()
        let end = offset(stretch.lastAt)
        for (actor, turn) in open.sorted(by: { $0.key < $1.key }) {
            close(actor, turn, turn.running == nil ? .cutWaiting : .cutRunning, at: end)
        }
        open = [:]
        for worker in tasks.keys.sorted() { endTasks(of: worker, downTo: 0, .cutRunning, at: end) }
        return recorders.filter { !$0.value.turns.isEmpty }
            .map { $0.value.history(of: log.names.text(of: $0.key), in: stretch) }
            .sorted { $0.pool < $1.pool }
    }

    private func offset(_ time: LogTime) -> Int64 { max(0, time.microseconds(since: stretch.firstAt)) }

    private func isWanted(_ pool: NameID) -> Bool { pools.isEmpty || pools.contains(pool) }

    // MARK: - The beginning

    /// Takes over what is under way where the stretch begins.
    private mutating func begin() {
        guard !hasBegun else { return }
        hasBegun = true
        for pool in state.poolNames where isWanted(pool) {
            guard let levels = state.levels(of: pool) else { continue }
            recorders[pool] = PoolRecorder(levels)
            if let policy = state.policy(of: pool) { recorders[pool]?.note(policy, at: 0) }
        }
        for turn in state.turnsUnderWay() where isWanted(turn.pool) {
            let isPlaced = turn.state != .waiting
            open[turn.actor] = OpenTurn(
                pool: turn.pool, arrival: 0, placed: isPlaced ? 0 : nil, running: isPlaced && turn.state != .placed ? 0 : nil,
                worker: turn.worker)
            if isPlaced { residents[turn.worker, default: []].insert(turn.actor) }
        }
        // Claims that were served before take nothing of the pool.
        open = open.filter { !state.isUnclaimed($0.value.pool) || $0.value.placed == nil }
        for worker in state.workersWithTasks { followTasks(of: worker, ending: .finished, at: 0) }
    }

    // MARK: - A commit

    private mutating func record(_ batch: CommittedBatch) {
        var draining = Set(batch.events.filter { $0.kind == .workerGone && state.isDraining($0.subject) }.map(\.subject))
        let change = state.fold(batch, names: log.names)
        let superseded = Set(change.superseded)
        let now = offset(batch.at)
        for (pool, levels) in state.levels(after: change) where isWanted(pool) {
            if recorders[pool] == nil { recorders[pool] = PoolRecorder(.none) }
            recorders[pool]?.note(levels, at: now)
        }
        for (worker, ending) in workersNamed(in: batch, draining) { followTasks(of: worker, ending: ending, at: now) }
        for (pool, microseconds) in state.workerStarts(in: change) { recorders[pool]?.note(start: microseconds) }
        for event in batch.events where !superseded.contains(event.seq) {
            switch event.kind {
            case .workerDraining: draining.insert(event.subject)
            case .workerGone: lose(event.subject, draining.contains(event.subject) ? .killed : .crashed, at: now)
            case .policyApplied: recorders[event.pool]?.note(state.policy(of: event.pool), at: now)
            case .scaleDecided:
                if let move = ReportDecision(event, batch, atSeconds: Double(now) / 1e6) { recorders[event.pool]?.note(move) }
            default: if event.kind.subject == .actor { move(event, batch, at: now) }
            }
        }
    }

    private mutating func move(_ event: CommittedEvent, _ batch: CommittedBatch, at now: Int64) {
        let actor = event.subject
        switch event.kind {
        case .actorRequested:
            guard let pool = state.pool(ofActor: actor) ?? (event.pool.isNone ? nil : event.pool), isWanted(pool) else { return }
            let launch = Self.launch(event, batch)
            // It waits since it asked first: what is new is how it will be served.
            if launch != nil, open[actor] != nil {
                open[actor]?.launch = launch
            } else {
                open[actor] = OpenTurn(pool: pool, arrival: now, launch: launch)
            }
        case .actorPlaced:
            open[actor]?.placed = now
            hold(actor, event.worker)
        case .actorRunning:
            run(event, batch, at: now)
        case .actorPaused, .actorSuspended, .actorDeleted, .actorCrashed, .actorWithdrawn:
            guard let turn = open.removeValue(forKey: actor) else { return }
            if event.kind == .actorWithdrawn || turn.placed == nil {
                letGo(actor, turn)
                recorders[turn.pool]?.withdrawn += 1
                // A claim that is rejected was no demand; one that is deleted while it waits was.
                let isDemand = event.kind != .actorWithdrawn && turn.launch != .forced && state.isUnclaimed(turn.pool)
                if isDemand { recorders[turn.pool]?.left.append(turn.arrival) }
            } else {
                close(actor, turn, event.kind == .actorCrashed ? .crashed : .finished, at: now)
            }
        default: break
        }
    }

    /// Agents that place their actors themselves say `running` at once: such a turn never waited.
    private mutating func run(_ event: CommittedEvent, _ batch: CommittedBatch, at now: Int64) {
        let actor = event.subject
        if open[actor] == nil {
            guard let pool = state.pool(ofActor: actor), isWanted(pool), !state.isUnclaimed(pool) else { return }
            open[actor] = OpenTurn(pool: pool, arrival: now)
        }
        if open[actor]?.placed == nil {
            open[actor]?.placed = now
            if let launch = Self.launch(event, batch) { open[actor]?.launch = launch }
        }
        if open[actor]?.running == nil { open[actor]?.running = now }
        if !event.worker.isNone { hold(actor, event.worker) }
    }

    /// How a claim comes to its worker; nil of any other actor's event.
    private static func launch(_ event: CommittedEvent, _ batch: CommittedBatch) -> ClaimLaunch? {
        guard event.body.count > 0 else { return nil }
        var launch: ClaimLaunch?
        batch.withBody(of: event) { body in
            body.forEachMember { key, value in if key == "launch" { launch = body.text(value).flatMap { ClaimLaunch(rawValue: $0) } } }
        }
        return launch
    }

    // MARK: - Tasks that pods report

    /// Workers whose tasks may have changed in a commit, and how those end that are over. An actor may be the task that was reported.
    private func workersNamed(in batch: CommittedBatch, _ draining: Set<NameID>) -> [(NameID, RecordedTurn.Ending)] {
        var found: [NameID: RecordedTurn.Ending] = [:]
        for event in batch.events {
            switch event.kind {
            case .workerGone: found[event.subject] = draining.contains(event.subject) ? .killed : .crashed
            case .workerObserved, .workerReady, .workerDraining: if found[event.subject] == nil { found[event.subject] = .finished }
            case .policyApplied:
                // It says whether reports count.
                for worker in state.workersWithTasks + tasks.keys where found[worker] == nil { found[worker] = .finished }
            default:
                guard event.kind.subject == .actor else { continue }
                for worker in [event.worker, open[event.subject]?.worker ?? NameID.none] where !worker.isNone && found[worker] == nil {
                    found[worker] = .finished
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func followTasks(of worker: NameID, ending: RecordedTurn.Ending, at now: Int64) {
        let count = state.tasks(of: worker)
        let known = tasks[worker]?.count ?? 0
        guard count != known else { return }
        guard count > known else { return endTasks(of: worker, downTo: count, ending, at: now) }
        guard let pool = state.pool(ofWorker: worker), isWanted(pool), !state.isUnclaimed(pool) else { return }
        let turn = OpenTurn(pool: pool, arrival: now, placed: now, running: now, worker: worker)
        tasks[worker, default: []].append(contentsOf: repeatElement(turn, count: count - known))
    }

    private mutating func endTasks(of worker: NameID, downTo count: Int, _ ending: RecordedTurn.Ending, at now: Int64) {
        guard var turns = tasks.removeValue(forKey: worker) else { return }
        while turns.count > count {
            let turn = turns.removeFirst()
            recorders[turn.pool]?.note(
                RecordedTurn(
                    arrivalMicroseconds: turn.arrival, waitedMicroseconds: 0, resumeMicroseconds: 0,
                    serviceMicroseconds: now - turn.arrival, ending: ending),
                endedAt: now)
        }
        if !turns.isEmpty { tasks[worker] = turns }
    }

    // MARK: - Slots and endings

    private mutating func hold(_ actor: NameID, _ worker: NameID) {
        guard let turn = open[actor] else { return }
        letGo(actor, turn)
        open[actor]?.worker = worker
        residents[worker, default: []].insert(actor)
    }

    private mutating func letGo(_ actor: NameID, _ turn: OpenTurn) {
        residents[turn.worker]?.remove(actor)
        if residents[turn.worker]?.isEmpty == true { residents[turn.worker] = nil }
    }

    private mutating func lose(_ worker: NameID, _ ending: RecordedTurn.Ending, at now: Int64) {
        for actor in (residents.removeValue(forKey: worker) ?? []).sorted() {
            guard let turn = open.removeValue(forKey: actor) else { continue }
            // Whatever took a claim's sandbox, no scale-down did.
            close(actor, turn, state.isUnclaimed(turn.pool) ? .crashed : ending, at: now)
        }
    }

    private mutating func close(_ actor: NameID, _ turn: OpenTurn, _ ending: RecordedTurn.Ending, at now: Int64) {
        letGo(actor, turn)
        guard turn.launch != .forced else {
            recorders[turn.pool]?.forced += 1
            return
        }
        let placed = turn.placed ?? now
        let running = turn.running ?? now
        recorders[turn.pool]?.note(
            RecordedTurn(
                arrivalMicroseconds: turn.arrival, waitedMicroseconds: placed - turn.arrival, resumeMicroseconds: running - placed,
                serviceMicroseconds: now - running, ending: ending, launch: turn.launch),
            endedAt: now)
    }
}
