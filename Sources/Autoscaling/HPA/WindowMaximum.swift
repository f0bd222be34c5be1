import Basics
package import Domain

// What was the highest value within the last while?
//
// A monotonic queue: an entry that is older and no higher than a later one can never be the answer again, so it is
// dropped when the later one comes. What stays has falling values and rising stamps; the first entry inside the window
// is its maximum. Recording is O(1) amortised, asking O(log n), and the answers are those of the full list of samples.
//
//     values recorded   3  9  4  6  5        kept   9  6  5
//
// Always: values strictly fall, stamps never fall, and there are at most `mostEntries` of them.

/// How long a sample counts. HPA compares differently on its two paths, to the instant.
struct Window: Hashable, Sendable {
    var seconds: Int
    /// Whether a sample exactly `seconds` old still counts: yes on HPA's path without behavior, no with it.
    var countsItsEdge = false

    private var edge: Int64 { countsItsEdge ? 1 : 0 }

    func counts(_ stamp: LogTime, at now: LogTime) -> Bool { expiry(of: stamp) > now }

    /// The first instant at which a sample of that stamp no longer counts.
    func expiry(of stamp: LogTime) -> LogTime { stamp.adding(seconds: seconds).adding(microseconds: edge) }
}

/// The maximum of what was recorded within a window that ends now.
package struct WindowMaximum: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var value: Int
        /// The last moment at which the value stood.
        package var at: LogTime

        package init(value: Int, at: LogTime) { self.value = value; self.at = at }
    }

    /// Reached only by hundreds of falling values within one window.
    package static let mostEntries = 256

    package internal(set) var entries: [Entry] = []

    package init() {}
    package init(entries: [Entry]) { self.entries = entries }

    /// Adds a sample that is not older than any before it, and forgets what `window` will never count again.
    mutating func record(_ value: Int, at now: LogTime, keeping window: Window) {
        guard window.seconds > 0 else { return entries.removeAll(keepingCapacity: true) }
        while let last = entries.last, last.value <= value { entries.removeLast() }
        entries.append(Entry(value: value, at: now))
        let first = firstCounted(in: window, at: now)
        if first > 0 { entries.removeFirst(first) }
        if entries.count > Self.mostEntries { coarsen() }
    }

    /// The highest of `value` and all that counts.
    func highest(with value: Int, in window: Window, at now: LogTime) -> Int {
        let first = firstCounted(in: window, at: now)
        return first < entries.count ? max(value, entries[first].value) : value
    }

    /// When the maximum falls below `level` though nothing is recorded; nil where it is below it already.
    func fallsBelow(_ level: Int, in window: Window, at now: LogTime) -> LogTime? {
        guard let last = entries.last(where: { $0.value >= level }), window.counts(last.at, at: now) else { return nil }
        return window.expiry(of: last.at)
    }

    private func firstCounted(in window: Window, at now: LogTime) -> Int {
        entries.firstPlace { !window.counts($0.at, at: now) }
    }

    /// Joins neighbours: the higher value with the later stamp. It errs on the side of holding longer, never shorter.
    private mutating func coarsen() {
        var joined: [Entry] = []
        joined.reserveCapacity(Self.mostEntries)
        for index in stride(from: 0, to: entries.count, by: 2) {
            let last = min(index + 1, entries.count - 1)
            joined.append(Entry(value: entries[index].value, at: entries[last].at))
        }
        entries = joined
    }
}
