import Domain
import EventLog
import Output
import Replay

// Are the decisions of a log what its state and its policies lead to?
//
// `log verify` asks this after the log itself was found sound.

struct DecisionCheck: Sendable {
    struct Report: Hashable, Sendable {
        var decisions: Int64 = 0
        /// The first decision that comes out otherwise: where, and in which way.
        var fault: Fault?

        struct Fault: Hashable, Sendable {
            var position: Position
            var problem: String
        }
    }

    /// Goes through the log; the closure gets the position now and then.
    var run: @Sendable (EventLog, (Position) -> Void) throws -> Report

    /// The live decision function over the log's own history.
    static let replay = DecisionCheck { log, progress in
        var verifier = DecisionVerifier(log: log)
        do throws(LogError) {
            let report = try verifier.verify { position, _ in progress(position) }
            return Report(decisions: report.checked, fault: report.first.map { Report.Fault(difference: $0) })
        } catch { throw Output.Fault(error) }
    }
}

extension DecisionCheck.Report.Fault {
    init(difference: DecisionDifference) {
        let recomputed = difference.recomputed.map { "recomputed \(Self.count($0))" } ?? "nothing leads to it"
        self.init(position: difference.seq, problem: "pool \(difference.pool): recorded \(Self.count(difference.recorded)), \(recomputed)")
    }

    /// `2 → 5, digest 0123456789ab`
    private static func count(_ body: String) -> String {
        guard let json = try? JSONValue(parsing: body) else { return "what is no decision" }
        let number = { (name: String) in json[name].plainText ?? "?" }
        return "\(number("from")) → \(number("to")), digest \(number("digest").prefix(12))"
    }
}
