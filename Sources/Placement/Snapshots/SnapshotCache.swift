public import Domain

// Which node has which snapshot?
//
// A model of every node's cache, fed by events: what was restored, suspended or paused where, and what nodes report of
// themselves. A node evicts what it used least recently when its capacity is reached; the model does the same, and is put
// right by reports: a reported snapshot is there, an evicted one is not, and both say how much the node really holds.
// Bounded: so many nodes, entries of a node, copies of a snapshot; the least recently used is forgotten first. Actors whose
// snapshots are in no cache take no memory here.

public struct SnapshotCache: Sendable {
    public struct Limits: Hashable, Sendable {
        public var nodes = 16_384
        public var entriesPerNode = 4_096
        public var entries = 4_194_304
        /// Copies of one actor's snapshot. A template's may be everywhere.
        public var copies = 16
        public var templates = 65_536
        /// What a node's cache is taken to hold until it says otherwise.
        public var assumedCapacityBytes: Int64 = 64 << 30

        public init() {}
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
        var node: NameID
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

    struct Key: Hashable, Sendable {
        var node: NameID
        var snapshot: SnapshotID
    }

    struct Copies: Hashable, Sendable {
        var first: Int32
        var count: Int32
    }

    public struct Golden: Hashable, Sendable {
        public var snapshot: SnapshotID
        public var bytes: Int64
    }

    struct GoldenChange: Sendable {
        var snapshot: SnapshotID
        var node: NameID
        var isCached: Bool
    }

    public let limits: Limits
    var entries: [Entry] = []
    var vacant: [Int32] = []
    var byKey: [Key: Int32] = [:]
    var copies: [SnapshotID: Copies] = [:]
    var nodes: [NameID: NodeCache] = [:]
    /// By template.
    var goldens: [NameID: Golden] = [:]
    /// How many templates each is the snapshot of.
    var goldenUses: [SnapshotID: Int] = [:]
    /// What has become of templates' snapshots since they were last taken notice of.
    var goldenChanges: [GoldenChange] = []

    public init(limits: Limits = Limits()) { self.limits = limits }

    // MARK: - Questions

    public var entryCount: Int { byKey.count }

    public func isCached(_ snapshot: SnapshotID, on node: NameID) -> Bool {
        byKey[Key(node: node, snapshot: snapshot)].map { entries[Int($0)].use != .outdated } ?? false
    }

    /// Nodes with a copy of a snapshot that is still of use, in no order. At most `limits.copies` of an actor's.
    public func forEachNode(with snapshot: SnapshotID, _ body: (NameID) -> Void) {
        var index = copies[snapshot]?.first ?? -1
        while index >= 0 {
            body(entries[Int(index)].node)
            index = entries[Int(index)].nextCopy
        }
    }

    public func golden(of template: NameID) -> Golden? { goldens[template] }

    public func usedBytes(on node: NameID) -> Int64 { nodes[node]?.usedBytes ?? 0 }
    public func capacityBytes(of node: NameID) -> Int64 { nodes[node]?.capacityBytes ?? limits.assumedCapacityBytes }

    /// Bytes on the node that would be restored from there again, halved for each quarter of an hour since their last use.
    public func valueBytes(on node: NameID, at now: LogTime) -> Int64 { nodes[node]?.valueBytes(at: now) ?? 0 }

    // MARK: - What happens

    /// A snapshot is in the node's cache: it was restored or written there just now, or the node says so.
    public mutating func note(_ snapshot: SnapshotID, bytes: Int64, on node: NameID, at now: LogTime) {
        put(Entry(snapshot: snapshot, node: node, bytes: max(0, bytes), lastUse: now, use: .latest))
    }

    /// A paused actor's snapshot is kept on the node.
    public mutating func keepPaused(_ snapshot: SnapshotID, bytes: Int64, on node: NameID, at now: LogTime) {
        put(Entry(snapshot: snapshot, node: node, bytes: max(0, bytes), lastUse: now, use: .paused))
    }

    /// A snapshot is on the node no more: resumed and used up, or dropped by whoever kept it.
    public mutating func drop(_ snapshot: SnapshotID, on node: NameID) {
        if let index = byKey[Key(node: node, snapshot: snapshot)] { remove(index) }
    }

    /// The node says that it evicted a snapshot. What the model didn't expect tells how much the node holds.
    public mutating func reportEvicted(_ snapshot: SnapshotID, bytes: Int64?, on node: NameID) {
        guard let used = nodes[node]?.usedBytes, let capacity = nodes[node]?.capacityBytes else { return }
        if let index = byKey[Key(node: node, snapshot: snapshot)] {
            // It evicted before the model would have: it holds less than was thought. A paused actor's goes for other reasons.
            if entries[Int(index)].use != .paused { nodes[node]?.capacityBytes = min(capacity, used) }
            remove(index)
        } else if let bytes, bytes > 0 {
            // The model had evicted it long since: the node holds more.
            let (held, overflow) = used.addingReportingOverflow(bytes)
            if !overflow { nodes[node]?.capacityBytes = max(capacity, held) }
        }
    }

    /// The actor has a later snapshot: copies of this one only take room.
    public mutating func outdate(_ snapshot: SnapshotID) {
        guard goldenUses[snapshot] == nil else { return }
        while let first = copies[snapshot]?.first {
            setUse(first, .outdated)
        }
    }

    public mutating func setCapacity(_ bytes: Int64, of node: NameID, at now: LogTime) {
        makeNode(node, at: now)
        nodes[node]?.capacityBytes = max(0, bytes)
        trim(node)
    }

    /// The node is gone, and its cache with it.
    public mutating func forget(_ node: NameID) {
        guard nodes[node] != nil else { return }
        for (_, index) in byKey.filter({ $0.key.node == node }).sorted(by: { $0.key.snapshot < $1.key.snapshot }) { remove(index) }
        nodes[node] = nil
    }

    /// The snapshot that actors of a template start from.
    public mutating func setGolden(_ snapshot: SnapshotID, bytes: Int64, of template: NameID) {
        if let old = goldens[template] {
            goldens[template] = Golden(snapshot: snapshot, bytes: max(0, bytes))
            guard old.snapshot != snapshot else { return }
            unuseGolden(old.snapshot)
        } else {
            guard goldens.count < limits.templates else { return }
            goldens[template] = Golden(snapshot: snapshot, bytes: max(0, bytes))
        }
        goldenUses[snapshot, default: 0] += 1
        guard goldenUses[snapshot] == 1 else { return }
        forEachNode(with: snapshot) { node in goldenChanges.append(GoldenChange(snapshot: snapshot, node: node, isCached: true)) }
    }

    private mutating func unuseGolden(_ snapshot: SnapshotID) {
        goldenUses[snapshot, default: 1] -= 1
        guard goldenUses[snapshot] == 0 else { return }
        goldenUses[snapshot] = nil
        forEachNode(with: snapshot) { node in goldenChanges.append(GoldenChange(snapshot: snapshot, node: node, isCached: false)) }
        outdate(snapshot)
    }
}
