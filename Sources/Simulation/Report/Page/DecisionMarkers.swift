// Which decisions moved a run's count, when, by how much and why?
//
// A stick for each move on a common ground line: upwards where the count grew, downwards where it fell, longer where it
// moved further (by the square root, or single steps would vanish). Each is a link to its entry in the list below the charts, so it can be followed with scripts off; the script
// shows the entry beside the stick instead.

struct DecisionMarkers {
    let run: ReportRun
    let index: Int
    let scales: ReportScales

    private static let mostLines = 12
    private static let lineLimit = 160

    private var decisions: [ReportDecision] { run.timeline.decisions.merged(columns: scales.markers, scales.time.place) }

    /// Of the run, those without a marker of their own included.
    private static func count(_ decisions: [ReportDecision]) -> Int { decisions.reduce(0) { $0 + $1.count } }

    private var name: String { run.name.trimmed(to: 120).escapedForHTML }

    func writeMarkers(to page: inout PageText) {
        let decisions = decisions
        let largest = max(1, decisions.map(\.size).max() ?? 1)
        let label = "\(Self.count(decisions)) decisions of \(name); arrow keys go from one to the next"
        page.add("<div class=\"strip\" role=\"group\" aria-label=\"\(label)\">")
        for (number, decision) in decisions.enumerated() {
            let direction = decision.isUp ? "up" : "down"
            let left = Figure.plain(scales.time.place(decision.seconds) * 100)
            let length = Figure.plain((Double(decision.size) / Double(largest)).squareRoot() * 100)
            page.add(
                "<a class=\"\(direction)\" href=\"#d\(index)-\(number)\" style=\"left:\(left)%;--size:\(length)%\" title=\"\(title(decision))\"></a>\n"
            )
        }
        page.add("</div>\n")
    }

    func writeList(to page: inout PageText) {
        let decisions = decisions
        guard !decisions.isEmpty else { return }
        page.add("<details><summary>\(name) <span>\(Figure.count(Self.count(decisions))) decisions</span></summary>\n<ol>\n")
        for (number, decision) in decisions.enumerated() {
            page.add(
                "<li id=\"d\(index)-\(number)\"><p><b>\(scales.time.text(decision.seconds))</b> \(change(decision))</p>\(why(decision))</li>\n"
            )
        }
        page.add("</ol></details>\n")
    }

    private func title(_ decision: ReportDecision) -> String {
        let last = decision.why.last.map { ": \($0.trimmed(to: Self.lineLimit))" } ?? ""
        return "\(scales.time.text(decision.seconds))  \(decision.from) → \(decision.to)\(last)".escapedForHTML
    }

    private func change(_ decision: ReportDecision) -> String {
        let code = decision.code.isEmpty ? "" : " <code>\(decision.code.trimmed(to: 60).escapedForHTML)</code>"
        var more: [String] = []
        if decision.steps > 1 { more.append("in \(decision.steps) steps until \(scales.time.text(decision.lastSeconds))") }
        if decision.others > 0 { more.append("and \(decision.others) other decisions close by") }
        let rest = more.isEmpty ? "" : " <span>\(more.joined(separator: ", "))</span>"
        return "<b>\(Figure.count(decision.from)) → \(Figure.count(decision.to))</b>\(code)\(rest)"
    }

    private func why(_ decision: ReportDecision) -> String {
        guard !decision.why.isEmpty else { return "" }
        let lines = decision.why.prefix(Self.mostLines).map { "<li>\($0.trimmed(to: Self.lineLimit).escapedForHTML)</li>" }
        return "<ul>\(lines.joined())</ul>"
    }
}
