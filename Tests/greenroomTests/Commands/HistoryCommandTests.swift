import Domain
import Testing

@testable import Commands
@testable import Output

@Suite struct HistoryCommandTests {
    private func log() -> TwinEvents {
        var log = Timeline()
        log.add("actor.requested", "a1", #"{"pool":"demo/chat","template":"t","expectedMillis":1500}"#)
        log.wait(0.25)
        log.add("actor.placed", "a1", #"{"worker":"w1","tier":"cold","waited":0.25}"#)
        log.wait(1.5)
        log.add("actor.running", "a1", #"{"worker":"w1","restoreMillis":1000}"#)
        log.wait(130)
        log.add("actor.running", "a1", #"{"worker":"w1"}"#)
        log.add("actor.suspended", "a1", #"{"worker":"w1","snapshot":"s3://b/1","bytes":67108864,"extra":{"k":[1]}}"#)
        log.add("worker.ready", "a1", #"{"pool":"demo/chat","node":"n1"}"#)
        return TwinEvents(events: log.events)
    }

    @Test func anActorsTransitionsComeInOrderWithDurationsAndStates() async throws {
        let history = try await HistoryCommand.parse(["actor", "a1"]).history(log())
        #expect(history.table.rows.map { $0[2] } == ["", "+250ms", "+1.500s", "+2m10.0s", "+0µs"])
        #expect(history.table.rows.map { $0[4] } == ["STATUS_WAITING", "STATUS_RESUMING", "STATUS_RUNNING", "-", "STATUS_SUSPENDED"])
        #expect(
            history.table.rows.map { $0[5] } == [
                "wants a worker of demo/chat, for about 1.500s, template=t", "on w1, cold, after waiting 250ms", "on w1, in 1.000s",
                "on w1",
                "left w1, snapshot s3://b/1, 67,108,864 bytes, extra={\"k\":[1]}",
            ])
    }

    @Test func whatWasCutOffIsCounted() async throws {
        let history = try await HistoryCommand.parse(["actor", "a1", "--limit", "2"]).history(log())
        #expect(history.hasOlder)
        // The state before the first one shown is unknown, so none is claimed.
        #expect(history.steps.allSatisfy { $0.state == nil })
    }

    @Test func aWorkersHistoryIsAlsoThatOfItsActors() async throws {
        let history = try await HistoryCommand.parse(["worker", "w1"]).history(log())
        #expect(history.table.rows.map { $0[3] } == ["actor.placed", "actor.running", "actor.running", "actor.suspended"])
        #expect(history.table.rows[0][4] == "a1")
    }

    @Test func endsOfWorkersAreInTheHistoryOfThePoolAndOfTheActorsThatEndedWithThem() async throws {
        var log = Timeline()
        log.add("worker.ready", "w1", #"{"pool":"demo/chat","node":"n1"}"#)
        log.add("actor.requested", "a1", #"{"pool":"demo/chat"}"#)
        log.add("actor.placed", "a1", #"{"worker":"w1","tier":"cold"}"#)
        log.add("actor.running", "a1", #"{"worker":"w1"}"#)
        log.add("worker.gone", "w2", #"{"pool":"demo/chat","reason":"drained"}"#)
        log.add("worker.gone", "w1", #"{"pool":"demo/chat","reason":"lost","asOf":1}"#)
        log.add("actor.requested", "a1", #"{"pool":"demo/chat"}"#)
        let actor = try await HistoryCommand.parse(["actor", "a1"]).history(TwinEvents(events: log.events))
        #expect(
            actor.table.rows.map { $0[3] } == ["actor.requested", "actor.placed", "actor.running", "worker.gone", "actor.requested"])
        #expect(actor.table.rows[3][4] == "STATUS_CRASHED" && actor.table.rows[3][5].hasPrefix("w1: lost"))
        let pool = try await HistoryCommand.parse(["pool", "demo/chat"]).history(TwinEvents(events: log.events))
        #expect(pool.table.rows.map { $0[3] } == ["worker.gone", "worker.gone"])
        #expect(pool.table.rows[0][4].hasPrefix("w2: drained"))
    }

    @Test func aWorkerOfTheSameNameIsAnotherSubject() async throws {
        let history = try await HistoryCommand.parse(["worker", "a1"]).history(log())
        #expect(history.table.rows.map { $0[3] } == ["worker.ready"])
    }

    @Test func aPoolsHistorySaysWhatWasPausedByWhomAndWhichPolicyWasRenewed() async throws {
        var log = Timeline()
        log.add("pool.paused", "demo/chat", #"{"pool":"demo/chat","in":false,"out":true,"by":"ops","was":{"in":false,"out":false}}"#)
        log.add("pool.paused", "demo/chat", #"{"pool":"demo/chat","in":false,"out":false,"hold":4,"was":{"in":false,"out":true}}"#)
        log.add("policy.applied", "demo/chat", #"{"pool":"demo/chat","policy":{"a":1},"digest":"0123456789abcdef","rules":2,"renews":7}"#)
        let history = try await HistoryCommand.parse(["pool", "demo/chat"]).history(TwinEvents(events: log.events))
        #expect(
            history.table.rows.map { $0[4] } == [
                "pause.out false → true by ops", "pause.out true → false, pause.hold none → 4",
                "the same as at 7, by rules 2 from here on, digest 0123456789ab",
            ])
    }

    @Test func nobodyIsANo() async throws {
        let command = try HistoryCommand.parse(["actor", "nobody"])
        await #expect { try await command.history(log()) } throws: { ($0 as? Fault)?.status == .no }
    }
}
