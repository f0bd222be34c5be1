import Autoscaling
import Domain
import EventLog
import Replay
import Testing
@testable import Simulation

// Which turns does a log tell of, and what did they cost?

@Suite struct HistoryReaderTests {
    private func histories(_ hand: HandWrittenLog, from: Moment? = nil, to: Moment? = nil, pools: Set<NameID> = []) throws -> [PoolHistory]
    {
        let stretch = try #require(try LogStretch(of: hand.log, from: from, to: to))
        var reader = HistoryReader(log: hand.log, stretch: stretch, pools: pools)
        #expect(try reader.checkChain().isSound)
        while try reader.step() {}
        return reader.finish()
    }

    /// Begins at 1 s: the first event is the worker's.
    private func everyEnding() throws -> HandWrittenLog {
        let hand = try HandWrittenLog()
        hand.ready(1, "w1")
        hand.request(2, "a1")
        hand.place(2, "a1", on: "w1")
        hand.run(2.5, "a1", on: "w1")
        hand.request(3, "a2")
        hand.run(3, "a1", on: "w1")  // said twice: changes nothing
        hand.suspend(4.5, "a1", on: "w1")
        hand.place(4.5, "a2", on: "w1")
        hand.run(5, "a2", on: "w1")
        hand.at(6, .actorPaused, "a2", worker: "w1", #"{"node":"n1","snapshot":"s"}"#)
        hand.request(6, "a3")
        hand.at(7, .actorWithdrawn, "a3")
        hand.run(7, "a4", on: "w1")  // placed itself
        hand.at(8, .actorCrashed, "a4", worker: "w1")
        hand.request(9, "a5")
        hand.place(9, "a5", on: "w1")
        hand.run(9, "a5", on: "w1")
        hand.at(10, .workerDraining, "w1", #"{"reason":"scale-down"}"#)
        hand.at(11, .workerGone, "w1", #"{"reason":"timeout"}"#)
        hand.ready(12, "w2")
        hand.request(13, "a6")
        hand.place(13, "a6", on: "w2")
        hand.run(13.5, "a6", on: "w2")
        hand.request(14, "a7")
        hand.at(15, .queueObserved, "ns/p", pool: "ns/p", #"{"metric":"m","value":1}"#)
        return hand
    }

    /// Seconds of arrival, wait, resume and service, and the ending.
    private func rows(_ history: PoolHistory) -> [String] {
        history.turns.map { turn in
            let parts = [turn.arrivalMicroseconds, turn.waitedMicroseconds, turn.resumeMicroseconds, turn.serviceMicroseconds].map {
                "\(Double($0) / 1e6)"
            }
            return parts.joined(separator: " ") + " \(turn.ending)"
        }
    }

    @Test("turns, as arrival wait resume service ending")
    func turns() throws {
        let found = try histories(try everyEnding())
        let history = try #require(found.first)
        #expect(found.count == 1 && history.pool == "ns/p")
        #expect(
            rows(history) == [
                "1.0 0.0 0.5 2.0 finished",
                "2.0 1.5 0.5 1.0 finished",
                "6.0 0.0 0.0 1.0 crashed",
                "8.0 0.0 0.0 2.0 killed",
                "12.0 0.0 0.5 1.5 cutRunning",
                "13.0 1.0 0.0 0.0 cutWaiting",
            ])
        #expect(history.withdrawn == 1 && history.crashed == 1 && history.cut == 2 && history.result.killed == 1)
        #expect(history.result.usefulMicroseconds == 7_500_000)
        // w1 from its ready to its end, w2 to the end of the log.
        #expect(history.result.workerMicroseconds == 10_000_000 + 3_000_000)
        #expect(history.startsMicroseconds.isEmpty && history.recordedPolicy == nil)
        // A turn that hadn't begun gets the median length: of 1, 1, 1.5, 2, 2 the third.
        #expect(history.trace.turns.last?.serviceMicroseconds == 1_500_000)
    }

    @Test("where a stretch begins, what is under way is cut and goes on from there")
    func beginning() throws {
        let hand = try everyEnding()
        let start = HandWrittenLog.start
        let found = try histories(hand, from: .time(start.adding(microseconds: 4_000_000)), to: .time(start.adding(seconds: 10)))
        // The first commit in it is at 4.5 s: a1 ends there, a2 had waited.
        #expect(
            rows(try #require(found.first)) == [
                "0.0 0.0 0.0 0.0 finished",
                "0.0 0.0 0.5 1.0 finished",
                "2.5 0.0 0.0 1.0 crashed",
                "4.5 0.0 0.0 1.0 cutRunning",
            ])
        #expect(found.first?.initialReady == 1)
    }

    @Test("a checkpoint before the stretch changes nothing")
    func checkpoint() throws {
        let hand = try everyEnding()
        let plain = try histories(hand, from: .position(12))
        try hand.log.saveCheckpoint(of: try History.state(of: hand.log, at: .position(9)))
        let fromCheckpoint = try histories(hand, from: .position(12))
        #expect(fromCheckpoint.map(\.turns) == plain.map(\.turns) && fromCheckpoint.map(\.result) == plain.map(\.result))
    }

    @Test("pools that weren't named, and pools without turns, are left out")
    func pools() throws {
        let hand = try everyEnding()
        hand.at(16, .queueObserved, "ns/other", pool: "ns/other", #"{"metric":"m","value":1}"#)
        #expect(try histories(hand).map(\.pool) == ["ns/p"])
        let other = try #require(hand.log.names.find("ns/other"))
        #expect(try histories(hand, pools: [other]).isEmpty)
    }
}
