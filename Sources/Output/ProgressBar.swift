import Foundation

// How far is a long piece of work?
//
// One line on standard error, redrawn in place at most five times a second, only where that is a terminal. It leaves
// nothing behind.

package struct ProgressBar {
    private let label: String
    private let total: Int64
    private let isShown: Bool
    private var lastDrawn: ContinuousClock.Instant?

    private static let interval = Duration.milliseconds(200)
    private static let barWidth = 30

    package init(_ label: String, total: Int64, isShown: Bool = Terminal.errorsAreInteractive) {
        self.label = label
        self.total = total
        self.isShown = isShown
    }

    package mutating func update(_ done: Int64) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < Self.interval { return }
        lastDrawn = now
        Terminal.writeProgress("\r" + Self.line(label, done: done, total: total) + "\u{1B}[K")
    }

    package func finish() {
        if lastDrawn != nil { Terminal.writeProgress("\r\u{1B}[K") }
    }

    package static func line(_ label: String, done: Int64, total: Int64) -> String {
        let share = total > 0 ? min(1, max(0, Double(done) / Double(total))) : 0
        let filled = Int(share * Double(barWidth))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled)
        return "\(label) \(bar) \(Int(share * 100)) %  \(Grouped.text(done)) of \(Grouped.text(total))"
    }
}

/// Numbers with their thousands apart: `12,345,678`.
package enum Grouped {
    package static func text(_ value: Int64) -> String {
        var out: [Character] = []
        for (k, digit) in String(value.magnitude).reversed().enumerated() {
            if k > 0, k % 3 == 0 { out.append(",") }
            out.append(digit)
        }
        return (value < 0 ? "-" : "") + String(out.reversed())
    }

    package static func text(_ value: Int) -> String { text(Int64(value)) }
}
