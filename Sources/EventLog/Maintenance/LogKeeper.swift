// Who does what must be done but not by an append?
//
// A thread of its own: it builds dedupe runs (`DedupeBuilds`), copies the write-ahead log back, and saves the log's own
// state every so many events. Nothing here is needed for an answer, so it may always be late: where late would mean
// unbounded, the writer does it itself. What fails is noted in the log's health and tried again with the next commit.
// Inline logs have no keeper: the writer does all of it at once.

import Dispatch
import Domain
import GRDB
import Synchronization

final class LogKeeper: Sendable {
    private struct State: Sendable {
        var sleeps = false
        var isDue = false
        var isClosed = false
        var head = Head.empty
        var savedSeq: Position
    }

    private let catalog: LogCatalog
    private let builds: DedupeBuilds
    private let wal: WALCheckpointer
    private let health: HealthRecord
    private let limits: EventLog.Limits
    private let state: Mutex<State>
    private let wake = DispatchSemaphore(value: 0)
    /// A connection of its own: a checkpoint takes long, and must hold up neither readers nor the writer.
    private let connection: DatabaseQueue?

    init(
        catalog: LogCatalog, builds: DedupeBuilds, wal: WALCheckpointer, health: HealthRecord, limits: EventLog.Limits, savedSeq: Position,
        connection: DatabaseQueue?
    ) {
        self.catalog = catalog
        self.builds = builds
        self.wal = wal
        self.health = health
        self.limits = limits
        self.connection = connection
        state = Mutex(State(savedSeq: savedSeq))
    }

    /// After each commit.
    func noteCommit(_ head: Head) {
        let hasWork = builds.wantsWork || wal.bytes > limits.walCheckpointBytes
        let mustWake = state.withLock { state in
            state.head = head
            guard hasWork || isStateDue(state) else { return false }
            state.isDue = true
            defer { state.sleeps = false }
            return state.sleeps
        }
        if mustWake { wake.signal() }
    }

    /// What a reader kept in the write-ahead log may be copied by now.
    func wakeForWAL() {
        let mustWake = state.withLock { state in
            state.isDue = true
            defer { state.sleeps = false }
            return state.sleeps
        }
        if mustWake { wake.signal() }
    }

    /// The keeper's thread. `saveState` saves the log's own state and returns the position it is of.
    func run(saveState: @Sendable () throws -> Position) {
        while true {
            let next: (closed: Bool, due: Bool) = state.withLock { state in
                if state.isClosed { return (true, false) }
                defer { state.isDue = false }
                state.sleeps = !state.isDue
                return (false, state.isDue)
            }
            if next.closed { return }
            if next.due { work(saveState) } else { wake.wait() }
        }
    }

    private func work(_ saveState: @Sendable () throws -> Position) {
        do {
            var more = true
            let hadBuilds = builds.wantsWork
            while more, !isClosed {
                if wal.bytes > limits.walCheckpointBytes { try checkpoint() }
                more = try builds.produceOne { body in try catalog.pool.read { db in try body(db) } }
            }
            if state.withLock({ isStateDue($0) }) {
                let saved = try saveState()
                state.withLock { $0.savedSeq = saved }
            }
            // A merge frees tens of megabytes in small pieces.
            if hadBuilds { MemoryHabits.giveBackFreed() }
            health.noteKeeper(nil, path: catalog.path)
        } catch { health.noteKeeper(error, path: catalog.path) }
    }

    func checkpoint() throws { try connection?.writeWithoutTransaction { db in _ = try wal.run(db) } }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// The state grows with the names: it is saved the less often the larger it is.
    private func isStateDue(_ state: State) -> Bool {
        state.head.seq - state.savedSeq >= max(limits.stateEvents, Int64(catalog.names.count) * 2)
    }

    func close() {
        state.withLock { $0.isClosed = true }
        wake.signal()
    }

    func closeConnection() throws { try connection?.close() }
}
