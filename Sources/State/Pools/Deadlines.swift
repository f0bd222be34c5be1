package import Domain
import Placement

// Whose deadline is the earliest, and whose have come?
//
// Keys with a moment each, in their order. Coming and going cost a step for each doubling of their number, wherever they stand: many
// deadlines may pass at one moment, and may be given in any order. Always: what is taken out is named with the moment it was put in with.

package struct Deadlines<Key: Comparable & Hashable & Sendable>: Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package let at: LogTime
        package let key: Key

        package init(at: LogTime, key: Key) {
            self.at = at
            self.key = key
        }

        package static func < (a: Entry, b: Entry) -> Bool { a.at != b.at ? a.at < b.at : a.key < b.key }
    }

    private var entries = OrderedTree<Entry>()

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    package var first: LogTime? { entries.first?.at }
    /// Of the tree below.
    package var longestMove: Int { entries.longestMove }

    /// It must not be there already.
    package mutating func add(_ key: Key, at time: LogTime) { entries.insert(Entry(at: time, key: key)) }

    /// Answers whether it was there.
    @discardableResult
    package mutating func remove(_ key: Key, at time: LogTime) -> Bool { entries.remove(Entry(at: time, key: key)) }

    package func contains(_ entry: Entry) -> Bool { entries.contains(entry) }

    /// The first moment after `time`.
    package func first(after time: LogTime) -> LogTime? { entries.first(notBefore: { $0.at <= time })?.at }

    /// The first that isn't one of `others`; looks at one more than these at most.
    package func first(except others: Set<Entry>) -> LogTime? {
        var found: LogTime?
        entries.visitLowest { entry in
            guard !others.contains(entry) else { return true }
            found = entry.at
            return false
        }
        return found
    }

    /// Those up to `now`, in their order, without `others`; at most `limit`.
    package func reached(_ now: LogTime, except others: Set<Entry> = [], limit: Int = .max) -> [Entry] {
        var reached: [Entry] = []
        guard limit > 0 else { return reached }
        entries.visitLowest { entry in
            guard entry.at <= now else { return false }
            if !others.contains(entry) { reached.append(entry) }
            return reached.count < limit
        }
        return reached
    }
}
