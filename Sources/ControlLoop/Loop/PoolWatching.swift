import Domain

// Who hears of a pool's change, and when?
//
// A watcher is told how its pool stands when the watch begins, and again at each commit that makes its summary another one:
// in the commit's own fold, before anything is concluded from it. Told on the loop's scheduler, in the order of commits; a
// watcher must return at once, so it hands on and keeps no queue that could grow.

public protocol PoolWatching: Sendable {
    /// Every pool's name, in no order.
    func poolNames() async -> [String]
    /// How the pool stands; nil where there is none of that name.
    func summary(of pool: String) async -> PoolSummary?
    /// Calls `changed` with the pool's summary as it is, then with each that differs from the last, until the watch is
    /// cancelled or let go of.
    func watch(pool: String, _ changed: @escaping @Sendable (PoolSummary) -> Void) async throws(ControlFault) -> PoolWatch
}

/// A watch lasts until it is cancelled, at the latest when nobody holds it any more.
public final class PoolWatch: Sendable {
    private let once: Once

    public init(onCancel: @escaping @Sendable () -> Void) { once = Once(onCancel) }

    deinit { once.run() }

    public func cancel() { once.run() }
}

extension ControlLoop: PoolWatching {
    public func poolNames() async -> [String] { await ask { $0.world.pools.map(\.text) } }

    public func summary(of pool: String) async -> PoolSummary? {
        await ask { core in core.world.find(pool: pool, names: core.log.names).map { core.world.pools[$0].summary } }
    }

    public func watch(pool: String, _ changed: @escaping @Sendable (PoolSummary) -> Void) async throws(ControlFault) -> PoolWatch {
        let begun = await ask { [limit = configuration.limits.poolWatchers] core -> Result<PoolWatchers.Key, ControlFault> in
            guard let index = core.world.find(pool: pool, names: core.log.names) else { return .failure(.notFound(what: "pool", name: pool)) }
            guard core.watchers.count < limit else { return .failure(.overloaded(retryAfterSeconds: 1)) }
            return .success(core.watchers.add(changed, of: index, as: core.world.pools[index].summary))
        }
        let key = try begun.get()
        return PoolWatch { [core, scheduler] in scheduler.perform { core.watchers.remove(key) } }
    }
}

/// Those who watch, by pool.
struct PoolWatchers {
    struct Key: Sendable {
        var pool: Int
        var id: UInt64
    }

    private struct Watcher {
        var id: UInt64
        var last: PoolSummary
        var changed: @Sendable (PoolSummary) -> Void
    }

    private var byPool: [Int: [Watcher]] = [:]
    private var lastID: UInt64 = 0
    private(set) var count = 0

    mutating func add(_ changed: @escaping @Sendable (PoolSummary) -> Void, of pool: Int, as summary: PoolSummary) -> Key {
        lastID += 1
        count += 1
        byPool[pool, default: []].append(Watcher(id: lastID, last: summary, changed: changed))
        changed(summary)
        return Key(pool: pool, id: lastID)
    }

    mutating func remove(_ key: Key) {
        guard let index = byPool[key.pool]?.firstIndex(where: { $0.id == key.id }) else { return }
        byPool[key.pool]?.remove(at: index)
        if byPool[key.pool]?.isEmpty == true { byPool[key.pool] = nil }
        count -= 1
    }

    /// Tells the watchers of these pools, each where its pool's summary is another one than it was told last.
    mutating func tell(_ pools: [Int], of world: World) {
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
