import Dispatch
import Domain
import EventLog
import Synchronization

@testable import HTTPService

// The log's twin: the same contract in memory, with a hand on its brakes.
//
// Appends are answered from a queue of its own, as the real log answers from its writer's thread; `hold` keeps the answers
// back until `release`, `refuse` makes every append fail.

final class MemoryLog: EventAppending, EventReading {
    typealias Completion = @Sendable (Result<AppendReceipt, AppendError>) -> Void

    private struct State {
        var batches: [CommittedBatch] = []
        var names = NameTable()
        var positions: [String: Position] = [:]
        /// What the first event of each source and id said.
        var said: [String: String] = [:]
        var next: Position = 1
        var time: Int64 = 1_790_000_000_000_000
        var isHeld = false
        var held: [@Sendable () -> Void] = []
        var refusal: AppendError?
        var appends = 0
        var waitingBytes = 0
        var mostWaitingBytes = 0
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "memory-log")
    private let bell = CommitBell()

    /// - Parameter knownPools: named by earlier events, so that those of tests need no warning.
    init(knownPools: [String] = ["default/agents"]) {
        state.withLock { state in for pool in knownPools { _ = state.names.intern(pool) } }
    }

    // MARK: - Brakes

    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for work in held { queue.async(execute: work) }
    }

    /// Lets `count` of the held appends go.
    func release(_ count: Int) {
        let held = state.withLock { state in
            let first = Array(state.held.prefix(count))
            state.held.removeFirst(first.count)
            return first
        }
        for work in held { queue.async(execute: work) }
    }

    func refuse(_ refusal: AppendError?) { state.withLock { $0.refusal = refusal } }

    var heldCount: Int { state.withLock { $0.held.count } }
    var eventCount: Int { state.withLock { Int($0.next - 1) } }
    var appendCount: Int { state.withLock { $0.appends } }
    var mostWaitingBytes: Int { state.withLock { $0.mostWaitingBytes } }
    var events: [CommittedEvent] { state.withLock { $0.batches.flatMap(\.events) } }
    func text(of id: NameID) -> String { state.withLock { $0.names.text(of: id) } }
    var ids: [String] { state.withLock { state in state.batches.flatMap { batch in batch.events.map { batch.text($0.id) } } } }

    // MARK: - Appending

    func append(_ batch: EventBatch, completion: @escaping Completion) {
        let bytes = batch.bytes.count
        let work: @Sendable () -> Void = { [self] in
            let result = commit(batch, bytes)
            completion(result)
            bell.ring(state.withLock { $0.next - 1 })
        }
        let runsNow = state.withLock { state in
            state.appends += 1
            state.waitingBytes += bytes
            state.mostWaitingBytes = max(state.mostWaitingBytes, state.waitingBytes)
            if state.isHeld { state.held.append(work) }
            return !state.isHeld
        }
        if runsNow { queue.async(execute: work) }
    }

    private func commit(_ batch: EventBatch, _ bytes: Int) -> Result<AppendReceipt, AppendError> {
        state.withLock { state in
            state.waitingBytes -= bytes
            if let refusal = state.refusal { return .failure(refusal) }
            var events: [CommittedEvent] = []
            var positions: [Position] = []
            var receipt = AppendReceipt(accepted: 0, duplicates: 0, positions: [])
            let knownNames = state.names.count
            for (index, draft) in batch.events.enumerated() {
                let key = batch.text(draft.source) + "\n" + batch.text(draft.id)
                let said = ([draft.subject, draft.pool, draft.worker, draft.body].map { batch.text($0) } + [draft.kind.name]).joined(
                    separator: "\n")
                if let known = state.positions[key] {
                    positions.append(known)
                    if state.said[key] != said { receipt.conflicts.append(index) }
                    continue
                }
                state.said[key] = said
                let event = Self.committed(draft, of: batch, at: state.next, names: &state.names)
                if draft.kind.subject == .actor, Int(event.pool.rawValue) > knownNames { receipt.inNewPools.append(index) }
                state.positions[key] = state.next
                positions.append(state.next)
                state.next += 1
                events.append(event)
            }
            state.time += 1_000_000
            if !events.isEmpty {
                state.batches.append(CommittedBatch(at: LogTime(microseconds: state.time), events: events, bytes: batch.bytes))
            }
            let (conflicts, inNewPools) = (receipt.conflicts, receipt.inNewPools)
            receipt = AppendReceipt(
                accepted: events.count, duplicates: batch.count - events.count, positions: positions, conflicts: conflicts)
            receipt.inNewPools = inNewPools
            return .success(receipt)
        }
    }

    private static func committed(_ draft: DraftEvent, of batch: EventBatch, at seq: Position, names: inout NameTable) -> CommittedEvent {
        func name(_ range: ByteRange) -> NameID { range.isEmpty ? .none : names.intern(batch.text(range)) ?? .none }
        return CommittedEvent(
            seq: seq, kind: draft.kind, pool: name(draft.pool), subject: name(draft.subject), worker: name(draft.worker),
            source: name(draft.source),
            id: draft.id, time: draft.time, body: draft.body, extensions: draft.extensions, previous: 0)
    }

    // MARK: - Reading

    var lastPosition: Position { state.withLock { $0.next - 1 } }

    func read(_ query: EventPageQuery) async throws -> EventPage {
        state.withLock { state in
            let filter = EventFilter(query, names: MemoryNames(table: state.names))
            var found: [CommittedBatch] = []
            var wanted = query.limit
            var readTo = query.after
            for batch in state.batches where batch.lastSeq > readTo && wanted > 0 {
                let selected = filter.select(from: batch, after: readTo, limit: wanted)
                readTo = selected.readTo
                wanted -= selected.batch.events.count
                if !selected.batch.events.isEmpty { found.append(selected.batch) }
            }
            let names = state.names
            return EventPage(batches: found, readTo: readTo, names: MemoryNames(table: names))
        }
    }

    func waitForEvents(after position: Position) async {
        await bell.wait(after: position) { self.state.withLock { $0.next - 1 > position } }
    }

    /// Writes events of Greenroom's own, as the loop would.
    func write(_ batch: EventBatch) async {
        await withCheckedContinuation { done in append(batch) { _ in done.resume() } }
    }
}

/// The names of a log in memory, which knows no namespaces of subjects.
private struct MemoryNames: LogNames {
    let table: NameTable

    func text(of id: NameID) -> String { table.text(of: id) }
    func appendText(of id: NameID, to bytes: inout [UInt8]) { table.appendText(of: id, to: &bytes) }
    func find(_ name: String) -> NameID? { table.find(name) }
    func qualified(_ name: String) -> [NameID] { table.qualified(name) }
    func pool(ofSubject name: NameID) -> NameID? { nil }
}
