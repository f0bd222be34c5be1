import Domain
import EventLog

// Do positions run without a gap, does time never go back, and does the chain hold?

package struct PositionsOracle: Oracle {
    package static let name = "positions"
    private var last: Position = 0
    private var at = LogTime.zero

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for problem in note(commit) { fail(run, problem) }
    }

    package mutating func note(_ commit: [LoggedEvent]) -> [String] {
        var problems: [String] = []
        for event in commit {
            if event.seq != last + 1 { problems.append("position \(event.seq) follows \(last)") }
            if event.at < at { problems.append("position \(event.seq) is of \(event.at.rfc3339), the one before of \(at.rfc3339)") }
            (last, at) = (event.seq, event.at)
        }
        if Set(commit.map(\.at)).count > 1 { problems.append("the commit of \(commit[0].seq) has several times") }
        return problems
    }

    package mutating func ended(_ run: Simulation) {
        guard let log = run.log else { return }
        do throws(LogError) {
            let report = try log.verify()
            if let fault = report.fault { fail(run, "\(fault)") }
            if report.head.seq != last { fail(run, "verifying ends at \(report.head.seq), the commits at \(last)") }
        } catch { fail(run, "\(error)") }
    }
}
