package import Autoscaling
package import Views
package import Domain
import EventLog
package import Replay

// What does the HTTP service speak for?
//
// The parts behind the routes, given by the composition root: the log, the control plane, and closures for what this
// target must not know the inside of.

package struct ServiceParts: Sendable {
    package var log: any EventAppending & EventReading
    package var plane: any ControlPlane
    /// Reads policies from YAML or JSON.
    package var readPolicies: @Sendable (_ text: String) throws(PolicyProblems) -> [Policy]
    /// The state at an earlier moment; nil where this server has no access to history.
    package var stateAt: (@Sendable (Moment) async throws(ControlFault) -> any ControlPlane)?
    /// What was over time; nil where this server keeps no series.
    package var series: (any SeriesReading)?
    /// The log's time.
    package var now: @Sendable () -> LogTime = { EventLog.systemClock() }
    /// What was used in a stretch of the log; nil where this server has no access to history.
    package var usage: (@Sendable (UsageQuery) async throws(ControlFault) -> UsageReport)?
    /// What another policy would have done to a pool, as JSON; nil where this server has no access to history.
    package var whatIf: (@Sendable (WhatIfQuery, WorkProgress) async throws(ControlFault) -> [UInt8])?
    /// Whether the log is what was written, as JSON; nil where this server has no access to its file. With `true` every decision is
    /// made again.
    package var verify: (@Sendable (_ recomputesDecisions: Bool, WorkProgress) async throws(ControlFault) -> [UInt8])?
    package var readiness: [ReadinessCheck] = []
    /// Where this instance stands by for another: a sentence that says who leads. Every route but health and metrics is then
    /// refused with 503, so neither `log` nor `plane` is asked. Must not wait.
    package var standingBy: (@Sendable () -> String)?
    /// Prometheus' text format, or OpenMetrics'; nil where metrics aren't collected.
    package var metricsText: (@Sendable (_ openMetrics: Bool) async -> [UInt8])?
    /// How an actor, `NAMESPACE/NAME`, is stuck in the system that hosts it; nil where nothing looks there. Must not wait.
    package var upstream: (@Sendable (_ actor: String) -> UpstreamView?)?
    /// What the worker of the placement at a position continues its trace with; nil where turns aren't traced.
    package var traceparent: (@Sendable (Position) -> String?)?
    /// Shown by `/openapi.json` and the page at `/`.
    package var version = "development"

    package init(
        log: any EventAppending & EventReading, plane: any ControlPlane,
        readPolicies: @escaping @Sendable (_ text: String) throws(PolicyProblems) -> [Policy]
    ) {
        self.log = log
        self.plane = plane
        self.readPolicies = readPolicies
    }
}

/// What is wrong with a policy, each with its place.
package struct PolicyProblems: Error, Hashable, Sendable {
    package var problems: [Item]

    package init(_ problems: [Item]) { self.problems = problems }

    package struct Item: Hashable, Sendable {
        /// Which document of the text, from 1.
        package var document: Int
        package var line: Int?
        package var column: Int?
        /// For instance `spec.triggers[0].threshold`.
        package var path: String
        package var message: String

        package init(document: Int, line: Int?, column: Int?, path: String, message: String) {
            self.document = document
            self.line = line
            self.column = column
            self.path = path
            self.message = message
        }
    }
}

/// One line of `/readyz`.
package struct ReadinessCheck: Sendable {
    package var name: String
    package var run: @Sendable () async -> Result

    package init(_ name: String, run: @escaping @Sendable () async -> Result) {
        self.name = name
        self.run = run
    }

    package enum Result: Hashable, Sendable {
        case ok
        /// All right, and worth knowing: a sentence.
        case note(String)
        /// A sentence that says what is wrong and what to do.
        case failing(String)
    }
}
