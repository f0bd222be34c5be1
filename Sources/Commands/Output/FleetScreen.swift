import Basics
import Views
import Domain
import Inspection
import Output

// What does one look at to see whether the pools keep up?
//
// Pure: what a service said of its pools, in the order in which they need a look (who waits comes first), and how their
// sums moved since one began to look. Never more lines than the terminal has: what is left out is counted.

struct FleetScreen: Sendable {
    private(set) var pools: [PoolView] = []
    private var demand: [Int] = []
    private var workers: [Int] = []
    /// The newest decisions of these pools, by position.
    private var decisions: [Position: RecordedDecision] = [:]
    /// Why the service didn't answer lately; nil while it does.
    var trouble: String?

    private let url: String
    private static let samplesKept = 3_000
    private static let nameWidthMost = 32
    /// Header, titles, legend, two histories, trouble and the blank lines between.
    private static let linesAround = 10
    private static let decisionsMost = 6

    init(url: String) { self.url = url }

    mutating func show(_ now: [PoolView]) {
        pools = now.sorted { Self.needsLookSooner($0, $1) }
        trouble = nil
        demand = (demand + [now.reduce(0) { $0.addingClamped($1.demand.total) }]).suffix(Self.samplesKept)
        workers = (workers + [now.reduce(0) { $0.addingClamped($1.ready).addingClamped($1.starting).addingClamped($1.draining) }]).suffix(
            Self.samplesKept)
    }

    /// Positions of the decisions that are to be shown, the newest first.
    var newestDecisions: [Position] { Array(pools.compactMap(\.decisionSeq).sorted(by: >).prefix(Self.decisionsMost)) }

    /// Those of them that are not known yet.
    var missingDecisions: [Position] { newestDecisions.filter { decisions[$0] == nil } }

    mutating func learn(_ decision: RecordedDecision) {
        decisions[decision.event.seq] = decision
        let wanted = Set(newestDecisions)
        decisions = decisions.filter { wanted.contains($0.key) }
    }

    func frame(clock: String, columns: Int, rows: Int) -> [StyledLine] {
        let reasons = newestDecisions.compactMap { decisions[$0] }.map { $0.line() }
        let room = max(1, rows - Self.linesAround - reasons.count)
        let shown = pools.prefix(pools.count > room ? max(1, room - 1) : room)
        let nameWidth = min(Self.nameWidthMost, shown.map { DisplayText.width(Self.name($0)) }.max() ?? 0)
        let picture = PoolPicture(Array(shown), nameWidth: max(nameWidth, 4))
        var lines = [header(clock), StyledLine(), picture.titles()]
        lines += shown.map { picture.row($0, named: Self.name($0)) }
        if shown.count < pools.count { lines.append(StyledLine("… and \(pools.count - shown.count) more: greenroom get pools", .dim)) }
        if pools.isEmpty {
            lines.append(
                StyledLine("no pools yet: put a policy with PUT /v1/policies/NS/NAME, or name its file in the configuration", .dim))
        }
        lines += [StyledLine(), picture.legend(), StyledLine()]
        lines.append(PoolPicture.history("demand", demand, columns: columns, .yellow))
        lines.append(PoolPicture.history("workers", workers, columns: columns, .green))
        if !reasons.isEmpty { lines += [StyledLine()] + reasons }
        return lines
    }

    /// One line for a log or a pipe.
    func line(clock: String) -> String { "\(clock)  " + (trouble ?? PoolPicture.sums(pools)) }

    private func header(_ clock: String) -> StyledLine {
        var line = StyledLine("Greenroom", .bold)
        line.add("  \(clock)   \(url)   \(pools.count) \(pools.count == 1 ? "pool" : "pools")")
        if let trouble { line.add("   \(trouble)", .red) }
        return line
    }

    /// Who waits longest, then who has most waiting, then who has most to do.
    private static func needsLookSooner(_ a: PoolView, _ b: PoolView) -> Bool {
        let (waitA, waitB) = (a.oldestWaitSeconds ?? 0, b.oldestWaitSeconds ?? 0)
        guard waitA == waitB else { return waitA > waitB }
        guard a.demand.waiting == b.demand.waiting else { return a.demand.waiting > b.demand.waiting }
        guard a.demand.total == b.demand.total else { return a.demand.total > b.demand.total }
        return name(a) < name(b)
    }

    private static func name(_ pool: PoolView) -> String { "\(pool.namespace)/\(pool.name)" }
}
