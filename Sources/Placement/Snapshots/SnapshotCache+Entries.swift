import Domain

// How do entries come, move and go?
//
// Every entry is found by node and snapshot. It stands in its node's order of use, except those of paused actors, which are not
// evicted. While it is of use it is also among the copies of its snapshot. All links are indices; every step is O(1) but for the
// choice of which of a few copies, or of all nodes, to forget at a limit.

extension SnapshotCache {
    /// A petabyte: what is said to be larger counts as so large.
    static let mostBytes: Int64 = 1 << 50

    mutating func put(_ snapshot: SnapshotID, bytes: Int64, _ use: Use, on node: NameID, at now: LogTime) {
        let cache = makeNode(node, at: now)
        let entry = Entry(snapshot: snapshot, node: Int32(cache), bytes: min(max(0, bytes), Self.mostBytes), lastUse: now, use: use)
        if let known = find(snapshot, cache: entry.node) {
            touch(known, as: entry)
        } else {
            guard byKey[Self.key(snapshot, entry.node)] == nil, makeRoom(for: entry) else { return }
            let index = allocate(entry)
            byKey.set(Self.key(snapshot, entry.node), Int(index))
            nodes[cache].count(entry, by: 1)
            if use != .paused { linkNewest(index) }
            if use != .outdated { linkCopy(index) }
        }
        trim(cache)
    }

    /// Room by the limits on numbers; false where every entry of the node is kept for a paused actor.
    private mutating func makeRoom(for entry: Entry) -> Bool {
        let cache = Int(entry.node)
        while nodes[cache].entries >= limits.entriesPerNode || byKey.count >= limits.entries {
            guard nodes[cache].oldest >= 0 else { return false }
            remove(nodes[cache].oldest)
        }
        if entry.use != .outdated { makeRoomAmongCopies(entry.snapshot) }
        return true
    }

    /// At most `limits.copies` of an actor's snapshot: the least recently used is forgotten, of equals that of the lowest node.
    private mutating func makeRoomAmongCopies(_ snapshot: SnapshotID) {
        guard goldenUses[snapshot] == nil else { return }
        while let first = copies[snapshot] {
            var count = 1
            var best = Int32(first)
            var index = entries[first].nextCopy
            while index >= 0 {
                count += 1
                if isLessRecent(index, than: best) { best = index }
                index = entries[Int(index)].nextCopy
            }
            guard count >= limits.copies else { return }
            remove(best)
        }
    }

    private func isLessRecent(_ a: Int32, than b: Int32) -> Bool {
        let (left, right) = (entries[Int(a)], entries[Int(b)])
        return left.lastUse != right.lastUse ? left.lastUse < right.lastUse : nodes[Int(left.node)].name < nodes[Int(right.node)].name
    }

    private mutating func touch(_ index: Int32, as entry: Entry) {
        if entries[Int(index)].use == .outdated, entry.use != .outdated { makeRoomAmongCopies(entry.snapshot) }
        let old = entries[Int(index)]
        nodes[Int(old.node)].count(old, by: -1)
        if old.use != .paused { unlinkUse(index) }
        if old.use == .outdated, entry.use != .outdated { linkCopy(index) }
        entries[Int(index)].lastUse = max(old.lastUse, entry.lastUse)
        // A report without a size changes nothing about it.
        if entry.bytes > 0 { entries[Int(index)].bytes = entry.bytes }
        entries[Int(index)].use = entry.use
        nodes[Int(old.node)].count(entries[Int(index)], by: 1)
        if entry.use != .paused { linkNewest(index) }
    }

    mutating func setUse(_ index: Int32, _ use: Use) {
        let old = entries[Int(index)]
        nodes[Int(old.node)].count(old, by: -1)
        if old.use != .outdated, use == .outdated { unlinkCopy(index) }
        if old.use == .paused, use != .paused { linkNewest(index) }
        entries[Int(index)].use = use
        nodes[Int(old.node)].count(entries[Int(index)], by: 1)
    }

    mutating func remove(_ index: Int32) {
        let entry = entries[Int(index)]
        nodes[Int(entry.node)].count(entry, by: -1)
        if entry.use != .paused { unlinkUse(index) }
        if entry.use != .outdated { unlinkCopy(index) }
        byKey.remove(Self.key(entry.snapshot, entry.node))
        vacant.append(index)
    }

    /// Evicts as the node would: least recently used first, until the rest fits. The newest stays: it was just seen there.
    mutating func trim(_ cache: Int) {
        while nodes[cache].usedBytes > nodes[cache].capacityBytes, nodes[cache].oldest != nodes[cache].newest {
            remove(nodes[cache].oldest)
        }
    }

    mutating func makeNode(_ name: NameID, at now: LogTime) -> Int {
        if let known = nodeByName[name] {
            nodes[known].lastUse = now
            return known
        }
        if nodeByName.count >= limits.nodes { forgetIdleNode() }
        var cache = NodeCache(name: name, capacityBytes: limits.assumedCapacityBytes)
        cache.lastUse = now
        if let index = vacantNodes.popLast() {
            nodes[Int(index)] = cache
            nodeByName.set(name, Int(index))
        } else {
            nodes.append(cache)
            nodeByName.set(name, nodes.count - 1)
        }
        return nodeByName[name] ?? 0
    }

    private mutating func forgetIdleNode() {
        if let idle = knownNodes.min(by: { ($0.lastUse, $0.name) < ($1.lastUse, $1.name) }) { forget(idle.name) }
    }

    var knownNodes: [NodeCache] {
        var known: [NodeCache] = []
        nodeByName.forEach { _, index in known.append(nodes[index]) }
        return known
    }

    private mutating func allocate(_ entry: Entry) -> Int32 {
        if let index = vacant.popLast() {
            entries[Int(index)] = entry
            return index
        }
        entries.append(entry)
        return Int32(entries.count - 1)
    }

    // MARK: - Links

    private mutating func linkNewest(_ index: Int32) {
        let cache = Int(entries[Int(index)].node)
        let newest = nodes[cache].newest
        entries[Int(index)].newer = -1
        entries[Int(index)].older = newest
        if newest >= 0 { entries[Int(newest)].newer = index } else { nodes[cache].oldest = index }
        nodes[cache].newest = index
    }

    private mutating func unlinkUse(_ index: Int32) {
        let entry = entries[Int(index)]
        let cache = Int(entry.node)
        if entry.newer >= 0 { entries[Int(entry.newer)].older = entry.older } else { nodes[cache].newest = entry.older }
        if entry.older >= 0 { entries[Int(entry.older)].newer = entry.newer } else { nodes[cache].oldest = entry.newer }
    }

    private mutating func linkCopy(_ index: Int32) {
        let snapshot = entries[Int(index)].snapshot
        let first = copies[snapshot]
        entries[Int(index)].previousCopy = -1
        entries[Int(index)].nextCopy = Int32(first ?? -1)
        if let first { entries[first].previousCopy = index }
        copies.set(snapshot, Int(index))
        tellGolden(index, isCached: true)
    }

    private mutating func unlinkCopy(_ index: Int32) {
        let entry = entries[Int(index)]
        if entry.nextCopy >= 0 { entries[Int(entry.nextCopy)].previousCopy = entry.previousCopy }
        if entry.previousCopy >= 0 {
            entries[Int(entry.previousCopy)].nextCopy = entry.nextCopy
        } else if entry.nextCopy >= 0 {
            copies.set(entry.snapshot, Int(entry.nextCopy))
        } else {
            copies.remove(entry.snapshot)
        }
        tellGolden(index, isCached: false)
    }

    private mutating func tellGolden(_ index: Int32, isCached: Bool) {
        let entry = entries[Int(index)]
        guard goldenUses[entry.snapshot] != nil else { return }
        goldenChanges.append(GoldenChange(snapshot: entry.snapshot, node: nodes[Int(entry.node)].name, isCached: isCached))
    }
}
