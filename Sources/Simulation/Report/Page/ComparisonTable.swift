// Which run is best by which number?
//
// A row a run, a column a number; less is better in each. The best of a column is marked where they differ.

struct ComparisonTable {
    let runs: [ReportRun]

    private struct Column {
        var group: String
        var name: String
        var explanation: String
        /// nil where a run has no such number.
        var value: (ReportRun) -> Double?
        var text: (Double) -> String
        /// Whether less is better; else it is only said.
        var isCompared = true
        /// Whether anything above zero is bad.
        var isHarm = false
    }

    func write(to page: inout PageText) {
        let columns = columns
        page.add(
            "<section class=\"compare\" aria-label=\"Comparison\">\n<table role=\"table\">\n<thead role=\"rowgroup\"><tr role=\"row\"><th role=\"columnheader\">run</th>"
        )
        for (index, column) in columns.enumerated() {
            let again = index > 0 && columns[index - 1].group == column.group ? " class=\"again\"" : ""
            page.add("<th role=\"columnheader\" title=\"\(column.explanation)\"><small\(again)>\(column.group)</small> \(column.name)</th>")
        }
        page.add("</tr></thead>\n<tbody role=\"rowgroup\">\n")
        let best = columns.map(best)
        for run in runs {
            page.add("<tr role=\"row\"><th role=\"rowheader\">\(run.name.trimmed(to: 120).escapedForHTML)</th>")
            for (column, best) in zip(columns, best) { page.add(cell(column, run, best)) }
            page.add("</tr>\n")
        }
        page.add("</tbody>\n</table>\n")
        if best.contains(where: { $0 != nil }) { page.add("<p>Bold and underlined: the best of the runs. Less is better in each.</p>\n") }
        page.add("</section>\n")
    }

    private func cell(_ column: Column, _ run: ReportRun, _ best: Double?) -> String {
        guard let value = column.value(run), value.isFinite else { return "<td role=\"cell\">–</td>" }
        var classes: [String] = []
        if let best, rounded(value, column) == best { classes.append("best") }
        if column.isHarm, value > 0 { classes.append("harm") }
        let marks = classes.isEmpty ? "" : " class=\"\(classes.joined(separator: " "))\""
        return "<td role=\"cell\"\(marks)>\(column.text(value))</td>"
    }

    /// Compared as they are written: what reads the same isn't better.
    private func best(_ column: Column) -> Double? {
        let values = runs.compactMap(column.value).filter(\.isFinite).map { rounded($0, column) }
        guard column.isCompared, runs.count > 1, let least = values.min(), let most = values.max(), least < most else { return nil }
        return least
    }

    private func rounded(_ value: Double, _ column: Column) -> Double { (value * 100).rounded() / 100 }

    private var columns: [Column] {
        let seconds: (Double) -> String = { Figure.decimal($0) }
        let count: (Double) -> String = { Figure.decimal($0, places: 0) }
        let isLong = runs.contains { $0.metrics.workerSeconds >= 36_000 }
        let work = Column(
            group: "worker", name: isLong ? "hours" : "seconds", explanation: "Workers from their request until they are gone",
            value: { $0.metrics.workerSeconds / (isLong ? 3_600 : 1) }, text: isLong ? seconds : count)
        return [
            Column(
                group: "wait, s", name: "mean", explanation: "From a turn's arrival to its worker's slot",
                value: { $0.metrics.waitMeanSeconds }, text: seconds),
            Column(
                group: "wait, s", name: "p50", explanation: "Half of the turns waited no longer", value: { $0.metrics.waitP50Seconds },
                text: seconds),
            Column(
                group: "wait, s", name: "p95", explanation: "95 % of the turns waited no longer", value: { $0.metrics.waitP95Seconds },
                text: seconds),
            Column(
                group: "wait, s", name: "p99", explanation: "99 % of the turns waited no longer", value: { $0.metrics.waitP99Seconds },
                text: seconds),
            Column(group: "wait, s", name: "max", explanation: "The longest wait", value: { $0.metrics.waitMaxSeconds }, text: seconds),
            Column(
                group: "cost", name: "× useful", explanation: "Worker-seconds, starting ones included, over useful seconds",
                value: { $0.metrics.costRatio }, text: { "×" + Figure.decimal($0) }),
            work,
            Column(
                group: "workers", name: "peak", explanation: "The highest count decided", value: { Double($0.timeline.desired.highest) },
                text: count, isCompared: false),
            Column(
                group: "turns", name: "killed", explanation: "Turns that lost the worker they ran on", value: { Double($0.metrics.killed) },
                text: count, isHarm: true),
            Column(
                group: "direction", name: "flaps", explanation: "How often the count turned from rising to falling or back",
                value: { Double($0.metrics.flaps) }, text: count),
            Column(
                group: "scale", name: "ups", explanation: "Decisions for more workers", value: { Double($0.metrics.scaleUps) }, text: count,
                isCompared: false),
            Column(
                group: "scale", name: "downs", explanation: "Decisions for fewer workers", value: { Double($0.metrics.scaleDowns) },
                text: count, isCompared: false),
        ]
    }
}
