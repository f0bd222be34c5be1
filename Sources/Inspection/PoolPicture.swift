package import Views
package import Output
import Basics
import Domain

// How does a pool look in one line of a live screen?
//
// Demand as a bar of running and waiting actors, workers as a dot each: the picture the demo and `top` share. Pure: a
// view in, a styled line out. What doesn't fit is scaled down, never cut: a bar keeps its proportions.

package struct PoolPicture: Sendable {
    /// Columns for the pools' names.
    package var nameWidth: Int
    /// Dots for the workers of the largest pool.
    var workersWidth: Int

    private static let barWidth = 24
    /// The bar, and running + waiting in numbers.
    private static let demandWidth = barWidth + 16
    private static let workersMost = 26

    package init(_ pools: [PoolView], nameWidth: Int) {
        self.nameWidth = nameWidth
        workersWidth = min(Self.workersMost, pools.map(\.max).max() ?? 0) + 1
    }

    package func titles() -> StyledLine {
        var line = StyledLine()
        line.add("POOL", width: nameWidth + 1, .dim)
        line.add("DEMAND", width: Self.demandWidth, .dim)
        line.add("WORKERS", .dim)
        return line
    }

    package func row(_ pool: PoolView, named name: String) -> StyledLine {
        var line = StyledLine()
        line.add(name, width: nameWidth, .bold)
        line.add(" ")
        demand(pool, &line)
        workers(pool, &line)
        return line
    }

    package func legend() -> StyledLine {
        var line = StyledLine()
        line.add("", width: nameWidth + 1)
        line.add("█", .green); line.add(" running  ", .dim)
        line.add("▒", .yellow); line.add(" waiting", .dim)
        line.add("", width: Self.demandWidth - 20)
        line.add("●", .green); line.add(" busy  ○ idle  ", .dim)
        line.add("◌", .yellow); line.add(" starting  ", .dim)
        line.add("◒", .blue); line.add(" draining", .dim)
        return line
    }

    /// `demand   ▁▂▃▅▇ 21 max 34`: how a sum over the pools moved.
    package static func history(_ name: String, _ values: [Int], columns: Int, _ style: StyledLine.Style) -> StyledLine {
        let width = max(10, columns - 22)
        var line = StyledLine()
        line.add(name, width: 9)
        line.add(DisplayText.padded(Sparkline.text(values, width: width), to: width), style)
        line.add(" \(values.last ?? 0)", .bold)
        line.add(" max \(values.max() ?? 0)", .dim)
        return line
    }

    /// `demand 21 (9 running, 12 waiting)  workers 5 ready, 3 starting, 0 draining, 8 desired`: all pools, for a log.
    package static func sums(_ pools: [PoolView]) -> String {
        let sum = { (value: (PoolView) -> Int) in pools.reduce(0) { $0.addingClamped(value($1)) } }
        return "demand \(sum { $0.demand.total }) (\(sum { $0.demand.resident }) running, \(sum { $0.demand.waiting }) waiting)"
            + "  workers \(sum(\.ready)) ready, \(sum(\.starting)) starting, \(sum(\.draining)) draining, \(sum(\.desired)) desired"
    }

    private func demand(_ pool: PoolView, _ line: inout StyledLine) {
        let (running, waiting) = (pool.demand.resident, pool.demand.waiting)
        let scale = min(1, Double(Self.barWidth) / Double(max(running + waiting, 1)))
        let runningCells = Int((Double(running) * scale).rounded())
        let waitingCells = min(Self.barWidth - runningCells, Int((Double(waiting) * scale).rounded(.up)))
        line.add(String(repeating: "█", count: runningCells), .green)
        line.add(String(repeating: "▒", count: waitingCells), .yellow)
        line.add("", width: Self.barWidth - runningCells - waitingCells)
        line.add(" \(running)", .green)
        line.add(" + ")
        line.add("\(waiting)", waiting > 0 ? .yellow : .dim)
        line.add("", width: max(1, 12 - String(running).count - String(waiting).count))
    }

    private func workers(_ pool: PoolView, _ line: inout StyledLine) {
        // Those that claims took drain, by the log, and are none of those that are ready.
        let isUnclaimed = pool.claims != nil
        let idle = isUnclaimed ? pool.idle : max(0, pool.ready - pool.busy)
        let parts: [(count: Int, glyph: String, style: StyledLine.Style)] = [
            (isUnclaimed ? pool.busy : min(pool.busy, pool.ready), "●", .green), (idle, "○", .plain), (pool.starting, "◌", .yellow),
            (isUnclaimed ? max(0, pool.draining - pool.busy) : pool.draining, "◒", .blue),
        ]
        let total = parts.reduce(0) { $0.addingClamped($1.count) }
        var width = 0
        for part in parts where part.count > 0 {
            let cells = total < workersWidth ? part.count : max(1, Int(Double(part.count) / Double(total) * Double(workersWidth - 1)))
            line.add(String(repeating: part.glyph, count: cells), part.style)
            width += cells
        }
        line.add("", width: max(1, workersWidth - width))
        line.add("\(pool.ready.addingClamped(pool.starting).addingClamped(pool.draining))", .bold)
        line.add(" of \(pool.max), wants \(pool.desired)", .dim)
        if let oldest = pool.oldestWaitSeconds, oldest >= 0.1 { line.add("  oldest waits \(DurationText.short(oldest))", .yellow) }
        if pool.paused { line.add("  paused", .red) }
        if pool.fallback { line.add("  fallback", .red) }
    }
}
