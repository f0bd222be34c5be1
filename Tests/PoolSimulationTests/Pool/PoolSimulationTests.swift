import Domain
import Testing
@testable import Autoscaling
@testable import Simulation

// What happens on a small trace, to the microsecond.

extension ArrivalTrace {
    /// Seconds of arrival and of service.
    static func of(_ turns: (Double, Double)...) -> ArrivalTrace {
        ArrivalTrace(turns: turns.map { Turn(atSeconds: $0.0, serviceSeconds: $0.1) })
    }

    /// Bursts of `size` turns of 4 s, half a second apart, each `everySeconds`.
    static func bursts(_ count: Int, size: Int, everySeconds: Int) -> ArrivalTrace {
        ArrivalTrace(
            turns: (0..<count).flatMap { burst in
                (0..<size).map { Turn(atSeconds: Double(burst * everySeconds) + Double($0) / 2, serviceSeconds: 4) }
            })
    }
}

extension Turn {
    init(atSeconds: Double, serviceSeconds: Double) {
        self.init(arrivalMicroseconds: Int64(atSeconds * 1e6), serviceMicroseconds: Int64(serviceSeconds * 1e6))
    }
}

extension SimulationSettings {
    static let exact = SimulationSettings(start: .constant(microseconds: 10_000_000), resumeMicroseconds: 100_000)
}

extension Policy {
    static func simulated(_ change: (inout Policy) -> Void = { _ in }) -> Policy {
        var policy = Policy(pool: "kagent/default", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "default"))
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        policy.behavior = .asNeeded
        policy.behaviorGiven = true
        change(&policy)
        return policy
    }
}

/// Counts that were decided beforehand, at whole seconds.
struct ScriptedScaler: SimulatedScaler {
    var script: [(second: Int, replicas: Int)]
    var victims = Victims.idle
    var slotsPerWorker = 1
    var initialReplicas = 0

    var name: String { "scripted" }
    private(set) var nextWake: LogTime?

    init(_ script: [(second: Int, replicas: Int)], victims: Victims = .idle, slots: Int = 1, initial: Int = 0) {
        self.script = script
        self.victims = victims
        slotsPerWorker = slots
        initialReplicas = initial
    }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        let past = script.last { LogTime.zero.adding(seconds: $0.second) <= pool.at }
        nextWake = script.first { LogTime.zero.adding(seconds: $0.second) > pool.at }.map { LogTime.zero.adding(seconds: $0.second) }
        return past?.replicas ?? initialReplicas
    }
}

@Suite struct PoolSimulationTests {
    private func run(_ trace: ArrivalTrace, _ scaler: some SimulatedScaler) -> SimulationResult {
        var simulation = PoolSimulation(trace: trace, settings: .exact, scaler: scaler)
        return simulation.run()
    }

    @Test("a turn waits for its worker's start, and the cost counts from the asking")
    func start() {
        let result = run(.of((0, 2)), ScriptedScaler([(0, 1)]))
        #expect(result.waits.sortedMicroseconds == [10_000_000])
        // 10 s of starting, 0.1 s of restoring, 2 s of service.
        #expect(result.workerMicroseconds == 12_100_000)
        #expect(result.costRatio == 6.05)
        #expect(result.replicas == [.init(atMicroseconds: 0, count: 0), .init(atMicroseconds: 0, count: 1)])
    }

    @Test("those who wait are served in the order of their arrival")
    func order() {
        let result = run(.of((0, 3), (1, 3), (1, 1), (2, 1)), FixedScaler(count: 1, slotsPerWorker: 1))
        // Slots at 0, 3.1, 6.2 and 7.3.
        #expect(result.waits.sortedMicroseconds == [0, 2_100_000, 5_200_000, 5_300_000])
        #expect(result.waits.seconds(quantile: 0.5) == 2.1)
        #expect(result.waits.maxSeconds == 5.3)
    }

    @Test("slots of one worker are used before another worker's")
    func slots() {
        let result = run(.of((0, 5), (0, 5), (0, 5)), FixedScaler(count: 2, slotsPerWorker: 2))
        #expect(result.waits.maxSeconds == 0)
        let tight = run(.of((0, 5), (0, 5), (0, 5)), FixedScaler(count: 1, slotsPerWorker: 2))
        #expect(tight.waits.maxSeconds == 5.1)
    }

    @Test("a scale-down takes those still starting, then idle ones, and nobody who works")
    func safeScaleDown() {
        let result = run(.of((0, 20), (0, 2)), ScriptedScaler([(0, 4), (1, 1)], initial: 2))
        #expect(result.killed == 0)
        // Two busy and two starting for a second; then one of two stays busy until 20.1, the other until 2.1 and beyond:
        // nobody asks for its going again.
        #expect(result.workerMicroseconds == 2 * 20_100_000 + 2 * 1_000_000)
    }

    @Test("a blind scale-down kills; the turn begins again, before those who wait")
    func blindScaleDown() {
        let result = run(.of((0, 4), (1, 4)), ScriptedScaler([(2, 0), (3, 1)], victims: .blind, initial: 1))
        #expect(result.killed == 1)
        // Killed at 2, asked for at 3, ready at 13: it waited 11 s in all, the other from 1 to 17.1.
        #expect(result.waits.sortedMicroseconds == [11_000_000, 16_100_000])
    }

    @Test("a graceful scale-down lets the turn end and costs until then")
    func gracefulScaleDown() {
        let result = run(.of((0, 4)), ScriptedScaler([(1, 0)], victims: .graceful, initial: 1))
        #expect(result.killed == 0)
        #expect(result.workerMicroseconds == 4_100_000)
    }

    @Test("changes of direction are counted, and repeats of one direction are none")
    func flaps() {
        let result = run(.of((0, 1), (30, 1)), ScriptedScaler([(1, 3), (2, 5), (3, 4), (4, 2), (5, 6), (6, 7)], initial: 1))
        #expect(result.flaps == 2)
    }

    @Test("two parts of a run add up to the whole")
    func parts() {
        let trace = ArrivalTrace.bursts(8, size: 12, everySeconds: 50)
        let policy = Policy.simulated { $0.buffer = .surge(quantilePPM: 900_000, windowSeconds: 300, min: 1) }
        let whole = Simulation.run(trace, .policy(policy, name: policy.pool), .exact)
        let parts = Simulation.run(trace, policy, .exact, border: 200_000_001)
        #expect(parts.before.turns == 60 - 12 + 1 && parts.before.turns + parts.after.turns == whole.turns)
        #expect(parts.before.workerMicroseconds + parts.after.workerMicroseconds == whole.workerMicroseconds)
        #expect(parts.before.flaps + parts.after.flaps == whole.flaps)
        #expect(parts.before.replicas + parts.after.replicas == whole.replicas)
    }

    @Test("one seed, one result; drawn starts differ with the seed")
    func determinism() {
        let trace = ArrivalTrace.bursts(10, size: 20, everySeconds: 40)
        var settings = SimulationSettings.exact
        settings.start = .measured(microseconds: [4_000_000, 9_000_000, 30_000_000])
        let policy = SimulatedPolicy.policy(.simulated { $0.buffer = .fixed(3) }, name: "p")
        let first = Simulation.run(trace, policy, settings)
        #expect(Simulation.run(trace, policy, settings) == first)
        settings.seed = 2
        #expect(Simulation.run(trace, policy, settings) != first)
    }

    @Test("the result as JSON")
    func json() {
        var json = JSONWriter()
        SimulationReport(runs: [run(.of((0, 2), (0.5, 2)), FixedScaler(count: 1, slotsPerWorker: 1))]).write(to: &json)
        #expect(
            json.text == """
                {"runs":[{"policy":"builtin:fixed:1","turns":2,"waitSeconds":{"mean":0.8,"p50":0,"p95":1.6,"p99":1.6,"max":1.6},\
                "wait":{"mean":0.8,"p50":0,"p95":1.6,"p99":1.6,"max":1.6},\
                "costRatio":1.05,"workerSeconds":4.2,"killed":0,"flaps":0,"scaleUps":0,"scaleDowns":0,"replicas":[[0,1]]}]}
                """)
    }
}

@Suite struct PolicySimulationTests {
    @Test("a surge buffer learns bursts: waits fall, nobody is killed")
    func surge() {
        let trace = ArrivalTrace.bursts(20, size: 20, everySeconds: 60)
        let plain = Simulation.run(trace, .policy(.simulated(), name: "plain"), .exact)
        let surge = Simulation.run(
            trace, .policy(.simulated { $0.buffer = .surge(quantilePPM: 970_000, windowSeconds: 900, min: 1) }, name: "surge"), .exact)
        #expect(surge.killed == 0 && plain.killed == 0)
        #expect(surge.waits.meanSeconds < plain.waits.meanSeconds / 4)
        #expect(surge.waits.seconds(quantile: 0.9) == 0)
    }

    @Test("triggers a trace can't feed are left out and named")
    func outsideTriggers() {
        let policy = Policy.simulated {
            $0.mode = .recommend
            $0.triggers.append(
                Trigger(name: "queue", source: .observed(metric: "queue", selector: [], staleAfterSeconds: 10), thresholdMilli: 1_000))
        }
        #expect(SimulatedPolicy.policy(policy, name: "p").leftOut == ["queue"])
        #expect(Simulation.run(.of((0, 1)), .policy(policy, name: "p"), .exact).waits.maxSeconds == 10)
    }
}
