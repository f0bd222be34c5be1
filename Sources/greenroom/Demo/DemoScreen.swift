import ControlLoop
import Domain

// What does one look at while the demo runs?
//
// Pure: a view of the stage becomes lines. On a terminal a picture, elsewhere a line a second.

struct DemoScreen: Sendable {
    var url: String
    var time = TimeText()

    private static let barWidth = 24
    /// The bar, and running + waiting in numbers.
    private static let demandWidth = barWidth + 16
    private static let workersMost = 26

    func frame(_ view: DemoStage.View, elapsedSeconds: Double, columns: Int) -> [StyledLine] {
        var lines = [header(view, elapsedSeconds), StyledLine(), titles()]
        let workersWidth = min(Self.workersMost, view.pools.map(\.max).max() ?? 0) + 1
        lines += view.pools.map { row($0, workersWidth) }
        lines += [StyledLine(), legend(), StyledLine()]
        let width = max(10, columns - 22)
        let demand = view.samples.map(\.demand)
        let workers = view.samples.map(\.workers)
        lines.append(spark("demand", demand, width, .yellow))
        lines.append(spark("workers", workers, width, .green))
        lines.append(StyledLine())
        lines += view.decisions.suffix(6).map { decision($0) }
        return lines
    }

    /// `12 s  demand 21 (9 running, 12 waiting)  workers 5 ready, 3 starting, 0 draining, 8 desired  120/400 turns done`
    func line(_ view: DemoStage.View, elapsedSeconds: Double) -> String {
        let sum = { (value: (PoolView) -> Int) in view.pools.reduce(0) { $0 + value($1) } }
        var text = DisplayText.rightAligned("\(Int(elapsedSeconds)) s", to: 5)
        text += "  demand \(sum { $0.demand.total }) (\(sum { $0.demand.resident }) running, \(sum { $0.demand.waiting }) waiting)"
        text += "  workers \(sum(\.ready)) ready, \(sum(\.starting)) starting, \(sum(\.draining)) draining, \(sum(\.desired)) desired"
        text += "  turns \(view.turnsDone)/\(view.planned) done, \(view.killed) killed"
        return text
    }

    private func header(_ view: DemoStage.View, _ elapsedSeconds: Double) -> StyledLine {
        var line = StyledLine("Greenroom demo", .bold)
        line.add("  \(Int(elapsedSeconds)) s   \(url)   ")
        line.add("turns \(Grouped.text(view.turnsDone)) done of \(Grouped.text(view.planned))   seq \(Grouped.text(Int64(view.lastSeq)))")
        if view.killed > 0 { line.add("   \(view.killed) killed", .red) }
        return line
    }

    private func titles() -> StyledLine {
        var line = StyledLine()
        line.add("POOL", width: 13, .dim)
        line.add("DEMAND", width: Self.demandWidth, .dim)
        line.add("WORKERS", .dim)
        return line
    }

    private func row(_ pool: PoolView, _ workersWidth: Int) -> StyledLine {
        var line = StyledLine()
        line.add("\(pool.name)", width: 12, .bold)
        line.add(" ")
        let (running, waiting) = (pool.demand.resident, pool.demand.waiting)
        let total = max(running + waiting, 1)
        let scale = min(1, Double(Self.barWidth) / Double(total))
        let runningCells = Int((Double(running) * scale).rounded())
        let waitingCells = min(Self.barWidth - runningCells, Int((Double(waiting) * scale).rounded(.up)))
        line.add(String(repeating: "█", count: runningCells), .green)
        line.add(String(repeating: "▒", count: waitingCells), .yellow)
        line.add("", width: Self.barWidth - runningCells - waitingCells)
        line.add(" \(running)", .green)
        line.add(" + ")
        line.add("\(waiting)", waiting > 0 ? .yellow : .dim)
        line.add("", width: max(1, 12 - String(running).count - String(waiting).count))
        workers(pool, workersWidth, &line)
        return line
    }

    private func workers(_ pool: PoolView, _ workersWidth: Int, _ line: inout StyledLine) {
        let idle = max(0, pool.ready - pool.busy)
        let parts: [(count: Int, glyph: String, style: StyledLine.Style)] = [
            (min(pool.busy, pool.ready), "●", .green), (idle, "○", .plain), (pool.starting, "◌", .yellow), (pool.draining, "◒", .blue),
        ]
        let total = parts.reduce(0) { $0 + $1.count }
        var width = 0
        for part in parts where part.count > 0 {
            let cells = total < workersWidth ? part.count : max(1, part.count * (workersWidth - 1) / total)
            line.add(String(repeating: part.glyph, count: cells), part.style)
            width += cells
        }
        line.add("", width: max(1, workersWidth - width))
        line.add("\(pool.ready + pool.starting + pool.draining)", .bold)
        line.add(" of \(pool.max), wants \(pool.desired)", .dim)
        if let oldest = pool.oldestWaitSeconds, oldest >= 0.1 { line.add("  oldest waits \(DurationText.short(oldest))", .yellow) }
    }

    private func legend() -> StyledLine {
        var line = StyledLine()
        line.add("", width: 13)
        line.add("█", .green); line.add(" running  ", .dim)
        line.add("▒", .yellow); line.add(" waiting", .dim)
        line.add("", width: Self.demandWidth - 20)
        line.add("●", .green); line.add(" busy  ○ idle  ", .dim)
        line.add("◌", .yellow); line.add(" starting  ", .dim)
        line.add("◒", .blue); line.add(" draining", .dim)
        return line
    }

    private func spark(_ name: String, _ values: [Int], _ width: Int, _ style: StyledLine.Style) -> StyledLine {
        var line = StyledLine()
        line.add(name, width: 9)
        line.add(DisplayText.padded(Sparkline.text(values, width: width), to: width), style)
        line.add(" \(values.last ?? 0)", .bold)
        line.add(" max \(values.max() ?? 0)", .dim)
        return line
    }

    private func decision(_ recorded: RecordedDecision) -> StyledLine {
        let decision = recorded.decision
        var line = StyledLine(time.clock(recorded.event.at) + "  ", .dim)
        line.add(recorded.pool, width: 12)
        line.add(" \(decision.from) → \(decision.to)  ", decision.to > decision.from ? .green : .blue)
        line.add(decision.text)
        return line
    }
}
