import Testing

@testable import Commands
@testable import Demo
@testable import Inspection
@testable import Output

extension Trace {
    fileprivate init(csv: String, name: String) throws { self.init(try TraceFile.parse(Array(csv.utf8), name: name)) }
}

@Suite struct TraceTests {
    @Test func tokensBecomeSeconds() throws {
        let trace = try Trace(csv: "arrival_s,context_tokens,generated_tokens\n0.5,4000,20\r\n0.0,0,0\n", name: "t.csv")
        #expect(trace.arrivals.map(\.atSeconds) == [0, 0.5])
        #expect(trace.arrivals.map(\.serviceSeconds) == [2, 5])
    }

    @Test func optionalColumnsAreTakenAndOthersPassedOver() throws {
        let trace = try Trace(csv: "x, arrival_s ,service_s,actor,tenant\n?,1,2,ann,\n", name: "t.csv")
        #expect(trace.arrivals == [Arrival(atSeconds: 1, serviceSeconds: 2, actor: "ann")])
    }

    @Test(arguments: [
        ("", "is empty"), ("a,b\n1,2\n", "t.csv:1"), ("arrival_s,service_s\n", "no rows"),
        ("arrival_s,service_s\n1\n", "t.csv:2 has 1 cells"),
        ("arrival_s,service_s\n1,2\n1,-2\n", "t.csv:3"), ("arrival_s,service_s\n1,nan\n", "t.csv:2"),
        ("arrival_s,context_tokens\n1,2\n", "t.csv:1"),
    ])
    func aBrokenTraceIsRefusedWithItsLine(csv: String, part: String) {
        #expect { try Trace(csv: csv, name: "t.csv") } throws: { ($0 as? Fault)?.what.contains(part) == true }
    }

    @Test func speedDividesArrivalsAndServiceAndDurationCuts() throws {
        let trace = try Trace(csv: "arrival_s,service_s\n0,10\n60,20\n120,30\n", name: "t").scaled(speed: 60, durationSeconds: 1)
        #expect(trace.arrivals.map(\.atSeconds) == [0, 1])
        #expect(trace.arrivals.map { ($0.serviceSeconds * 60).rounded() } == [10, 20])
    }

    @Test func thePeakCountsWhatWouldRunAtOnce() throws {
        let trace = try Trace(csv: "arrival_s,service_s\n0,2\n1,2\n2,2\n", name: "t")
        #expect(trace.peakConcurrency(extraSeconds: 0) == 2)
        #expect(trace.peakConcurrency(extraSeconds: 0.5) == 3)
    }
}

@Suite struct DemoPlanTests {
    @Test func theBuiltInBurstsAreTheSameForASeed() {
        let plan = DemoPlan(speed: 1, durationSeconds: nil, seed: 1)
        #expect(plan == DemoPlan(speed: 1, durationSeconds: nil, seed: 1))
        #expect(plan.arrivals != DemoPlan(speed: 1, durationSeconds: nil, seed: 2).arrivals)
        #expect((100...250).contains(plan.arrivals.count))
        #expect((18...23).contains(plan.lengthSeconds))
        #expect(Set(plan.arrivals.map(\.pool)) == [0, 1, 2])
    }

    @Test func aTraceGetsSlotsForItsPeak() {
        let trace = Trace(arrivals: (0..<100).map { _ in Arrival(atSeconds: 0, serviceSeconds: 60) })
        let plan = DemoPlan(trace: trace, speed: 60, durationSeconds: nil, seed: 1)
        #expect(plan.pools.map(\.slots) == [5])
        #expect(plan.coldMillis == 17)
        #expect(plan.warmMillis == 2)
        #expect(plan.restoreMillis == "17,9,2,1")
    }

    @Test(arguments: [1.0, 60.0])
    func everyPolicyOfTheDemoIsGood(speed: Double) {
        let plans = [
            DemoPlan(speed: speed, durationSeconds: nil, seed: 1),
            DemoPlan(trace: Trace(arrivals: [Arrival(atSeconds: 0, serviceSeconds: 1)]), speed: speed, durationSeconds: nil, seed: 1),
        ]
        for pool in plans.flatMap(\.pools) {
            #expect(PolicyCheck(text: Array(pool.policyYAML.utf8), name: "p", now: TimeText.now()).problems == [])
        }
    }
}

@Suite struct ActorCastTests {
    private let pools = [DemoPool(name: "chat", slots: 1, maxReplicas: 1), DemoPool(name: "code", slots: 1, maxReplicas: 1)]

    @Test func nobodyIsAskedTwiceAtOnceAndNewOnesComeWhenAllAreBusy() {
        var cast = ActorCast(pools: pools, seed: 1, initialActors: 4)
        let actors = (0..<6).compactMap { _ in cast.assign(Arrival(atSeconds: 0, serviceSeconds: 1))?.actor }
        #expect(Set(actors).count == 6)
        #expect(Set(actors).isSuperset(of: ["chat-001", "chat-002", "chat-003", "chat-004", "chat-005", "chat-006"]))
    }

    @Test func fewActorsComeOften() {
        var cast = ActorCast(pools: pools, seed: 1)
        var counts: [String: Int] = [:]
        for _ in 0..<1_000 {
            guard let turn = cast.assign(Arrival(atSeconds: 0, serviceSeconds: 1)) else { continue }
            counts[turn.actor, default: 0] += 1
            _ = cast.rested(turn.actor, pool: 0)
        }
        #expect((counts["chat-001"] ?? 0) > 150)
        #expect((counts["chat-001"] ?? 0) > 5 * (counts["chat-020"] ?? 0))
    }

    @Test func aNamedActorsTurnWaitsUntilItRests() {
        var cast = ActorCast(pools: pools, seed: 1)
        var arrival = Arrival(atSeconds: 0, serviceSeconds: 1, pool: 1, actor: "ann")
        #expect(cast.assign(arrival)?.actor == "ann")
        arrival.atSeconds = 5
        #expect(cast.assign(arrival) == nil)
        #expect(cast.heldCount == 1)
        #expect(cast.rested("ann", pool: 1)?.arrival.atSeconds == 5)
        #expect(cast.heldCount == 0)
        #expect(cast.rested("ann", pool: 1) == nil)
        #expect(cast.assign(arrival) != nil)
    }
}
