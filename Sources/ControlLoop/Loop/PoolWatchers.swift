import Domain
import State
package import Views

// Which watchers get a pool's change?
//
// Watchers by pool, for `PoolWatching`. They are called on the loop's scheduler, in the fold of the commit that changed the pool.

extension ControlLoop: PoolWatching {
    package func poolNames() async -> [String] { await query { $0.state.pools.lazy.filter { !$0.isDeleted }.map(\.text) } }

    package func summary(of pool: String) async -> PoolSummary? {
        await query { core in core.state.find(pool: pool, names: core.log.names).map { core.state.pools[$0].summary } }
    }

    package func watch(
        pool: String, mayComeLater: Bool = false, _ changed: @escaping @Sendable (PoolSummary) -> Void
    ) async throws(ControlFault) -> PoolWatch {
        let begun = await query { [limit = configuration.limits.poolWatchers] core -> Result<PoolWatchers.Key, ControlFault> in
            let index = core.state.find(pool: pool, names: core.log.names)
            guard index != nil || mayComeLater else { return .failure(.notFound(what: "pool", name: pool)) }
            guard core.watchers.count < limit else { return .failure(.overloaded(retryAfterSeconds: 1)) }
            guard let index else { return .success(core.watchers.add(changed, ofComing: pool)) }
            return .success(core.watchers.add(changed, of: index, as: core.state.pools[index].summary))
        }
        let key = try begun.get()
        return PoolWatch { [core, scheduler] in scheduler.perform { core.watchers.remove(key) } }
    }
}

/// Those who watch, by pool.
struct PoolWatchers {
    struct Key: Sendable {
        fileprivate var id: UInt64
    }

    private struct Watcher {
        var id: UInt64
        /// nil where the pool has not been there yet.
        var last: PoolSummary?
        var changed: @Sendable (PoolSummary) -> Void
    }

    private var byPool: [Int: [Watcher]] = [:]
    /// Of pools that aren't there yet.
    private var coming: [String: [Watcher]] = [:]
    /// Where each watcher is; the name of a pool that is still to come, or its number.
    private var spots: [UInt64: Spot] = [:]
    private var lastID: UInt64 = 0
    var count: Int { spots.count }

    private enum Spot {
        case pool(Int)
        case coming(String)
    }

    mutating func add(_ changed: @escaping @Sendable (PoolSummary) -> Void, of pool: Int, as summary: PoolSummary) -> Key {
        lastID += 1
        spots[lastID] = .pool(pool)
        byPool[pool, default: []].append(Watcher(id: lastID, last: summary, changed: changed))
        changed(summary)
        return Key(id: lastID)
    }

    mutating func add(_ changed: @escaping @Sendable (PoolSummary) -> Void, ofComing pool: String) -> Key {
        lastID += 1
        spots[lastID] = .coming(pool)
        coming[pool, default: []].append(Watcher(id: lastID, last: nil, changed: changed))
        return Key(id: lastID)
    }

    mutating func remove(_ key: Key) {
        switch spots.removeValue(forKey: key.id) {
        case .pool(let pool): Self.remove(key, of: pool, from: &byPool)
        case .coming(let name): Self.remove(key, of: name, from: &coming)
        case nil: break
        }
    }

    private static func remove<Pool>(_ key: Key, of pool: Pool, from watchers: inout [Pool: [Watcher]]) {
        watchers[pool]?.removeAll { $0.id == key.id }
        if watchers[pool]?.isEmpty == true { watchers[pool] = nil }
    }

    /// Tells the watchers of these pools, each where its pool's summary is another one than it was told last.
    mutating func tell(_ pools: [Int], of state: State) {
        if !coming.isEmpty {
            for pool in pools {
                guard let those = coming.removeValue(forKey: state.pools[pool].text) else { continue }
                for watcher in those { spots[watcher.id] = .pool(pool) }
                byPool[pool, default: []] += those
            }
        }
        for pool in pools where byPool[pool] != nil {
            let summary = state.pools[pool].summary
            for index in byPool[pool]?.indices ?? 0..<0 { tell(summary, pool, index) }
        }
    }

    private mutating func tell(_ summary: PoolSummary, _ pool: Int, _ index: Int) {
        guard let watcher = byPool[pool]?[index], watcher.last != summary else { return }
        byPool[pool]?[index].last = summary
        watcher.changed(summary)
    }
}
