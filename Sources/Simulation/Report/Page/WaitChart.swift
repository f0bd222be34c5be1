// How long did turns wait, as a distribution?
//
// The share of turns that waited at least so long, as a staircase; behind it, in grey, those of the other runs. Quantiles
// are read off it: the 99th percentile is where it crosses 1 %.

struct WaitChart {
    let runs: [ReportRun]
    let index: Int
    let axis: WaitAxis

    private static let side = 2_000
    /// Other runs behind a curve, at most: more would be a fog.
    private static let mostOthers = 6

    private var run: ReportRun { runs[index] }
    private var isLast: Bool { index == runs.count - 1 }

    func write(to page: inout PageText) {
        let name = run.name.trimmed(to: 120).escapedForHTML
        page.add("<figure class=\"waits\" style=\"--row:\(index * 2 + 2)\">\n")
        page.add("<figcaption><h2 class=\"echo\">\(name)</h2><p>\(sentence)</p></figcaption>\n<div class=\"field\">\n")
        page.add(Ticks.left(axis.shareTicks, unit: ""))
        page.add(
            "<svg viewBox=\"0 0 \(Self.side) \(Self.side)\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"\(name): distribution of waits\">\n"
        )
        page.add("<path class=\"grid\" d=\"\(grid)\"/>\n")
        for other in others { page.add("<path class=\"line other\" d=\"\(path(other.waits))\"/>\n") }
        page.add("<path class=\"line waits\" data-series=\"waits\" d=\"\(path(run.waits))\"/>\n</svg>\n")
        page.add(quantiles)
        page.add("</div>\n")
        if isLast { page.add(Ticks.below(axis.ticks, unit: axis.isLogarithmic ? "wait, s (logarithmic)" : "wait, s")) }
        page.add("</figure>\n")
    }

    private var others: [ReportRun] { Array(runs.enumerated().filter { $0.offset != index }.map(\.element).prefix(Self.mostOthers)) }

    private var sentence: String {
        guard run.waits.turns > 0 else { return "no turns" }
        guard !run.waits.points.isEmpty else { return "no turn waited" }
        guard run.waits.unwaited > 0 else { return "every turn waited" }
        // Some did: never "100 %".
        let share = min(Double(run.waits.unwaited) / Double(run.waits.turns) * 100, 99.99)
        return "\(Figure.decimal(share, places: share > 99 ? 2 : 1)) % of turns never waited"
    }

    private var grid: String {
        let across = axis.shareTicks.map { "M0 \(down($0.place))H\(Self.side)" }
        let up = axis.ticks.map { "M\(right($0.place)) 0V\(Self.side)" }
        return (across + up).joined()
    }

    /// From the longest wait at the bottom leftwards, a step up at each.
    private func path(_ waits: WaitDistribution) -> String {
        guard let first = waits.points.first else { return "" }
        var x = right(axis.place(first.seconds))
        var y = Self.side
        var text = "M\(x) \(y)"
        for point in waits.points {
            let next = (x: right(axis.place(point.seconds)), y: down(axis.place(share: Double(point.turns) / Double(waits.turns))))
            if next.x != x { text += "h\(next.x - x)" }
            if next.y != y { text += "v\(next.y - y)" }
            (x, y) = next
        }
        return x > 0 ? text + "h\(-x)" : text
    }

    /// Dots at the quantiles of the table, where the run waited that long at all.
    private var quantiles: String {
        let waits = run.metrics
        let turns = max(run.waits.turns, 1)
        let marks = [
            ("p50", waits.waitP50Seconds, 0.5), ("p95", waits.waitP95Seconds, 0.05), ("p99", waits.waitP99Seconds, 0.01),
            ("max", waits.waitMaxSeconds, 1 / Double(turns)),
        ]
        return marks.filter { $0.1 > 0 && $0.2 >= 1 / Double(turns) }.map { name, seconds, share in
            "<span class=\"dot\" style=\"left:\(Figure.plain(axis.place(seconds) * 100))%;bottom:\(Figure.plain(axis.place(share: share) * 100))%\">"
                + "<b>\(name) \(Figure.decimal(seconds))</b></span>\n"
        }.joined()
    }

    private func right(_ place: Double) -> Int { Int((place * Double(Self.side)).rounded()) }
    private func down(_ place: Double) -> Int { Self.side - right(place) }
}
