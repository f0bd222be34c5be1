import Autoscaling
import Domain
import Testing
@testable import Simulation

@Suite struct TunerTests {
    @Test(
        "objectives",
        arguments: [
            ("p95=0.1", "p95", 0.1), ("p99.9=2", "p99.9", 2), ("mean=0.25", "mean", 0.25), ("max=5", "max", 5), ("p95", nil, 0),
            ("q=1", nil, 0),
            ("p101=1", nil, 0), ("p95=-1", nil, 0), ("p95=x", nil, 0),
        ] as [(String, String?, Double)])
    func objectives(_ text: String, _ name: String?, _ seconds: Double) {
        let objective = TuningObjective(text)
        #expect(objective?.name == name)
        if name != nil { #expect(objective?.seconds == seconds) }
    }

    @Test("the cheapest that meets the objective is chosen, the front falls, and cores change nothing")
    func tunes() async throws {
        let trace = ArrivalTrace.bursts(16, size: 12, everySeconds: 60)
        let base = Policy.simulated {
            $0.behaviorGiven = false; $0.behavior = .kubernetesDefault
        }
        var tuner = Tuner(base: base, objective: TuningObjective(measure: .quantile(0.5), seconds: 0.1), settings: .exact, parallelism: 2)
        let report = try await tuner.tune(trace)
        let chosen = try #require(report.chosen)
        #expect(report.isMet && chosen.training.killed == 0)
        #expect(report.front.allSatisfy { $0.training.objectiveSeconds > 0.1 || $0.training.costRatio >= chosen.training.costRatio })
        for (a, b) in zip(report.front, report.front.dropFirst()) {
            #expect(a.training.costRatio <= b.training.costRatio && a.training.objectiveSeconds > b.training.objectiveSeconds)
        }
        #expect(chosen.policy.violations.isEmpty && report.trials <= TuningGrid.mostCandidates)

        tuner.parallelism = 1
        #expect(try await tuner.tune(trace) == report)
    }

    @Test("a policy that leaves turns without a worker is never chosen, however little it costs")
    func unserved() async throws {
        let base = Policy.simulated { $0.triggers[0].activationThresholdMilli = 1_000_000 }
        let tuner = Tuner(base: base, objective: TuningObjective(measure: .max, seconds: 60), settings: .exact, parallelism: 2)
        let report = try await tuner.tune(.bursts(2, size: 2, everySeconds: 60))
        #expect(report.trials > 0 && report.chosen == nil && report.front.isEmpty)
    }

    @Test("a limit on the cost is kept; an objective out of reach is said to be so")
    func limits() async throws {
        let trace = ArrivalTrace.bursts(6, size: 6, everySeconds: 60)
        let tuner = Tuner(
            base: .simulated(), objective: TuningObjective(measure: .max, seconds: 0), mostCost: 4, settings: .exact, parallelism: 2)
        let report = try await tuner.tune(trace)
        #expect(!report.isMet && !report.holds)
        #expect(report.chosen.map { $0.training.costRatio <= 4 } ?? true)
        var json = JSONWriter()
        report.write(to: &json)
        #expect(json.text.hasPrefix(#"{"objective":{"measure":"max","seconds":0,"maxCost":4},"trials":"#))
    }
}
