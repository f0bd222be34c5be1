import Domain
import EventLog
import Replay
import State
import Testing
import Views

@Suite("States of the past are made once and few at a time")
struct StateArchiveTests {
    /// Whatever was asked before, the state is the one that the log has at that moment.
    @Test(arguments: [UInt64(31), 32])
    func everyMomentIsAnsweredAsTheLogHasIt(_ seed: UInt64) async throws {
        let made = try RandomLog(seed: seed)
        for _ in 0..<150 { made.step(longest: 20_000_000) }
        let archive = StateArchive(log: made.log, kept: 3)
        var random = SeededRandom(seed)
        for _ in 0..<80 {
            let moment: Moment =
                random.below(2) == 0
                ? .position(Position(random.below(Int(made.log.head.seq) + 5)))
                : .time(RandomLog.start.adding(microseconds: Int64(random.below(2_000_000_000))))
            let (found, expected) = (try await archive.state(at: moment), try History.state(of: made.log, at: moment))
            #expect(found.position == expected.position && found.at == expected.at, "\(moment)")
            #expect(found.poolViews(names: made.log.names, at: found.at) == expected.poolViews(names: made.log.names, at: found.at))
        }
        // What came since then is seen.
        let before = try await archive.state(at: .position(.max)).position
        made.step(longest: 1_000_000)
        #expect(try await archive.state(at: .position(.max)).position > before)
    }

    @Test func oneMoreThanMayWaitIsRefused() async throws {
        let made = try RandomLog(seed: 33)
        for _ in 0..<60 { made.step(longest: 1_000_000) }
        let archive = StateArchive(log: made.log, kept: 1, running: 1, waiting: 0)
        // The place is given back after each.
        for position in 1...20 { #expect(try await archive.state(at: .position(Position(position))).position <= position) }
        let closed = StateArchive(log: made.log, kept: 1, running: 0, waiting: 0)
        await #expect(throws: StateArchive.Fault.self) { try await closed.state(at: .position(5)) }
    }
}
