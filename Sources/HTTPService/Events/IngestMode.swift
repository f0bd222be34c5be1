import Basics
import Domain
import HTTPTypes

// In which of CloudEvents' HTTP modes did this request come?
//
// Decided from the header alone, before a byte of the body is taken:
//
//     application/cloudevents+json        one event
//     application/cloudevents-batch+json  an array of events
//     application/x-ndjson                a stream, one event a line
//     ce-* headers                        binary: attributes in the header, the data as the body, of any type that is JSON
//                                         (`DataContentType`) or of none

enum IngestMode: Hashable, Sendable {
    case event
    case batch
    case lines
    case binary

    static let supported =
        "application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, or ce-* headers with application/json"

    init(contentType: String?, hasBinaryHeaders: @autoclosure () -> Bool) throws(Problem) {
        // The producers that matter send exactly these; everything else takes the long way.
        switch contentType {
        case "application/cloudevents+json": self = .event
        case "application/cloudevents-batch+json": self = .batch
        case "application/x-ndjson": self = .lines
        default: self = try Self.parse(contentType, hasBinaryHeaders())
        }
    }

    private static func parse(_ contentType: String?, _ hasBinaryHeaders: Bool) throws(Problem) -> IngestMode {
        guard let contentType, !contentType.isEmpty else {
            if hasBinaryHeaders { return .binary }
            throw Problem(.unsupportedMediaType, "no Content-Type: send \(supported)", field: "content-type")
        }
        let type = DataContentType(contentType)
        guard type.isUTF8 else {
            throw Problem(.unsupportedMediaType, "events are UTF-8, not \(type.charset?.prefix(40) ?? "")", field: "content-type")
        }
        switch type.mediaType {
        case "application/cloudevents+json": return .event
        case "application/cloudevents-batch+json": return .batch
        case "application/x-ndjson", "application/ndjson", "application/jsonl": return .lines
        // Another format of a whole event, which its headers say again.
        case let name where name.hasPrefix("application/cloudevents"): throw notTaken(name)
        case let name where !type.isJSON: throw notTaken(name)
        case _ where hasBinaryHeaders: return .binary
        case let name:
            throw Problem(
                .unsupportedMediaType,
                "\(name.prefix(100)) is binary mode and needs ce-specversion, ce-type, ce-source and ce-id headers; "
                    + "send a whole event as application/cloudevents+json, an array of them as application/cloudevents-batch+json",
                field: "content-type")
        }
    }

    private static func notTaken(_ name: String) -> Problem {
        Problem(.unsupportedMediaType, "\(name.prefix(100)) is not taken: send \(supported)", field: "content-type")
    }
}

/// The attributes of an event in binary mode.
enum BinaryAttributes {
    static func areIn(_ fields: HTTPFields) -> Bool { fields.contains { $0.name.canonicalName.hasPrefix("ce-") } }

    static func from(_ fields: HTTPFields) throws(Problem) -> [(name: String, value: String)] {
        var attributes: [(name: String, value: String)] = []
        attributes.reserveCapacity(8)
        for field in fields where field.name.canonicalName.hasPrefix("ce-") {
            let name = String(field.name.canonicalName.dropFirst(3))
            guard let value = decode(field.value) else {
                throw Problem(.invalidEvent, "ce-\(name): the value's percent-encoding is not UTF-8", index: 0, field: name)
            }
            attributes.append((name, value))
        }
        return attributes
    }

    /// CloudEvents HTTP binding 1.0.2, section 3.1.3.2: quotes are taken off first, then percent-encoding, which must be UTF-8.
    static func decode(_ value: String) -> String? {
        var bytes = Array(value.utf8)
        if bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") { bytes = unquote(bytes) }
        return PercentCoding.decode(bytes[...])
    }

    private static func unquote(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var escaped = false
        for byte in bytes.dropFirst().dropLast() {
            if !escaped, byte == UInt8(ascii: "\\") {
                escaped = true
                continue
            }
            out.append(byte)
            escaped = false
        }
        return out
    }
}
