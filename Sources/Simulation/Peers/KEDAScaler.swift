import Autoscaling
import Domain

// What does KEDA with a HorizontalPodAutoscaler do on the same demand?
//
// KEDA's operator polls the metric and switches the target on (0 → 1) and off (→ 0, `cooldownPeriod` after the last
// activity); the HPA syncs every 15 s while it is on and computes the rest. Its ReplicaSet removes pods that aren't ready
// first, then any: it doesn't know who is busy.

struct KEDAScaler: SimulatedScaler {
    struct Options: Hashable, Sendable {
        var metricTargetMilli: Int64 = 1_000
        var pollingSeconds = 30
        var cooldownSeconds = 300
        var minReplicas = 0
        var maxReplicas = 1_000
        /// Kubernetes' default values, given; nil takes HPA's path without behavior.
        var behavior: Behavior? = .kubernetesDefault
    }

    let name: String
    let slotsPerWorker: Int
    private let options: Options
    private var controller: HPAController
    private var nextPoll = LogTime.zero
    private var nextSync = LogTime.zero
    /// Switched on, and active until the trace begins.
    private var lastActive = LogTime.zero

    init(name: String = "builtin:keda-hpa", slotsPerWorker: Int = 1, options: Options = Options()) {
        self.name = name
        self.slotsPerWorker = slotsPerWorker
        self.options = options
        controller = HPAController(
            targetMilli: options.metricTargetMilli, bounds: max(1, options.minReplicas)...max(1, options.minReplicas, options.maxReplicas),
            behavior: options.behavior)
    }

    var victims: Victims { .blind }
    var initialReplicas: Int { max(1, options.minReplicas) }
    var nextWake: LogTime? { min(nextPoll, nextSync) }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        var count = pool.replicas
        if pool.at >= nextPoll {
            count = polled(pool, count)
            nextPoll = pool.at.adding(seconds: options.pollingSeconds)
        }
        if pool.at >= nextSync {
            if count > 0 {
                count = controller.replicas(
                    at: .init(
                        at: pool.at, specReplicas: count, statusReplicas: pool.ready + pool.starting, readyReplicas: pool.ready,
                        metricMilli: Int64(pool.demand) * 1_000))
            }
            nextSync = pool.at.adding(seconds: HPAController.syncPeriodSeconds)
        }
        return count
    }

    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons {
        if pool.replicas == 0 {
            return ScalingReasons(
                code: "Activated", lines: [pool.demandText, "KEDA's poll every \(options.pollingSeconds) s found demand → \(count)"])
        }
        if count == 0 {
            return ScalingReasons(
                code: "CooldownPassed", lines: [pool.demandText, "KEDA's cooldown of \(options.cooldownSeconds) s is over → 0"])
        }
        let target = Reason.Value.milli(options.metricTargetMilli).text
        return ScalingReasons(
            code: "Sync",
            lines: [
                pool.demandText,
                "HPA's sync every \(HPAController.syncPeriodSeconds) s: demand at a target of \(target) a worker, stabilized and limited → \(count)",
            ])
    }

    /// KEDA's scale executor: any demand is activity.
    private mutating func polled(_ pool: PoolSnapshot, _ count: Int) -> Int {
        if pool.demand > 0 {
            lastActive = pool.at
            return count == 0 ? max(1, options.minReplicas) : count
        }
        guard options.minReplicas == 0, count > 0 else { return count }
        return pool.at >= lastActive.adding(seconds: options.cooldownSeconds) ? 0 : count
    }
}
