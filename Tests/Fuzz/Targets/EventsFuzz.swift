import Domain

// Does reading events hold for any bytes?
//
// The first byte says how they come: one event, a batch, in binary mode, or a line of a log to import. A fault leaves what was read before
// as it was. What was taken lies within its batch, and its members can be read again.

enum EventsFuzz {
    static func run(_ input: [UInt8]) throws {
        guard let mode = input.first else { return }
        let text = Array(input.dropFirst())
        let first = read(mode, text)
        let again = read(mode, text)
        try hold(
            first.fault == again.fault && first.batch.events == again.batch.events && first.batch.bytes == again.batch.bytes,
            "read twice, the same bytes differ")
        if let fault = first.fault, mode % 4 != 1 {
            try hold(first.batch.isEmpty && first.batch.bytes.isEmpty, "a refused event left something behind: \(fault)")
        }
        guard first.fault == nil else { return }
        try check(first.batch)
    }

    private static func read(_ mode: UInt8, _ text: [UInt8]) -> (batch: EventBatch, fault: EventFault?) {
        var reader = CloudEventReader(acceptsOwnKinds: mode % 4 == 3)
        reader.isExact = mode % 4 == 3 && mode >= 128
        let fault = text.withUnsafeBufferPointer { bytes -> EventFault? in
            do throws(EventFault) {
                switch mode % 4 {
                case 1: try reader.readBatch(bytes)
                case 2: try reader.readBinary(attributes: attributes(mode), data: bytes)
                default: try reader.readEvent(bytes)
                }
                return nil
            } catch { return error }
        }
        return (reader.takeBatch(), fault)
    }

    private static func attributes(_ mode: UInt8) -> [(name: String, value: String)] {
        let kinds = EventKind.allCases
        let kind = kinds[Int(mode / 4) % kinds.count]
        return [("specversion", "1.0"), ("type", EventKind.typePrefix + kind.name), ("source", "/s"), ("id", "1"), ("subject", "ns/a")]
    }

    private static func check(_ batch: EventBatch) throws {
        for event in batch.events {
            for range in [event.source, event.id, event.subject, event.pool, event.worker, event.body, event.extensions] {
                try hold(range.upper <= batch.bytes.count, "\(range) points behind the batch's \(batch.bytes.count) bytes")
            }
            try batch.bytes.withUnsafeBufferPointer { bytes in
                for object in [event.body, event.extensions] {
                    try hold(EventBody(bytes, object).readMembers { _, _ in }, "what was taken can't be read: \(batch.text(object))")
                }
            }
            try hold(!event.source.isEmpty && !event.id.isEmpty, "an event without source or id was taken")
        }
    }
}
