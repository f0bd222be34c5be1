import Domain
import Output
import Simulation

// How do policies that might have been compare with what was?

enum WhatIfTables {
    static func text(_ answers: [WhatIf.Answer]) -> String { answers.map { text($0) }.joined(separator: "\n") }

    private static func text(_ answer: WhatIf.Answer) -> String {
        if answer.history.isUnclaimed {
            return "pool \(answer.history.pool): \(conditions(answer.history))\n"
                + SimulateCommand.claimTable(SimulationReport(runs: answer.runs))
        }
        var table = Table(
            "POLICY", "#TURNS", "#MEAN", "#P50", "#P95", "#P99", "#MAX", "#COST", "#WORKER-S", "#UPS", "#DOWNS", "#FLAPS", "#KILLED")
        for run in answer.runs {
            let waits = run.waits
            table.add(
                run.policy, Grouped.text(run.turns), Seconds.text(waits.meanSeconds), Seconds.text(waits.seconds(quantile: 0.5)),
                Seconds.text(waits.seconds(quantile: 0.95)), Seconds.text(waits.seconds(quantile: 0.99)), Seconds.text(waits.maxSeconds),
                "×\(Seconds.number(run.costRatio))", Seconds.number(run.workerSeconds), String(run.scaleUps), String(run.scaleDowns),
                String(run.flaps), String(run.killed))
        }
        return "pool \(answer.history.pool): \(conditions(answer.history))\n" + table.text
            + SimulationReport(runs: answer.runs).unservedText
    }

    /// `96 turns in 2m10.5s from position 1; worker starts drawn from 12 measured, median 1.203s`
    static func conditions(_ history: PoolHistory) -> String {
        var text =
            "\(Grouped.text(history.turns.count)) \(history.isUnclaimed ? "claims" : "turns") in \(DurationText.precise(history.stretch.seconds)) from position \(history.stretch.first)"
        let starts = history.startsMicroseconds.sorted()
        text +=
            starts.isEmpty
            ? "; the log measured no worker starts: \(DurationText.precise(Double(PoolHistory.defaultStartMicroseconds) / 1e6)) assumed"
            : "; worker starts drawn from \(Grouped.text(starts.count)) measured, median \(DurationText.precise(Double(starts[starts.count / 2]) / 1e6))"
        for (count, what) in [
            (history.cut, "cut at the end"), (history.withdrawn, "withdrawn before they ran, left out"), (history.crashed, "crashed"),
            (history.forced, "that the pool couldn't serve, left out"),
        ] where count > 0 { text += "; \(Grouped.text(count)) \(what)" }
        return text
    }

    static func json(_ answers: [WhatIf.Answer]) throws -> JSONValue {
        .object([.init(key: "pools", value: .array(try answers.map { try json($0) }))])
    }

    private static func json(_ answer: WhatIf.Answer) throws -> JSONValue {
        let history = answer.history
        func number(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }
        var runs = JSONWriter()
        SimulationReport(runs: answer.runs).write(to: &runs)
        return .object([
            .init(key: "pool", value: .string(history.pool)), .init(key: "from", value: number(history.stretch.first)),
            .init(key: "to", value: number(history.stretch.last)), .init(key: "turns", value: number(history.turns.count)),
            .init(key: "cut", value: number(history.cut)), .init(key: "withdrawn", value: number(history.withdrawn)),
            .init(key: "crashed", value: number(history.crashed)), .init(key: "forced", value: number(history.forced)),
            .init(key: "measuredStarts", value: number(history.startsMicroseconds.count)),
            .init(key: "runs", value: try JSONValue(parsing: runs.bytes)["runs"]),
        ])
    }
}
