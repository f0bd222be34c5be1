import Basics
package import Domain

// How fast do requests come, and how long do starts, restores and turns take?
//
// Small fixed windows over log time: they say what was, they decide nothing by themselves.

/// Arrivals in the last five minutes, by the second.
package struct ArrivalWindow: Hashable, Sendable {
    private static let spanSeconds = 300
    private var counts = [UInt32](repeating: 0, count: spanSeconds)
    /// The newest second counted.
    private var newest: Int64 = 0

    package mutating func add(at time: LogTime) {
        let second = time.microseconds / 1_000_000
        // Nothing is counted before the epoch, where an imported log may begin.
        guard second >= 0 else { return }
        advance(to: second)
        counts[Int(second % Int64(Self.spanSeconds))] &+= 1
    }

    /// Arrivals per second over the last `seconds` (at most 300), the running second included.
    package func rate(overSeconds seconds: Int, at time: LogTime) -> Double {
        let now = time.microseconds / 1_000_000
        var total = 0
        for second in (now - Int64(seconds) + 1)...now where second > newest - Int64(Self.spanSeconds) && second <= newest && second >= 0 {
            total += Int(counts[Int(second % Int64(Self.spanSeconds))])
        }
        return Double(total) / Double(seconds)
    }

    private mutating func advance(to second: Int64) {
        guard second > newest else { return }
        let steps = min(second - newest, Int64(Self.spanSeconds))
        for k in 0..<steps { counts[Int((second - k) % Int64(Self.spanSeconds))] = 0 }
        newest = second
    }

    package func encode(into writer: inout ByteWriter) {
        writer.integer(newest)
        for count in counts { writer.integer(count) }
    }

    package init() {}

    package init(from reader: inout ByteReader) throws(ByteFault) {
        newest = try reader.integer()
        for k in 0..<Self.spanSeconds { counts[k] = try reader.integer() }
    }
}

/// The last durations of one thing.
package struct DurationRing: Hashable, Sendable {
    private static let limit = 128
    private var micros: [Int64] = []
    private var next = 0
    /// The same durations, rising: decisions ask for a quantile at every commit.
    private var sorted: [Int64] = []

    package init() {}

    package mutating func add(microseconds: Int64) {
        let value = max(0, microseconds)
        guard micros.count == Self.limit else {
            micros.append(value)
            return sorted.insert(value, at: place(of: value))
        }
        replace(micros[next], by: value)
        micros[next] = value
        next = (next + 1) % Self.limit
    }

    /// Moves what lies between the two, and nothing else: durations of one thing are mostly alike.
    private mutating func replace(_ old: Int64, by new: Int64) {
        var place = place(of: old)
        while place + 1 < sorted.count, sorted[place + 1] < new {
            sorted[place] = sorted[place + 1]
            place += 1
        }
        while place > 0, sorted[place - 1] > new {
            sorted[place] = sorted[place - 1]
            place -= 1
        }
        sorted[place] = new
    }

    /// Where the first that is no shorter than `value` stands, or would stand.
    private func place(of value: Int64) -> Int { sorted.firstPlace { $0 < value } }

    /// The 90th percentile (nearest rank); nil where nothing was measured.
    package var p90Microseconds: Int64? { sorted.isEmpty ? nil : sorted[(sorted.count * 9 + 9) / 10 - 1] }

    /// The 50th, as above; nil where nothing was measured.
    package var medianMicroseconds: Int64? { sorted.isEmpty ? nil : sorted[(sorted.count - 1) / 2] }

    /// Seconds at each of `quantiles` (nearest rank); nil where nothing was measured.
    package func quantiles(_ quantiles: [Double]) -> [Double]? {
        guard !sorted.isEmpty else { return nil }
        return quantiles.map { q in
            let rank = Int((q * Double(sorted.count)).rounded(.up))
            return Double(sorted[min(max(rank, 1), sorted.count) - 1]) / 1e6
        }
    }

    package func encode(into writer: inout ByteWriter) {
        writer.list(micros) { writer, value in writer.integer(value) }
        writer.count(next)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        micros = try reader.list(bytesEach: 8) { reader throws(ByteFault) in try reader.integer(Int64.self) }
        next = Int(try reader.integer(UInt32.self))
        guard micros.count <= Self.limit, next < Self.limit else {
            throw ByteFault(offset: reader.offset, problem: "a ring of durations is too long")
        }
        sorted = micros.sorted()
    }
}
