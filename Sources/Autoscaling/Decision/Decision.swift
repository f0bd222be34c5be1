package import Domain

// What was decided for a pool, and why?
//
// A `Decision` is a value that carries its reasons as values: words are made from them elsewhere. Each step of the way
// from demand to replicas that had a say leaves one `Reason`, in the order of the steps.

package struct Decision: Hashable, Sendable {
    package var from: Int
    package var to: Int
    package var why: [Reason]
    /// The earliest log time at which the answer could differ though nothing else happens; nil where time alone changes nothing.
    package var nextDeadline: LogTime?

    package init(from: Int, to: Int, why: [Reason], nextDeadline: LogTime?) {
        self.from = from
        self.to = to
        self.why = why
        self.nextDeadline = nextDeadline
    }

    package enum Direction: String, Hashable, Sendable { case up, down, none }
    package var direction: Direction { to > from ? .up : to < from ? .down : .none }

    /// The steps' codes in order, without their numbers: a decision is news when this or `to` changes.
    package var signature: [String] { why.map(\.code) }
}

/// One step of the why-chain: which step, what it found (a stable code), and its numbers in a fixed order.
package struct Reason: Hashable, Sendable {
    package enum Step: String, Hashable, Sendable, CaseIterable {
        case signal, activation, recommendation, buffer, stabilization, rateLimit, bounds, pause, schedule, safety, fallback
    }

    package enum Value: Hashable, Sendable {
        case integer(Int64)
        /// A metric value or threshold in milli-units; shown as a decimal.
        case milli(Int64)
        case text(String)
        case time(LogTime)
    }

    package struct Number: Hashable, Sendable {
        package var name: String
        package var value: Value
        package init(_ name: String, _ value: Value) { self.name = name; self.value = value }
    }

    package var step: Step
    /// PascalCase, stable, HPA's own name where it has one: `ScaleUpLimit`, `TooManyReplicas`, `ScaleDownStabilized`, …
    package var code: String
    package var numbers: [Number]

    package init(_ step: Step, _ code: String, _ numbers: [Number] = []) {
        self.step = step
        self.code = code
        self.numbers = numbers
    }
}
