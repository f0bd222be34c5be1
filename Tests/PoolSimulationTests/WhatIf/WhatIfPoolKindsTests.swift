import Autoscaling
import Domain
import EventLog
import Replay
import Testing
@testable import Simulation

// Does a what-if follow claims, and tasks that pods report: does the recorded policy decide in the simulation as it did in the log?

@Suite struct WhatIfPoolKindsTests {
    private static func warmPool(_ buffer: WarmBuffer, max: Int = 60) -> Policy {
        .simulated {
            $0.pool = HandWrittenLog.pool
            $0.target = ScaleTarget(apiVersion: "extensions.agents.x-k8s.io/v1beta1", kind: "SandboxWarmPool", name: "p")
            $0.minReplicaCount = 1
            $0.maxReplicaCount = max
            $0.buffer = buffer
        }
    }

    /// Where the count stood from when on, the last of each instant, until `end`.
    private static func counts(_ result: SimulationResult, until end: Int64) -> [String] {
        var found: [(at: Int64, count: Int)] = []
        for point in result.replicas where point.atMicroseconds <= end {
            if found.last?.at == point.atMicroseconds { found.removeLast() }
            if found.last?.count != point.count { found.append((point.atMicroseconds, point.count)) }
        }
        return found.map { "\(Double($0.at) / 1e6) s: \($0.count)" }
    }

    struct Claims: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var buffer: WarmBuffer
        var trace: SyntheticTrace
        var seed: UInt64
        var seconds: Int64 = 90
    }

    static let rows = [
        Claims(testDescription: "a fixed spare", buffer: .fixed(3), trace: .wave, seed: 1),
        Claims(testDescription: "by percent", buffer: .percent(50), trace: .modulated, seed: 2),
        Claims(
            testDescription: "learned", buffer: .surge(quantilePPM: 970_000, windowSeconds: 300, min: 1), trace: .steady, seed: 3),
        Claims(
            testDescription: "learned, with claims that come each minute",
            buffer: .surge(quantilePPM: 970_000, windowSeconds: 300, min: 1), trace: .cron, seed: 4, seconds: 320),
    ]

    @Test("claims: the recorded policy, simulated, sets the counts of the log", arguments: rows)
    func claims(_ row: Claims) throws {
        let policy = Self.warmPool(row.buffer)
        let loop = try RecordedLoop(policy, startSeconds: 3)
        let arrivals = row.trace.trace(seed: row.seed).turns.map(\.arrivalMicroseconds).filter { $0 < row.seconds * 1_000_000 }
        for (number, arrival) in arrivals.enumerated() { loop.at(Double(arrival) / 1e6, claims: ["c\(number)"]) }
        loop.at(Double(row.seconds) + 20)
        let history = try loop.history()
        #expect(history.isUnclaimed && history.turns.count == arrivals.count && history.withdrawn == 0)
        #expect(history.turns.map(\.arrivalMicroseconds) == arrivals)
        let simulated = Simulation.run(history.trace, try #require(history.recordedPolicy), history.settings(seed: 1))
        let end = try #require(arrivals.last)
        #expect(Self.counts(simulated, until: end) == Self.counts(history.result, until: end))
        #expect(Self.counts(simulated, until: end).count > (row.buffer == .fixed(3) ? 2 : 10), "the counts moved")
        #expect(simulated.claims?.cold == history.result.claims?.cold)
        #expect(simulated.waits.sortedMicroseconds == history.result.waits.sortedMicroseconds)
    }

    @Test("what no pool could have served is left out, and what left while it waited is demand")
    func kindsOfClaims() throws {
        let hand = try HandWrittenLog()
        hand.policy(0, Self.warmPool(.fixed(1)), rules: .current)
        hand.ready(1, "w1")
        hand.at(2, .actorRequested, "own", pool: HandWrittenLog.pool, #"{"launch":"forced","reason":"env"}"#)
        hand.at(3, .actorRunning, "own", worker: "own", #"{"launch":"forced"}"#)
        hand.request(4, "warm")
        hand.at(4, .workerDraining, "w1", #"{"reason":"claimed by warm"}"#)
        hand.at(4.5, .actorRunning, "warm", worker: "w1", #"{"launch":"warm"}"#)
        hand.request(5, "cold")
        hand.at(6, .actorRequested, "cold", pool: HandWrittenLog.pool, #"{"launch":"cold","reason":"pool_refilling"}"#)
        hand.request(7, "rejected")
        hand.at(7.5, .actorWithdrawn, "rejected", #"{"reason":"TemplateNotFound"}"#)
        hand.request(8, "left")
        hand.at(8.5, .actorDeleted, "left")
        hand.at(9, .actorRunning, "cold", worker: "cold", #"{"launch":"cold"}"#)
        hand.at(10, .actorSuspended, "warm", worker: "w1")
        hand.at(11, .actorRunning, "warm", worker: "w1", #"{"launch":"warm"}"#)
        hand.at(12, .workerGone, "w1", #"{"reason":"its sandbox was deleted"}"#)
        hand.at(20, .queueObserved, "ns/p", pool: "ns/p", #"{"metric":"m","value":1}"#)
        var reader = HistoryReader(log: hand.log, stretch: try #require(try LogStretch(of: hand.log)))
        while try reader.step() {}
        let history = try #require(reader.finish().first)
        let rows = history.turns.map { "\($0.arrivalMicroseconds) \($0.waitedMicroseconds) \($0.launch?.rawValue ?? "-") \($0.ending)" }
        #expect(rows == ["4000000 500000 warm finished", "5000000 4000000 cold cutRunning"])
        #expect(history.forced == 1 && history.withdrawn == 2 && history.leftMicroseconds == [8_000_000])
        #expect(history.trace.turns.map(\.arrivalMicroseconds) == [4_000_000, 5_000_000, 8_000_000])
        #expect(history.result.claims?.cold == 1 && history.result.killed == 0)
        // Claimed ones cost the pool nothing: one was ready from 1 to 4, and the count asked for none.
        #expect(history.result.claims?.readyMicroseconds == 3_000_000)
    }

    private static var asked: Policy {
        .simulated {
            $0.pool = HandWrittenLog.pool
            $0.minReplicaCount = 2
            $0.maxReplicaCount = 20
            $0.cooldownPeriodSeconds = 30
            $0.buffer = .fixed(1)
            $0.busy = BusyCheck(.annotation("busy"))
        }
    }

    @Test("tasks that pods report are turns, and the recorded policy, simulated, sets the counts of the log")
    func tasks() throws {
        let loop = try RecordedLoop(Self.asked, startSeconds: 3)
        loop.at(10, reports: [("w1", 1)])
        loop.at(12, reports: [("w2", 1)])
        loop.at(20, reports: [("w3", 1)])
        loop.at(30, reports: [("w2", 0)])
        loop.at(40, reports: [("w1", 0)])
        loop.at(60, reports: [("w3", 0)])
        loop.at(100)
        let history = try loop.history()
        let rows = history.turns.map { "\($0.arrivalMicroseconds / 1_000_000) \($0.serviceMicroseconds / 1_000_000) \($0.ending)" }
        #expect(rows == ["10 30 finished", "12 18 finished", "20 40 finished"])
        let simulated = Simulation.run(history.trace, try #require(history.recordedPolicy), history.settings(seed: 1))
        #expect(Self.counts(history.result, until: 59_000_000) == ["0.0 s: 2", "12.0 s: 3", "20.0 s: 4", "30.0 s: 3", "40.0 s: 2"])
        #expect(Self.counts(simulated, until: 59_000_000) == Self.counts(history.result, until: 59_000_000))
    }
}
