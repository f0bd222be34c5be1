import Autoscaling
import Domain
import EventLog
import Replay
import Testing
@testable import Simulation

// What would have happened to one turn, computed by hand?

@Suite struct WhatIfTests {
    private func policy(min: Int) -> Policy {
        .simulated {
            $0.pool = HandWrittenLog.pool
            $0.minReplicaCount = min
            $0.maxReplicaCount = 2
        }
    }

    /// One turn, asked for at 1 s, begun when the worker came at 3 s, restored in half a second, over at 7.5 s.
    private func oneTurn() throws -> PoolHistory {
        let hand = try HandWrittenLog()
        hand.policy(0, policy(min: 0))
        hand.request(1, "a1")
        try hand.decide(1)
        hand.ready(3, "w1")
        hand.place(3, "a1", on: "w1")
        hand.run(3.5, "a1", on: "w1")
        hand.suspend(7.5, "a1", on: "w1")
        hand.at(30, .queueObserved, "ns/p", pool: "ns/p", #"{"metric":"m","value":1}"#)
        var reader = HistoryReader(log: hand.log, stretch: try #require(try LogStretch(of: hand.log)))
        while try reader.step() {}
        return try #require(reader.finish().first)
    }

    @Test("as it was, the recorded policy simulated, and another one")
    func byHand() async throws {
        let history = try oneTurn()
        #expect(history.startsMicroseconds == [2_000_000])
        let warm = SimulatedPolicy.policy(policy(min: 1), name: "warm")
        let answer = await WhatIf(policies: [warm], seed: 1).answer(history, parallelism: 2)
        #expect(answer.runs.map(\.policy) == ["as it was", "recorded policy, simulated", "warm"])
        #expect(answer.runs.map(\.waits.sortedMicroseconds) == [[2_000_000], [2_000_000], [1_000_000]])
        // From the decision to the turn's end; the warm worker is asked for at once.
        #expect(answer.runs.map(\.workerMicroseconds) == [6_500_000, 6_500_000, 6_500_000])
        #expect(answer.runs.map(\.usefulMicroseconds) == [4_000_000, 4_000_000, 4_000_000])
        #expect(
            answer.runs.map(\.killed) == [0, 0, 0] && answer.runs.map(\.scaleUps) == [1, 1, 1]
                && answer.runs.map(\.scaleDowns) == [0, 0, 0])
    }

    @Test("the same seed gives the same answer; peers take any pool, a policy its own alone")
    func deterministic() async throws {
        let history = try oneTurn()
        var elsewhere = policy(min: 1)
        elsewhere.pool = "ns/elsewhere"
        let whatIf = WhatIf(policies: [.policy(elsewhere, name: "elsewhere"), .fixed(1)], seed: 7)
        #expect(whatIf.policies(for: history) == [.fixed(1)])
        let (first, second) = (await whatIf.answer(history, parallelism: 1), await whatIf.answer(history, parallelism: 2))
        #expect(first.runs == second.runs && first.runs.count == 3)
    }

    @Test("a log without worker starts says so, and the default stands in")
    func defaultStart() throws {
        var history = try oneTurn()
        history.startsMicroseconds = []
        #expect(history.settings(seed: 1).start == .constant(microseconds: PoolHistory.defaultStartMicroseconds))
    }

    @Test("recorded policies follow one another at their moments, and none decides before the first")
    func followed() {
        let changes = [
            PolicyChange(atMicroseconds: 10_000_000, policy: policy(min: 1)),
            PolicyChange(atMicroseconds: 20_000_000, policy: policy(min: 2)),
        ]
        let trace = ArrivalTrace(turns: [Turn(atSeconds: 40, serviceSeconds: 1)])
        let result = Simulation.run(
            trace, .recorded(changes, name: "r"), SimulationSettings(start: .constant(microseconds: 0), resumeMicroseconds: 0))
        #expect(
            result.replicas == [
                .init(atMicroseconds: 0, count: 0), .init(atMicroseconds: 10_000_000, count: 1),
                .init(atMicroseconds: 20_000_000, count: 2),
            ])
    }

    @Test("a turn's own restore time comes before the settings'")
    func ownResume() {
        let turns = [
            Turn(arrivalMicroseconds: 0, serviceMicroseconds: 1_000_000, resumeMicroseconds: 3_000_000),
            Turn(arrivalMicroseconds: 0, serviceMicroseconds: 1_000_000),
        ]
        let result = Simulation.run(ArrivalTrace(turns: turns), .fixed(1), .exact)
        #expect(result.waits.sortedMicroseconds == [0, 4_000_000])
    }

    @Test("policies see the log's own dates")
    func dates() throws {
        let history = try oneTurn()
        #expect(history.settings(seed: 1).beginsAt == HandWrittenLog.start)
    }
}
