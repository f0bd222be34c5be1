import Domain

// How do events look on their way to the service?
//
// CloudEvents 1.0 in batched mode: a JSON array, one object an event, as `CloudEventReader` reads it.

enum BatchJSON {
    static func encode(_ batch: EventBatch) -> [UInt8] {
        var json = JSONWriter(reservingBytes: batch.bytes.count + 256 * batch.count)
        json.openArray()
        for event in batch.events { write(event, of: batch, to: &json) }
        json.closeArray()
        return json.bytes
    }

    private static func write(_ event: DraftEvent, of batch: EventBatch, to json: inout JSONWriter) {
        json.openObject()
        json.member("specversion", "1.0")
        json.member("id", batch.text(event.id))
        json.member("source", batch.text(event.source))
        json.member("type", EventKind.typePrefix + event.kind.name)
        json.member("subject", batch.text(event.subject))
        if let time = event.time { json.member("time", time) }
        json.key("data")
        json.openObject()
        if !event.pool.isEmpty { json.member("pool", batch.text(event.pool)) }
        if !event.worker.isEmpty { json.member("worker", batch.text(event.worker)) }
        writeMembers(of: event.body, of: batch, to: &json)
        json.closeObject()
        json.closeObject()
    }

    private static func writeMembers(of object: ByteRange, of batch: EventBatch, to json: inout JSONWriter) {
        batch.bytes.withUnsafeBufferPointer { bytes in
            EventBody(bytes, object).forEachMember { key, value in
                json.key(key.text)
                json.raw(bytes[value.range.lower..<value.range.upper])
            }
        }
    }
}
