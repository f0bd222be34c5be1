public import ControlLoop
public import Domain
public import EventLog
import Policies

// How are the real parts put behind the routes?

extension ServiceParts {
    /// The service over a log and the loop that follows it.
    ///
    /// Ready is what can serve: what a pool or its target suffers is told with the pool, and takes nobody's service away.
    ///
    /// - Parameter now: about when a policy's time zones are resolved.
    public init(log: EventLog, plane: any ControlPlane, now: @escaping @Sendable () -> LogTime = EventLog.systemClock) {
        self.init(log: EventLogAccess(log), plane: plane) { (text: String) throws(PolicyProblems) in
            do throws(PolicyError) {
                return try PolicyReader.policies(from: text, source: "the request's body", now: now())
            } catch {
                throw PolicyProblems(
                    error.problems.map { PolicyProblems.Item(document: $0.document, line: $0.line, column: $0.column, path: $0.path, message: $0.message) })
            }
        }
        readiness.append(
            ReadinessCheck("log writable") {
                let health = log.health
                guard !health.isWritable else { return .ok }
                return .failing([health.problem, health.hint].compactMap { $0 }.joined(separator: "; "))
            })
        readiness.append(ReadinessCheck("loop not behind") { LoopLag.judge(await plane.health()) })
    }
}

/// From which lag on a loop is no longer ready.
enum LoopLag {
    static let secondsMost = 5.0

    static func judge(_ health: LoopHealth) -> ReadinessCheck.Result {
        guard health.lagSeconds > secondsMost else { return .ok }
        return .failing("decisions are \(health.lagSeconds) s behind the log, by \(health.behindEvents) events")
    }
}
