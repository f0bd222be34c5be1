import Domain
@testable import Placement

/// The nodes' caches as plain lists, the least recently used first: what `SnapshotCache` must agree with.
struct CacheOracle {
    struct Entry: Equatable {
        var snapshot: SnapshotID
        var bytes: Int64
        var lastUse: LogTime
        var use: SnapshotCache.Use
    }

    struct Node {
        var capacity: Int64
        var entries: [Entry] = []
        var lastUse = LogTime.zero
        var used: Int64 { entries.reduce(0) { $0 + $1.bytes } }
    }

    let limits: SnapshotCache.Limits
    var nodes: [NameID: Node] = [:]
    var goldens: [NameID: SnapshotCache.Golden] = [:]

    func isGolden(_ snapshot: SnapshotID) -> Bool { goldens.values.contains { $0.snapshot == snapshot } }

    func isCached(_ snapshot: SnapshotID, on node: NameID) -> Bool {
        nodes[node]?.entries.contains { $0.snapshot == snapshot && $0.use != .outdated } ?? false
    }

    mutating func put(_ snapshot: SnapshotID, _ bytes: Int64, _ use: SnapshotCache.Use, on name: NameID, at now: LogTime) {
        touch(name, now)
        if let known = nodes[name]!.entries.firstIndex(where: { $0.snapshot == snapshot }) {
            if nodes[name]!.entries[known].use == .outdated, use != .outdated { makeRoomAmongCopies(snapshot) }
            var entry = nodes[name]!.entries.remove(at: known)
            entry = Entry(snapshot: snapshot, bytes: bytes > 0 ? bytes : entry.bytes, lastUse: now, use: use)
            nodes[name]!.entries.append(entry)
        } else {
            while nodes[name]!.entries.count >= limits.entriesPerNode {
                guard let oldest = nodes[name]!.entries.firstIndex(where: { $0.use != .paused }) else { return }
                nodes[name]!.entries.remove(at: oldest)
            }
            makeRoomAmongCopies(snapshot)
            nodes[name]!.entries.append(Entry(snapshot: snapshot, bytes: bytes, lastUse: now, use: use))
        }
        trim(name)
    }

    private mutating func makeRoomAmongCopies(_ snapshot: SnapshotID) {
        guard !isGolden(snapshot) else { return }
        while copies(snapshot).count >= limits.copies,
            let least = copies(snapshot).min(by: { ($0.lastUse, $0.node) < ($1.lastUse, $1.node) })
        {
            nodes[least.node]!.entries.removeAll { $0.snapshot == snapshot && $0.use != .outdated }
        }
    }

    private func copies(_ snapshot: SnapshotID) -> [(node: NameID, lastUse: LogTime)] {
        nodes.flatMap { name, node in node.entries.filter { $0.snapshot == snapshot && $0.use != .outdated }.map { (name, $0.lastUse) } }
    }

    mutating func drop(_ snapshot: SnapshotID, on name: NameID) { nodes[name]?.entries.removeAll { $0.snapshot == snapshot } }

    mutating func reportEvicted(_ snapshot: SnapshotID, _ bytes: Int64?, on name: NameID) {
        guard let node = nodes[name] else { return }
        if let entry = node.entries.first(where: { $0.snapshot == snapshot }) {
            if entry.use != .paused { nodes[name]!.capacity = min(node.capacity, node.used) }
            drop(snapshot, on: name)
        } else if let bytes, bytes > 0 {
            nodes[name]!.capacity = max(node.capacity, node.used + bytes)
        }
    }

    mutating func outdate(_ snapshot: SnapshotID) {
        guard !isGolden(snapshot) else { return }
        for name in nodes.keys {
            guard let place = nodes[name]!.entries.firstIndex(where: { $0.snapshot == snapshot && $0.use != .outdated }) else { continue }
            let wasPaused = nodes[name]!.entries[place].use == .paused
            nodes[name]!.entries[place].use = .outdated
            // What may be evicted from now on joins the order of use as the newest.
            if wasPaused { nodes[name]!.entries.append(nodes[name]!.entries.remove(at: place)) }
        }
    }

    mutating func setGolden(_ snapshot: SnapshotID, _ bytes: Int64, of template: NameID) {
        let old = goldens[template]?.snapshot
        goldens[template] = SnapshotCache.Golden(snapshot: snapshot, bytes: bytes)
        if let old, old != snapshot { outdate(old) }
    }

    mutating func setCapacity(_ bytes: Int64, of name: NameID, at now: LogTime) {
        touch(name, now)
        nodes[name]!.capacity = bytes
        trim(name)
    }

    mutating func forget(_ name: NameID) { nodes[name] = nil }

    private mutating func touch(_ name: NameID, _ now: LogTime) {
        if nodes[name] == nil { nodes[name] = Node(capacity: limits.assumedCapacityBytes) }
        nodes[name]!.lastUse = now
    }

    private mutating func trim(_ name: NameID) {
        while nodes[name]!.used > nodes[name]!.capacity {
            let evictable = nodes[name]!.entries.indices.filter { nodes[name]!.entries[$0].use != .paused }
            guard evictable.count > 1 else { return }
            nodes[name]!.entries.remove(at: evictable[0])
        }
    }

    /// Bytes by quarter of an hour, each sum halved as often as it is quarters old; a paused actor's in full.
    func value(on name: NameID, at now: LogTime) -> Int64 {
        var sums: [Int64: Int64] = [:]
        var value: Int64 = 0
        for entry in nodes[name]?.entries ?? [] {
            if entry.use == .paused { value += entry.bytes }
            if entry.use == .latest { sums[entry.lastUse.microseconds / 900_000_000, default: 0] += entry.bytes }
        }
        for (epoch, bytes) in sums {
            let age = now.microseconds / 900_000_000 - epoch
            if age < 16 { value += bytes >> age }
        }
        return value
    }
}
