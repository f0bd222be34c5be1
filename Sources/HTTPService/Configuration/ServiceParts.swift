public import Autoscaling
public import ControlLoop
public import Domain

// What does the HTTP service speak for?
//
// The parts behind the routes, given by the composition root: the log, the control plane, and closures for what this
// target must not know the inside of.

public struct ServiceParts: Sendable {
    public var log: any EventAppending & EventReading
    public var plane: any ControlPlane
    /// Reads policies from YAML or JSON.
    public var readPolicies: @Sendable (_ text: String) throws(PolicyProblems) -> [Policy]
    /// The state at an earlier moment; nil where this server has no access to history.
    public var stateAt: (@Sendable (StateMoment) async throws(ControlFault) -> any ControlPlane)?
    public var readiness: [ReadinessCheck] = []
    /// Where this instance stands by for another: a sentence that says who leads. Every route but health and metrics is then
    /// refused with 503, so neither `log` nor `plane` is asked. Must not wait.
    public var standingBy: (@Sendable () -> String)?
    /// Prometheus' text format, or OpenMetrics'; nil where metrics aren't collected.
    public var metricsText: (@Sendable (_ openMetrics: Bool) async -> [UInt8])?
    /// Shown by `/openapi.json` and the page at `/`.
    public var version = "development"

    public init(
        log: any EventAppending & EventReading, plane: any ControlPlane,
        readPolicies: @escaping @Sendable (_ text: String) throws(PolicyProblems) -> [Policy]
    ) {
        self.log = log
        self.plane = plane
        self.readPolicies = readPolicies
    }
}

/// A moment of the log: what `?at=` names.
public enum StateMoment: Hashable, Sendable {
    case position(Position)
    case time(LogTime)
}

/// What is wrong with a policy, each with its place.
public struct PolicyProblems: Error, Hashable, Sendable {
    public var problems: [Item]

    public init(_ problems: [Item]) { self.problems = problems }

    public struct Item: Hashable, Sendable {
        /// Which document of the text, from 1.
        public var document: Int
        public var line: Int?
        public var column: Int?
        /// For instance `spec.triggers[0].threshold`.
        public var path: String
        public var message: String

        public init(document: Int, line: Int?, column: Int?, path: String, message: String) {
            self.document = document
            self.line = line
            self.column = column
            self.path = path
            self.message = message
        }
    }
}

/// One line of `/readyz`.
public struct ReadinessCheck: Sendable {
    public var name: String
    public var run: @Sendable () async -> Result

    public init(_ name: String, run: @escaping @Sendable () async -> Result) {
        self.name = name
        self.run = run
    }

    public enum Result: Hashable, Sendable {
        case ok
        /// All right, and worth knowing: a sentence.
        case note(String)
        /// A sentence that says what is wrong and what to do.
        case failing(String)
    }
}
