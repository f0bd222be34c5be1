import Views
import Domain
import Synchronization

// Pools that stand as a test says, and tell those who watch them: the loop's twin, as far as KEDA sees it.

final class PoolsTwin: PoolWatching {
    private struct Watcher {
        var pool: String
        var last: PoolSummary?
        var changed: @Sendable (PoolSummary) -> Void
    }

    private struct State {
        var pools: [String: PoolSummary] = [:]
        var watchers: [UInt64: Watcher] = [:]
        var lastID: UInt64 = 0
    }

    private let state: Mutex<State>
    /// How many watch, whenever that changes.
    let watching: AsyncStream<Int>
    private let feed: AsyncStream<Int>.Continuation

    init(_ pools: [String: PoolSummary]) {
        state = Mutex(State(pools: pools))
        (watching, feed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1_000))
    }

    func set(_ pool: String, _ summary: PoolSummary) {
        state.withLock { state in
            state.pools[pool] = summary
            for (id, watcher) in state.watchers where watcher.pool == pool && watcher.last != summary {
                state.watchers[id]?.last = summary
                watcher.changed(summary)
            }
        }
    }

    func poolNames() async -> [String] { state.withLock { $0.pools.keys.sorted() } }
    func summary(of pool: String) async -> PoolSummary? { state.withLock { $0.pools[pool] } }

    func watch(pool: String, mayComeLater: Bool, _ changed: @escaping @Sendable (PoolSummary) -> Void) async throws(ControlFault)
        -> PoolWatch
    {
        let id = state.withLock { state -> UInt64? in
            let summary = state.pools[pool]
            guard summary != nil || mayComeLater else { return nil }
            state.lastID += 1
            state.watchers[state.lastID] = Watcher(pool: pool, last: summary, changed: changed)
            if let summary { changed(summary) }
            feed.yield(state.watchers.count)
            return state.lastID
        }
        guard let id else { throw .notFound(what: "pool", name: pool) }
        return PoolWatch { [self] in
            state.withLock { state in
                state.watchers[id] = nil
                feed.yield(state.watchers.count)
            }
        }
    }

    /// Returns once nobody watches any more.
    func allLeft() async {
        for await count in watching where count == 0 { return }
    }
}

extension PoolSummary {
    static func idle(seq: Position = 3) -> PoolSummary { .with(demand: 0, isActive: false, desired: 0, seq: seq) }
    static func busy(_ demand: Int = 5, seq: Position = 3) -> PoolSummary {
        .with(demand: demand, isActive: true, desired: demand, seq: seq)
    }

    static func with(demand: Int, waiting: Int = 0, isActive: Bool, desired: Int, slots: Int = 1, seq: Position = 3) -> PoolSummary {
        PoolSummary(demand: demand, waiting: waiting, policy: .init(seq: seq, slotsPerWorker: slots, isActive: isActive, desired: desired))
    }
}
