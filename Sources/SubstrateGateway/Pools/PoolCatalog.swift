package import Autoscaling
import Synchronization

// Which WorkerPools may an actor use?
//
// Those whose class is its template's, and whose labels both the template's and the actor's selectors match: the rule that ateapi's own
// scheduler follows. Whoever watches the objects hands their contents in (`replace`). Without objects: what the
// configuration names, then the pool that an actor of the template last ran in.

package final class PoolCatalog: Sendable {
    package struct Pool: Hashable, Sendable {
        /// `NAMESPACE/NAME`
        package var name: String
        package var sandboxClass: String
        package var labels: [String: String]

        package init(name: String, sandboxClass: String, labels: [String: String]) {
            self.name = name
            self.sandboxClass = sandboxClass
            self.labels = labels
        }
    }

    package struct Template: Hashable, Sendable {
        package var name: String
        package var sandboxClass: String
        /// nil takes any pool of its class.
        package var selector: WorkerSelector?

        package init(name: String, sandboxClass: String, selector: WorkerSelector?) {
            self.name = name
            self.sandboxClass = sandboxClass
            self.selector = selector
        }
    }

    /// Where an object says none.
    package static let defaultClass = "gvisor"
    /// Templates whose pool was learned, at most.
    private static let learnedMost = 10_000

    private struct State {
        var pools: [String: Pool] = [:]
        var templates: [String: Template] = [:]
        var hasPools = false
        var hasTemplates = false
        var learned: [String: String] = [:]
    }

    private let configured: [String: String]
    private let defaultPool: String?
    private let state = Mutex(State())

    package init(configured: [String: String] = [:], defaultPool: String? = nil) {
        self.configured = configured
        self.defaultPool = defaultPool
    }

    package func replace(pools: [Pool]) {
        state.withLock { state in
            state.pools = Dictionary(pools.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
            state.hasPools = true
        }
    }

    package func replace(templates: [Template]) {
        state.withLock { state in
            state.templates = Dictionary(templates.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
            state.hasTemplates = true
        }
    }

    package func set(_ pool: Pool) { state.withLock { $0.pools[pool.name] = pool } }
    package func remove(pool name: String) { state.withLock { $0.pools[name] = nil } }
    package func set(_ template: Template) { state.withLock { $0.templates[template.name] = template } }
    package func remove(template name: String) { state.withLock { $0.templates[name] = nil } }

    /// An actor of the template runs in that pool.
    package func learn(template: String, pool: String) {
        state.withLock { state in
            guard state.learned[template] != pool, state.learned[template] != nil || state.learned.count < Self.learnedMost else { return }
            state.learned[template] = pool
        }
    }

    /// All that anybody named.
    var named: Set<String> {
        state.withLock { state in
            Set(configured.values).union(state.learned.values).union(state.pools.keys).union(defaultPool.map { [$0] } ?? [])
        }
    }

    /// In order of name; empty where none is known to fit.
    package func eligible(template: String, selector: [String: String]) -> [String] {
        if let pool = configured[template] { return [pool] }
        return state.withLock { state in
            if state.hasPools, state.hasTemplates, let found = state.templates[template] {
                return state.pools.values.filter { pool in
                    pool.sandboxClass == found.sandboxClass && found.selector?.fits(pool.labels) ?? true
                        && selector.allSatisfy { pool.labels[$0.key] == $0.value }
                }.map(\.name).sorted()
            }
            if let pool = state.learned[template] ?? defaultPool { return [pool] }
            return state.pools.count == 1 ? Array(state.pools.keys) : []
        }
    }
}
