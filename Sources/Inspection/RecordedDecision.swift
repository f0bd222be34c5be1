package import Autoscaling
package import Output
package import Domain

// What does a `scale.decided` event say was decided, and why?
//
// The decision as a value again, read from its JSON, so that the words of today's version are made of it: the log keeps
// numbers, not prose.

package struct RecordedDecision: Sendable {
    package var event: EventRecord
    package var pool: String
    /// The shadow that decided; nil for the pool's own policy.
    package var shadow: String?
    package var decision: Decision
    package var inputs: JSONValue

    /// nil where the event is no decision, or lacks what every decision has.
    package init?(_ event: EventRecord) {
        guard event.kind == .scaleDecided, let from = event.data["from"].integer, let to = event.data["to"].integer else { return nil }
        self.event = event
        pool = event.pool ?? event.subject
        shadow = event.data["shadow"].string
        let next = (event.data["next"].string ?? event.data["nextDeadline"].string).flatMap { LogTime(rfc3339: $0) }
        let why = event.data["why"].array.compactMap { Reason(json: $0) }
        decision = Decision(from: Int(clamping: from), to: Int(clamping: to), why: why, nextDeadline: next)
        inputs = event.data["inputs"].isNull ? .object([]) : event.data["inputs"]
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

extension RecordedDecision {
    /// `14:03:12.123  kagent/default 3 → 5  demand 21 = …`: one line of a live screen.
    package func line(time: TimeText = TimeText(), nameWidth: Int = 0) -> StyledLine {
        var line = StyledLine(time.clock(event.at) + "  ", .dim)
        line.add(DisplayText.padded(pool, to: nameWidth))
        line.add(" \(decision.from) → \(decision.to)  ", decision.to > decision.from ? .green : .blue)
        line.add(decision.text)
        return line
    }
}
