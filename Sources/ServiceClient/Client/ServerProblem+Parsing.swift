import Domain

// What does the body of a refusal say?
//
// An answer that is not a problem document is shown as it is, cut short.

extension ServerProblem {
    private static let shownBytes = 300

    init(status: Int, body: [UInt8], retryAfter: String?) {
        self.init(kind: "", detail: String(decoding: body.prefix(Self.shownBytes), as: UTF8.self))
        retryAfterSeconds = retryAfter.flatMap { Int($0) }
        if detail.isEmpty { detail = "status \(status) without a reason" }
        guard Self.isObject(body) else { return }
        body.withUnsafeBufferPointer { buffer in
            let object = EventBody(buffer, ByteRange(start: 0, count: buffer.count))
            if let type = object["type"].flatMap({ object.text($0) }) { kind = type.split(separator: "/").last.map(String.init) ?? type }
            if let text = object["detail"].flatMap({ object.text($0) }) { detail = text }
            index = object["index"].flatMap { object.integer($0) }.map { Int($0) }
            field = object["field"].flatMap { object.text($0) }
        }
    }

    private static func isObject(_ body: [UInt8]) -> Bool {
        body.withUnsafeBufferPointer { JSONCursor.isObject($0) }
    }
}
