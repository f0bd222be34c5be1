import Autoscaling
import Domain

// What does a HorizontalPodAutoscaler on the rate of claims do with a pool of unclaimed workers?
//
// What users of Agent Sandbox have: `sum(rate(agent_sandbox_claim_creation_total[1m]))` at an average value of 0.05 claims a second a
// replica, so that each replica stands for 20 s of claims; HPA's sync every 15 s, its default behavior. With KEDA the pool can be at
// zero: a poll every 15 s sets it to 1 where there are claims, and to zero five minutes after the last. Scrapes take no time here, which
// is to the peer's good.

struct ClaimRateScaler: SimulatedScaler {
    static let thresholdMilli: Int64 = 50
    static let rateSeconds = 60
    static let pollingSeconds = 15
    static let cooldownSeconds = 300

    let name: String
    let slotsPerWorker = 1
    /// KEDA switches the pool on and off.
    private let goesToZero: Bool
    private var controller: HPAController
    private var nextSync = LogTime.zero
    private var lastActive = LogTime.zero
    /// How many claims had come by when, within the rate's window and one before it.
    private var came: [(at: LogTime, count: Int)] = []

    init(goesToZero: Bool) {
        self.goesToZero = goesToZero
        name = goesToZero ? "builtin:keda-claim-rate" : "builtin:hpa-claim-rate"
        controller = HPAController(targetMilli: Self.thresholdMilli, bounds: 1...1_000, behavior: .kubernetesDefault)
    }

    var victims: Victims { .blind }
    var initialReplicas: Int { 1 }
    var nextWake: LogTime? { nextSync }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        note(pool)
        guard pool.at >= nextSync else { return pool.replicas }
        nextSync = pool.at.adding(seconds: Self.pollingSeconds)
        let rate = rateMilli(pool)
        var count = pool.replicas
        if goesToZero { count = polled(rate, count, at: pool.at) }
        guard count > 0 else { return 0 }
        return controller.replicas(
            at: .init(
                at: pool.at, specReplicas: count, statusReplicas: pool.idle + pool.starting, readyReplicas: pool.idle, metricMilli: rate))
    }

    private mutating func note(_ pool: PoolSnapshot) {
        if came.last?.at == pool.at { came.removeLast() }
        came.append((pool.at, pool.arrived))
        let border = pool.at.adding(seconds: -Self.rateSeconds)
        while came.count > 1, came[1].at <= border { came.removeFirst() }
    }

    /// Claims a second, in thousandths.
    private func rateMilli(_ pool: PoolSnapshot) -> Int64 {
        let border = pool.at.adding(seconds: -Self.rateSeconds)
        let before = came.last { $0.at <= border }?.count ?? 0
        return Int64(pool.arrived - before) * 1_000 / Int64(Self.rateSeconds)
    }

    private mutating func polled(_ rate: Int64, _ count: Int, at now: LogTime) -> Int {
        if rate > 0 {
            lastActive = now
            return max(count, 1)
        }
        return now >= lastActive.adding(seconds: Self.cooldownSeconds) ? 0 : count
    }

    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons {
        ScalingReasons(
            code: "Sync",
            lines: ["\(rateMilli(pool)) thousandths of a claim a second, at a target of \(Self.thresholdMilli) a replica → \(count)"])
    }
}
