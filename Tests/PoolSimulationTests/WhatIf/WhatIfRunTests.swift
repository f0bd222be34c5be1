import Autoscaling
import Domain
import EventLog
import Replay
import Synchronization
import Testing
@testable import Simulation

// Is a policy tried on a log that is being written within bounds, and as `replay --policy` tries it?

@Suite struct WhatIfRunTests {
    private func policy(min: Int) -> Policy {
        .simulated {
            $0.pool = HandWrittenLog.pool
            $0.minReplicaCount = min
            $0.maxReplicaCount = 2
        }
    }

    /// Two turns: asked for at 1 s and at 100 s, each begun two seconds later.
    private func log() throws -> HandWrittenLog {
        let hand = try HandWrittenLog()
        hand.policy(0, policy(min: 0))
        for (start, number) in [(1.0, 1), (100, 2)] {
            hand.request(start, "a\(number)")
            try hand.decide(start)
            hand.ready(start + 2, "w\(number)")
            hand.place(start + 2, "a\(number)", on: "w\(number)")
            hand.run(start + 2, "a\(number)", on: "w\(number)")
            hand.suspend(start + 6, "a\(number)", on: "w\(number)")
            hand.at(start + 7, .workerGone, "w\(number)", pool: HandWrittenLog.pool)
        }
        return hand
    }

    private func run(
        _ hand: HandWrittenLog, _ policy: Policy, pool: String = HandWrittenLog.pool, from: Moment? = nil, to: Moment? = nil
    ) throws(WhatIfRun.Fault) -> WhatIfRun {
        var run = try WhatIfRun(log: hand.log, pool: pool, policies: [policy], from: from, to: to, seed: 1)
        while try run.step() {}
        return run
    }

    @Test("the same figures as the history's own, of the stretch that was asked for, and progress")
    func figures() async throws {
        let hand = try log()
        var whole = try run(hand, policy(min: 1))
        let steps = Mutex<[String]>([])
        let answer = try await whole.answer { done, total in steps.withLock { $0.append("\(done)/\(total)") } }
        #expect(answer.history.turns.count == 2 && answer.runs.map(\.turns) == [2, 2, 2])
        #expect(answer.runs.last?.waits.sortedMicroseconds.first == 1_000_000 || answer.runs.last?.waits.sortedMicroseconds.first == 0)
        #expect(steps.withLock { $0 } == ["0/2", "1/2", "2/2"])
        var part = try run(hand, policy(min: 1), from: .time(HandWrittenLog.start.adding(seconds: 50)))
        #expect(try await part.answer().history.turns.count == 1)
    }

    @Test("JSON has a row for what was, what was in force, and what was tried")
    func rows() async throws {
        var run = try run(try log(), policy(min: 1))
        let json = try JSONValue(parsing: try await run.answer().json)
        #expect(json["pool"].string == HandWrittenLog.pool && json["turns"].integer == 2)
        #expect(json["runs"].array.map { $0["kind"].string } == ["recorded", "inForce", "tried"])
        let tried = json["runs"].array.last ?? .null
        #expect(tried["policy"].string == HandWrittenLog.pool && tried["unserved"].isNull && tried["waitSeconds"]["p95"].plainText != nil)
        #expect(tried["desired"].array.first?.array.count == 2 && json["runs"].array.first?["demand"].array.isEmpty == false)
        #expect(tried["demand"].isNull && json["leftOut"].array.isEmpty)
    }

    @Test("a policy that asks for no worker ends, and says that nobody was served")
    func unserved() async throws {
        var high = policy(min: 0)
        high.triggers[0].activationThresholdMilli = 100_000
        var run = try run(try log(), high)
        let answer = try await run.answer()
        #expect(answer.runs.last?.unserved == 2)
        #expect(answer.runs.last?.usefulMicroseconds == 0 && answer.runs.last?.costRatio == 0)
        let text = SimulationReport(runs: answer.runs).unservedText
        #expect(text == "\(HandWrittenLog.pool) asks for no worker while 2 of its turns wait.\n")
        #expect(try JSONValue(parsing: answer.json)["runs"].array.last?["unserved"].integer == 2)
    }

    @Test("what can't be answered says why")
    func faults() async throws {
        let hand = try log()
        func fault(pool: String = HandWrittenLog.pool, from: Moment? = nil, to: Moment? = nil) async -> WhatIfRun.Fault? {
            do throws(WhatIfRun.Fault) {
                var run = try run(hand, policy(min: 0), pool: pool, from: from, to: to)
                _ = try await run.answer()
                return nil
            } catch { return error }
        }
        #expect(await fault(pool: "ns/nowhere") == .unknownPool("ns/nowhere"))
        #expect(await fault(from: .position(1_000))?.description.contains("nothing was logged in this stretch") == true)
        #expect(await fault(from: .position(1), to: .position(1))?.description.contains("had no turns") == true)
    }

    @Test("a cancelled simulation ends before its trace does")
    func cancelled() async {
        // Each turn is some commits; a run of all takes far more than one look.
        let trace = ArrivalTrace(turns: (0..<200_000).map { Turn(atSeconds: Double($0), serviceSeconds: 0.5) })
        let policy = policy(min: 1)
        let task = Task { () -> Int in
            withUnsafeCurrentTask { $0?.cancel() }
            return Simulation.run(trace, .policy(policy, name: "p"), .exact).commits
        }
        #expect(await task.value <= SimulationSettings.commitsPerLook)
    }
}
