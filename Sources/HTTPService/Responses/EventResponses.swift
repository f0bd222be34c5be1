import Domain
import HTTPTransport
import HTTPTypes

// Which events are there, and which come next?
//
// A listing reads a slice of the log at a time and writes it before it reads on. Following continues where the listing ends, with
// what `EventFanOut` reads for all followers together. A slow follower falls behind and reads the log again; the server never holds
// more than one slice for it. The position of the last line is all a client needs to go on after a break.

enum EventResponses {
    @Sendable static func list(_ request: RoutedRequest) async throws -> Response {
        let format: Format = MediaType.accepts(request.head.headerFields[.accept], "text/event-stream") ? .serverSentEvents : .lines
        let follows = try request.query.flag("follow")
        let last = await request.parts.log.lastPosition
        var asked = try EventPageQuery(request, last: last)
        let isBackward = try request.query.isBackward(byDefault: false)
        asked.take(try await EventRange(request, follows: follows))
        if follows, isBackward { throw Problem(.invalidRequest, "order=desc has an end: leave out follow", field: "order") }
        if request.isOfWorker { try checkWorker(asked) }
        // A worker that reads its placements is there. Somebody who only reads along isn't it.
        let worker = request.mayBeWorkers && asked.kinds.contains(.actorPlaced) ? asked.worker : nil
        let plane = request.parts.plane
        let wanted = asked
        if let worker, !follows { _ = try? await plane.hear(worker: worker, uid: nil) }
        let streaming = Response.Streaming(heartbeat: follows ? format.heartbeat : nil) { writer in
            var stream = EventStream(
                log: request.parts.log, followers: request.shared.followers, query: wanted, format: format,
                partEvents: request.limits.readEvents)
            if isBackward { return try await stream.listBack(to: writer) }
            guard follows else { return try await stream.list(to: writer, until: last) }
            if let worker { plane.countStream(ofWorker: worker, by: 1) }
            defer { if let worker { plane.countStream(ofWorker: worker, by: -1) } }
            try await stream.follow(to: writer)
        }
        var response = Response(contentType: format.contentType, .stream(streaming))
        response.fields[.cacheControl] = "no-store"
        return response
    }

    private static func checkWorker(_ asked: EventPageQuery) throws(Problem) {
        guard asked.worker != nil, !asked.kinds.isEmpty, asked.kinds.isSubset(of: WorkerRights.followed) else {
            throw Problem(
                .forbidden,
                "the token has the role worker, which reads what concerns one worker: give worker=NAMESPACE/NAME, and kind= with some of "
                    + "\(WorkerRights.names(WorkerRights.followed)); anything else needs read",
                field: asked.worker == nil ? "worker" : "kind")
        }
    }

    enum Format: Sendable {
        /// One event a line.
        case lines
        case serverSentEvents

        var contentType: String {
            switch self {
            case .lines: "application/x-ndjson"
            case .serverSentEvents: "text/event-stream"
            }
        }

        /// What readers skip: an empty line, a comment.
        var heartbeat: [UInt8] {
            switch self {
            case .lines: Array("\n".utf8)
            case .serverSentEvents: Array(": still here\n\n".utf8)
            }
        }

        func append(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, to bytes: inout [UInt8]) {
            if self == .serverSentEvents { bytes.append(contentsOf: "id: \(event.seq)\ndata: ".utf8) }
            CloudEventWriter.append(event, of: batch, names: names, to: &bytes)
            bytes.append(contentsOf: (self == .serverSentEvents ? "\n\n" : "\n").utf8)
        }
    }
}

/// The log as the body of one answer.
private struct EventStream {
    let log: any EventReading
    let followers: EventFanOut
    var query: EventPageQuery
    let format: EventResponses.Format
    let partEvents: Int
    private var fruitless = 0

    /// Readings in a row that find nothing though there is more: beyond, the log is broken.
    private static let fruitlessReads = 100

    /// The log says there is more, and gives nothing.
    struct NoProgress: Error { var after: Position }

    init(log: any EventReading, followers: EventFanOut, query: EventPageQuery, format: EventResponses.Format, partEvents: Int) {
        self.log = log
        self.followers = followers
        self.query = query
        self.format = format
        self.partEvents = partEvents
    }

    mutating func list(to writer: ResponseWriter, until end: Position) async throws {
        var wanted = query.limit
        let end = min(end, query.through)
        while wanted > 0, query.after < end {
            // A listing that was cut short must not look like a whole one.
            try Task.checkCancellation()
            guard let count = try await readOn(wanted, writer) else { return }
            wanted -= count
        }
    }

    /// The newest first.
    mutating func listBack(to writer: ResponseWriter) async throws {
        var wanted = query.limit
        while wanted > 0, query.through > query.after {
            try Task.checkCancellation()
            query.limit = min(wanted, partEvents)
            let (asked, log) = (query, log)
            let page = try await followers.turns.take { try await log.readBack(asked) }
            var bytes: [UInt8] = []
            for batch in page.batches.reversed() {
                for event in batch.events.reversed() {
                    format.append(event, of: batch, names: page.names, to: &bytes)
                    wanted -= 1
                }
            }
            if !bytes.isEmpty { try await writer.write(bytes) }
            guard page.readTo <= query.through else { return }
            query.through = page.readTo - 1
        }
    }

    mutating func follow(to writer: ResponseWriter) async throws {
        let subject = EventFanOut.Subject(query, format)
        followers.join(subject)
        defer { followers.leave(subject) }
        var wanted = query.limit
        while wanted > 0, !Task.isCancelled {
            switch await followers.next(subject, after: query.after) {
            case .part(let part) where part.events <= wanted:
                if !part.bytes.isEmpty { try await writer.write(part.bytes) }
                wanted -= part.events
                query.after = part.readTo
            case .part, .behind:
                if let count = try await readOn(wanted, writer) {
                    wanted -= count
                    fruitless = 0
                } else {
                    // A moment from now there may be something: it was said that there is.
                    fruitless += 1
                    guard fruitless < Self.fruitlessReads else { throw NoProgress(after: query.after) }
                    await Task.yield()
                }
            case .over: return
            }
        }
    }

    /// Writes the next stretch of the log; nil where there is none.
    private mutating func readOn(_ wanted: Int, _ writer: ResponseWriter) async throws -> Int? {
        query.limit = min(wanted, partEvents)
        let (asked, log) = (query, log)
        let page = try await followers.turns.take { try await log.read(asked) }
        let (bytes, count) = render(page)
        if !bytes.isEmpty { try await writer.write(bytes) }
        guard page.readTo > query.after else { return nil }
        query.after = page.readTo
        return count
    }

    private func render(_ page: EventPage) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        var count = 0
        for batch in page.batches {
            for event in batch.events {
                format.append(event, of: batch, names: page.names, to: &bytes)
                count += 1
            }
        }
        return (bytes, count)
    }
}

extension EventPageQuery {
    fileprivate init(_ request: RoutedRequest, last: Position) throws(Problem) {
        let query = request.query
        let follows = try query.flag("follow")
        var after = query.text("after") == "latest" ? last : try query.integer("after", in: 0...(.max)) ?? 0
        // A browser that lost its stream names the last event it saw, whatever the address says.
        if let seen = request.head.headerFields.first(where: { $0.name.canonicalName == "last-event-id" })?.value {
            guard let position = Position(seen), position >= 0 else {
                throw Problem(.invalidRequest, "Last-Event-ID must be the id of an event", field: "last-event-id")
            }
            after = position
        }
        let limit: Int64? = try query.integer("limit", in: 1...(follows ? .max : Int64(request.limits.pageItemsMost)))
        self.init(
            after: after, limit: limit.map { Int($0) } ?? (follows ? .max : request.limits.pageItems), pool: query.pool(),
            subject: query.text("subject"), worker: query.text("worker"), kinds: try Self.kinds(query.text("kinds") ?? query.text("kind")))
    }

    /// Both ends included.
    mutating func take(_ range: EventRange) {
        after = max(after, range.after)
        through = min(through, range.through)
    }

    static func kinds(_ text: String?) throws(Problem) -> Set<EventKind> {
        var kinds: Set<EventKind> = []
        for name in (text ?? "").split(separator: ",") {
            let bare = EventKind.bareName(name)
            guard let kind = EventKind(name: bare) else {
                let known = EventKind.allCases.map(\.name).joined(separator: ", ")
                throw Problem(.invalidRequest, "unknown kind \"\(String(bare.prefix(64)))\": there are \(known)", field: "kind")
            }
            kinds.insert(kind)
        }
        return kinds
    }
}

/// The stretch of the log between two moments and before a position.
struct EventRange: Sendable {
    var after: Position = 0
    var through: Position = .max

    init(_ request: RoutedRequest, follows: Bool = false) async throws {
        let query = request.query
        if let from = try query.moment("from") {
            switch from {
            case .position(let position): after = max(0, position - 1)
            case .time(let time): after = try await request.parts.log.position(at: time.adding(microseconds: -1))
            }
        }
        if let to = try query.moment("to") {
            switch to {
            case .position(let position): through = position
            case .time(let time): through = try await request.parts.log.position(at: time)
            }
        }
        if let before = try query.integer("before", in: 1...(.max)) { through = min(through, before - 1) }
        if follows, query.text("to") != nil || query.text("before") != nil {
            throw Problem(.invalidRequest, "following has no end: leave out follow, or to and before", field: "follow")
        }
    }
}

extension Query {
    /// Whether the newest come first.
    func isBackward(byDefault isBackward: Bool) throws(Problem) -> Bool {
        switch text("order") {
        case nil: return isBackward
        case "asc": return false
        case "desc": return true
        default: throw Problem(.invalidRequest, "order must be asc or desc", field: "order")
        }
    }

    /// A position, or a time.
    func moment(_ name: String) throws(Problem) -> Moment? {
        guard let text = text(name) else { return nil }
        guard let moment = Moment(text) ?? LogTime(rfc3339: Self.plusRestored(text)).map({ .time($0) }) else {
            throw Problem(.invalidRequest, "\(name) must be a position or a time such as 2026-11-21T07:32:00Z", field: name)
        }
        return moment
    }

    /// A time with an offset that was written as it is, whose `+` a query reads as a space.
    private static func plusRestored(_ text: String) -> String {
        guard let space = text.lastIndex(of: " ") else { return text }
        return "\(text[..<space])+\(text[text.index(after: space)...])"
    }
}
