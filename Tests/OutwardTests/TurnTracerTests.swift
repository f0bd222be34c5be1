import Domain
import EventLog
import Logging
import Machine
import TestSupport
import Testing

@testable import Outward

// Do the spans tell what happened to an actor, and do they come out the same each time?

@Suite struct TurnTracerTests {
    /// One turn on a worker: 2 s wait, 1 s restore, 5 s run.
    private func turn(_ stage: OutwardStage, _ actor: String, on worker: String, traceparent: String? = nil) {
        stage.add(.actorRequested, actor, #"{"pool":"ns/p"}"#, traceparent: traceparent)
        stage.advance(2)
        let request = stage.log.head.seq
        stage.add(.actorPlaced, "ns/\(actor)", worker: worker, #"{"tier":"warm","bytes":700,"request":\#(request)}"#)
        stage.advance(1)
        stage.add(.actorRunning, "ns/\(actor)", worker: worker)
        stage.advance(5)
        stage.add(.actorSuspended, "ns/\(actor)", worker: worker, #"{"snapshot":"s3://b/a","bytes":900}"#)
        stage.advance(10)
    }

    private func spans(_ stage: OutwardStage) throws -> [TurnSpan] {
        var tracer = TurnTracer(logID: stage.log.id)
        for batch in try stage.log.read(after: 0, limitEvents: 10_000) { tracer.fold(batch, names: stage.log.names) }
        return tracer.takeSpans()
    }

    private func seconds(_ span: TurnSpan) -> Double { span.end.seconds(since: span.start) }

    @Test("a turn is a span, with wait, place, restore, run and suspend within it")
    func oneTurn() throws {
        let stage = try OutwardStage()
        turn(stage, "a", on: "w1")
        let spans = try spans(stage)
        #expect(spans.map(\.name) == ["wait", "place", "restore", "run", "suspend", "turn"])
        #expect(spans.map(seconds) == [2, 0, 1, 5, 0, 8])
        let whole = try #require(spans.last)
        #expect(whole.parent.isEmpty && Set(spans.map(\.traceID)).count == 1 && Set(spans.map(\.spanID)).count == spans.count)
        #expect(spans.dropLast().allSatisfy { $0.parent == whole.spanID && $0.start >= whole.start && $0.end <= whole.end })
        #expect(spans[2].attributes.contains(.init(name: "greenroom.tier", value: .text("warm"))))
        #expect(spans[3].attributes.contains(.init(name: "greenroom.worker", value: .text("w1"))))
        #expect(spans.allSatisfy { $0.error == nil })
    }

    @Test("turns on three workers are in one trace, and in another where whoever asked said so")
    func overWorkers() throws {
        let stage = try OutwardStage()
        for worker in ["w1", "w2", "w3"] { turn(stage, "a", on: worker) }
        turn(stage, "a", on: "w1", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        turn(stage, "b", on: "w1", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        let spans = try spans(stage)
        let turns = spans.filter { $0.name == "turn" }
        #expect(turns.count == 4)
        #expect(Set(turns.prefix(3).map(\.traceID)).count == 1)
        #expect(Hex(turns[3].traceID) == "0af7651916cd43dd8448eb211c80319c" && Hex(turns[3].parent) == "b7ad6b7169203331")
        #expect(!spans.contains { $0.attributes.contains(.init(name: "greenroom.actor", value: .text("ns/b"))) })
    }

    private func Hex(_ bytes: [UInt8]) -> String { bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }

    @Test("a restart in the middle of a turn sends the same spans under the same ids")
    func restart() throws {
        let stage = try OutwardStage()
        turn(stage, "a", on: "w1")
        stage.add(.actorRequested, "ns/b")
        turn(stage, "c", on: "w2")
        stage.add(.actorPlaced, "ns/b", worker: "w1")
        let whole = try stage.log.read(after: 0, limitEvents: 10_000)
        var first = TurnTracer(logID: stage.log.id)
        for batch in whole { first.fold(batch, names: stage.log.names) }
        let resume = first.resumePosition(at: stage.log.head.seq)
        #expect(resume < stage.log.head.seq)
        stage.advance(4)
        stage.add(.actorRunning, "ns/b", worker: "w1")
        stage.add(.actorPaused, "ns/b", worker: "w1", #"{"node":"n"}"#)
        let rest = try stage.log.read(after: stage.log.head.seq - 2, limitEvents: 10)
        for batch in rest { first.fold(batch, names: stage.log.names) }
        var second = TurnTracer(logID: stage.log.id)
        for batch in try stage.log.read(after: resume, limitEvents: 10_000) { second.fold(batch, names: stage.log.names) }
        let (before, after) = (first.takeSpans(), second.takeSpans())
        let ofB = { (span: TurnSpan) in span.attributes.contains(.init(name: "greenroom.actor", value: .text("ns/b"))) }
        #expect(
            before.filter(ofB) == after.filter(ofB)
                && before.filter(ofB).map(\.name) == ["wait", "place", "restore", "run", "pause", "turn"])
        #expect(after.allSatisfy { before.contains($0) })
    }

    @Test("crashes and lost workers end a turn as an error; an event that changed nothing ends none")
    func errors() throws {
        let stage = try OutwardStage()
        for (actor, worker) in [("a", "w1"), ("b", "w2"), ("c", "w2")] {
            stage.add(.actorRequested, "ns/\(actor)")
            stage.add(.actorPlaced, "ns/\(actor)", worker: worker)
            stage.add(.actorRunning, "ns/\(actor)", worker: worker)
        }
        stage.log.markSuperseded([stage.add(.actorSuspended, "ns/a", worker: "w9")])
        stage.add(.actorCrashed, "ns/a", worker: "w1", #"{"reason":"oom"}"#)
        stage.add(.workerGone, "w2", #"{"reason":"lost"}"#)
        stage.add(.actorRequested, "ns/d")
        stage.add(.actorWithdrawn, "ns/d")
        let turns = try spans(stage).filter { $0.name == "turn" }
        #expect(turns.map(\.error) == ["oom", "its worker went", "its worker went", nil])
        var tracer = TurnTracer(logID: stage.log.id)
        for batch in try stage.log.read(after: 0, limitEvents: 10_000) { tracer.fold(batch, names: stage.log.names) }
        #expect(tracer.resumePosition(at: stage.log.head.seq) == stage.log.head.seq)
    }

    @Test(
        "what is no traceparent isn't taken for one",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("", false), ("nonsense", false), ("00-xyz7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
        ])
    func traceparents(text: String, isGood: Bool) {
        #expect((TraceContext.parse(text) != nil) == isGood)
    }

    @Test("a placement is handed on with the trace of its request")
    func handedOn() throws {
        let stage = try OutwardStage()
        turn(stage, "a", on: "w1", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        var batch = try #require(try stage.log.event(at: 2))
        let context = TraceContext(
            logID: stage.log.id, actor: "ns/a", seq: 1,
            traceparent: try #require(try stage.log.event(at: 1)).traceparent(of: try #require(try stage.log.event(at: 1)).events[0]))
        batch.setTraceparent(context.traceparent, ofEventAt: 0)
        var json: [UInt8] = []
        CloudEventWriter.append(batch.events[0], of: batch, names: stage.log.names, to: &json)
        let value = try JSONValue(parsing: json)
        #expect(value["traceparent"].string == context.traceparent && value["type"].string == "dev.greenroom.actor.placed")
        #expect(value["traceparent"].string?.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") == true)
        #expect(try spans(stage).last.map { context.traceparent.contains(Hex($0.spanID)) } == true)
        // One that has attributes keeps them.
        var asked = try #require(try stage.log.event(at: 1))
        asked.setTraceparent("00-x", ofEventAt: 0)
        #expect(asked.traceparent(of: asked.events[0])?.hasPrefix("00-0af") == true)
    }
}
