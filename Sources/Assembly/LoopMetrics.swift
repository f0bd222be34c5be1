import Autoscaling
import ControlLoop
import Views
import Domain
import Logging
import Metrics
import Synchronization

// What do metrics say of the loop?
//
// The loop's reports as swift-metrics, under the names of the interface. Handles are made once a name and label set and
// kept; what the loop tells on its hot path touches counters by index.

final class LoopMetrics: LoopObserving {
    private let appended: [Counter?]
    private let superseded: Counter
    private let commitEvents: Recorder
    private let skipped: Counter
    private let unreadable: Counter
    private let unsavedCheckpoints: Counter
    private let lag: Gauge
    private let decisionSeconds: Timer
    private let reactionSeconds: Timer
    private let handles = Mutex(Handles())

    fileprivate struct Handles {
        var skipped = 0
        var decisions: [DecisionKey: Counter] = [:]
        var placements: [PlacementKey: (count: Counter, wait: Timer)] = [:]
        var starts: [String: Timer] = [:]
        var actuationFailures: [String: Counter] = [:]
        var gone: [GoneKey: Counter] = [:]
        var crashed: [String: Counter] = [:]
        var claims: [ClaimKey: (count: Counter, latency: Timer)] = [:]
        var pools: [String: PoolGauges] = [:]
    }

    fileprivate struct DecisionKey: Hashable {
        var pool: String
        var shadow: String?
        var direction: String
        var reason: String

        var dimensions: [(String, String)] {
            [("pool", pool)] + (shadow.map { [("shadow", $0)] } ?? []) + [("direction", direction), ("reason", reason)]
        }
    }

    fileprivate struct GoneKey: Hashable {
        var pool: String
        var end: WorkerEnd
    }

    fileprivate struct ClaimKey: Hashable {
        var pool: String
        var launch: ClaimLaunch
    }

    fileprivate struct PlacementKey: Hashable {
        var pool: String
        var tier: RestoreTier
    }

    private let logger: Logger
    private let factory: any MetricsFactory

    /// Lines about skipped events in one run: a log full of them is not to fill the disk with words.
    private static let skippedLines = 100

    /// - Parameter factory: where everything is counted; without one, where the process counts.
    init(logger: Logger, factory: any MetricsFactory = MetricsSystem.factory) {
        self.logger = logger
        self.factory = factory
        superseded = Counter(label: "greenroom_events_superseded_total", factory: factory)
        commitEvents = Recorder(label: "greenroom_commit_events", factory: factory)
        skipped = Counter(label: "greenroom_events_skipped_total", factory: factory)
        unreadable = Counter(label: "greenroom_loop_read_failures_total", factory: factory)
        unsavedCheckpoints = Counter(label: "greenroom_checkpoint_failures_total", factory: factory)
        lag = Gauge(label: "greenroom_loop_lag_seconds", factory: factory)
        decisionSeconds = Timer(label: "greenroom_decision_seconds", factory: factory)
        reactionSeconds = Timer(label: "greenroom_reaction_seconds", factory: factory)
        let most = EventKind.allCases.map(\.rawValue).max() ?? 0
        var counters = [Counter?](repeating: nil, count: Int(most) + 1)
        for kind in EventKind.allCases {
            counters[Int(kind.rawValue)] = Counter(
                label: "greenroom_events_appended_total", dimensions: [("kind", kind.name)], factory: factory)
        }
        appended = counters
    }

    func folded(_ batch: CommittedBatch, superseded count: Int, lagSeconds: Double) {
        var kinds = [Int](repeating: 0, count: appended.count)
        for event in batch.events { kinds[Int(event.kind.rawValue)] += 1 }
        for (kind, count) in kinds.enumerated() where count > 0 { appended[kind]?.increment(by: count) }
        if count > 0 { superseded.increment(by: count) }
        commitEvents.record(batch.events.count)
        lag.record(lagSeconds)
    }

    func couldNotFold(_ position: Position, why: String) {
        skipped.increment()
        let told = handles.withLock { handles in
            handles.skipped += 1
            return handles.skipped
        }
        guard told <= Self.skippedLines else { return }
        let rest = told == Self.skippedLines ? "; further ones are only counted in greenroom_events_skipped_total" : ""
        logger.error("event of the log skipped", metadata: ["position": "\(position)", "problem": "\(why)\(rest)"])
    }

    func couldNotSaveCheckpoint(_ problem: String) { unsavedCheckpoints.increment() }
    func couldNotRead(_ problem: String) { unreadable.increment() }

    func concluded(secondsSinceCommit: Double, events: Int) { decisionSeconds.recordNanoseconds(Int64(clamping: secondsSinceCommit * 1e9)) }

    func decided(pool: String, direction: Decision.Direction, reason: String) {
        let key = DecisionKey(pool: pool, direction: direction.rawValue, reason: reason)
        handles.withLock { count("greenroom_decisions_total", key.dimensions, in: &$0.decisions, key) }
    }

    func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {
        let key = DecisionKey(pool: pool, shadow: shadow, direction: direction.rawValue, reason: reason)
        handles.withLock { count("greenroom_shadow_decisions_total", key.dimensions, in: &$0.decisions, key) }
    }

    /// Counts one more, with the handle that is kept for it.
    private func count<Key: Hashable>(
        _ label: String, _ dimensions: [(String, String)], in counters: inout [Key: Counter], _ key: Key
    ) {
        let counter = counters[key] ?? Counter(label: label, dimensions: dimensions, factory: factory)
        counters[key] = counter
        counter.increment()
    }

    func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) {
        handles.withLock { handles in
            let dimensions = [("pool", pool), ("tier", tier.name)]
            let handle =
                handles.placements[PlacementKey(pool: pool, tier: tier)]
                ?? (
                    Counter(label: "greenroom_placements_total", dimensions: dimensions, factory: factory),
                    Timer(label: "greenroom_wait_seconds", dimensions: dimensions, factory: factory)
                )
            handles.placements[PlacementKey(pool: pool, tier: tier)] = handle
            handle.count.increment()
            handle.wait.recordNanoseconds(Int64(clamping: waitedSeconds * 1e9))
        }
    }

    func workerStarted(pool: String, seconds: Double) {
        handles.withLock { handles in
            let timer =
                handles.starts[pool] ?? Timer(label: "greenroom_worker_start_seconds", dimensions: [("pool", pool)], factory: factory)
            handles.starts[pool] = timer
            timer.recordNanoseconds(Int64(clamping: seconds * 1e9))
        }
    }

    func actuated(pool: String, to: Int, reactionSeconds seconds: Double) {
        reactionSeconds.recordNanoseconds(Int64(clamping: seconds * 1e9))
    }

    func actuationFailed(pool: String, error: String, attempt: Int) {
        handles.withLock { count("greenroom_actuation_failures_total", [("pool", pool)], in: &$0.actuationFailures, pool) }
    }

    func workerGone(pool: String, _ end: WorkerEnd) {
        let dimensions = [("pool", pool), ("reason", end.rawValue)]
        handles.withLock { count("greenroom_workers_gone_total", dimensions, in: &$0.gone, GoneKey(pool: pool, end: end)) }
    }

    func actorCrashed(pool: String) {
        handles.withLock { count("greenroom_actors_crashed_total", [("pool", pool)], in: &$0.crashed, pool) }
    }

    func claimServed(pool: String, _ launch: ClaimLaunch, seconds: Double?) {
        handles.withLock { handles in
            let key = ClaimKey(pool: pool, launch: launch)
            let dimensions = [("pool", pool), ("launch", launch.rawValue)]
            let handle =
                handles.claims[key]
                ?? (
                    Counter(label: "greenroom_claims_served_total", dimensions: dimensions, factory: factory),
                    Timer(label: "greenroom_claim_seconds", dimensions: dimensions, factory: factory)
                )
            handles.claims[key] = handle
            handle.count.increment()
            if let seconds { handle.latency.recordNanoseconds(Int64(clamping: seconds * 1e9)) }
        }
    }

    /// Sets the gauges of all pools: called when somebody reads the metrics. What was counted of a pool that is there no more goes away.
    func show(_ pools: [PoolView]) {
        handles.withLock { handles in
            var names: Set<String> = []
            for pool in pools {
                let name = "\(pool.namespace)/\(pool.name)"
                names.insert(name)
                handles.pools[name, default: PoolGauges(pool: name, factory)].show(pool)
            }
            let gone = handles.pools.keys.filter { !names.contains($0) }
            if !gone.isEmpty { handles.forget(Set(gone)) }
        }
    }
}

extension LoopMetrics.Handles {
    /// Of pools whose gauges were shown before: others may have been made a moment ago.
    fileprivate mutating func forget(_ gone: Set<String>) {
        for (pool, gauges) in pools where gone.contains(pool) {
            gauges.destroy()
            pools[pool] = nil
        }
        for (key, counter) in decisions where gone.contains(key.pool) {
            counter.destroy()
            decisions[key] = nil
        }
        for (key, placed) in placements where gone.contains(key.pool) {
            placed.count.destroy()
            placed.wait.destroy()
            placements[key] = nil
        }
        for (pool, timer) in starts where gone.contains(pool) {
            timer.destroy()
            starts[pool] = nil
        }
        for (pool, counter) in actuationFailures where gone.contains(pool) {
            counter.destroy()
            actuationFailures[pool] = nil
        }
        for (key, counter) in self.gone where gone.contains(key.pool) {
            counter.destroy()
            self.gone[key] = nil
        }
        for (pool, counter) in crashed where gone.contains(pool) {
            counter.destroy()
            crashed[pool] = nil
        }
        for (key, served) in claims where gone.contains(key.pool) {
            served.count.destroy()
            served.latency.destroy()
            claims[key] = nil
        }
    }
}

/// The gauges of one pool, each made when it is first set.
private struct PoolGauges {
    private struct Series: Hashable {
        var name: String
        var labels: [String]
    }

    private var gauges: [Series: Gauge] = [:]
    private let pool: String
    private let factory: any MetricsFactory

    init(pool: String, _ factory: any MetricsFactory) {
        self.pool = pool
        self.factory = factory
    }

    mutating func show(_ view: PoolView) {
        set("greenroom_pool_desired_workers", to: Double(view.desired))
        set("greenroom_pool_ready_workers", to: Double(view.ready))
        set("greenroom_pool_busy_workers", to: Double(view.busy))
        set("greenroom_pool_starting_workers", to: Double(view.starting))
        set("greenroom_pool_draining_workers", to: Double(view.draining))
        set("greenroom_pool_updating_workers", to: Double(view.rollingUpdate?.left ?? 0))
        set("greenroom_oldest_wait_seconds", to: view.oldestWaitSeconds ?? 0)
        set("greenroom_demand", [("state", "resident"), ("reason", "")], to: Double(view.demand.resident))
        for reason in BlockedReason.allCases {
            let count = view.demand.blocked[reason.name] ?? 0
            set("greenroom_demand", [("state", "blocked"), ("reason", reason.name)], to: Double(count))
        }
        let conditions = [
            ("Ready", view.readyCondition), ("Active", view.active), ("Paused", view.paused), ("Fallback", view.fallback),
            ("WorkersFailing", view.workersFailing?.isPersistent ?? false), ("Updating", view.rollingUpdate != nil),
            ("NoPolicy", view.target.isEmpty),
        ]
        for (name, holds) in conditions { set("greenroom_pool_condition", [("condition", name)], to: holds ? 1 : 0) }
        if let served = view.claims { show(served) }
        // Only pools whose pods are asked have these.
        guard let reports = view.busyReports else { return }
        for (state, count) in [("busy", reports.busy), ("idle", reports.idle), ("unknown", reports.unknown)] {
            set("greenroom_pool_reported_workers", [("state", state)], to: Double(count))
        }
    }

    /// Those that a pool of unclaimed sandboxes has besides.
    private mutating func show(_ view: PoolView.ClaimsView) {
        set("greenroom_claims_warm_share", to: view.warmShare ?? 1)
        set("greenroom_idle_sandbox_seconds", to: view.idleSandboxSeconds)
        for (reason, count) in view.misses { set("greenroom_claim_misses", [("reason", reason)], to: Double(count)) }
    }

    func destroy() { for gauge in gauges.values { gauge.destroy() } }

    private mutating func set(_ name: String, _ more: [(String, String)] = [], to value: Double) {
        let series = Series(name: name, labels: more.map(\.1))
        let gauge = gauges[series] ?? Gauge(label: name, dimensions: [("pool", pool)] + more, factory: factory)
        gauges[series] = gauge
        gauge.record(value)
    }
}
