package import Domain

// How are events read back?
//
// A reader requests a slice after a position, with a filter. The answer says up to where the log was read, so a filter that matches
// nothing still makes progress. Following is reading, then waiting for the next commit.

package protocol EventReading: Sendable {
    /// The last position that can be read; 0 for an empty log.
    var lastPosition: Position { get async }
    /// The events after `question.after` that match, in order. May look through less than all there is: see `EventPage.readTo`.
    func read(_ query: EventPageQuery) async throws -> EventPage
    /// Returns once something after `position` can be read, or the task is cancelled.
    func waitForEvents(after position: Position) async
    /// The newest matching events after `question.after` and up to `question.through`, in order. May look through less than all there is:
    /// `readTo` is the first position that was looked at, and what to ask on before.
    func readBack(_ query: EventPageQuery) async throws -> EventPage
    /// The last position whose log time is `time` or earlier; 0 where there is none.
    func position(at time: LogTime) async throws -> Position
}

extension EventReading {
    package func readBack(_ query: EventPageQuery) async throws -> EventPage { try await readWindows(query) }

    /// A window at a time, each twice as long as the one after it as long as little is found.
    func readWindows(_ query: EventPageQuery) async throws -> EventPage {
        var window: Int64 = 512
        var end = min(await lastPosition, query.through)
        var looked: Int64 = 0
        var page = EventPage(batches: [], readTo: max(end + 1, query.after + 1), names: EmptyNames())
        var found = 0
        while end > query.after, found < query.limit, looked < EventWindow.most {
            let start = max(query.after, end - window)
            let part = try await whole(after: start, through: end, query)
            var events = part.batches.reduce(0) { $0 + $1.events.count }
            var batches = part.batches
            while found + events > query.limit, !batches.isEmpty {
                let extra = min(found + events - query.limit, batches[0].events.count)
                batches[0].events.removeFirst(extra)
                events -= extra
                if batches[0].events.isEmpty { batches.removeFirst() }
            }
            let isCut = events < part.batches.reduce(0) { $0 + $1.events.count }
            page.batches = batches + page.batches
            page.names = part.names
            page.readTo = isCut ? page.batches.first?.firstSeq ?? start + 1 : start + 1
            found += events
            looked += end - start
            end = start
            if found < query.limit / 2 { window = min(window * 2, EventWindow.longest) }
        }
        return page
    }

    private func whole(after start: Position, through end: Position, _ query: EventPageQuery) async throws -> EventPage {
        var part = query
        (part.after, part.through, part.limit) = (start, end, .max)
        var page = try await read(part)
        while page.readTo < end {
            part.after = page.readTo
            let next = try await read(part)
            guard next.readTo > page.readTo else { break }
            page.batches += next.batches
            page.readTo = next.readTo
        }
        return page
    }

    /// By the log times of its commits. A log that knows them looks them up.
    package func position(at time: LogTime) async throws -> Position {
        var after: Position = 0
        let head = await lastPosition
        while after < head {
            let page = try await read(EventPageQuery(after: after, limit: 1_024))
            for batch in page.batches where batch.at > time { return batch.firstSeq - 1 }
            guard page.readTo > after else { break }
            after = page.readTo
        }
        return after
    }
}

/// How far one reading looks back.
package enum EventWindow {
    package static let longest: Int64 = 8_192
    package static let most: Int64 = 65_536
}

/// Of a page without events.
private struct EmptyNames: LogNames {
    func text(of id: NameID) -> String { "" }
    func appendText(of id: NameID, to bytes: inout [UInt8]) {}
    func find(_ name: String) -> NameID? { nil }
    func qualified(_ name: String) -> [NameID] { [] }
    func pool(ofSubject name: NameID) -> NameID? { nil }
}

package struct EventPageQuery: Hashable, Sendable {
    package var after: Position
    /// Matching events, at most.
    package var limit: Int
    /// `NAMESPACE/NAME`.
    package var pool: String?
    /// An actor's or a worker's: `NAMESPACE/NAME`, or a name alone, which is that of each namespace.
    package var subject: String?
    package var worker: String?
    /// Empty is all.
    package var kinds: Set<EventKind>
    /// Nothing after this position.
    package var through: Position

    package init(
        after: Position, limit: Int, pool: String? = nil, subject: String? = nil, worker: String? = nil, kinds: Set<EventKind> = [],
        through: Position = .max
    ) {
        self.through = through
        self.after = after
        self.limit = limit
        self.pool = pool
        self.subject = subject
        self.worker = worker
        self.kinds = kinds
    }
}

package struct EventPage: Sendable {
    /// Matching events alone, commit by commit.
    package var batches: [CommittedBatch]
    /// Every event up to here was looked at: ask on from here.
    package var readTo: Position
    package var names: any LogNames

    package init(batches: [CommittedBatch], readTo: Position, names: any LogNames) {
        self.batches = batches
        self.readTo = readTo
        self.names = names
    }
}

/// An `EventPageQuery` in a log's own numbers: what a reader that holds whole commits needs to answer it.
package struct EventFilter: Sendable {
    private let pool: NameID?
    private let subject: NameMatch?
    private let worker: NameMatch?
    private let kinds: Set<EventKind>
    private let through: Position
    /// Names something the log has never heard of.
    package let matchesNothing: Bool

    /// - Parameter names: the log's.
    package init(_ query: EventPageQuery, names: some LogNames) {
        pool = query.pool.flatMap { names.find($0) }
        subject = query.subject.map { NameMatch($0, names) }
        worker = query.worker.map { NameMatch($0, names) }
        kinds = query.kinds
        through = query.through
        matchesNothing = (query.pool != nil && pool == nil) || subject?.isEmpty == true || worker?.isEmpty == true
    }

    package func matches(_ event: CommittedEvent) -> Bool {
        if matchesNothing || event.seq > through { return false }
        if let pool, event.pool != pool { return false }
        if let subject, !subject.matches(subject: event) { return false }
        if let worker, !worker.matches(worker: event) { return false }
        return kinds.isEmpty || kinds.contains(event.kind)
    }

    /// The names that events about the subject may have, where it is asked for.
    package var subjects: [NameID] { subject?.ids ?? [] }

    /// The matching events of `batch` after `position`, at most `limit`; `readTo` is the last one looked at.
    package func select(from batch: CommittedBatch, after position: Position, limit: Int) -> (batch: CommittedBatch, readTo: Position) {
        var selected: [CommittedEvent] = []
        var readTo = position
        for event in batch.events where event.seq > position {
            guard selected.count < limit, event.seq <= through else { break }
            readTo = event.seq
            if matches(event) { selected.append(event) }
        }
        return (CommittedBatch(at: batch.at, events: selected, bytes: batch.bytes), readTo)
    }
}

/// The names of a log, as filters need them.
package protocol LogNames: NameReading, Sendable {
    func find(_ name: String) -> NameID?
    /// Those of `NAMESPACE/name`, of whatever namespace.
    func qualified(_ name: String) -> [NameID]
    /// The pool that the actor or worker of that name was last known in; nil where that isn't known.
    func pool(ofSubject name: NameID) -> NameID?
}

/// A name that was asked for, with its namespace or without.
///
/// In the log the first of a name has it alone, others `NAMESPACE/NAME`. So a bare name is all of these; one with a namespace is
/// that name whole, or the bare one where it is of that namespace.
private struct NameMatch: Sendable {
    let ids: [NameID]
    /// The name behind the namespace that was asked for.
    private let bare: NameID?
    private let namespace: String
    private let isBareAtHome: Bool
    private let names: any LogNames

    init(_ text: String, _ names: some LogNames) {
        self.names = names
        guard let split = QualifiedName.split(text) else {
            bare = nil
            namespace = ""
            isBareAtHome = false
            ids = (names.find(text).map { [$0] } ?? []) + names.qualified(text)
            return
        }
        bare = names.find(split.name)
        namespace = split.namespace
        isBareAtHome = bare.flatMap { names.pool(ofSubject: $0) }.map { Self.namespace(of: $0, names) == split.namespace } ?? true
        ids = [names.find(text), bare].compactMap { $0 }
    }

    var isEmpty: Bool { ids.isEmpty }

    func matches(subject event: CommittedEvent) -> Bool {
        guard ids.contains(event.subject) else { return false }
        // Whoever is of that namespace now, with all its past: in logs of older times a name went from one namespace to another.
        if event.subject == bare {
            return event.kind.isNamespaced && (isBareAtHome || !event.pool.isNone && Self.namespace(of: event.pool, names) == namespace)
        }
        // The pool NAMESPACE/NAME is not what was asked for by NAME.
        return event.kind.isNamespaced || event.subject == ids[0]
    }

    func matches(worker event: CommittedEvent) -> Bool {
        if event.kind.isAboutWorker { return matches(subject: event) }
        guard ids.contains(event.worker) else { return false }
        return event.worker != bare || isBareAtHome
    }

    private static func namespace(of pool: NameID, _ names: some LogNames) -> String {
        QualifiedName.namespace(ofPool: names.text(of: pool))
    }
}
