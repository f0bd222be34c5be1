import Domain
import HTTPTransport

// What happened to this actor, in order, and how long did each step take?
//
// Its events as the log holds them, each with the seconds since the one before. An event that changed nothing says so where
// the log knows.

enum HistoryResponses {
    private static let actorKinds = Set(EventKind.allCases.filter { $0.subject == .actor })

    @Sendable static func actor(_ request: RoutedRequest) async throws -> Response {
        var id = request.fullName("id")
        let found = await request.parts.plane.actors(named: id)
        // One that is there; else the one that had the name, as the log still has its events.
        if !found.isEmpty {
            let actor = try await StateResponses.onlyActor(id, request.parts.plane)
            id = actor.fullName
        }
        let limit = try request.pageLimit()
        let after = try request.query.integer("after", in: 0...(.max)) ?? 0
        var scan = await EventScan(request.parts.log, EventPageQuery(after: after, limit: limit + 1, subject: id, kinds: actorKinds))
        var lines = HistoryLines(limit: limit)
        while let page = try await scan.next() { lines.append(page) }
        if lines.count == 0, after == 0, found.isEmpty {
            throw Problem(.notFound, "there is no actor \(String(id.prefix(EventLimits.nameBytes)))")
        }
        return .json(lines.finish())
    }
}

/// All pages of an answer that is gathered before it is sent.
struct EventScan {
    private let log: any EventReading
    private var query: EventPageQuery
    private let end: Position

    init(_ log: any EventReading, _ query: EventPageQuery) async {
        self.log = log
        self.query = query
        end = await log.lastPosition
    }

    /// The next matching events; nil once the end or the limit is reached.
    mutating func next() async throws -> EventPage? {
        guard query.limit > 0, query.after < end else { return nil }
        try Task.checkCancellation()
        let page = try await log.read(query)
        guard page.readTo > query.after else { return nil }
        query.after = page.readTo
        query.limit -= page.batches.reduce(0) { $0 + $1.events.count }
        return page
    }
}

private struct HistoryLines {
    let limit: Int
    private(set) var count = 0
    private var json = JSONWriter(reservingBytes: 4_096)
    private var previous: LogTime?
    private var lastSeq: Position = 0

    init(limit: Int) {
        self.limit = limit
        json.openObject()
        json.key("items")
        json.openArray()
    }

    mutating func append(_ page: EventPage) {
        for batch in page.batches {
            for event in batch.events {
                count += 1
                if count <= limit { append(event, batch, page.names) }
            }
        }
    }

    private mutating func append(_ event: CommittedEvent, _ batch: CommittedBatch, _ names: any NameReading) {
        json.openObject()
        json.member("seq", event.seq)
        json.member("at", batch.at)
        json.member("kind", event.kind.name)
        json.key("seconds")
        if let previous { json.number(batch.at.seconds(since: previous)) } else { json.null() }
        if !event.pool.isNone { json.member("pool", names.text(of: event.pool)) }
        if !event.worker.isNone { json.member("worker", CloudEventWriter.worker(of: event, in: batch, names: names)) }
        json.member("source", names.text(of: event.source))
        if event.superseded { json.member("superseded", true) }
        json.key("data")
        var data: [UInt8] = []
        CloudEventWriter.appendData(event, of: batch, names: names, to: &data)
        json.raw(data)
        json.closeObject()
        previous = batch.at
        lastSeq = event.seq
    }

    mutating func finish() -> [UInt8] {
        json.closeArray()
        json.key("next")
        if count > limit { json.integer(lastSeq) } else { json.null() }
        json.closeObject()
        return json.bytes
    }
}
