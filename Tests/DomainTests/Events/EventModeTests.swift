import Domain
import Testing

// One table of what an event may look like, over every mode alike: structured, batch, a line, and binary.

@Suite struct EventModeTests {
    private struct Shape: Sendable, CustomTestStringConvertible {
        var name: String
        /// `datacontenttype`, or in binary mode `Content-Type`.
        var contentType: String?
        var extensions: [(String, String)] = []
        var isTaken = true
        var testDescription: String { name }
    }

    private static let shapes: [Shape] = [
        Shape(name: "no type of its data"),
        Shape(name: "application/json", contentType: "application/json"),
        Shape(name: "in capitals", contentType: "Application/JSON"),
        Shape(name: "text/json", contentType: "text/json"),
        Shape(name: "a type that ends in +json", contentType: "application/vnd.acme.turn+json"),
        Shape(name: "another that ends in +json", contentType: "application/problem+json; profile=\"x\""),
        Shape(name: "a charset", contentType: "application/json; charset=utf-8"),
        Shape(name: "a charset in quotes", contentType: "application/json;charset=\"UTF-8\""),
        Shape(name: "parameters", contentType: "application/json; version=1; charset=UTF-8; x=y"),
        Shape(name: "a charset with spaces", contentType: "application/json ; charset = utf-8"),
        Shape(name: "ASCII, which is UTF-8", contentType: "text/json; charset=us-ascii"),
        Shape(name: "a sequence of digits", extensions: [("sequence", "00042")]),
        Shape(name: "a sequence that is no number", extensions: [("sequence", "01HZX3-b")]),
        Shape(name: "an extension", extensions: [("traceparent", "00-ab-cd-01"), ("partitionkey", "p")]),
        Shape(name: "a schema", extensions: [("dataschema", "https://example.com/schema")]),
        Shape(name: "another charset", contentType: "application/json; charset=iso-8859-1", isTaken: false),
        Shape(name: "no JSON", contentType: "text/plain", isTaken: false),
        Shape(name: "XML", contentType: "application/xml", isTaken: false),
        Shape(name: "+json alone", contentType: "+json", isTaken: false),
        Shape(name: "json alone", contentType: "json", isTaken: false),
        Shape(name: "an empty sequence", extensions: [("sequence", "")], isTaken: false),
    ]

    private static let data = #"{"pool":"ns/p","priority":3}"#

    /// The event in a mode: read from the text of an object, an array, or attributes and a body.
    private static func read(_ mode: String, _ shape: Shape, base64: Bool = false) throws(EventFault) -> EventBatch {
        let attributes: [(String, String)] = [
            ("specversion", "1.0"), ("type", "dev.greenroom.actor.requested"), ("source", "/sdk"), ("id", "1"), ("subject", "actor-1"),
            ("time", "2026-11-21T07:32:00.123456+00:00"),
        ]
        if mode == "binary" {
            // As the HTTP binding hands it over: what `Content-Type` says is asked of the same rule.
            if let type = shape.contentType, let problem = DataContentType(type).problem {
                throw EventFault(index: 0, field: "content-type", problem: problem)
            }
            return try Read.binary((attributes + shape.extensions).map { (name: $0.0, value: $0.1) }, data)
        }
        var members = (attributes + shape.extensions).map { "\"\($0.0)\":\"\($0.1)\"" }
        if let type = shape.contentType { members.append("\"datacontenttype\":\"\(type.replacing("\"", with: #"\""#))\"") }
        members.append(base64 ? "\"data_base64\":\"\(Self.encoded(data))\"" : "\"data\":\(data)")
        let event = "{" + members.joined(separator: ",") + "}"
        return mode == "batch" ? try Read.batch("[\(event)]") : try Read.event(event)
    }

    @Test("what one mode takes every mode takes, and stores alike", arguments: shapes)
    private func alike(_ shape: Shape) throws {
        var stored: Set<[String]> = []
        for (mode, base64) in [("structured", false), ("structured", true), ("batch", false), ("batch", true), ("binary", false)] {
            let fault = Read.fault { () throws(EventFault) in try Self.read(mode, shape, base64: base64) }
            #expect((fault == nil) == shape.isTaken, "\(mode) \(base64): \(String(describing: fault))")
            guard fault == nil else { continue }
            // Extensions keep their order, but for where the mode puts them.
            stored.insert(try Self.read(mode, shape, base64: base64).parts())
        }
        #expect(stored.count == (shape.isTaken ? 1 : 0))
    }

    @Test(
        "data in Base64 is the JSON it holds; what is none is refused where it is",
        arguments: [
            ("e30=", "data.pool", "missing: actor.requested needs it"), ("", "data.pool", "missing: actor.requested needs it"),
            ("e30", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("e3 0", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("=e30", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("e31=", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("e3===", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("____", "data_base64", "must be the data in Base64, as RFC 4648 has it"),
            ("aGVsbG8=", "data_base64", "what it holds is not JSON at byte 0: not a JSON value"),
            ("W10=", "data", "must be a JSON object, not an array"),
            ("e30ge30=", "data_base64", "what it holds is not JSON at byte 3: something follows the value"),
        ])
    func base64(_ text: String, _ field: String, _ problem: String) {
        let json = SampleEvent.json(type: "dev.greenroom.actor.requested", data: nil, more: #","data_base64":"\#(text)""#)
        #expect(Read.fault { () throws(EventFault) in try Read.event(json) } == EventFault(index: 0, field: field, problem: problem))
    }

    @Test("a fault inside Base64 leaves the batch as it was, and null is no data")
    func base64Alone() throws {
        var reader = CloudEventReader()
        let good = SampleEvent.json()
        let bad = SampleEvent.json(type: "dev.greenroom.actor.requested", data: nil, more: #","data_base64":"e30=""#)
        for json in [good, bad, SampleEvent.json(id: "2", more: #","data_base64":null"#)] {
            _ = Read.fault { () throws(EventFault) in
                try json.withBytes { (bytes) throws(EventFault) in try reader.readEvent(bytes) }
                return EventBatch()
            }
        }
        #expect(reader.batch.count == 2)
    }

    @Test("in binary mode data is the body and no header", arguments: ["data", "data_base64"])
    func noDataAttribute(_ name: String) throws {
        let attributes = [("specversion", "1.0"), ("type", "dev.greenroom.actor.idle"), ("source", "s"), ("id", "1"), ("subject", "a")]
        let read = try Read.binary(
            attributes.map { (name: $0.0, value: $0.1) } + [(name: name, value: "eyJ2ZXJzaW9uIjo5fQ==")], #"{"version":3}"#)
        #expect(read.parts()[5] == #"{"version":3}"#)
    }

    private static func encoded(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var out = ""
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let value = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for k in 0..<4 { out.append(k <= group.count ? alphabet[Int(value >> UInt32(18 - 6 * k) & 63)] : "=") }
        }
        return out
    }
}
