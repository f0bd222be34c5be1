package import Views
package import Domain
package import EventLog
import Policies

// How are the real parts put behind the routes?

extension ServiceParts {
    /// The service over a log and the loop that follows it.
    ///
    /// An instance is ready if it can serve. Faults of a pool or its target show in the pool, and don't make the instance unready.
    ///
    /// - Parameter now: about when a policy's time zones are resolved.
    package init(log: EventLog, plane: any ControlPlane, now: @escaping @Sendable () -> LogTime = EventLog.systemClock) {
        self.init(log: EventLogAccess(log), plane: plane) { (text: String) throws(PolicyProblems) in
            do throws(PolicyError) {
                return try PolicyReader.policies(from: text, source: "the request's body", now: now())
            } catch {
                throw PolicyProblems(
                    error.problems.map {
                        PolicyProblems.Item(document: $0.document, line: $0.line, column: $0.column, path: $0.path, message: $0.message)
                    })
            }
        }
        self.now = { log.now }
        readiness.append(
            ReadinessCheck("log writable") {
                let health = log.health
                guard !health.isWritable else { return .ok }
                return .failing([health.problem, health.hint].compactMap { $0 }.joined(separator: "; "))
            })
        readiness.append(
            ReadinessCheck("disk space") {
                // While the log can be written, little room is no reason to take the service away from those who use it.
                guard let free = log.health.diskFreeBytes, free < DiskSpace.bytesScarce else { return .ok }
                return .note("only \(free >> 20) MiB are free on the log's disk: make room before appends are refused")
            })
        readiness.append(
            ReadinessCheck("log time") {
                let ahead = log.secondsAhead
                guard ahead > 0 else { return .ok }
                return .note("log time runs \((ahead * 10).rounded() / 10) s ahead of the machine's clock, which was set back")
            })
        readiness.append(ReadinessCheck("loop not behind") { LoopLag.judge(await plane.health()) })
    }
}

enum DiskSpace {
    /// Below it the service says so.
    static let bytesScarce: Int64 = 256 << 20
}

/// From which lag on a loop is no longer ready.
enum LoopLag {
    static let secondsMost = 5.0

    static func judge(_ health: LoopHealth) -> ReadinessCheck.Result {
        guard health.lagSeconds > secondsMost else { return .ok }
        return .failing("decisions are \(health.lagSeconds) s behind the log, by \(health.behindEvents) events")
    }
}
