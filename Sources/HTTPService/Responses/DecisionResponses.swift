import Views
import Domain
import HTTPTransport

// What was decided, and why?
//
// Read from the log: a decision is the event `scale.decided`. The members are those of `DecisionView`.

enum DecisionResponses {
    @Sendable static func list(_ request: RoutedRequest) async throws -> Response {
        let limit = try request.pageLimit()
        let after = try request.query.integer("after", in: 0...(.max)) ?? 0
        let wanted = EventPageQuery(after: after, limit: limit + 1, pool: request.query.pool(), kinds: [.scaleDecided])
        var scan = await EventScan(request.parts.log, wanted)
        var json = JSONWriter(reservingBytes: 4_096)
        json.openObject()
        json.key("items")
        json.openArray()
        var count = 0
        var lastSeq: Position = 0
        while let page = try await scan.next() {
            for (event, batch) in page.events {
                count += 1
                guard count <= limit else { continue }
                write(event, batch, page.names, to: &json)
                lastSeq = event.seq
            }
        }
        json.closeArray()
        json.key("next")
        if count > limit { json.integer(lastSeq) } else { json.null() }
        json.closeObject()
        return .json(json.bytes)
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

    private static func write(_ event: CommittedEvent, _ batch: CommittedBatch, _ names: any NameReading, to json: inout JSONWriter) {
        var data: [UInt8] = []
        CloudEventWriter.appendData(event, of: batch, names: names, to: &data)
        json.openObject()
        json.member("pool", names.text(of: event.pool))
        json.member("seq", event.seq)
        json.member("at", batch.at)
        data.withUnsafeBufferPointer { buffer in
            let body = EventBody(buffer, ByteRange(start: 0, count: buffer.count))
            for name in ["shadow", "from", "to", "direction"] as [StaticString] {
                guard let value = body[name] else { continue }
                json.key(name.description)
                json.raw(body.raw(value))
            }
            json.member("reason", DecisionReason.text(body))
        }
        json.member("json", String(decoding: data, as: UTF8.self))
        json.closeObject()
    }
}

extension EventPage {
    var events: [(CommittedEvent, CommittedBatch)] { batches.flatMap { batch in batch.events.map { ($0, batch) } } }
}
