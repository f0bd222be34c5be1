import Domain

// How do entries come, move and go?
//
// Every entry is found by node and snapshot, stands in its node's order of use (but for those of paused actors, which are
// not evicted), and, while it is of use, among the copies of its snapshot. All links are indices; every step is O(1) but
// for the choice of which of a few copies, or of all nodes, to forget at a limit.

extension SnapshotCache {
    mutating func put(_ entry: Entry) {
        makeNode(entry.node, at: entry.lastUse)
        let key = Key(node: entry.node, snapshot: entry.snapshot)
        if let known = byKey[key] {
            touch(known, as: entry)
        } else {
            guard makeRoom(for: entry) else { return }
            let index = allocate(entry)
            byKey[key] = index
            nodes[entry.node]?.count(entry, by: 1)
            if entry.use != .paused { linkNewest(index) }
            if entry.use != .outdated { linkCopy(index) }
        }
        trim(entry.node)
    }

    /// Room by the limits on numbers; false where every entry of the node is kept for a paused actor.
    private mutating func makeRoom(for entry: Entry) -> Bool {
        while (nodes[entry.node]?.entries ?? 0) >= limits.entriesPerNode || byKey.count >= limits.entries {
            guard let oldest = nodes[entry.node]?.oldest, oldest >= 0 else { return false }
            remove(oldest)
        }
        if goldenUses[entry.snapshot] == nil {
            while let all = copies[entry.snapshot], Int(all.count) >= limits.copies { remove(leastRecentCopy(all)) }
        }
        return true
    }

    private func leastRecentCopy(_ all: Copies) -> Int32 {
        var best = all.first
        var index = entries[Int(best)].nextCopy
        while index >= 0 {
            let (a, b) = (entries[Int(index)], entries[Int(best)])
            if a.lastUse != b.lastUse ? a.lastUse < b.lastUse : a.node < b.node { best = index }
            index = a.nextCopy
        }
        return best
    }

    private mutating func touch(_ index: Int32, as entry: Entry) {
        let old = entries[Int(index)]
        nodes[entry.node]?.count(old, by: -1)
        if old.use != .paused { unlinkUse(index) }
        if old.use == .outdated, entry.use != .outdated { linkCopy(index) }
        entries[Int(index)].lastUse = max(old.lastUse, entry.lastUse)
        // A report without a size changes nothing about it.
        if entry.bytes > 0 { entries[Int(index)].bytes = entry.bytes }
        entries[Int(index)].use = entry.use
        nodes[entry.node]?.count(entries[Int(index)], by: 1)
        if entry.use != .paused { linkNewest(index) }
    }

    mutating func setUse(_ index: Int32, _ use: Use) {
        let old = entries[Int(index)]
        nodes[old.node]?.count(old, by: -1)
        if old.use != .outdated, use == .outdated { unlinkCopy(index) }
        if old.use == .paused, use != .paused { linkNewest(index) }
        entries[Int(index)].use = use
        nodes[old.node]?.count(entries[Int(index)], by: 1)
    }

    mutating func remove(_ index: Int32) {
        let entry = entries[Int(index)]
        nodes[entry.node]?.count(entry, by: -1)
        if entry.use != .paused { unlinkUse(index) }
        if entry.use != .outdated { unlinkCopy(index) }
        byKey[Key(node: entry.node, snapshot: entry.snapshot)] = nil
        vacant.append(index)
    }

    /// Evicts as the node would: least recently used first, until the rest fits.
    mutating func trim(_ node: NameID) {
        while let oldest = evictable(node) { remove(oldest) }
    }

    /// What the node would evict next, where it must. The newest never: it was just seen, so it is there.
    private func evictable(_ node: NameID) -> Int32? {
        guard let used = nodes[node]?.usedBytes, let capacity = nodes[node]?.capacityBytes, used > capacity,
            let oldest = nodes[node]?.oldest, oldest != nodes[node]?.newest
        else { return nil }
        return oldest
    }

    mutating func makeNode(_ node: NameID, at now: LogTime) {
        if nodes[node] == nil {
            if nodes.count >= limits.nodes, let idle = nodes.values.min(by: { ($0.lastUse, $0.node) < ($1.lastUse, $1.node) }) { forget(idle.node) }
            nodes[node] = NodeCache(node: node, capacityBytes: limits.assumedCapacityBytes)
        }
        nodes[node]?.lastUse = now
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
        let node = entries[Int(index)].node
        guard let newest = nodes[node]?.newest else { return }
        entries[Int(index)].newer = -1
        entries[Int(index)].older = newest
        if newest >= 0 { entries[Int(newest)].newer = index } else { nodes[node]?.oldest = index }
        nodes[node]?.newest = index
    }

    private mutating func unlinkUse(_ index: Int32) {
        let entry = entries[Int(index)]
        if entry.newer >= 0 { entries[Int(entry.newer)].older = entry.older } else { nodes[entry.node]?.newest = entry.older }
        if entry.older >= 0 { entries[Int(entry.older)].newer = entry.newer } else { nodes[entry.node]?.oldest = entry.newer }
    }

    private mutating func linkCopy(_ index: Int32) {
        let snapshot = entries[Int(index)].snapshot
        let old = copies[snapshot]
        entries[Int(index)].previousCopy = -1
        entries[Int(index)].nextCopy = old?.first ?? -1
        if let old { entries[Int(old.first)].previousCopy = index }
        copies[snapshot] = Copies(first: index, count: (old?.count ?? 0) + 1)
        if goldenUses[snapshot] != nil { goldenChanges.append(GoldenChange(snapshot: snapshot, node: entries[Int(index)].node, isCached: true)) }
    }

    private mutating func unlinkCopy(_ index: Int32) {
        let entry = entries[Int(index)]
        if entry.nextCopy >= 0 { entries[Int(entry.nextCopy)].previousCopy = entry.previousCopy }
        if entry.previousCopy >= 0 { entries[Int(entry.previousCopy)].nextCopy = entry.nextCopy }
        if let old = copies[entry.snapshot] {
            let first = entry.previousCopy >= 0 ? old.first : entry.nextCopy
            copies[entry.snapshot] = first < 0 ? nil : Copies(first: first, count: old.count - 1)
        }
        if goldenUses[entry.snapshot] != nil { goldenChanges.append(GoldenChange(snapshot: entry.snapshot, node: entry.node, isCached: false)) }
    }
}
