package import Domain
package import EventLog
import Synchronization

// How does the HTTP service use the real log?
//
// One object between the two: it translates what the log says into this target's words, and turns the log's commits into
// something a follower can wait for. Reading looks through a bounded stretch at a time, so that a filter which matches
// nothing in millions of events neither blocks nor gathers them.

package final class EventLogAccess: EventAppending, EventReading {
    private let log: EventLog
    private let bell = CommitBell()

    /// Events looked through by one `read`, and asked of the log at a time.
    private static let scanEvents = 16_384
    private static let sliceEvents = 2_048
    /// Of one subject: further back than this, the log is looked through instead.
    private static let subjectEvents = 100_000
    /// Of one subject, backwards: looked at by one reading, and at a time.
    private static let chainEvents = 20_000
    private static let chainPage = 500

    package init(_ log: EventLog) {
        self.log = log
        log.onCommit { [bell] head in bell.ring(head.seq) }
    }

    // MARK: - Appending

    package func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        log.append(batch, completion: completion)
    }

    // MARK: - Reading

    package var lastPosition: Position { log.head.seq }

    package func waitForEvents(after position: Position) async {
        await bell.wait(after: position) { self.log.head.seq > position }
    }

    package func read(_ query: EventPageQuery) async throws -> EventPage {
        let filter = EventFilter(query, names: log)
        let head = min(log.head.seq, query.through)
        if filter.matchesNothing { return EventPage(batches: [], readTo: max(head, query.after), names: log) }
        if head - query.after > Int64(Self.scanEvents), filter.subjects.count == 1,
            let page = try readSubject(filter.subjects[0], query, filter, head)
        {
            return page
        }
        return try scan(query, filter, head)
    }

    package func position(at time: LogTime) async throws -> Position { try log.position(at: time) }

    /// A subject's own events are a chain that leads back, however far apart they lie; its last one before `through` is looked for.
    package func readBack(_ query: EventPageQuery) async throws -> EventPage {
        let filter = EventFilter(query, names: log)
        if filter.matchesNothing { return EventPage(batches: [], readTo: query.after + 1, names: log) }
        guard filter.subjects.count == 1 else { return try await readWindows(query) }
        var page = try await lastPage(of: filter.subjects[0], query)
        guard !page.isEmpty else {
            let nothing = try await readWindows(subjectQuery(query))
            return EventPage(batches: [], readTo: nothing.readTo, names: log)
        }
        var found: [CommittedBatch] = []
        var (readTo, looked) = (query.through, 0)
        while true {
            looked += page.count
            for batch in page.reversed() where batch.firstSeq > query.after && found.count < query.limit {
                readTo = batch.firstSeq
                if batch.events.allSatisfy(filter.matches) { found.append(batch) }
            }
            let previous = page.first?.events.first?.previous ?? 0
            if found.count == query.limit { break }
            if previous <= query.after {
                readTo = query.after + 1
                break
            }
            guard looked < Self.chainEvents else { break }
            page = try log.history(of: filter.subjects[0], from: previous, limit: Self.chainPage)
        }
        return EventPage(batches: found.reversed(), readTo: readTo, names: log)
    }

    /// The newest events of a subject up to `through`: from its last of all, or from one that is looked for.
    private func lastPage(of subject: NameID, _ query: EventPageQuery) async throws -> [CommittedBatch] {
        guard query.through < log.head.seq else { return try log.history(of: subject, limit: Self.chainPage) }
        guard let last = try await readWindows(subjectQuery(query)).batches.last?.events.last else { return [] }
        return try log.history(of: subject, from: last.seq, limit: Self.chainPage)
    }

    private func subjectQuery(_ query: EventPageQuery) -> EventPageQuery {
        EventPageQuery(after: query.after, limit: 1, subject: query.subject, through: query.through)
    }

    /// Looks through the log from `question.after` on.
    private func scan(_ query: EventPageQuery, _ filter: EventFilter, _ head: Position) throws -> EventPage {
        var found: [CommittedBatch] = []
        var wanted = query.limit
        var readTo = query.after
        while wanted > 0, readTo < head, readTo - query.after < Int64(Self.scanEvents) {
            let slice = try log.read(after: readTo, limitEvents: min(max(wanted, 256), Self.sliceEvents))
            guard !slice.isEmpty else { break }
            for batch in slice where wanted > 0 {
                let selected = filter.select(from: batch, after: readTo, limit: wanted)
                readTo = selected.readTo
                wanted -= selected.batch.events.count
                if !selected.batch.events.isEmpty { found.append(selected.batch) }
            }
        }
        return EventPage(batches: found, readTo: readTo, names: log)
    }

    /// Follows one subject's own chain back; nil where that is longer than a scan is worth.
    private func readSubject(_ subject: NameID, _ query: EventPageQuery, _ filter: EventFilter, _ head: Position) throws -> EventPage? {
        var pages: [[CommittedBatch]] = []
        var before = head + 1
        var count = 0
        while before > query.after + 1 {
            let page = try log.history(of: subject, before: before, limit: 1_000)
            guard let first = page.first else { break }
            count += page.count
            guard count <= Self.subjectEvents else { return nil }
            pages.append(page)
            before = first.firstSeq
            if page.count < 1_000 { break }
        }
        var found: [CommittedBatch] = []
        for batch in pages.reversed().joined() where batch.firstSeq > query.after && found.count < query.limit {
            if batch.events.allSatisfy(filter.matches) { found.append(batch) }
        }
        let readTo = found.count == query.limit ? found.last?.lastSeq ?? head : head
        return EventPage(batches: found, readTo: readTo, names: log)
    }
}

/// Wakes those who wait for a commit.
final class CommitBell: Sendable {
    private struct Waiter {
        var ticket: Int
        var after: Position
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var nextTicket = 0
        /// As many as there are followers, which are limited where they are let in.
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    func ring(_ head: Position) {
        let woken = state.withLock { state -> [Waiter] in
            guard !state.waiters.isEmpty else { return [] }
            let woken = state.waiters.filter { $0.after < head }
            state.waiters.removeAll { $0.after < head }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// - Parameter isThere: asked once more under the bell's lock, so that no commit slips through in between.
    func wait(after position: Position, unless isThere: @Sendable () -> Bool) async {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if Task.isCancelled || isThere() { return true }
                    state.waiters.append(Waiter(ticket: ticket, after: position, continuation: continuation))
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume()
        }
    }
}

extension EventLog: LogNames {
    package func text(of id: NameID) -> String { names.text(of: id) }
    package func appendText(of id: NameID, to bytes: inout [UInt8]) { names.appendText(of: id, to: &bytes) }
    package func find(_ name: String) -> NameID? { names.find(name) }
    package func qualified(_ name: String) -> [NameID] { names.qualified(name) }
}
