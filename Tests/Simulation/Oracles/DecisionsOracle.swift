package import EventLog
import Replay

// Does every recorded decision come out the same from the log?

package struct DecisionsOracle: Oracle {
    package static let name = "decisions"

    package init() {}

    package mutating func ended(_ run: Simulation) {
        guard let log = run.log else { return }
        do throws(LogError) {
            if let problem = try Self.problem(log) { fail(run, problem) }
        } catch { fail(run, "\(error)") }
    }

    package static func problem(_ log: EventLog) throws(LogError) -> String? {
        var verifier = DecisionVerifier(log: log)
        return try verifier.verify().first.map {
            "the decision of position \($0.seq) was \($0.recorded), and is \($0.recomputed ?? "none")"
        }
    }
}
