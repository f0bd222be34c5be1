import Domain
import EventLog

// Is what was acknowledged in the log, once, where it was said to be, and for ever?

package struct AcknowledgedOracle: Oracle {
    package static let name = "acknowledged"

    package init() {}

    /// After a restart the log must reach as far as anybody was told.
    package mutating func settled(_ run: Simulation) {
        guard let log = run.log, let last = run.senders.acknowledged.last else { return }
        if log.head.seq < last.position {
            fail(run, "\(last.source) \(last.id) was acknowledged at \(last.position); the log ends at \(log.head.seq)")
        }
    }

    package mutating func ended(_ run: Simulation) {
        guard let log = run.log else { return }
        do throws(LogError) {
            for problem in Self.problems(try log.commits(after: 0).flatMap { $0 }, run.senders.acknowledged).prefix(3) {
                fail(run, problem)
            }
        } catch { fail(run, "\(error)") }
    }

    package static func problems(_ events: [LoggedEvent], _ acknowledged: [Acknowledged]) -> [String] {
        var positions: [String: [Position]] = [:]
        for event in events { positions["\(event.source) \(event.id)", default: []].append(event.seq) }
        var problems = positions.filter { $0.value.count > 1 }.map { "\($0.key) is in the log at \($0.value)" }.sorted()
        for one in acknowledged where positions["\(one.source) \(one.id)"] != [one.position] {
            problems.append(
                "\(one.source) \(one.id) was acknowledged at \(one.position), and is at \(positions["\(one.source) \(one.id)"] ?? [])")
        }
        return problems
    }
}
