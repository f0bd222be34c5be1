import Views
import Domain
import Inspection
import Output

// What does one look at while the demo runs?
//
// Pure: a view of the stage becomes lines. On a terminal a picture, elsewhere a line a second.

struct DemoScreen: Sendable {
    var url: String
    var time = TimeText()

    private static let nameWidth = 12

    func frame(_ view: DemoStage.View, elapsedSeconds: Double, columns: Int) -> [StyledLine] {
        let picture = PoolPicture(view.pools, nameWidth: Self.nameWidth)
        var lines = [header(view, elapsedSeconds), StyledLine(), picture.titles()]
        lines += view.pools.map { picture.row($0, named: $0.name) }
        lines += [StyledLine(), picture.legend(), StyledLine()]
        lines.append(PoolPicture.history("demand", view.samples.map(\.demand), columns: columns, .yellow))
        lines.append(PoolPicture.history("workers", view.samples.map(\.workers), columns: columns, .green))
        lines.append(StyledLine())
        lines += view.notes.map { StyledLine($0, .yellow) }
        lines += view.decisions.suffix(6).map { $0.line(time: time, nameWidth: Self.nameWidth) }
        return lines
    }

    /// `12 s  demand 21 (9 running, 12 waiting)  workers 5 ready, 3 starting, 0 draining, 8 desired  120/400 turns done`
    func line(_ view: DemoStage.View, elapsedSeconds: Double) -> String {
        var text = DisplayText.rightAligned("\(Int(elapsedSeconds)) s", to: 5)
        text += "  " + PoolPicture.sums(view.pools)
        text += "  turns \(view.turnsDone)/\(view.planned) done, \(view.killed) killed"
        text += "  restores \(view.restores.cold) cold, \(view.restores.near) warm"
        return text
    }

    private func header(_ view: DemoStage.View, _ elapsedSeconds: Double) -> StyledLine {
        var line = StyledLine("Greenroom demo", .bold)
        line.add("  \(Int(elapsedSeconds)) s   \(url)   ")
        line.add("turns \(Grouped.text(view.turnsDone)) done of \(Grouped.text(view.planned))   seq \(Grouped.text(Int64(view.lastSeq)))")
        line.add("   restores \(Grouped.text(view.restores.cold)) cold, ")
        line.add("\(Grouped.text(view.restores.near)) warm", .green)
        if view.killed > 0 { line.add("   \(view.killed) killed", .red) }
        return line
    }
}
