import Views

// Which number of a pool does KEDA scale by?
//
// Names are those of the external metrics API, so that a ScaledObject and an HPA read the same figure under the same name.

enum ScaledMetric: String, CaseIterable, Sendable {
    /// The workers the pool's policy wants: the whole decision, buffer and limits included.
    case desired
    /// Actors that hold a slot or wait for one.
    case demand
    /// Actors that wait.
    case queueDepth = "queue_depth"

    /// As the HPA reads it.
    var name: String {
        switch self {
        case .desired: "greenroom_desired_workers"
        case .demand: "greenroom_demand"
        case .queueDepth: "greenroom_queue_depth"
        }
    }

    init?(name: String) {
        guard let metric = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = metric
    }

    /// nil where the pool has no such number: without a policy nothing is desired.
    func value(of pool: PoolSummary) -> Int? {
        switch self {
        case .desired: pool.policy?.desired
        case .demand: pool.demand
        case .queueDepth: pool.waiting
        }
    }

    /// How much of it one worker is there for, where the ScaledObject names no `targetSize`: of a count of workers 1, of
    /// actors as many as a worker has slots.
    func targetSize(of pool: PoolSummary) -> Double {
        self == .desired ? 1 : Double(max(pool.policy?.slotsPerWorker ?? 1, 1))
    }
}
