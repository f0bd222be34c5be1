package import Domain
import Basics

// How much demand may there be before a worker that is asked for now is ready?
//
// Let D(t) be demand, H the time a worker takes to start (its measured 90th percentile), W the window. For each moment of
// the last W seconds it is known what was held then, and the highest D over the H that followed. Room is kept for as much
// as covered the quantile q of those moments: with q = 0.97 demand outgrew it during 3 % of the time. How much of that room
// moves with what is held, and how much is constant, `SurgeShare` learns. What is held is the highest D of the last H ÷ 2:
// a worker let go and wanted again so soon would cost a start.
//
//     D            2 2 7 9 9 3 …        cells of one start's sixteenth, each with its highest D
//     a cell's sample = the highest of the cells within H after it, and the highest of those within H ÷ 2 before it
//
// Memory is bounded: a closed cell waits for H and then becomes part of a run of equal samples; runs leave after W;
// histograms follow what comes and goes. Closing a cell costs O(log n), and all between costs nothing.
//
// Always: times never go back; the histograms count exactly the runs; what is asked at a moment is the same before and
// after that moment is folded in. Counts are actors, not workers. Within the first H ÷ (1 − q), which it takes to see a
// rise as rare as the quantile at all, what was not seen yet counts as the highest seen.

package struct SurgeBuffer: Hashable, Sendable {
    /// Demand within a short while that is over.
    package struct Cell: Hashable, Sendable {
        package var end: LogTime
        package var highest: Int
        /// What was held when it ended.
        package var held: Int

        package init(end: LogTime, highest: Int, held: Int) {
            self.end = end
            self.highest = highest
            self.held = held
        }
    }

    /// A while whose cells were alike.
    package struct Run: Hashable, Sendable {
        package var end: LogTime
        package var microseconds: Int64
        /// Demand within a start's time after it.
        package var highest: Int
        package var held: Int

        package init(end: LogTime, microseconds: Int64, highest: Int, held: Int) {
            self.end = end
            self.microseconds = microseconds
            self.highest = highest
            self.held = held
        }
    }

    /// The start time before any was measured.
    package static let assumedStartMicroseconds: Int64 = 10_000_000
    /// A start longer than this is not waited for.
    package static let longestStartMicroseconds: Int64 = 3_600_000_000
    /// Cells to a start, and to a window: what bounds the cells that wait, and the runs.
    static let cellsPerStart: Int64 = 16
    static let cellsPerWindow: Int64 = 2_048
    static let shortestCellMicroseconds: Int64 = 1_000
    static let mostCells = 64
    static let mostRuns = Int(cellsPerWindow) + 64

    /// Closed and waiting for what follows, oldest first.
    package private(set) var cells: [Cell] = []
    /// Where the running cell began; nil before the first observation.
    package private(set) var openSince: LogTime?
    package private(set) var openHighest = 0
    /// Demand at the first observation.
    package private(set) var firstLevel = 0
    /// Demand now.
    package private(set) var level = 0
    /// The start time that counts now.
    package private(set) var startMicroseconds = Self.assumedStartMicroseconds
    package private(set) var windowMicroseconds: Int64 = 0
    /// Oldest first.
    package private(set) var runs: [Run] = []
    private var share = SurgeShare()
    /// The quarters of what is held that room moves with.
    package var shareQuarters: Int { share.quarters }

    package init() {}

    /// As it was encoded; what the share is chosen from follows from the runs.
    package init(
        cells: [Cell], openSince: LogTime?, openHighest: Int, firstLevel: Int, level: Int, startMicroseconds: Int64,
        windowMicroseconds: Int64,
        runs: [Run], shareQuarters: Int
    ) {
        self.cells = Array(cells.suffix(Self.mostCells))
        self.openSince = openSince
        self.openHighest = openHighest
        self.firstLevel = firstLevel
        self.level = level
        self.startMicroseconds = Self.counted(startMicroseconds)
        self.windowMicroseconds = max(windowMicroseconds, 0)
        self.runs = Array(runs.suffix(Self.mostRuns))
        share = SurgeShare(quarters: shareQuarters)
        for run in self.runs { share.add(run.microseconds, highest: run.highest, held: run.held) }
    }

    private var cellMicroseconds: Int64 {
        max(startMicroseconds / Self.cellsPerStart, windowMicroseconds / Self.cellsPerWindow, Self.shortestCellMicroseconds)
    }

    private var holdMicroseconds: Int64 { startMicroseconds / 2 }

    // MARK: - Observing

    /// Demand is this much from now on.
    mutating func observe(_ demand: Int, at now: LogTime, startMicroseconds: Int64?, quantilePPM: Int, windowSeconds: Int) {
        windowMicroseconds = Int64(windowSeconds).multipliedClamped(by: 1_000_000)
        var isNews = roll(to: now)
        // A shorter start makes shorter cells: the running one may be over by that.
        self.startMicroseconds = Self.counted(startMicroseconds)
        isNews = roll(to: now) || isNews
        if isNews { share.choose(quantilePPM: quantilePPM, leastSeen: leastSeen(quantilePPM), windowMicroseconds: windowMicroseconds) }
        if openSince == nil { (openSince, firstLevel) = (now, demand) }
        level = demand
        openHighest = max(openHighest, demand)
    }

    private static func counted(_ startMicroseconds: Int64?) -> Int64 {
        min(max(startMicroseconds ?? assumedStartMicroseconds, 0), longestStartMicroseconds)
    }

    private func isOver(_ now: LogTime) -> Bool { openSince.map { now.microseconds(since: $0) >= cellMicroseconds } ?? true }

    /// Closes the cells that are over by `now`; false where none is.
    private mutating func roll(to now: LogTime) -> Bool {
        guard var begin = openSince else { return false }
        let length = cellMicroseconds
        guard now.microseconds(since: begin) >= length else { return false }
        // After this long without a change all samples are alike, however long it goes on.
        let settling = startMicroseconds + holdMicroseconds + 2 * length
        let settled = begin.adding(microseconds: settling)
        let resumed = now.adding(microseconds: -settling)
        while now.microseconds(since: begin) >= length {
            if begin >= settled, begin < resumed {
                // The cells that wait are settled too. No more of it than the window holds: the sums are bounded by that.
                let unresolved = cells.first?.end.adding(microseconds: -length) ?? begin
                remember(level, held: level, from: max(unresolved, resumed.adding(microseconds: -windowMicroseconds)), to: resumed)
                cells = []
                begin = resumed
            } else {
                begin = begin.adding(microseconds: length)
                close(at: begin)
            }
        }
        openSince = begin
        forget(before: now.adding(microseconds: -windowMicroseconds))
        return true
    }

    private mutating func close(at end: LogTime) {
        let held = max(openHighest, highestSince(end.adding(microseconds: -holdMicroseconds)))
        cells.append(Cell(end: end, highest: openHighest, held: held))
        openHighest = level
        resolve(upTo: end)
    }

    /// What followed a cell is known once the start time is over.
    private mutating func resolve(upTo now: LogTime) {
        var resolved = 0
        while resolved < cells.count,
            now.microseconds(since: cells[resolved].end) >= startMicroseconds || cells.count - resolved > Self.mostCells
        {
            let cell = cells[resolved]
            let followed = cells[(resolved + 1)...].reduce(openHighest) { max($0, $1.highest) }
            let length = resolved > 0 ? cell.end.microseconds(since: cells[resolved - 1].end) : cellMicroseconds
            remember(followed, held: cell.held, from: cell.end.adding(microseconds: -length), to: cell.end)
            resolved += 1
        }
        if resolved > 0 { cells.removeFirst(resolved) }
    }

    private mutating func remember(_ highest: Int, held: Int, from begin: LogTime, to end: LogTime) {
        let length = end.microseconds(since: begin)
        guard length > 0 else { return }
        share.add(length, highest: highest, held: held)
        if let last = runs.last, last.highest == highest, last.held == held, last.end == begin {
            runs[runs.count - 1].end = end
            runs[runs.count - 1].microseconds += length
        } else {
            runs.append(Run(end: end, microseconds: length, highest: highest, held: held))
            if runs.count > Self.mostRuns { forgetFirst(runs.count - Self.mostRuns) }
        }
    }

    private mutating func forget(before border: LogTime) {
        if let gone = runs.firstIndex(where: { $0.end > border }) { forgetFirst(gone) } else { forgetFirst(runs.count) }
        guard let first = runs.first else { return }
        let excess = border.microseconds(since: first.end.adding(microseconds: -first.microseconds))
        guard excess > 0 else { return }
        share.add(-excess, highest: first.highest, held: first.held)
        runs[0].microseconds -= excess
    }

    private mutating func forgetFirst(_ count: Int) {
        guard count > 0 else { return }
        for run in runs[..<count] { share.add(-run.microseconds, highest: run.highest, held: run.held) }
        runs.removeFirst(count)
    }

    /// Of the cells that ended after `moment`.
    private func highestSince(_ moment: LogTime) -> Int {
        var highest = 0
        for cell in cells.reversed() {
            guard cell.end > moment else { break }
            highest = max(highest, cell.highest)
        }
        return highest
    }
}

// MARK: - Answers

extension SurgeBuffer {
    /// What to have room for, and when to look again though nothing is observed.
    struct Answer: Hashable, Sendable {
        /// The highest demand of the last H ÷ 2.
        var held: Int
        /// Actors beyond it.
        var spare: Int
        /// The quarters of what is held that its room moves with.
        var shareQuarters: Int
        var nextChange: LogTime?
    }

    /// At `now`, with `demand` and the start time as they are then: the same before and after they are observed.
    func answer(quantilePPM: Int, windowSeconds: Int, demand: Int, startMicroseconds: Int64?, at now: LogTime) -> Answer {
        let isSame =
            Self.counted(startMicroseconds) == self.startMicroseconds
            && Int64(windowSeconds).multipliedClamped(by: 1_000_000) == windowMicroseconds
        guard !isSame || isOver(now) else { return settledAnswer(quantilePPM, demand, now) }
        var observed = self
        observed.observe(demand, at: now, startMicroseconds: startMicroseconds, quantilePPM: quantilePPM, windowSeconds: windowSeconds)
        return observed.settledAnswer(quantilePPM, demand, now)
    }

    private func settledAnswer(_ quantilePPM: Int, _ demand: Int, _ now: LogTime) -> Answer {
        let held = max(demand, openHighest, highestSince(now.adding(microseconds: -holdMicroseconds)))
        // Before the first rise is known: as much again as demand has risen since.
        let spare =
            share.total == 0
            ? max(0, held.subtractingClamped(firstLevel))
            : share.room(held, quantilePPM: quantilePPM, leastSeen: leastSeen(quantilePPM)).subtractingClamped(held)
        return Answer(
            held: held, spare: spare, shareQuarters: share.quarters, nextChange: nextChange(demand, held: held, spare: spare, now))
    }

    /// A rise as rare as the quantile is seen once in this long.
    private func leastSeen(_ quantilePPM: Int) -> Int64 {
        min(windowMicroseconds, startMicroseconds * 1_000_000 / Int64(max(1, 1_000_000 - quantilePPM)))
    }

    /// The end of what is held, of the rises that wait, or of a part of the window: whichever comes first.
    private func nextChange(_ demand: Int, held: Int, spare: Int, _ now: LogTime) -> LogTime? {
        guard let openSince else { return nil }
        let openHighest = max(openHighest, demand)
        let openEnd = openSince.adding(microseconds: cellMicroseconds)
        var changes: [LogTime] = []
        if held > demand {
            let last = openHighest >= held ? openEnd : cells.last { $0.highest >= held }?.end ?? openEnd
            changes.append(last.adding(microseconds: holdMicroseconds))
        }
        if openHighest != demand {
            changes.append(openEnd.adding(microseconds: startMicroseconds))
        } else if let last = cells.last(where: { $0.highest != demand }) {
            changes.append(last.end.adding(microseconds: startMicroseconds + cellMicroseconds))
        }
        if spare > 0 { changes.append(now.adding(microseconds: max(windowMicroseconds / 32, cellMicroseconds))) }
        return changes.filter { $0 > now }.min()
    }
}
