import Basics

// Who is tried next, and how many at once?
//
// ateapi keeps no queue: a free worker goes to whoever asks first. So parked actors are tried in their order, and never as a herd. Those
// that the log has placed come first, in the order in which it placed them. The others are only probed, one at a time, when `tick` allows
// it: the log may not know of a worker yet. Actors that compete for the same workers are one *class*. Of a class at most `window` tries are
// unproved at a time: it doubles with each try that wasn't refused, and is 1 again after a refusal. A refusal also closes the class until
// there is news for it. Pure: no clock, no I/O. Always: a key is in its class once, and no more than `window` are unproved.

struct ParkedOrder<Key: Hashable> {
    static var windowMost: Int { 64 }
    /// Classes that probe at one time: there may be one for each node.
    static var probesMost: Int { 16 }

    private struct Place: Hashable, Comparable {
        var number: UInt64
        var key: Key
        static func < (a: Place, b: Place) -> Bool { a.number < b.number }
    }

    private struct Class {
        var placed: [Place] = []
        var waiting: [Place] = []
        /// Its entries, those that are tried included.
        var members = 0
        var window = 1
        var unproved = 0
        /// Rises with news; a refusal of an older try says nothing of what came since.
        var news: UInt64 = 0
        var isClosed = true
        var mayProbe = false

        /// Whether one of it is to be tried now.
        var mayTry: Bool { !isClosed && unproved < window && (!placed.isEmpty || (mayProbe && unproved == 0 && !waiting.isEmpty)) }
    }

    private struct Entry {
        var name: String
        var arrival: UInt64
        var placement: UInt64?
        /// Not nil while it is tried: the news at its beginning.
        var triedAt: UInt64?
        var isProved = false
    }

    private var entries: [Key: Entry] = [:]
    private var classes: [String: Class] = [:]
    private var placements: UInt64 = 0
    private var lastProbed = ""

    var count: Int { entries.count }
    func contains(_ key: Key) -> Bool { entries[key] != nil }
    var classCount: Int { classes.count }

    /// - Parameter arrival: lower ones came earlier.
    mutating func park(_ key: Key, in name: String, arrival: UInt64) {
        guard entries[key] == nil else { return }
        entries[key] = Entry(name: name, arrival: arrival)
        classes[name, default: Class()].waiting.insertSorted(Place(number: arrival, key: key))
        classes[name]?.members += 1
    }

    mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        classes[entry.name]?.members -= 1
        if entry.triedAt == nil { unlist(key, entry) } else if !entry.isProved { classes[entry.name]?.unproved -= 1 }
        forgetIfEmpty(entry.name)
    }

    /// The log has placed it: there is news.
    mutating func place(_ key: Key) {
        guard var entry = entries[key], entry.placement == nil else { return }
        if entry.triedAt == nil { unlist(key, entry) }
        placements += 1
        entry.placement = placements
        entries[key] = entry
        if entry.triedAt == nil { list(key, entry) }
        open(entry.name)
    }

    /// The log took the placement back.
    mutating func unplace(_ key: Key) {
        guard var entry = entries[key], entry.placement != nil else { return }
        if entry.triedAt == nil { unlist(key, entry) }
        entry.placement = nil
        entries[key] = entry
        if entry.triedAt == nil { list(key, entry) }
    }

    /// Something may have become free for anybody.
    ///
    /// - Parameter probing: some classes may try one that the log has not placed; each class comes in its turn.
    mutating func openAll(probing: Bool) {
        for name in classes.keys { open(name) }
        guard probing else { return }
        let names = classes.keys.sorted()
        for name in (names.filter { $0 > lastProbed } + names.filter { $0 <= lastProbed }).prefix(Self.probesMost) {
            classes[name]?.mayProbe = true
            lastProbed = name
        }
    }

    private mutating func open(_ name: String) {
        classes[name]?.news += 1
        classes[name]?.isClosed = false
    }

    /// Who is to be tried now; nil where nobody is. To be asked until it says nil.
    mutating func next() -> Key? {
        guard let name = classes.lazy.filter({ $0.value.mayTry }).map(\.key).min(), var row = classes[name] else { return nil }
        let place: Place
        if row.placed.isEmpty {
            row.mayProbe = false
            place = row.waiting.removeFirst()
        } else {
            place = row.placed.removeFirst()
        }
        row.unproved += 1
        entries[place.key]?.triedAt = row.news
        entries[place.key]?.isProved = false
        classes[name] = row
        return place.key
    }

    /// It wasn't refused for as long as refusals take: a worker was free for it.
    mutating func prove(_ key: Key) {
        guard let entry = entries[key], entry.triedAt != nil, !entry.isProved else { return }
        entries[key]?.isProved = true
        classes[entry.name]?.unproved -= 1
        let window = classes[entry.name]?.window ?? 1
        classes[entry.name]?.window = min(window * 2, Self.windowMost)
    }

    /// No worker was free for it: it takes its place again.
    ///
    /// - Parameter name: its class by now.
    mutating func refuse(_ key: Key, in name: String) {
        guard var entry = entries[key], let triedAt = entry.triedAt else { return }
        if !entry.isProved { classes[entry.name]?.unproved -= 1 }
        classes[entry.name]?.window = 1
        if classes[entry.name]?.news == triedAt { classes[entry.name]?.isClosed = true }
        let before = entry.name
        entry.name = name
        entry.triedAt = nil
        entries[key] = entry
        list(key, entry)
        if before != name {
            classes[before]?.members -= 1
            classes[name]?.members += 1
            forgetIfEmpty(before)
            if entry.placement != nil { open(name) }
        }
    }

    private mutating func list(_ key: Key, _ entry: Entry) {
        if let placement = entry.placement {
            classes[entry.name, default: Class()].placed.insertSorted(Place(number: placement, key: key))
        } else {
            classes[entry.name, default: Class()].waiting.insertSorted(Place(number: entry.arrival, key: key))
        }
    }

    private mutating func unlist(_ key: Key, _ entry: Entry) {
        if let placement = entry.placement {
            classes[entry.name]?.placed.removeSorted(Place(number: placement, key: key))
        } else {
            classes[entry.name]?.waiting.removeSorted(Place(number: entry.arrival, key: key))
        }
    }

    private mutating func forgetIfEmpty(_ name: String) {
        if classes[name]?.members == 0 { classes[name] = nil }
    }
}

extension Array where Element: Comparable {
    fileprivate mutating func insertSorted(_ element: Element) { insert(element, at: firstPlace { $0 < element }) }

    fileprivate mutating func removeSorted(_ element: Element) {
        let index = firstPlace { $0 < element }
        if index < count, !(element < self[index]) { remove(at: index) }
    }
}
