import Domain

// How do the runs look side by side?
//
// One HTML document that needs nothing else: no network, no fonts, no libraries. The pictures are SVG made here, so the
// page shows everything with scripts off; the script adds the cross-hair and the tooltips. Marks are drawn in data units
// and stretched to the window, while all text stays HTML: the same page fits a phone and a desk. Pure: equal reports, equal
// pages. What it leaves out is bounded and said on the page itself.

package enum ReportPage {
    /// Runs drawn, at most.
    package static let mostRuns = 24

    package static func html(_ report: Report) -> String {
        var shown = report
        shown.runs = Array(report.runs.prefix(mostRuns))
        let scales = ReportScales(shown)
        var page = PageText()
        page.add(head(shown))
        page.add("<body data-span=\"\(Figure.plain(scales.time.endSeconds))\"\(startAttribute(shown))>\n<main>\n")
        page.add(
            "<header>\n<h1>\(shown.title.trimmed(to: 200).escapedForHTML)</h1>\n<p>\(shown.subtitle.trimmed(to: 600).escapedForHTML)</p>\n</header>\n"
        )
        if shown.runs.isEmpty {
            page.add("<p class=\"none\">There is no run to show.</p>\n")
        } else {
            ComparisonTable(runs: shown.runs).write(to: &page)
            writeCharts(shown, scales, &page)
            writeDecisions(shown, scales, &page)
        }
        page.add(footer(scales, leftOut: report.runs.count - shown.runs.count))
        page.add("</main>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n<script>\n\(script)</script>\n</body>\n</html>\n")
        return page.text
    }

    // MARK: - Parts

    /// Nothing may be loaded from anywhere, whatever a name on the page says.
    private static let contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

    private static var style: String { String(decoding: PackageResources.report_css, as: UTF8.self) }
    private static var script: String { String(decoding: PackageResources.report_js, as: UTF8.self) }

    private static func head(_ report: Report) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="greenroom">
        <meta http-equiv="Content-Security-Policy" content="\(contentPolicy)">
        <link rel="icon" href="data:,">
        <title>\(report.title.trimmed(to: 200).escapedForHTML)</title>
        <style>
        \(style)</style>
        </head>

        """
    }

    private static func startAttribute(_ report: Report) -> String {
        guard let start = report.startsAt else { return "" }
        return " data-start=\"\(start.microseconds / 1_000_000)\""
    }

    private static func writeCharts(_ report: Report, _ scales: ReportScales, _ page: inout PageText) {
        page.add("<section class=\"charts\" aria-label=\"Counts over time, and waits\">\n")
        page.add(legend(report))
        page.add(
            "<p class=\"waits-legend\" style=\"--row:1\">Share of turns that waited at least so long; "
                + "in grey the other runs</p>\n")
        for (index, run) in report.runs.enumerated() {
            RunChart(run: run, index: index, isLast: index == report.runs.count - 1, scales: scales).write(to: &page)
        }
        for index in report.runs.indices {
            WaitChart(runs: report.runs, index: index, axis: scales.wait).write(to: &page)
        }
        page.add("</section>\n")
    }

    private static func legend(_ report: Report) -> String {
        let slots = Set(report.runs.map(\.slotsPerWorker))
        let demand = slots == [1] ? "running + waiting" : "running + waiting, ÷ slots a worker"
        return """
            <ul class="legend" style="--row:1">
            <li><i class="key demand"></i><b>demand</b> \(demand)</li>
            <li><i class="key unmet"></i>demand beyond ready</li>
            <li><i class="key desired"></i><b>desired</b></li>
            <li><i class="key ready"></i><b>ready</b></li>
            <li><i class="key busy"></i><b>busy</b></li>
            <li><i class="key change"></i>decisions: more, fewer workers</li>
            </ul>

            """
    }

    private static func writeDecisions(_ report: Report, _ scales: ReportScales, _ page: inout PageText) {
        guard report.runs.contains(where: { !$0.timeline.decisions.isEmpty }) else { return }
        page.add("<section class=\"decisions\">\n<h2>Decisions, and why</h2>\n")
        for (index, run) in report.runs.enumerated() { DecisionMarkers(run: run, index: index, scales: scales).writeList(to: &page) }
        page.add("</section>\n")
    }

    private static func footer(_ scales: ReportScales, leftOut: Int) -> String {
        var sentences = [
            "All runs share the time axis and the scales.",
            "Each series is drawn in \(scales.columns) columns of \(Figure.short(scales.columnSeconds, places: 3)) s: of each column its first, lowest, highest and last value, so peaks survive.",
            "Decisions in one direction within \(Figure.short(scales.markerSeconds, places: 1)) s share a marker, which shows the last one's reasons.",
        ]
        if leftOut > 0 { sentences.append("\(leftOut) more runs are left out.") }
        return "<footer><p>\(sentences.joined(separator: " "))</p></footer>\n"
    }
}

/// Text that grows.
struct PageText {
    private(set) var text = ""
    mutating func add(_ more: String) { text += more }
}

extension String {
    /// At most so many characters, the last an ellipsis where some are missing.
    func trimmed(to limit: Int) -> String {
        // Bytes first: a character may have any number of them.
        guard utf8.count > limit else { return self }
        let scalars = unicodeScalars.prefix(limit)
        return scalars.count < unicodeScalars.count ? String(String.UnicodeScalarView(scalars.dropLast())) + "…" : self
    }
}
