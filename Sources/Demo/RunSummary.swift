package import Output
import Domain
import Foundation

// How is a run told in a few lines, and where does one look further?

package struct RunSummary: Sendable {
    package var report: RunReport
    /// How `greenroom` was called, for commands that can be pasted.
    package var program: String
    package var database: String
    package var wasInterrupted = false

    package init(report: RunReport, program: String, database: String, wasInterrupted: Bool = false) {
        self.report = report
        self.program = program
        self.database = database
        self.wasInterrupted = wasInterrupted
    }

    /// No turn was killed, and whoever asked for a worker got one (unless the run was broken off).
    package var isGood: Bool { report.killed == 0 && (wasInterrupted || report.neverRan == 0) }

    package func text(palette: Palette) -> String { (figures(palette) + [""] + commands(palette)).map { $0 + "\n" }.joined() }

    private func figures(_ palette: Palette) -> [String] {
        let ended = wasInterrupted ? "Interrupted after" : "Done in"
        var lines = [palette.bold("\(ended) \(DurationText.precise(report.seconds)), by the log:")]
        lines.append(row("turns", "\(Grouped.text(report.turnsDone)) done of \(Grouped.text(report.requests)) requested" + leftovers))
        lines.append(row("wait until running", waits))
        lines.append(row("cost", cost))
        lines.append(
            row(
                "scaling",
                "\(report.scaleUps) up, \(report.scaleDowns) down"
                    + (report.failedActuations > 0 ? ", \(report.failedActuations) failed" : "")))
        lines.append(row("peak workers", peaks))
        lines.append(row("restores", restores))
        let killed = "\(report.killed)"
        lines.append(row("killed turns", report.killed == 0 ? palette.green(killed) : palette.red(killed)))
        if !wasInterrupted, report.neverRan > 0 { lines.append(row("never ran", palette.red("\(report.neverRan)"))) }
        lines.append(row("events in the log", Grouped.text(report.events)))
        return lines
    }

    private func row(_ name: String, _ value: String) -> String { "  \(DisplayText.padded(name, to: 19)) \(value)" }

    private var leftovers: String {
        let parts = [(report.neverRan, "waiting"), (report.turnsRunning, "running"), (report.withdrawn, "withdrawn")]
        return parts.filter { $0.0 > 0 }.map { ", \(Grouped.text($0.0)) \($0.1)" }.joined()
    }

    private var waits: String {
        guard let waits = report.waitQuantiles() else { return "nothing ran" }
        let parts = [("mean", waits.mean), ("p50", waits.p50), ("p95", waits.p95), ("p99", waits.p99), ("max", waits.max)]
        return parts.map { "\($0.0) \(DurationText.precise($0.1))" }.joined(separator: "  ")
    }

    private var cost: String {
        guard let ratio = report.costRatio else { return "no turn ended" }
        let seconds =
            "\(Grouped.text(Int(report.slotSeconds.rounded()))) slot-seconds ÷ \(Grouped.text(Int(report.usefulSeconds.rounded()))) useful"
        return String(format: "×%.2f", ratio) + "  (\(seconds); \(Grouped.text(Int(report.workerSeconds.rounded()))) worker-seconds)"
    }

    private var peaks: String {
        let grown = report.pools.filter { $0.peakDesired > 0 }
        return grown.isEmpty ? "none" : grown.map { "\($0.name) \($0.peakDesired) (\($0.peakReady) ready)" }.joined(separator: ", ")
    }

    /// `89 cold (74 of them from the actor's own snapshot), 64 warm; on average cold 0.40 s, warm 0.05 s`
    private var restores: String {
        let counts = report.restores
        let near = RestoreTier.allCases.filter { $0 != .cold && counts[$0] > 0 }
        var text = "\(Grouped.text(counts.cold)) cold"
        if report.coldFromSnapshot > 0 { text += " (\(Grouped.text(report.coldFromSnapshot)) of them from the actor's own snapshot)" }
        text += ", \(Grouped.text(counts.near)) warm"
        if !near.allSatisfy({ $0 == .warm }) { text += " (" + near.map { "\(counts[$0]) \($0.name)" }.joined(separator: ", ") + ")" }
        let means = ([.cold] + near).compactMap { tier in counts.meanSeconds(tier).map { "\(tier.name) \(DurationText.precise($0))" } }
        return means.isEmpty ? text : text + "; on average " + means.joined(separator: ", ")
    }

    private func commands(_ palette: Palette) -> [String] {
        let db = "--db \(Shell.quoted(database))"
        var lines = [palette.bold("Look at what happened:"), "  \(program) get pools \(db)"]
        if let pool = report.largestPool { lines.append("  \(program) explain pool \(Shell.quoted(pool.name)) --at peak \(db)") }
        if let actor = report.busiestActor { lines.append("  \(program) history actor \(Shell.quoted(actor)) \(db)") }
        lines.append("  \(program) events --kind scale.decided \(db)")
        lines.append("  \(program) log verify \(db)")
        return lines
    }
}

/// Words as a shell reads them.
package enum Shell {
    package static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "/._-+:@%,=".utf8.contains(byte)
            }
        return isPlain ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
