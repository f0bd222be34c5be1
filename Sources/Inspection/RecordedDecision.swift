package import Autoscaling
package import Output
package import Domain
import Views

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
        guard event.kind == .scaleDecided, let decision = Decision(json: event.data) else { return nil }
        self.event = event
        pool = event.pool ?? event.subject
        shadow = event.data["shadow"].string
        self.decision = decision
        inputs = event.data["inputs"].isNull ? .object([]) : event.data["inputs"]
    }
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
