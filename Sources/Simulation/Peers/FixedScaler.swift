import Domain

// What if nothing scaled at all? The same count from beginning to end, ready from the start.

struct FixedScaler: SimulatedScaler {
    let count: Int
    let slotsPerWorker: Int

    var name: String { "builtin:fixed:\(count)" }
    var victims: Victims { .idle }
    var initialReplicas: Int { count }
    var nextWake: LogTime? { nil }
    func replicas(for pool: PoolSnapshot) -> Int { count }
}
