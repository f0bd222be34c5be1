import Basics
import Domain
import Foundation

// What will the demo do?
//
// Pools with their policies, and the turns that arrive for them, in real seconds: everything that is decided before it
// begins. Without a trace three pools of different kinds get bursts at different times, from one seed.

package struct DemoPool: Hashable, Sendable {
    package static let namespace = "demo"

    package var name: String
    package var slots: Int
    var maxReplicas: Int
    var spare = 0

    var fullName: String { "\(Self.namespace)/\(name)" }

    var policyYAML: String { policyYAML(serviceActs: true) }

    /// What an operator would write. Up at once within a budget, down after a few seconds, to zero after a few more. Where the service doesn't
    /// act, somebody else follows the count that it decides.
    func policyYAML(serviceActs: Bool) -> String {
        let target =
            serviceActs
            ? "{apiVersion: greenroom.dev/v1, kind: Process, name: \(name)}" : "{apiVersion: apps/v1, kind: Deployment, name: \(name)}"
        return """
            apiVersion: greenroom.dev/v1
            kind: WorkerPoolAutoscaler
            metadata: {name: \(name), namespace: \(Self.namespace)}
            spec:
              mode: \(serviceActs ? "auto" : "recommend")
              scaleTargetRef: \(target)
              slotsPerWorker: \(slots)
              minReplicaCount: 0
              maxReplicaCount: \(maxReplicas)
              cooldownPeriod: \(DemoPlan.cooldownSeconds)
              buffer: {spare: \(spare)}
              triggers:
              - {type: demand, threshold: \(slots)}
              advanced:
                horizontalPodAutoscalerConfig:
                  behavior:
                    scaleUp:
                      stabilizationWindowSeconds: 0
                      policies: [{type: Pods, value: 4, periodSeconds: 1}, {type: Percent, value: 100, periodSeconds: 1}]
                    scaleDown:
                      stabilizationWindowSeconds: \(DemoPlan.stabilizationSeconds)
                      policies: [{type: Percent, value: 100, periodSeconds: 1}]
              drain: {timeoutSeconds: 60}

            """
    }
}

package struct DemoPlan: Hashable, Sendable {
    static let cooldownSeconds = 6
    static let stabilizationSeconds = 5
    /// Worker processes of one pool fed from a trace.
    static let traceWorkersLimit = 25
    /// At which share of them the trace's own peak is to be carried.
    private static let traceWorkersWanted = 20

    package var pools: [DemoPool]
    /// In order of arrival.
    package var arrivals: [Arrival]
    package var seed: UInt64
    /// How long a restore takes that finds nothing near, and one that finds the actor's own state.
    var coldMillis: Int
    var warmMillis: Int

    /// Nodes that this machine plays: each has a cache of snapshots.
    package static let nodes = ["node-a", "node-b", "node-c"]

    /// Cold, golden, warm, local, as a worker takes them: a template's state must still become the actor's, a paused one is
    /// in memory.
    package var restoreMillis: String { "\(coldMillis),\(max(1, (coldMillis + warmMillis) / 2)),\(warmMillis),\(max(1, warmMillis / 2))" }

    /// Seconds until the last arrival.
    var lengthSeconds: Double { arrivals.last?.atSeconds ?? 0 }

    /// A trace's arrivals for one pool, whose workers have as many slots as its peak needs.
    package init(trace: Trace, speed: Double, durationSeconds: Double?, seed: UInt64) {
        let scaled = trace.scaled(speed: speed, durationSeconds: durationSeconds)
        coldMillis = max(1, Int((1_000 / speed).rounded()))
        warmMillis = max(1, Int((100 / speed).rounded()))
        let peak = scaled.peakConcurrency(extraSeconds: Double(warmMillis) / 1_000)
        let slots = max(1, (peak + Self.traceWorkersWanted - 1) / Self.traceWorkersWanted)
        pools = [DemoPool(name: "agents", slots: slots, maxReplicas: Self.traceWorkersLimit, spare: 1)]
        arrivals = scaled.arrivals
        self.seed = seed
    }

    /// The built-in bursts.
    package init(speed: Double, durationSeconds: Double?, seed: UInt64) {
        pools = [
            DemoPool(name: "chat", slots: 2, maxReplicas: 6, spare: 1),
            DemoPool(name: "code", slots: 1, maxReplicas: 8),
            DemoPool(name: "batch", slots: 4, maxReplicas: 4),
        ]
        var random = SplitMix64(seed: seed)
        let trace = Trace(arrivals: Self.phases.flatMap { $0.arrivals(&random) })
        arrivals = trace.scaled(speed: speed, durationSeconds: durationSeconds).arrivals
        coldMillis = max(1, Int((400 / speed).rounded()))
        warmMillis = max(1, Int((50 / speed).rounded()))
        self.seed = seed
    }

    /// Turns of one pool that arrive at one rate for a while.
    private struct Phase: Hashable, Sendable {
        var pool: Int
        var seconds: Range<Double>
        var perSecond: Double
        var service: Range<Double>

        /// Exponential gaps: a Poisson process.
        func arrivals(_ random: inout SplitMix64) -> [Arrival] {
            var arrivals: [Arrival] = []
            var at = seconds.lowerBound
            while true {
                at += -log(1 - random.unit()) / perSecond
                guard at < seconds.upperBound else { return arrivals }
                arrivals.append(Arrival(atSeconds: at, serviceSeconds: random.uniform(service), pool: pool))
            }
        }
    }

    private static let phases = [
        // Chat: a trickle, a crowd, a trickle.
        Phase(pool: 0, seconds: 1..<8, perSecond: 2, service: 0.4..<1.2),
        Phase(pool: 0, seconds: 8..<12, perSecond: 12, service: 0.4..<1.2),
        Phase(pool: 0, seconds: 12..<23, perSecond: 2, service: 0.4..<1.2),
        // Code: two bursts with nothing between them.
        Phase(pool: 1, seconds: 3..<4, perSecond: 14, service: 1.0..<3.0),
        Phase(pool: 1, seconds: 17..<18.5, perSecond: 10, service: 1.0..<3.0),
        // Batch: one wave.
        Phase(pool: 2, seconds: 10..<12, perSecond: 16, service: 1.0..<2.5),
    ]
}
