import Views
import Domain
import HTTPTransport

// What was decided, and why?
//
// Read from the log: a decision is the event `scale.decided`. A page that was looked for long enough may be short and still name the next.

enum DecisionResponses {
    /// Events that one page looks through for decisions that match.
    private static let lookedMost: Int64 = 1 << 20

    @Sendable static func list(_ request: RoutedRequest) async throws -> Response {
        try await page(
            request, pool: request.query.pool(), isBackward: try request.query.isBackward(byDefault: false), limit: try request.pageLimit())
    }

    @Sendable static func ofPool(_ request: RoutedRequest) async throws -> Response {
        let limit = Int(try request.query.integer("limit", in: 1...1_000) ?? 100)
        let isBackward = try request.query.isBackward(byDefault: true)
        return try await page(request, pool: request.poolName, isBackward: isBackward, limit: limit, isOfPool: true)
    }

    private static func page(
        _ request: RoutedRequest, pool: String?, isBackward: Bool, limit: Int, isOfPool: Bool = false
    ) async throws -> Response {
        let query = request.query
        let onlyChanges = try query.flag("changes")
        let shadow = query.text("shadow")
        var wanted = EventPageQuery(
            after: try query.integer("after", in: 0...(.max)) ?? 0, limit: limit, pool: isOfPool ? nil : pool,
            subject: isOfPool ? pool : nil,
            kinds: [.scaleDecided])
        wanted.take(try await EventRange(request))
        let log = request.parts.log
        wanted.through = min(wanted.through, await log.lastPosition)
        var json = JSONWriter(reservingBytes: 4_096)
        json.openObject()
        json.key("items")
        json.openArray()
        var (count, next): (Int, Position?) = (0, nil)
        let (start, end) = (wanted.after, wanted.through)
        reading: while wanted.after < wanted.through {
            try Task.checkCancellation()
            let page = isBackward ? try await log.readBack(wanted) : try await log.read(wanted)
            for (event, batch) in isBackward ? page.events.reversed() : page.events {
                guard isWanted(event, batch, shadow, ofPool: isOfPool, onlyChanges) else { continue }
                guard count < limit else { break reading }
                write(event, batch, page.names, to: &json)
                count += 1
                next = event.seq
            }
            let before = wanted
            if isBackward { wanted.through = page.readTo - 1 } else { wanted.after = page.readTo }
            let isOver = wanted.after >= wanted.through
            if isOver || wanted == before {
                next = nil
                break
            }
            if isBackward ? end - wanted.through > lookedMost : wanted.after - start > lookedMost {
                if count < limit { next = isBackward ? wanted.through + 1 : wanted.after }
                break
            }
        }
        json.closeArray()
        json.key("next")
        if let next { json.integer(next) } else { json.null() }
        json.closeObject()
        return .json(json.bytes)
    }

    private static func isWanted(
        _ event: CommittedEvent, _ batch: CommittedBatch, _ shadow: String?, ofPool: Bool, _ onlyChanges: Bool
    ) -> Bool {
        batch.withBody(of: event) { body in
            let decider = body["shadow"].flatMap { body.text($0) }
            if shadow != nil || ofPool, decider != shadow { return false }
            guard onlyChanges else { return true }
            return body["from"].flatMap { body.integer($0) } != body["to"].flatMap { body.integer($0) }
        }
    }

    @Sendable static func one(_ request: RoutedRequest) async throws -> Response {
        guard let seq = Position(request.parameter("seq")), seq > 0 else {
            throw Problem(.invalidRequest, "a decision is named by its position, a whole number from 1", field: "seq")
        }
        let page = try await request.parts.log.read(EventPageQuery(after: seq - 1, limit: 1))
        guard let (event, batch) = page.events.first(where: { $0.0.seq == seq }), event.kind == .scaleDecided else {
            throw Problem(.notFound, "there is no decision at position \(seq)")
        }
        var json = JSONWriter(reservingBytes: 1_024)
        write(event, batch, page.names, to: &json)
        return .json(json.bytes)
    }

    static func write(_ event: CommittedEvent, _ batch: CommittedBatch, _ names: any NameReading, to json: inout JSONWriter) {
        var data: [UInt8] = []
        CloudEventWriter.appendData(event, of: batch, names: names, to: &data)
        DecisionJSON.write(pool: names.text(of: event.pool), seq: event.seq, at: batch.at, body: data, to: &json)
    }
}

extension EventPage {
    var events: [(CommittedEvent, CommittedBatch)] { batches.flatMap { batch in batch.events.map { ($0, batch) } } }
}
