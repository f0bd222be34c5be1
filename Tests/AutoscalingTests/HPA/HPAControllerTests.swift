import Domain
import Testing
import Autoscaling

// The controller that simulations compare with answers as Kubernetes did, at every recorded tick.

@Suite struct HPAControllerTests {
    @Test("every tick of every recorded scenario agrees")
    func everyTickAgrees() throws {
        for scenario in try HPAFixture.load().scenarios {
            let isAverage = scenario.targetMilli.averageValue != nil
            var controller = HPAController(
                targetMilli: scenario.targetMilli.averageValue ?? scenario.targetMilli.value ?? 1,
                metricType: isAverage ? .averageValue : .value,
                bounds: scenario.minReplicas...scenario.maxReplicas, behavior: scenario.behaviorWithDefaults?.behavior)
            for tick in scenario.ticks {
                let desired = controller.replicas(
                    at: .init(
                        at: LogTime(microseconds: Int64((tick.at * 1e6).rounded())), specReplicas: tick.specReplicas,
                        statusReplicas: tick.statusReplicas,
                        readyReplicas: tick.readyPods, metricMilli: tick.metricMilli.reduce(0, +)))
                guard desired != tick.desired else { continue }
                Issue.record("\(scenario.name): \(desired) instead of \(tick.desired) at \(tick)")
                return
            }
        }
    }
}
