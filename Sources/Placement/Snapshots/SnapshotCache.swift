package import Domain
import Basics

// Which node has which snapshot?
//
// A model of every node's cache, fed by events: what was restored, suspended or paused where, and what nodes report of themselves.
// When its capacity is reached, a node evicts what it used least recently. The model does the same, and reports correct it: a
// reported snapshot is there, an evicted one is not, and both say how much the node really holds. Bounded: so many nodes, entries
// of a node, copies of a snapshot; the least recently used is forgotten first. Actors whose snapshots are in no cache take no
// memory here.

package struct SnapshotCache: Sendable {
    package struct Limits: Hashable, Sendable {
        package var nodes = 16_384
        package var entriesPerNode = 4_096
        package var entries = 4_194_304
        /// Copies of one actor's snapshot. A template's may be everywhere.
        package var copies = 16
        package var templates = 65_536
        /// What a node's cache is taken to hold until it says otherwise.
        package var assumedCapacityBytes: Int64 = 64 << 30

        package init() {}
    }

    /// What a cached snapshot is good for.
    enum Use: UInt8, Hashable, Sendable {
        /// Would be restored from: an actor's latest external snapshot, or a template's.
        case latest = 0
        /// The state of a paused actor. The node keeps it until it is resumed or evicted on purpose.
        case paused = 1
        /// Its actor has a later one; it only takes room.
        case outdated = 2
    }

    struct Entry: Hashable, Sendable {
        var snapshot: SnapshotID
        /// Index of the node.
        var node: Int32
        var bytes: Int64
        var lastUse: LogTime
        var use: Use
        /// Neighbours in the node's order of use.
        var newer: Int32 = -1
        var older: Int32 = -1
        /// Neighbours among the copies of the snapshot.
        var nextCopy: Int32 = -1
        var previousCopy: Int32 = -1
    }

    package struct Golden: Hashable, Sendable {
        package var snapshot: SnapshotID
        package var bytes: Int64
    }

    package let limits: Limits
    var entries: [Entry] = []
    var vacant: [Int32] = []
    /// By node and snapshot in one word (`key`), a third less than both: most of what a large cluster's model costs is this table.
    var byKey = SlotTable<SnapshotID>()
    /// The first of a snapshot's copies.
    var copies = SlotTable<SnapshotID>()
    var nodes: [NodeCache] = []
    var vacantNodes: [Int32] = []
    var nodeByName = SlotTable<NameID>()
    /// By template: which of `goldens`.
    var goldenByTemplate = SlotTable<NameID>()
    var goldens: [Golden] = []
    /// How many templates each is the snapshot of.
    var goldenUses = SlotTable<SnapshotID>()
    /// What has become of templates' snapshots since they were last taken notice of.
    var goldenChanges: [GoldenChange] = []

    package init(limits: Limits = Limits()) { self.limits = limits }

    // MARK: - Questions

    package var entryCount: Int { byKey.count }

    package func isCached(_ snapshot: SnapshotID, on node: NameID) -> Bool {
        find(snapshot, on: node).map { entries[Int($0)].use != .outdated } ?? false
    }

    /// Nodes with a copy of a snapshot that is still of use, in no order. At most `limits.copies` of an actor's.
    package func forEachNode(with snapshot: SnapshotID, _ body: (NameID) -> Void) {
        var index = Int32(copies[snapshot] ?? -1)
        while index >= 0 {
            body(nodes[Int(entries[Int(index)].node)].name)
            index = entries[Int(index)].nextCopy
        }
    }

    package func golden(of template: NameID) -> Golden? { goldenByTemplate[template].map { goldens[$0] } }

    package func usedBytes(on node: NameID) -> Int64 { nodeByName[node].map { nodes[$0].usedBytes } ?? 0 }
    /// Snapshots that it has, of any use.
    package func snapshots(on node: NameID) -> Int { nodeByName[node].map { nodes[$0].entries } ?? 0 }
    package func capacityBytes(of node: NameID) -> Int64 { nodeByName[node].map { nodes[$0].capacityBytes } ?? limits.assumedCapacityBytes }

    /// Bytes on the node that would be restored from there again, halved for each quarter of an hour since their last use.
    package func valueBytes(on node: NameID, at now: LogTime) -> Int64 { nodeByName[node].map { nodes[$0].valueBytes(at: now) } ?? 0 }

    func find(_ snapshot: SnapshotID, on node: NameID) -> Int32? {
        nodeByName[node].flatMap { find(snapshot, cache: Int32($0)) }
    }

    /// Another entry with the same word, one in 2⁶⁴, counts as none.
    func find(_ snapshot: SnapshotID, cache: Int32) -> Int32? {
        guard let index = byKey[Self.key(snapshot, cache)], entries[index].node == cache, entries[index].snapshot == snapshot else {
            return nil
        }
        return Int32(index)
    }

    static func key(_ snapshot: SnapshotID, _ cache: Int32) -> SnapshotID {
        SnapshotID(rawValue: snapshot.rawValue &+ UInt64(cache) &* 0x9E37_79B9_7F4A_7C15)
    }

    // MARK: - What happens

    /// A snapshot is in the node's cache: it was restored or written there just now, or the node says so.
    package mutating func note(_ snapshot: SnapshotID, bytes: Int64, on node: NameID, at now: LogTime) {
        put(snapshot, bytes: bytes, .latest, on: node, at: now)
    }

    /// The node says that it holds a snapshot. Of what is known already only the size may be news.
    package mutating func reportCached(_ snapshot: SnapshotID, bytes: Int64, on node: NameID, at now: LogTime) {
        put(snapshot, bytes: bytes, find(snapshot, on: node).map { entries[Int($0)].use } ?? .latest, on: node, at: now)
    }

    /// A paused actor's snapshot is kept on the node.
    package mutating func keepPaused(_ snapshot: SnapshotID, bytes: Int64, on node: NameID, at now: LogTime) {
        put(snapshot, bytes: bytes, .paused, on: node, at: now)
    }

    /// A snapshot is on the node no more: resumed and used up, or dropped by whoever kept it.
    package mutating func drop(_ snapshot: SnapshotID, on node: NameID) {
        if let index = find(snapshot, on: node) { remove(index) }
    }

    /// The node says that it evicted a snapshot. What the model didn't expect tells how much the node holds.
    package mutating func reportEvicted(_ snapshot: SnapshotID, bytes: Int64?, on node: NameID) {
        guard let cache = nodeByName[node] else { return }
        if let index = find(snapshot, on: node) {
            // It evicted before the model would have: it holds less than was thought. A paused actor's goes for other reasons.
            if entries[Int(index)].use != .paused { nodes[cache].capacityBytes = min(nodes[cache].capacityBytes, nodes[cache].usedBytes) }
            remove(index)
        } else if let bytes, bytes > 0 {
            // The model had evicted it long since: the node holds more.
            let (held, overflow) = nodes[cache].usedBytes.addingReportingOverflow(bytes)
            if !overflow { nodes[cache].capacityBytes = max(nodes[cache].capacityBytes, held) }
        }
    }

    /// The actor has a later snapshot: copies of this one only take room.
    package mutating func outdate(_ snapshot: SnapshotID) {
        guard goldenUses[snapshot] == nil else { return }
        while let first = copies[snapshot] { setUse(Int32(first), .outdated) }
    }

    package mutating func setCapacity(_ bytes: Int64, of node: NameID, at now: LogTime) {
        let cache = makeNode(node, at: now)
        nodes[cache].capacityBytes = max(0, bytes)
        trim(cache)
    }

    /// The node is gone, and its cache with it.
    package mutating func forget(_ node: NameID) {
        guard let cache = nodeByName[node] else { return }
        var gone: [Int32] = []
        byKey.forEach { _, index in if Int(entries[index].node) == cache { gone.append(Int32(index)) } }
        for index in gone.sorted(by: { entries[Int($0)].snapshot < entries[Int($1)].snapshot }) { remove(index) }
        nodeByName.remove(node)
        vacantNodes.append(Int32(cache))
    }

    /// The snapshot that actors of a template start from.
    package mutating func setGolden(_ snapshot: SnapshotID, bytes: Int64, of template: NameID) {
        let new = Golden(snapshot: snapshot, bytes: max(0, bytes))
        var old: SnapshotID?
        if let known = goldenByTemplate[template] {
            old = goldens[known].snapshot
            goldens[known] = new
        } else {
            guard goldens.count < limits.templates else { return }
            goldenByTemplate.set(template, goldens.count)
            goldens.append(new)
        }
        guard old != snapshot else { return }
        let uses = goldenUses[snapshot] ?? 0
        goldenUses.set(snapshot, uses + 1)
        if uses == 0 { tellGolden(snapshot, isCached: true) }
        if let old { unuseGolden(old) }
    }

    /// That snapshot is no more; does nothing where the template starts from another by now.
    package mutating func removeGolden(_ snapshot: SnapshotID, of template: NameID) {
        guard let place = goldenByTemplate[template], goldens[place].snapshot == snapshot else { return }
        goldenByTemplate.remove(template)
        let last = goldens.removeLast()
        if place < goldens.count {
            goldens[place] = last
            var moved: NameID?
            goldenByTemplate.forEach { name, index in if index == goldens.count { moved = name } }
            if let moved { goldenByTemplate.set(moved, place) }
        }
        unuseGolden(snapshot)
    }

    private mutating func unuseGolden(_ snapshot: SnapshotID) {
        guard let uses = goldenUses[snapshot] else { return }
        guard uses == 1 else { return goldenUses.set(snapshot, uses - 1) }
        goldenUses.remove(snapshot)
        tellGolden(snapshot, isCached: false)
        outdate(snapshot)
    }

    private mutating func tellGolden(_ snapshot: SnapshotID, isCached: Bool) {
        var changes: [GoldenChange] = []
        forEachNode(with: snapshot) { changes.append(GoldenChange(snapshot: snapshot, node: $0, isCached: isCached)) }
        goldenChanges.append(contentsOf: changes)
    }
}

/// A node's cache took a template's snapshot, or lost it.
package struct GoldenChange: Hashable, Sendable {
    var snapshot: SnapshotID
    var node: NameID
    var isCached: Bool
}
