// Which value held when?
//
// A step function: a value holds from its moment until the next. It may be fed for as long as one likes and stays bounded:
// when it is full it is thinned to columns of equal width, each of which keeps its first, lowest, highest and last point.
// So every peak and every trough survives, at its own moment; what is lost is how often the value moved inside a column.

package struct StepSeries: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        package var seconds: Double
        package var value: Int

        package init(seconds: Double, value: Int) {
            self.seconds = seconds
            self.value = value
        }
    }

    /// Rising in time; each value differs from the one before.
    package private(set) var points: [Point] = []

    /// Points kept, at most.
    package static let mostPoints = 16_384
    /// Columns that a full series is thinned to: at most four points each, so half of the room is free again.
    private static let thinnedColumns = mostPoints / 8

    package init() {}

    /// Points in the order of their time; see `append`.
    package init(_ points: [(seconds: Double, value: Int)]) {
        for point in points { append(point.value, atSeconds: point.seconds) }
    }

    /// `value` from `seconds` on. At one moment the last value counts; time that goes back counts as the last moment.
    package mutating func append(_ value: Int, atSeconds seconds: Double) {
        guard let last = points.last else {
            points.append(Point(seconds: seconds, value: value))
            return
        }
        let seconds = max(seconds, last.seconds)
        if seconds == last.seconds { points.removeLast() }
        guard points.last?.value != value else { return }
        points.append(Point(seconds: seconds, value: value))
        if points.count > Self.mostPoints { self = thinned(columns: Self.thinnedColumns, from: points[0].seconds, to: seconds) }
    }

    /// In `columns` of equal width between two moments, at most four points each.
    func thinned(columns: Int, from start: Double, to end: Double) -> StepSeries {
        guard points.count > columns, columns > 0, end > start else { return self }
        var thin = StepSeries()
        var first = 0
        while first < points.count {
            let column = Self.column(of: points[first].seconds, columns, start, end)
            var next = first + 1
            while next < points.count, Self.column(of: points[next].seconds, columns, start, end) == column { next += 1 }
            thin.keep(points[first..<next])
            first = next
        }
        return thin
    }

    private static func column(of seconds: Double, _ columns: Int, _ start: Double, _ end: Double) -> Int {
        let place = (seconds - start) / (end - start) * Double(columns)
        return Int(min(max(place, 0), Double(columns - 1)))
    }

    /// First, lowest, highest and last of one column, in their order.
    private mutating func keep(_ column: ArraySlice<Point>) {
        let last = column.endIndex - 1
        var (low, high) = (column.startIndex, column.startIndex)
        for index in column.indices {
            if column[index].value < column[low].value { low = index }
            if column[index].value > column[high].value { high = index }
        }
        var kept = column.startIndex - 1
        for index in [column.startIndex, min(low, high), max(low, high), last] where index > kept {
            kept = index
            if points.last?.value != column[index].value { points.append(column[index]) }
        }
    }
}
