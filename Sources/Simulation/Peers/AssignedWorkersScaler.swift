import Autoscaling
import Domain

// What does an HPA do that looks at how many workers are assigned?
//
// The metric is clamped by capacity: with 5 workers it reads 5 whether one turn waits or a thousand. At a target of 80 %
// each sync can at most ask for a quarter more than there is. Its ReplicaSet removes pods blindly.

struct AssignedWorkersScaler: SimulatedScaler {
    static let targetMilli: Int64 = 800

    let slotsPerWorker: Int
    private var controller: HPAController
    private var nextSync = LogTime.zero

    init(slotsPerWorker: Int = 1, maxReplicas: Int = 1_000, behavior: Behavior? = .kubernetesDefault) {
        self.slotsPerWorker = slotsPerWorker
        controller = HPAController(targetMilli: Self.targetMilli, bounds: 1...max(1, maxReplicas), behavior: behavior)
    }

    var name: String { "builtin:hpa-on-assigned-workers" }
    var victims: Victims { .blind }
    var initialReplicas: Int { 1 }
    var nextWake: LogTime? { nextSync }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        guard pool.at >= nextSync else { return pool.replicas }
        nextSync = pool.at.adding(seconds: HPAController.syncPeriodSeconds)
        let assigned = pool.partial + pool.full
        return controller.replicas(
            at: .init(
                at: pool.at, specReplicas: pool.replicas, statusReplicas: pool.ready + pool.starting, readyReplicas: pool.ready,
                metricMilli: Int64(assigned) * 1_000))
    }

    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons {
        ScalingReasons(
            code: "Sync",
            lines: [
                pool.demandText,
                "HPA's sync every \(HPAController.syncPeriodSeconds) s: \(pool.partial + pool.full) workers assigned at a target of 0.8 → \(count)",
            ])
    }
}
