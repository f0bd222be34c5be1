import Basics
import Domain

// How is an event written for a sink?
//
// As CloudEvents' HTTP protocol binding 1.0 says: structured, the whole event as one JSON object; binary, its data as the body
// and every attribute as a `ce-` header. The event is the one that `GET /v1/events` gives, so `source` and `id` tell one that
// comes twice.

package enum SinkMode: String, Hashable, Sendable, CaseIterable { case binary, structured }

enum SinkMessage {
    static func request(
        _ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, _ mode: SinkMode
    ) throws(JSONFault) -> OutboundRequest {
        var json: [UInt8] = []
        CloudEventWriter.append(event, of: batch, names: names, to: &json)
        guard mode == .binary else { return OutboundRequest(contentType: "application/cloudevents+json; charset=utf-8", body: json) }
        let value = try JSONValue(parsing: json)
        var request = OutboundRequest(contentType: "application/json", body: value["data"].compact.utf8.map { $0 })
        for member in value.fields where member.key != "data" {
            let text: String? =
                switch member.value {
                case .bool(let flag): flag ? "true" : "false"
                default: member.value.plainText
                }
            guard let text, member.key.utf8.allSatisfy(isAttributeByte) else { continue }
            request.headers.append(OutboundRequest.Header(name: "ce-\(member.key)", value: escaped(text)))
        }
        return request
    }

    /// CloudEvents' own rule for names; producers may have sent others, which no header takes.
    private static func isAttributeByte(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }

    /// Section 3.1.3.2: all but printable ASCII, and space, quotes and percent signs, as their UTF-8 bytes.
    static func escaped(_ text: String) -> String {
        guard !text.utf8.allSatisfy(isPlain) else { return text }
        var out: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                let digits = Array("0123456789ABCDEF".utf8)
                out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "%")
    }
}
