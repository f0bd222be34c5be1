import Domain
import Testing
@testable import Autoscaling

@Suite struct RateLimitTests {
    private let both = [
        Behavior.Limit(kind: .pods, value: 4, periodSeconds: 15), Behavior.Limit(kind: .percent, value: 100, periodSeconds: 15),
    ]

    private func rules(_ select: Behavior.Select, _ limits: [Behavior.Limit]) -> Behavior.Rules {
        Behavior.Rules(stabilizationWindowSeconds: 0, select: select, limits: limits)
    }

    @Test(
        "up: select, current → limit",
        arguments: [
            (Behavior.Select.max, 2, 6), (.max, 6, 12), (.min, 2, 4), (.min, 6, 10), (.disabled, 6, 6),
        ])
    func up(_ select: Behavior.Select, _ current: Int, _ limit: Int) {
        #expect(RateLimit.scaleUp(rules(select, both), current: current, events: ScaleEvents(), at: .zero).limit == limit)
    }

    @Test(
        "down: select, current → limit",
        arguments: [
            (Behavior.Select.max, 30, 27), (.min, 30, 28), (.max, 5, 3), (.min, 5, 4), (.disabled, 5, 5),
        ])
    func down(_ select: Behavior.Select, _ current: Int, _ limit: Int) {
        let limits = [
            Behavior.Limit(kind: .pods, value: 2, periodSeconds: 60), Behavior.Limit(kind: .percent, value: 10, periodSeconds: 60),
        ]
        #expect(RateLimit.scaleDown(rules(select, limits), current: current, events: ScaleEvents(), at: .zero).limit == limit)
    }

    @Test("a percentage is a float, and rounds up on the way up: 50 + 10 % allows 56")
    func percentIsAFloat() {
        let limits = [Behavior.Limit(kind: .percent, value: 10, periodSeconds: 15)]
        #expect(RateLimit.scaleUp(rules(.max, limits), current: 50, events: ScaleEvents(), at: .zero).limit == 56)
    }

    @Test("a bound is looked at only in the direction of the change")
    func boundsByDirection() {
        let events = ScaleEvents()
        func limited(_ desired: Int, _ current: Int) -> Limited {
            Limited.withBehavior(desired, current: current, bounds: 2...8, behavior: .kubernetesDefault, events: events, at: .zero)
        }
        #expect(limited(12, 6) == Limited(8, .tooManyReplicas))
        #expect(limited(12, 3) == Limited(7, .scaleUpLimit, rule: 0))
        #expect(limited(0, 6) == Limited(2, .tooFewReplicas))
        #expect(limited(6, 6) == Limited(6, .desiredWithinRange))
    }

    @Test(
        "without behavior: desired, current, start → count",
        arguments: [
            (9, 1, 1, 4, ReasonCode.scaleUpLimit), (9, 4, 4, 8, .scaleUpLimit), (20, 6, 6, 10, .tooManyReplicas),
            (0, 6, 6, 2, .tooFewReplicas), (9, 8, 4, 8, .scaleUpLimit), (9, 9, 2, 9, .desiredWithinRange),
        ])
    func legacy(_ desired: Int, _ current: Int, _ start: Int, _ count: Int, _ code: ReasonCode) {
        #expect(Limited.legacy(desired, current: current, start: start, bounds: 2...10) == Limited(count, code))
    }
}
