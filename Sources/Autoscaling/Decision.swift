public import Domain

// What was decided for a pool, and why?
//
// A `Decision` is a value that carries its reasons as values: words are made from them elsewhere. Each step of the way
// from demand to replicas that had a say leaves one `Reason`, in the order of the steps.

public struct Decision: Hashable, Sendable {
    public var from: Int
    public var to: Int
    public var why: [Reason]
    /// The earliest log time at which the answer could differ though nothing else happens; nil where time alone changes nothing.
    public var nextDeadline: LogTime?

    public init(from: Int, to: Int, why: [Reason], nextDeadline: LogTime?) {
        self.from = from
        self.to = to
        self.why = why
        self.nextDeadline = nextDeadline
    }

    public enum Direction: String, Hashable, Sendable { case up, down, none }
    public var direction: Direction { to > from ? .up : to < from ? .down : .none }

    /// The steps' codes in order, without their numbers: a decision is news when this or `to` changes.
    public var signature: [String] { why.map(\.code) }
}

/// One step of the why-chain: which step, what it found (a stable code), and its numbers in a fixed order.
public struct Reason: Hashable, Sendable {
    public enum Step: String, Hashable, Sendable, CaseIterable {
        case signal, activation, recommendation, buffer, stabilization, rateLimit, bounds, pause, schedule, safety, fallback
    }

    public enum Value: Hashable, Sendable {
        case integer(Int64)
        /// A metric value or threshold in milli-units; shown as a decimal.
        case milli(Int64)
        case text(String)
        case time(LogTime)
    }

    public struct Number: Hashable, Sendable {
        public var name: String
        public var value: Value
        public init(_ name: String, _ value: Value) { self.name = name; self.value = value }
    }

    public var step: Step
    /// PascalCase, stable, HPA's own name where it has one: `ScaleUpLimit`, `TooManyReplicas`, `ScaleDownStabilized`, …
    public var code: String
    public var numbers: [Number]

    public init(_ step: Step, _ code: String, _ numbers: [Number] = []) {
        self.step = step
        self.code = code
        self.numbers = numbers
    }
}
