import Domain
import Testing
@testable import Autoscaling

// A controller that syncs at ticks, as HPA does, put together from the same functions that `Autoscaler` decides with.
// Every tick of every recorded scenario must agree, reasons too.

/// What one sync answered.
private struct Answer: Equatable {
    var proposed: Int?
    var desired: Int
    var ableToScaleReason: String?
    var scalingLimitedReason: String?
    var scalingLimited = false
}

/// HPA's `reconcileAutoscaler`, in its order.
private struct TickingController {
    let scenario: HPAFixture.Scenario
    let behavior: Behavior?
    let tolerances: Tolerances
    let windows: StabilizationWindows
    var history = RecommendationHistory()
    var events = ScaleEvents()
    var hasRecommended = false

    init(_ scenario: HPAFixture.Scenario) {
        self.scenario = scenario
        behavior = scenario.behaviorWithDefaults?.behavior
        tolerances = Tolerances(behavior ?? .kubernetesDefault)
        windows = StabilizationWindows(behavior)
    }

    mutating func sync(_ tick: HPAFixture.Tick) -> Answer {
        let now = LogTime(microseconds: Int64((tick.at * 1e6).rounded()))
        let current = tick.specReplicas
        if !hasRecommended { history.record(current, at: now, keeping: windows) }
        hasRecommended = true

        if current == 0, scenario.minReplicas != 0 { return Answer(desired: 0) }
        let bounds = scenario.minReplicas...scenario.maxReplicas
        let answer =
            bounds.contains(current)
            ? normalize(tick, current, bounds, now) : Answer(desired: min(max(current, bounds.lowerBound), bounds.upperBound))
        if behavior != nil { events.record(from: current, to: answer.desired, at: now, behavior: behavior) }
        return answer
    }

    private mutating func normalize(_ tick: HPAFixture.Tick, _ current: Int, _ bounds: ClosedRange<Int>, _ now: LogTime) -> Answer {
        let proposed = propose(tick)
        let stabilized = history.stabilized(proposed, current: current, at: now, windows: windows)
        history.record(proposed, at: now, keeping: windows)
        let limited =
            if let behavior {
                Limited.withBehavior(stabilized, current: current, bounds: bounds, behavior: behavior, events: events, at: now)
            } else {
                Limited.legacy(stabilized, current: current, start: current, bounds: bounds)
            }
        let stabilizedReason: ReasonCode = behavior != nil && proposed >= current ? .scaleUpStabilized : .scaleDownStabilized
        return Answer(
            proposed: proposed, desired: limited.count,
            ableToScaleReason: stabilized == proposed ? "ReadyForNewScale" : stabilizedReason.name,
            scalingLimitedReason: limited.code.name, scalingLimited: limited.count != stabilized)
    }

    private func propose(_ tick: HPAFixture.Tick) -> Int {
        let usage = ReplicaCalculator.sum(tick.metricMilli)
        if let target = scenario.targetMilli.averageValue {
            return ReplicaCalculator.perPod(usageMilli: usage, targetMilli: target, running: tick.statusReplicas, tolerances: tolerances)
        }
        return ReplicaCalculator.wholeValue(
            usageMilli: usage, targetMilli: scenario.targetMilli.value ?? 1, current: tick.specReplicas, ready: tick.readyPods,
            tolerances: tolerances)
    }
}

@Suite("HPA v2, as Kubernetes 1.36 answered")
struct HPAConformanceTests {
    @Test("every tick of every recorded scenario agrees")
    func everyTickAgrees() throws {
        let fixture = try HPAFixture.load()
        var ticks = 0
        for scenario in fixture.scenarios {
            var controller = TickingController(scenario)
            for (index, tick) in scenario.ticks.enumerated() {
                let ours = controller.sync(tick)
                let theirs = Answer(
                    proposed: tick.proposed, desired: tick.desired, ableToScaleReason: tick.ableToScaleReason,
                    scalingLimitedReason: tick.scalingLimitedReason, scalingLimited: tick.scalingLimited)
                ticks += 1
                guard ours != theirs else { continue }
                Issue.record(Comment(rawValue: Self.disagreement(scenario, index, ours, theirs, controller)))
                return
            }
        }
        #expect(fixture.scenarios.count == 160)
        #expect(ticks == 7_265)
    }

    private static func disagreement(
        _ scenario: HPAFixture.Scenario, _ index: Int, _ ours: Answer, _ theirs: Answer, _ controller: TickingController
    ) -> String {
        let recent = scenario.ticks[max(0, index - 5)...index].map { "  \($0)" }.joined(separator: "\n")
        return """
            \(scenario.name), tick \(index): HPA answered otherwise
              HPA   \(theirs)
              ours  \(ours)
            min \(scenario.minReplicas), max \(scenario.maxReplicas), \(scenario.targetMilli)
            behavior \(controller.behavior.map { "\($0)" } ?? "none")
            history \(controller.history)
            events \(controller.events)
            the last ticks:
            \(recent)
            """
    }
}
