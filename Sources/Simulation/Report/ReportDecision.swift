// What is one marker's decision?
//
// A change of the count with its why; or, where there are more than can be told apart, a move: decisions that followed one
// another in one direction, told as one change from the first count to the last, with the reasons of the last. A pool that
// follows each turn makes hundreds of single steps on its way up; the way up is what a reader looks for.

package struct ReportDecision: Hashable, Sendable {
    package var seconds: Double
    package var from: Int
    package var to: Int
    /// The step that settled it, for instance `ScaleUpLimit`; empty where nobody says.
    package var code: String
    /// The why-chain in words, a line a step.
    package var why: [String]

    /// Decisions of the move.
    package private(set) var steps = 1
    /// When the last of them was made.
    package private(set) var lastSeconds: Double
    /// Decisions close by that are not told, as their moves were smaller.
    package private(set) var others = 0

    package init(seconds: Double, from: Int, to: Int, code: String = "", why: [String] = []) {
        self.seconds = seconds
        self.from = from
        self.to = to
        self.code = code
        self.why = why
        lastSeconds = seconds
    }

    var size: Int { abs(to - from) }
    var isUp: Bool { to > from }
    /// Decisions that it stands for.
    var count: Int { steps + others }

    /// Goes on where this one ended, in the same direction.
    func continues(with next: ReportDecision) -> Bool { next.from == to && next.isUp == isUp }

    /// One move of two that follow one another.
    func joined(with next: ReportDecision) -> ReportDecision {
        var move = next
        move.seconds = seconds
        move.from = from
        move.steps = steps + next.steps
        move.others = others + next.others
        return move
    }

    /// The larger move of two, the earlier where they are equal, standing for both.
    func outweighing(_ other: ReportDecision) -> ReportDecision {
        var kept = other.size > size ? other : self
        kept.others = count + other.count - kept.steps
        return kept
    }
}

extension [ReportDecision] {
    /// At most one up and one down in each of `columns`, in the order of their time.
    func merged(columns: Int, _ place: (Double) -> Double) -> [ReportDecision] {
        var merged: [ReportDecision] = []
        var column: (up: ReportDecision?, down: ReportDecision?) = (nil, nil)
        var number = -1
        for move in moves(columns, place) {
            let next = Self.column(of: move, columns, place)
            if next != number {
                merged += [column.up, column.down].compactMap { $0 }.sorted { $0.seconds < $1.seconds }
                column = (nil, nil)
                number = next
            }
            if move.isUp { column.up = column.up?.outweighing(move) ?? move } else { column.down = column.down?.outweighing(move) ?? move }
        }
        return merged + [column.up, column.down].compactMap { $0 }.sorted { $0.seconds < $1.seconds }
    }

    /// Decisions that follow one another in one direction within a column, as one.
    private func moves(_ columns: Int, _ place: (Double) -> Double) -> [ReportDecision] {
        var moves: [ReportDecision] = []
        for decision in self {
            if let last = moves.last, last.continues(with: decision),
                Self.column(of: last, columns, place) == Self.column(of: decision, columns, place)
            {
                moves[moves.count - 1] = last.joined(with: decision)
            } else {
                moves.append(decision)
            }
        }
        return moves
    }

    private static func column(of decision: ReportDecision, _ columns: Int, _ place: (Double) -> Double) -> Int {
        Swift.min(Int(place(decision.seconds) * Double(columns)), columns - 1)
    }
}
