import Domain
import EventLog
import Foundation
import Logging
import Machine
import TestSupport
import Testing

@testable import Outward

// Does a sink get every event that it is to get, at least once and in order, whatever it or the service does meanwhile?

@Suite struct EventSinkTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func sink(
        _ stage: OutwardStage, _ receiver: ScriptedReceiver, _ events: [String] = ["decisions"], pools: [String] = [],
        fromBeginning: Bool = true, mode: SinkMode = .structured, slept: Locked<[Duration]> = Locked([])
    ) throws -> EventSink {
        var configuration = SinkConfiguration(
            name: "a", target: OutboundTarget(url: "http://127.0.0.1:9"), selection: try stage.selection(events, pools: pools))
        configuration.mode = mode
        configuration.fromBeginning = fromBeginning
        return EventSink(configuration, log: stage.log, poster: receiver, around: stage.surroundings(slept: slept), logger: Self.quiet)
    }

    /// Runs the sink until it is done with the log, then stops it.
    private func drain(_ sink: EventSink, _ stage: OutwardStage) async throws {
        let running = Task { await sink.run() }
        try await eventually("the sink is at \(sink.standing.position)") { sink.standing.position == stage.log.head.seq }
        running.cancel()
        await running.value
    }

    @Test("what is selected comes once, in order, and a restart goes on behind it")
    func inOrder() async throws {
        let stage = try OutwardStage()
        let receiver = ScriptedReceiver()
        for to in 1...20 {
            stage.decide(to: to)
            stage.add(.actorRequested, "actor-\(to)")
        }
        try await drain(try sink(stage, receiver), stage)
        let odd: [Int64] = Array(stride(from: 1, to: 40, by: 2))
        #expect(receiver.positions == odd)
        for to in 21...30 { stage.decide(to: to) }
        try stage.reopen()
        try await drain(try sink(stage, receiver), stage)
        let all: [Int64] = odd + Array(41...50)
        #expect(receiver.positions == all)
    }

    @Test("one that was away for an hour gets everything once it is back, and the wait between attempts has a bound")
    func away() async throws {
        let stage = try OutwardStage()
        let until = OutwardStage.start.adding(seconds: 3_600)
        let receiver = ScriptedReceiver { [clock = stage.clock] _, _ in clock.value < until ? .failed("the connection was refused") : .ok }
        let slept = Locked<[Duration]>([])
        for to in 1...5 { stage.decide(to: to) }
        let sink = try sink(stage, receiver, slept: slept)
        let running = Task { await sink.run() }
        // The hour passes as it waits, so that it may be over by the next look.
        try await eventually("it waits") { !slept.value.isEmpty }
        // The log goes on meanwhile.
        for to in 6...300 { stage.decide(to: to) }
        try await eventually("it has \(receiver.requests.count)") { receiver.requests.count == 300 }
        running.cancel()
        await running.value
        #expect(receiver.positions == [Int64](1...300))
        #expect(sink.standing.problem == nil && sink.standing.failingSince == nil)
        #expect(slept.value.allSatisfy { $0 <= EventSink.longestRetry * 2 } && slept.value.count < 200)
        #expect(slept.value.filter { $0 >= EventSink.longestRetry }.count > 50)
    }

    @Test("a crash sends again what it may have sent, and leaves nothing out", arguments: [0, 1, 7])
    func crash(afterSave: Int) async throws {
        let stage = try OutwardStage()
        for to in 1...10 { stage.decide(to: to) }
        let file = SinkPosition(log: stage.log.path, logID: stage.log.id, name: "a")
        try file.write(Int64(afterSave))
        let receiver = ScriptedReceiver()
        try await drain(try sink(stage, receiver), stage)
        #expect(receiver.positions == [Int64]((Int64(afterSave) + 1)...10))
    }

    @Test("an event that the sink refuses as such is passed over after some attempts; one that it can't take now isn't")
    func refusals() async throws {
        let stage = try OutwardStage()
        for to in 1...3 { stage.decide(to: to) }
        let receiver = ScriptedReceiver { attempt, request in
            let seq = (try? JSONValue(parsing: request.body))?["seq"].integer
            if seq == 2 { return .code(413) }
            return seq == 3 && attempt < 20 ? .code(attempt % 2 == 0 ? 503 : 429) : .ok
        }
        try await drain(try sink(stage, receiver), stage)
        #expect(receiver.positions == [1, 3])
        #expect(receiver.attempts == 21)
    }

    @Test("a new sink begins with what happens from now on, also if the service crashes before it got anything")
    func fromNow() async throws {
        let stage = try OutwardStage()
        stage.decide()
        let receiver = ScriptedReceiver()
        try await drain(try sink(stage, receiver, fromBeginning: false), stage)
        stage.decide()
        try await drain(try sink(stage, receiver, fromBeginning: false), stage)
        #expect(receiver.positions == [2])
    }

    @Test("a position of another log, or beyond its end, or unreadable, is not used")
    func otherLog() async throws {
        for content in [#"{"log":"other","seq":1}"#, "nonsense", #"{"log":"LOG","seq":99}"#, #"{"log":"LOG","seq":-4}"#] {
            let stage = try OutwardStage()
            stage.decide()
            let path = stage.log.path + "-sink-a"
            try content.replacing("LOG", with: stage.log.id).write(toFile: path, atomically: true, encoding: .utf8)
            let receiver = ScriptedReceiver()
            try await drain(try sink(stage, receiver, fromBeginning: false), stage)
            stage.decide()
            try await drain(try sink(stage, receiver), stage)
            #expect(receiver.positions == [2], "\(content)")
        }
    }

    @Test(
        "topics and kinds say which events, pools and shadows which of them",
        arguments: [
            (["decisions"], [], [1, 2, 4]), (["limits"], [], [2]), (["failures"], [], [5]), (["crashes"], [], [6, 8]),
            (["policies"], [], [10]), (["scale.decided", "dev.greenroom.actor.idle"], [], [1, 2, 4, 11]),
            (["decisions"], ["ns/p"], [1, 2]),
            (["decisions"], ["other/*"], [4]), (["worker.gone"], [], [8, 9]), ([], [], [1, 2, 4, 5, 6, 8, 10]),
        ] as [([String], [String], [Int64])])
    func selections(events: [String], pools: [String], wanted: [Int64]) async throws {
        let stage = try OutwardStage()
        stage.decide()
        stage.decide(code: "TooManyReplicas")
        stage.decide(shadow: "s")
        stage.decide("other/q")
        stage.add(.scaleFailed, "ns/p", #"{"error":"refused","attempt":1}"#)
        stage.add(.actorCrashed, "a", #"{"reason":"oom"}"#)
        stage.add(.workerDraining, "w1", #"{"reason":"scale-down"}"#)
        stage.add(.workerGone, "w2", #"{"reason":"lost"}"#)
        stage.add(.workerGone, "w1", #"{"reason":"drained"}"#)
        stage.add(.poolDeleted, "ns/p")
        stage.add(.actorIdle, "a")
        // It changed nothing: nobody hears of it.
        stage.log.markSuperseded([stage.add(.actorCrashed, "b", #"{"reason":"late"}"#)])
        let receiver = ScriptedReceiver()
        try await drain(try sink(stage, receiver, events, pools: pools), stage)
        #expect(receiver.positions == wanted)
    }

    @Test("binary mode has each attribute as a header and the data as the body")
    func binary() async throws {
        let stage = try OutwardStage()
        stage.add(.actorCrashed, "ärger 100%", #"{"reason":"oom"}"#)
        let receiver = ScriptedReceiver()
        try await drain(try sink(stage, receiver, ["crashes"], mode: .binary), stage)
        let request = try #require(receiver.requests.first)
        let headers = Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        #expect(headers["content-type"] == "application/json")
        #expect(headers["ce-specversion"] == "1.0" && headers["ce-type"] == "dev.greenroom.actor.crashed")
        #expect(headers["ce-id"] == "1" && headers["ce-source"] == "/test" && headers["ce-seq"] == "1")
        #expect(headers["ce-subject"] == "%C3%A4rger%20100%25")
        #expect(headers["ce-at"] == "2026-11-21T08:00:00.000000Z")
        #expect(try JSONValue(parsing: request.body) == JSONValue(parsing: Array(#"{"reason":"oom"}"#.utf8)))
    }

    @Test(
        "an address that can't be used is refused, and none holds a password",
        arguments: [
            ("https://events.example/a", true), ("http://127.0.0.1:8080", true), ("ftp://a", false), ("events.example", false),
            ("http://", false),
            ("http://a:0/", false), ("http://a:70000/", false), ("https://user:secret@a/", false), ("https://a/#f", false), ("", false),
        ])
    func addresses(url: String, isGood: Bool) {
        #expect((OutboundTarget.problem(with: url) == nil) == isGood)
    }
}
