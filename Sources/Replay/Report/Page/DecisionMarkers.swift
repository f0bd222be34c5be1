// Which decisions moved a run's count, when, by how much and why?
//
// A stick for each on a common ground line: upwards where the count grew, downwards where it fell, as long as the change
// was large. Each is a link to its entry in the list below the charts, so it can be followed with scripts off; the script
// shows the entry beside the stick instead.

struct DecisionMarkers {
    let run: ReportRun
    let index: Int
    let scales: ReportScales

    private static let mostLines = 12
    private static let lineLimit = 160

    /// At most one a column: neighbours are merged, the larger change standing for both.
    private var decisions: [ReportDecision] {
        var merged: [ReportDecision] = []
        var column = -1
        for decision in run.timeline.decisions {
            let next = min(Int(scales.time.place(decision.seconds) * Double(scales.markers)), scales.markers - 1)
            if next == column, let last = merged.popLast() { merged.append(last.merged(with: decision)) } else { merged.append(decision) }
            column = next
        }
        return merged
    }

    private var name: String { run.name.trimmed(to: 120).escapedForHTML }

    func writeMarkers(to page: inout PageText) {
        let decisions = decisions
        let largest = max(1, decisions.map(\.size).max() ?? 1)
        page.add("<div class=\"strip\" role=\"group\" aria-label=\"\(run.timeline.decisions.count) decisions of \(name); arrow keys go from one to the next\">")
        for (number, decision) in decisions.enumerated() {
            let direction = decision.to > decision.from ? "up" : "down"
            let left = Figure.plain(scales.time.place(decision.seconds) * 100)
            let length = Figure.plain((Double(decision.size) / Double(largest)).squareRoot() * 100)
            page.add("<a class=\"\(direction)\" href=\"#d\(index)-\(number)\" style=\"left:\(left)%;--size:\(length)%\" title=\"\(title(decision))\"></a>\n")
        }
        page.add("</div>\n")
    }

    func writeList(to page: inout PageText) {
        let decisions = decisions
        guard !decisions.isEmpty else { return }
        let changes = decisions.reduce(0) { $0 + 1 + $1.others }
        page.add("<details><summary>\(name) <span>\(Figure.count(changes)) changes</span></summary>\n<ol>\n")
        for (number, decision) in decisions.enumerated() {
            page.add("<li id=\"d\(index)-\(number)\"><p><b>\(scales.time.text(decision.seconds))</b> \(change(decision))</p>\(why(decision))</li>\n")
        }
        page.add("</ol></details>\n")
    }

    private func title(_ decision: ReportDecision) -> String {
        let last = decision.why.last.map { ": \($0.trimmed(to: Self.lineLimit))" } ?? ""
        return "\(scales.time.text(decision.seconds))  \(decision.from) → \(decision.to)\(last)".escapedForHTML
    }

    private func change(_ decision: ReportDecision) -> String {
        let code = decision.code.isEmpty ? "" : " <code>\(decision.code.trimmed(to: 60).escapedForHTML)</code>"
        let others = decision.others == 0 ? "" : " <span>and \(decision.others) smaller close by</span>"
        return "<b>\(Figure.count(decision.from)) → \(Figure.count(decision.to))</b>\(code)\(others)"
    }

    private func why(_ decision: ReportDecision) -> String {
        guard !decision.why.isEmpty else { return "" }
        let lines = decision.why.prefix(Self.mostLines).map { "<li>\($0.trimmed(to: Self.lineLimit).escapedForHTML)</li>" }
        return "<ul>\(lines.joined())</ul>"
    }
}
