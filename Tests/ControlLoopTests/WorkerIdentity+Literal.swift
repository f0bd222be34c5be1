@testable import ControlLoop

// How do tests name a worker of which no uid is known? By a literal.

extension WorkerIdentity: ExpressibleByStringLiteral {
    public init(stringLiteral name: String) { self.init(name) }
}

extension Actuation {
    mutating func drain(_ name: String) { drain(WorkerIdentity(name)) }
    mutating func remove(_ name: String) { remove(WorkerIdentity(name)) }
}
