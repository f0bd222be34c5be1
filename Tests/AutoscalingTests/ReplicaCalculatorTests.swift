import Testing
@testable import Autoscaling

@Suite struct ReplicaCalculatorTests {
    private let tenth = Tolerances(Behavior.kubernetesDefault)

    @Test(
        "AverageValue: usage, target, running → count",
        arguments: [
            (21_000, 3_000, 5, 7), (21_000, 3_000, 7, 7), (22_000, 1_000, 20, 20), (23_000, 1_000, 20, 23), (0, 1_000, 5, 0),
            (0, 1_000, 0, 0), (1, 1_000, 0, 1),
            (18_000, 1_000, 20, 20), (17_999, 1_000, 20, 18),
        ])
    func perPod(_ usage: Int64, _ target: Int64, _ running: Int, _ count: Int) {
        #expect(ReplicaCalculator.perPod(usageMilli: usage, targetMilli: target, running: running, tolerances: tenth) == count)
    }

    @Test(
        "Value: usage, target, current, ready → count",
        arguments: [
            (12_000, 8_000, 4, 4, 6), (12_000, 8_000, 4, 2, 3), (8_500, 8_000, 4, 1, 4), (20_000, 8_000, 0, 0, 3), (12_000, 8_000, 4, 0, 0),
        ])
    func wholeValue(_ usage: Int64, _ target: Int64, _ current: Int, _ ready: Int, _ count: Int) {
        #expect(
            ReplicaCalculator.wholeValue(usageMilli: usage, targetMilli: target, current: current, ready: ready, tolerances: tenth) == count
        )
    }

    @Test("counts and sums stop at their largest value")
    func saturates() {
        #expect(ReplicaCalculator.perPod(usageMilli: .max, targetMilli: 1, running: 1, tolerances: tenth) == Int(Int32.max))
        #expect(ReplicaCalculator.sum([.max, 5]) == .max)
    }

    @Test("a tolerance is Kubernetes' own product: 9m is 9 × 0.001")
    func toleranceDigits() {
        #expect(Tolerances.fraction(ppm: 9_000) == 9 * 0.001)
        #expect(Tolerances.fraction(ppm: 100_000) == 0.1)
    }

    @Test("directions have tolerances of their own")
    func perDirection() {
        let wide = Tolerances(scaleUp: 0.5, scaleDown: 0)
        #expect(ReplicaCalculator.perPod(usageMilli: 15_000, targetMilli: 1_000, running: 10, tolerances: wide) == 10)
        #expect(ReplicaCalculator.perPod(usageMilli: 9_999, targetMilli: 1_000, running: 10, tolerances: wide) == 10)
        #expect(ReplicaCalculator.perPod(usageMilli: 9_000, targetMilli: 1_000, running: 10, tolerances: wide) == 9)
    }
}
