import Autoscaling
import Domain
import Testing
@testable import Simulation

// The peers' arithmetic, by tables and timelines.

@Suite struct KnativePodAutoscalerTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var ready: Int
        var stable: Double
        var panic: Double
        var wanted: Int
        var panics: Bool
    }

    /// Target 70 % of one request a pod: 7 requests at once want 10 pods.
    private static let cases = [
        Case(testDescription: "steady", ready: 10, stable: 7, panic: 7, wanted: 10, panics: false),
        Case(testDescription: "rounded up", ready: 10, stable: 7.1, panic: 7, wanted: 11, panics: false),
        Case(testDescription: "just below twice what is ready: no panic", ready: 10, stable: 7, panic: 13.2, wanted: 10, panics: false),
        Case(
            testDescription: "twice what is ready: panic, by the short window", ready: 10, stable: 7, panic: 13.9, wanted: 20, panics: true),
        Case(testDescription: "in panic the higher of the windows counts", ready: 1, stable: 7, panic: 2, wanted: 10, panics: true),
        Case(testDescription: "down by half at a time", ready: 10, stable: 0.7, panic: 0.7, wanted: 5, panics: false),
        Case(testDescription: "half of one pod is none", ready: 1, stable: 0, panic: 0, wanted: 0, panics: false),
        Case(testDescription: "from zero as if one were ready", ready: 0, stable: 0.7, panic: 2.8, wanted: 4, panics: true),
        Case(testDescription: "up a thousandfold at a time", ready: 1, stable: 1, panic: 7_000, wanted: 1_000, panics: true),
    ]

    @Test("one tick", arguments: cases)
    private func tick(_ row: Case) {
        var autoscaler = KnativePodAutoscaler(options: .init())
        #expect(autoscaler.desired(at: 0, readyPods: row.ready, stableConcurrency: row.stable, panicConcurrency: row.panic) == row.wanted)
        #expect((autoscaler.panicSince != nil) == row.panics)
    }

    @Test("a panic never shrinks, and ends a whole stable window after its last cause")
    func panicEnds() {
        var autoscaler = KnativePodAutoscaler(options: .init())
        func wanted(_ second: Int64, _ ready: Int, _ stable: Double, _ panic: Double) -> Int {
            autoscaler.desired(at: second * 1_000_000, readyPods: ready, stableConcurrency: stable, panicConcurrency: panic)
        }
        #expect(wanted(0, 5, 3.5, 14) == 20)
        #expect(wanted(10, 20, 5, 7) == 20)
        #expect(wanted(60, 20, 7, 2) == 20)
        #expect(wanted(62, 20, 7, 2) == 10)
    }

    @Test("averages are of what was, for as long as it was")
    func averages() {
        var history = ConcurrencyHistory()
        #expect(history.average(over: 6, at: 0) == 0)
        history.note(4, at: 0, keeping: 60)
        history.note(10, at: 10, keeping: 60)
        history.note(10, at: 12, keeping: 60)
        #expect(history.average(over: 60, at: 20) == 7)
        #expect(history.average(over: 6, at: 20) == 10)
        #expect(history.average(over: 15, at: 20) == 8)
    }

    @Test("a request wakes the pool from zero at once, and the last pod is given a grace")
    func zero() {
        let result = Simulation.run(.of((0, 1), (300, 1)), .knativeKPA, .exact)
        #expect(result.waits.sortedMicroseconds == [0, 10_000_000])
        // The last request leaves the stable window a minute after its end; thirty seconds later the pod may go.
        let gone = result.replicas.first { $0.count == 0 }
        #expect(gone.map { (90_000_000...96_000_000).contains($0.atMicroseconds) } == true)
    }
}

@Suite struct KEDATests {
    @Test("syncs each 15 s, doubles or adds four, and keeps the highest of five minutes")
    func timeline() {
        let trace = ArrivalTrace(
            turns: (0..<30).map { _ in Turn(atSeconds: 1, serviceSeconds: 20) } + [Turn(atSeconds: 700, serviceSeconds: 1)])
        let result = Simulation.run(trace, .kedaHPA(nil), .exact)
        let counts = result.replicas.prefix(4).map { [Int($0.atMicroseconds / 1_000_000), $0.count] }
        // 30 wanted, twice or four more than there are each 15 s; what is left at 45 is all there is to do.
        #expect(counts == [[0, 1], [15, 5], [30, 10], [45, 20]])
        #expect(result.replicas.contains { $0.count == 0 })
        // At zero nothing happens until KEDA polls.
        #expect(result.waits.maxSeconds > 20)
    }

    @Test("HPA on assigned workers sees no more than there are")
    func clamped() {
        let trace = ArrivalTrace(turns: (0..<200).map { Turn(atSeconds: Double($0) / 10, serviceSeconds: 60) })
        let result = Simulation.run(trace, .hpaOnAssignedWorkers, .exact)
        // 1 ÷ 0.8 → 2 → 3 → 4 → 5 → 7: a quarter more at each sync after the last ones started.
        #expect(result.replicas.prefix(4).map(\.count) == [1, 2, 3, 4])
    }

    @Test(
        "builtin names",
        arguments: [
            ("builtin:keda-hpa", SimulatedPolicy.kedaHPA(nil)), ("builtin:knative-kpa", .knativeKPA), ("builtin:fixed:7", .fixed(7)),
            ("builtin:hpa-on-assigned-workers", .hpaOnAssignedWorkers), ("builtin:fixed:0", nil), ("builtin:fixed:", nil),
            ("builtin:other", nil),
        ] as [(String, SimulatedPolicy?)])
    func names(_ name: String, _ policy: SimulatedPolicy?) {
        #expect(SimulatedPolicy(builtin: name) == policy)
    }
}
