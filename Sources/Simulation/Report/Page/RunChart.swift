import Basics

// What did one run's counts do over time?
//
// Areas are painted over each other, so that what stays visible says something: of demand's area that which no ready
// worker covers, of the ready area the idle workers. Paths are in whole units, columns to the right and slots downwards
// from the top; the script reads the values back from them.

struct RunChart {
    let run: ReportRun
    let index: Int
    /// The last chart carries the labels of the time axis.
    let isLast: Bool
    let scales: ReportScales

    /// Units of the x axis in one column.
    private static let unitsPerColumn = 8

    private var width: Int { scales.columns * Self.unitsPerColumn }
    private var height: Int { scales.count.top * run.slots }

    func write(to page: inout PageText) {
        page.add("<figure class=\"run\" style=\"--row:\(index * 2 + 2)\">\n\(caption)")
        page.add("<div class=\"plot\" data-width=\"\(width)\" data-height=\"\(height)\" data-slots=\"\(run.slots)\">\n")
        page.add("<div class=\"field\">\n")
        page.add(Ticks.left(scales.count.ticks, unit: "workers"))
        writePicture(&page)
        page.add("<div class=\"cursor\"></div>\n</div>\n")
        DecisionMarkers(run: run, index: index, scales: scales).writeMarkers(to: &page)
        if isLast { page.add(Ticks.below(scales.time.ticks, unit: scales.time.title)) }
        page.add("</div>\n</figure>\n")
    }

    private var name: String { run.name.trimmed(to: 120).escapedForHTML }

    private var caption: String {
        let note = run.note.map { "<span class=\"note\">\($0.trimmed(to: 200).escapedForHTML)</span>" } ?? ""
        let peaks = series.map {
            "<span class=\"\($0.name)\"><i>\($0.name)</i> <b data-series=\"\($0.name)\">\(Figure.count($0.values.highest))</b></span>"
        }
        let slots = run.slots == 1 ? "" : "<span class=\"note\">\(run.slots) slots a worker</span>"
        return """
            <figcaption><h2 title="\(name)">\(name)</h2>\(note)\(slots)
            <p class="readout"><span class="when">peak</span> \(peaks.joined(separator: " "))</p></figcaption>

            """
    }

    private var series: [(name: String, values: StepSeries)] {
        [("demand", run.timeline.demand), ("desired", run.timeline.desired), ("ready", run.timeline.ready), ("busy", run.timeline.busy)]
    }

    // MARK: - Picture

    private func writePicture(_ page: inout PageText) {
        page.add(
            "<svg viewBox=\"0 0 \(width) \(height)\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"\(name): demand, desired, ready and busy workers over time\">\n<defs>\n"
        )
        for (name, values) in series {
            page.add(
                "<path id=\"r\(index)-\(name)\" data-series=\"\(name)\" d=\"\(path(values, unit: name == "demand" ? 1 : run.slots))\"/>\n")
        }
        page.add("</defs>\n<path class=\"grid\" d=\"\(grid)\"/>\n")
        for (kind, name) in [
            ("area unmet", "demand"), ("area ready", "ready"), ("area busy", "busy"), ("line ready", "ready"), ("line desired", "desired"),
            ("line demand", "demand"),
        ] {
            page.add("<use class=\"\(kind)\" href=\"#r\(index)-\(name)\"/>\n")
        }
        page.add("</svg>\n")
    }

    private var grid: String {
        let across = scales.count.ticks.map { "M0 \(height - Int(($0.place * Double(height)).rounded()))H\(width)" }
        let up = scales.time.ticks.map { "M\(Int(($0.place * Double(width)).rounded())) 0V\(height)" }
        return (across + up).joined()
    }

    /// From the ground, in steps, back to the ground where the run ends: `M0 40v-3h16v1h8V40`.
    private func path(_ values: StepSeries, unit: Int) -> String {
        guard let first = values.points.first else { return "" }
        var x = place(first.seconds)
        var level = 0
        var text = "M\(x) \(height)"
        for point in values.thinned(columns: scales.columns, from: 0, to: scales.time.endSeconds).points {
            let next = place(point.seconds)
            if next > x { text += "h\(next - x)" }
            x = max(x, next)
            let value = min(max(point.value.multipliedClamped(by: unit), 0), height)
            if value != level { text += "v\(level - value)" }
            level = value
        }
        let end = place(run.endSeconds)
        return text + (end > x ? "h\(end - x)" : "") + "V\(height)"
    }

    private func place(_ seconds: Double) -> Int { Int((scales.time.place(seconds) * Double(width)).rounded()) }
}

/// Labels beside a picture: text that is never stretched.
enum Ticks {
    static func left(_ ticks: [Tick], unit: String) -> String {
        let labels = ticks.map { "<span style=\"bottom:\(Figure.plain($0.place * 100))%\">\($0.label)</span>" }
        return "<div class=\"ticks left\" aria-hidden=\"true\">\(labels.joined())<em>\(unit)</em></div>\n"
    }

    /// Every second one may be dropped where there is little room.
    static func below(_ ticks: [Tick], unit: String) -> String {
        let labels = ticks.enumerated().map { index, tick in
            "<span\(index % 2 == 1 ? " class=\"minor\"" : "") style=\"left:\(Figure.plain(tick.place * 100))%\">\(tick.label)</span>"
        }
        return "<div class=\"ticks below\" aria-hidden=\"true\">\(labels.joined())<em>\(unit)</em></div>\n"
    }
}
