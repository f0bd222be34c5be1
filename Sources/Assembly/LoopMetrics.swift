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

    private struct Handles {
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

    private struct DecisionKey: Hashable {
        var pool: String
        var shadow: String?
        var direction: String
        var reason: String

        var dimensions: [(String, String)] {
            [("pool", pool)] + (shadow.map { [("shadow", $0)] } ?? []) + [("direction", direction), ("reason", reason)]
        }
    }

    private struct GoneKey: Hashable {
        var pool: String
        var end: WorkerEnd
    }

    private struct ClaimKey: Hashable {
        var pool: String
        var launch: ClaimLaunch
    }

    private struct PlacementKey: Hashable {
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
        handles.withLock { handles in
            handles.decisions[key, default: Counter(label: "greenroom_decisions_total", dimensions: key.dimensions, factory: factory)]
                .increment()
        }
    }

    func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {
        let key = DecisionKey(pool: pool, shadow: shadow, direction: direction.rawValue, reason: reason)
        handles.withLock { handles in
            handles.decisions[
                key, default: Counter(label: "greenroom_shadow_decisions_total", dimensions: key.dimensions, factory: factory)
            ].increment()
        }
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
        handles.withLock { handles in
            handles.actuationFailures[
                pool, default: Counter(label: "greenroom_actuation_failures_total", dimensions: [("pool", pool)], factory: factory)
            ].increment()
        }
    }

    func workerGone(pool: String, _ end: WorkerEnd) {
        handles.withLock { handles in
            let dimensions = [("pool", pool), ("reason", end.rawValue)]
            handles.gone[
                GoneKey(pool: pool, end: end),
                default: Counter(label: "greenroom_workers_gone_total", dimensions: dimensions, factory: factory)
            ].increment()
        }
    }

    func actorCrashed(pool: String) {
        handles.withLock { handles in
            handles.crashed[
                pool, default: Counter(label: "greenroom_actors_crashed_total", dimensions: [("pool", pool)], factory: factory)
            ].increment()
        }
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

    /// Sets the gauges of all pools: called when somebody reads the metrics.
    func show(_ pools: [PoolView]) {
        handles.withLock { handles in
            for pool in pools {
                let name = "\(pool.namespace)/\(pool.name)"
                let gauges = handles.pools[name] ?? PoolGauges(pool: name, factory)
                handles.pools[name] = gauges
                gauges.show(pool)
            }
        }
    }
}

/// The gauges of one pool.
private struct PoolGauges {
    private let desired, ready, busy, starting, draining, updating: Gauge
    private let resident, oldestWait: Gauge
    private let claims: ClaimGauges
    private let conditions: [(holds: @Sendable (PoolView) -> Bool, gauge: Gauge)]
    private let blocked: [(reason: String, gauge: Gauge)]
    private let reported: [(state: String, count: @Sendable (PoolView.BusyReportsView) -> Int)] = [
        ("busy", { $0.busy }), ("idle", { $0.idle }), ("unknown", { $0.unknown }),
    ]
    private let pool: String
    private let factory: any MetricsFactory

    init(pool: String, _ factory: any MetricsFactory) {
        self.pool = pool
        self.factory = factory
        func workers(_ what: String) -> Gauge {
            Gauge(label: "greenroom_pool_\(what)_workers", dimensions: [("pool", pool)], factory: factory)
        }
        desired = workers("desired")
        ready = workers("ready")
        busy = workers("busy")
        starting = workers("starting")
        draining = workers("draining")
        updating = workers("updating")
        claims = ClaimGauges(pool: pool, factory)
        oldestWait = Gauge(label: "greenroom_oldest_wait_seconds", dimensions: [("pool", pool)], factory: factory)
        let known: [(name: String, holds: @Sendable (PoolView) -> Bool)] = [
            ("Ready", { $0.readyCondition }), ("Active", { $0.active }), ("Paused", { $0.paused }), ("Fallback", { $0.fallback }),
            ("WorkersFailing", { $0.workersFailing?.isPersistent ?? false }), ("Updating", { $0.rollingUpdate != nil }),
            ("NoPolicy", { $0.target.isEmpty }),
        ]
        conditions = known.map {
            ($0.holds, Gauge(label: "greenroom_pool_condition", dimensions: [("pool", pool), ("condition", $0.name)], factory: factory))
        }
        resident = Gauge(label: "greenroom_demand", dimensions: [("pool", pool), ("state", "resident"), ("reason", "")], factory: factory)
        blocked = BlockedReason.allCases.map { reason in
            (
                reason.name,
                Gauge(
                    label: "greenroom_demand", dimensions: [("pool", pool), ("state", "blocked"), ("reason", reason.name)], factory: factory
                )
            )
        }
    }

    func show(_ view: PoolView) {
        desired.record(view.desired)
        ready.record(view.ready)
        busy.record(view.busy)
        starting.record(view.starting)
        draining.record(view.draining)
        updating.record(view.rollingUpdate?.left ?? 0)
        resident.record(view.demand.resident)
        oldestWait.record(view.oldestWaitSeconds ?? 0)
        if let served = view.claims { claims.show(served) }
        for condition in conditions { condition.gauge.record(condition.holds(view) ? 1 : 0) }
        for (reason, gauge) in blocked { gauge.record(view.demand.blocked[reason] ?? 0) }
        // Only pools whose pods are asked have these.
        guard let reports = view.busyReports else { return }
        for (state, count) in reported {
            Gauge(label: "greenroom_pool_reported_workers", dimensions: [("pool", pool), ("state", state)], factory: factory).record(
                count(reports))
        }
    }
}

/// Those that a pool of unclaimed sandboxes has besides; made once there are claims to tell of.
private struct ClaimGauges {
    private let pool: String
    private let factory: any MetricsFactory

    init(pool: String, _ factory: any MetricsFactory) {
        self.pool = pool
        self.factory = factory
    }

    func show(_ view: PoolView.ClaimsView) {
        gauge("greenroom_claims_warm_share").record(view.warmShare ?? 1)
        gauge("greenroom_idle_sandbox_seconds").record(view.idleSandboxSeconds)
        for (reason, count) in view.misses.sorted(by: { $0.key < $1.key }) {
            gauge("greenroom_claim_misses", [("reason", reason)]).record(Double(count))
        }
    }

    private func gauge(_ label: String, _ more: [(String, String)] = []) -> Gauge {
        Gauge(label: label, dimensions: [("pool", pool)] + more, factory: factory)
    }
}
