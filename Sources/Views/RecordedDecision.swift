package import Autoscaling
package import Domain

// What does a decision say that was written down?
//
// A decision as a value again, read from its JSON. The words of today's version are made of its numbers; the words in the log are those of
// the version that wrote it.

extension Decision {
    /// nil where it lacks what every decision has.
    package init?(json: JSONValue) {
        guard let from = json["from"].integer, let to = json["to"].integer else { return nil }
        let next = (json["next"].string ?? json["nextDeadline"].string).flatMap { LogTime(rfc3339: $0) }
        self.init(
            from: Int(clamping: from), to: Int(clamping: to), why: json["why"].array.compactMap { Reason(json: $0) }, nextDeadline: next)
    }
}

extension Reason {
    package init?(json: JSONValue) {
        guard let step = json["step"].string.flatMap({ Step(rawValue: $0) }), let code = json["code"].string else { return nil }
        let numbers = json["numbers"].fields.map { Number($0.key, Value(json: $0.value, name: $0.key)) }
        self.init(step, code, numbers)
    }
}

extension Reason.Value {
    /// Metric values are milli-units in the decision and decimals in its JSON; times are RFC 3339 strings there.
    fileprivate init(json: JSONValue, name: String) {
        switch json {
        case .number(let text):
            if !Self.metricNames.contains(name), let whole = Int64(text) {
                self = .integer(whole)
            } else {
                let bytes = Array(text.utf8)
                let milli = bytes.withUnsafeBufferPointer { JSONText.milli($0, ByteRange(start: 0, count: bytes.count)) }
                self = milli.map { .milli($0) } ?? .text(text)
            }
        case .string(let text): self = LogTime(rfc3339: text).map { .time($0) } ?? .text(text)
        default: self = .text(json.compact)
        }
    }

    private static let metricNames: Set<String> = ["value", "threshold", "activationThreshold"]
}
