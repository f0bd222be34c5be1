import Domain
import HTTPTypes

// Which events are there, and which come next?
//
// A listing reads a slice of the log at a time and writes it before it reads on. Following goes on where the listing ends:
// it waits for the next commit and reads again, so a follower that is slow reads less often and never makes the server hold
// more than one slice for it. The position of the last line is all a client needs to go on after a break.

enum EventAnswers {
    @Sendable static func list(_ question: Question) async throws -> Answer {
        let format: Format = MediaType.accepts(question.head.headerFields[.accept], "text/event-stream") ? .serverSentEvents : .lines
        let follows = try question.query.flag("follow")
        let last = await question.parts.log.lastPosition
        let asked = try EventQuestion(question, last: last)
        let streaming = Answer.Streaming(heartbeat: follows ? format.heartbeat : nil) { writer in
            var stream = EventStream(log: question.parts.log, question: asked, format: format, partEvents: question.limits.readEvents)
            try await stream.write(to: writer, until: follows ? nil : last)
        }
        var answer = Answer(contentType: format.contentType, .stream(streaming))
        answer.fields[.cacheControl] = "no-store"
        return answer
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
    }
}

/// The log as the body of one answer.
private struct EventStream {
    let log: any EventReading
    var question: EventQuestion
    let format: EventAnswers.Format
    let partEvents: Int

    /// Readings in a row that find nothing though there is more: beyond, the log is broken.
    private static let fruitlessReads = 100

    /// The log says there is more, and gives nothing.
    struct NoProgress: Error { var after: Position }

    /// - Parameter end: where a listing stops; nil follows for ever.
    mutating func write(to writer: AnswerWriter, until end: Position?) async throws {
        var wanted = question.limit
        var fruitless = 0
        while wanted > 0, !Task.isCancelled {
            if let end, question.after >= end { return }
            question.limit = min(wanted, partEvents)
            let page = try await log.read(question)
            let (bytes, count) = render(page)
            if !bytes.isEmpty { try await writer.write(bytes) }
            wanted -= count
            if page.readTo > question.after {
                question.after = page.readTo
            } else if end != nil {
                return
            } else {
                // A commit may have come since the reading: then there is nothing to wait for, and the next one finds it.
                fruitless = await log.lastPosition > question.after ? fruitless + 1 : 0
                guard fruitless < Self.fruitlessReads else { throw NoProgress(after: question.after) }
                await log.waitForEvents(after: question.after)
            }
        }
    }

    private func render(_ page: EventPage) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        var count = 0
        for batch in page.batches {
            for event in batch.events {
                if format == .serverSentEvents { bytes.append(contentsOf: "id: \(event.seq)\ndata: ".utf8) }
                CloudEventWriter.append(event, of: batch, names: page.names, to: &bytes)
                bytes.append(contentsOf: (format == .serverSentEvents ? "\n\n" : "\n").utf8)
                count += 1
            }
        }
        return (bytes, count)
    }
}

extension EventQuestion {
    fileprivate init(_ question: Question, last: Position) throws(Problem) {
        let query = question.query
        let follows = try query.flag("follow")
        var after = query.text("after") == "latest" ? last : try query.integer("after", in: 0...(.max)) ?? 0
        // A browser that lost its stream names the last event it saw, whatever the address says.
        if let seen = question.head.headerFields.first(where: { $0.name.canonicalName == "last-event-id" })?.value {
            guard let position = Position(seen), position >= 0 else {
                throw Problem(.invalidRequest, "Last-Event-ID must be the id of an event", field: "last-event-id")
            }
            after = position
        }
        let limit: Int64? = try query.integer("limit", in: 1...(follows ? .max : Int64(question.limits.pageItemsMost)))
        self.init(
            after: after, limit: limit.map { Int($0) } ?? (follows ? .max : question.limits.pageItems), pool: query.text("pool"),
            subject: query.text("subject"), worker: query.text("worker"), kinds: try Self.kinds(query.text("kind")))
    }

    private static func kinds(_ text: String?) throws(Problem) -> Set<EventKind> {
        var kinds: Set<EventKind> = []
        for name in (text ?? "").split(separator: ",") {
            let bare = name.hasPrefix(EventKind.typePrefix) ? String(name.dropFirst(EventKind.typePrefix.count)) : String(name)
            guard let kind = EventKind(name: bare) else {
                let known = EventKind.allCases.map(\.name).joined(separator: ", ")
                throw Problem(.invalidRequest, "unknown kind \"\(String(bare.prefix(64)))\": there are \(known)", field: "kind")
            }
            kinds.insert(kind)
        }
        return kinds
    }
}
