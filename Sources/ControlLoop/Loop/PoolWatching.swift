import Domain
import State

// Who hears of a pool's change, and when?
//
// A watcher is told how its pool stands when the watch begins, and again at each commit that makes its summary another one:
// in the commit's own fold, before anything is concluded from it. Told on the loop's scheduler, in the order of commits; a
// watcher must return at once, so it hands on and keeps no queue that could grow.

package protocol PoolWatching: Sendable {
    /// Every pool's name, in no order.
    func poolNames() async -> [String]
    /// How the pool stands; nil where there is none of that name.
    func summary(of pool: String) async -> PoolSummary?
    /// Calls `changed` with the pool's summary as it is, then with each that differs from the last, until the watch is
    /// cancelled or let go of.
    ///
    /// - Parameter mayComeLater: whether a pool that isn't there yet is waited for; `changed` then hears of it once it is.
    func watch(pool: String, mayComeLater: Bool, _ changed: @escaping @Sendable (PoolSummary) -> Void) async throws(ControlFault)
        -> PoolWatch
}

/// A watch lasts until it is cancelled, at the latest when nobody holds it any more.
package final class PoolWatch: Sendable {
    private let once: Once

    package init(onCancel: @escaping @Sendable () -> Void) { once = Once(onCancel) }

    deinit { once.run() }

    package func cancel() { once.run() }
}

extension ControlLoop: PoolWatching {
    package func poolNames() async -> [String] { await ask { $0.world.pools.map(\.text) } }

    package func summary(of pool: String) async -> PoolSummary? {
        await ask { core in core.world.find(pool: pool, names: core.log.names).map { core.world.pools[$0].summary } }
    }

    package func watch(
        pool: String, mayComeLater: Bool = false, _ changed: @escaping @Sendable (PoolSummary) -> Void
    ) async throws(ControlFault) -> PoolWatch {
        let begun = await ask { [limit = configuration.limits.poolWatchers] core -> Result<PoolWatchers.Key, ControlFault> in
            let index = core.world.find(pool: pool, names: core.log.names)
            guard index != nil || mayComeLater else { return .failure(.notFound(what: "pool", name: pool)) }
            guard core.watchers.count < limit else { return .failure(.overloaded(retryAfterSeconds: 1)) }
            guard let index else { return .success(core.watchers.add(changed, ofComing: pool)) }
            return .success(core.watchers.add(changed, of: index, as: core.world.pools[index].summary))
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
    mutating func tell(_ pools: [Int], of world: State) {
        if !coming.isEmpty {
            for pool in pools {
                guard let those = coming.removeValue(forKey: world.pools[pool].text) else { continue }
                for watcher in those { spots[watcher.id] = .pool(pool) }
                byPool[pool, default: []] += those
            }
        }
        for pool in pools where byPool[pool] != nil {
            let summary = world.pools[pool].summary
            for index in byPool[pool]?.indices ?? 0..<0 { tell(summary, pool, index) }
        }
    }

    private mutating func tell(_ summary: PoolSummary, _ pool: Int, _ index: Int) {
        guard let watcher = byPool[pool]?[index], watcher.last != summary else { return }
        byPool[pool]?[index].last = summary
        watcher.changed(summary)
    }
}
