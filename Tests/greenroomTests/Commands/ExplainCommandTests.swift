import Domain
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

@Suite struct ExplainCommandTests {
    private let now = LogTime(rfc3339: "2026-11-21T08:10:00Z")!

    private func log() -> TwinEvents {
        var log = Timeline()
        log.decide("demo/chat", from: 0, to: 2)
        log.wait(60)
        log.decide("demo/chat", from: 2, to: 5)
        log.decide("demo/other", from: 0, to: 9)
        log.wait(60)
        log.decide("demo/chat", from: 5, to: 5)
        log.wait(60)
        log.decide("demo/chat", from: 5, to: 1, next: "2026-11-21T08:10:30Z")
        return TwinEvents(events: log.events)
    }

    private func explanation(_ arguments: String...) async throws -> Explanation {
        try await ExplainCommand.parse(["pool", "demo/chat"] + arguments).explanation(log(), now: now)
    }

    @Test(
        arguments: [
            ([], 5), (["--at", "4"], 4), (["--at", "3"], 2), (["--at", "2026-11-21T08:01:30Z"], 2), (["--at", "2026-11-21T08:00:00Z"], 1),
            (["--at", "peak"], 2), (["--at", "99"], 5),
        ] as [([String], Int64)])
    func theDecisionInForceAtThatMomentIsFound(arguments: [String], seq: Int64) async throws {
        let command = try ExplainCommand.parse(["pool", "demo/chat"] + arguments)
        #expect(try await command.explanation(log(), now: now).recorded.event.seq == seq)
    }

    @Test func beforeTheFirstDecisionThereIsNone() async throws {
        await #expect { try await explanation("--at", "0") } throws: { ($0 as? Fault)?.what.contains("no decision yet") == true }
        let command = try ExplainCommand.parse(["pool", "none", "-n", "demo"])
        await #expect { try await command.explanation(log(), now: now) } throws: { ($0 as? Fault)?.status == .no }
    }

    @Test func anExplanationTellsWhyWithWhatAndWhatWouldChangeIt() async throws {
        let text = try await explanation().text(palette: Palette(isOn: false))
        for part in [
            "pool demo/chat: 5 → 1 workers (down)", "demand 2 = 1 running + 1 waiting (1 pool_exhausted) → 2 ÷ 2 = 1",
            "1. signal          demand 2 = 1 running", "Recommended", "replicas         5", "demand.resident  1",
            "What limits it\n  nothing", "demand above 2", "that is in 30s",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
    }

    /// The last decision is 5 → 1, at 8:03.
    @Test(
        "somebody else's replicas are told where the target keeps them, the decision begins with them, or they came later",
        arguments: [(9, "08:02:00", true, true), (5, "08:02:00", false, true), (9, "08:04:00", false, true), (9, "08:02:00", false, false)])
    func foreign(found: Int, at: String, yields: Bool, isTold: Bool) async throws {
        let change =
            #","foreignChange":"somebody else set replicas to \#(found)","foreignReplicas":{"expected":1,"found":\#(found),"at":"2026-11-21T\#(at)Z","yields":\#(yields)}}"#
        var explanation = try await explanation()
        #expect(try explanation.json["foreignChange"].isNull)
        explanation.pool = try Samples.view(Samples.pool.dropLast() + change)
        let text = explanation.text(palette: Palette(isOn: false))
        #expect(text.contains("Who else changed it\n  somebody else set replicas to \(found)\n") == isTold, "\(text)")
        let json = try explanation.json
        #expect(json["to"] == explanation.recorded.json["to"])
        #expect(json["foreignChange"]["found"].integer == (isTold ? Int64(found) : nil))
        #expect(json["foreignChange"]["text"].string == (isTold ? "somebody else set replicas to \(found)" : nil))
    }

    @Test func whatPodsSayIsTold() async throws {
        var explanation = try await explanation()
        let report = #"{"state":"unknown","tasks":1,"from":"http :8080/busy","problem":"no answer within 2 s","seconds":40,"seq":17}"#
        explanation.pool = try Samples.view(
            Samples.pool.dropLast()
                + #","busyReports":{"from":"http :8080/busy","intervalSeconds":10,"busy":2,"idle":3,"unknown":1,"unasked":0,"longest":[{"worker":"w-7","report":\#(report)}]}}"#
        )
        let text = explanation.text(palette: Palette(isOn: false))
        #expect(
            text.contains(
                """
                What its pods say
                  2 busy, 3 idle, 1 unknown, by http :8080/busy, asked every 10 s
                  w-7: unknown for 40s, counts as busy (seq 17): no answer within 2 s
                  and 2 more

                """), "\(text)")
        #expect(try explanation.json["busyReports"]["idle"].integer == 3)
    }

    @Test func logTimeThatRunsAheadIsTold() async throws {
        var explanation = try await explanation()
        #expect(
            try explanation.json["logTimeAheadSeconds"].isNull
                && !explanation.text(palette: Palette(isOn: false)).contains("The log's time"))
        explanation.pool = try Samples.view(Samples.pool.dropLast() + #","logTimeAheadSeconds":130.5}"#)
        #expect(
            explanation.text(palette: Palette(isOn: false)).contains(
                "The log's time\n  runs 2m10.5s ahead of the machine's clock, which was set back"))
        #expect(try explanation.json["logTimeAheadSeconds"].double == 130.5)
    }

    @Test func allThatTheTextHasIsInTheJSON() async throws {
        var explanation = try await explanation()
        explanation.pool = try Samples.view(
            Samples.pool.replacing(
                #""paused":false"#, with: #""paused":true,"pause":{"in":true,"out":true,"by":"ops","at":"2026-11-21T08:00:00Z","seq":3}"#))
        explanation.steps = log().events.filter { $0.subject == "demo/chat" }
        let json = try explanation.json
        #expect(json["isInForce"] == .bool(true) && json["limitedBy"] == .null)
        #expect(json["changedBy"].string?.contains("demand above 2") == true)
        #expect(json["state"]["ready"] == .number("2"))
        #expect(json["steps"].array.count == 4 && json["steps"].array.first?["text"].string?.hasPrefix("0 → 2") == true)
        #expect(json["pause"]["by"] == .string("ops"))
        #expect(json["commands"].array.map { $0["command"].string } == ["greenroom resume demo/chat"])
        let text = explanation.text(palette: Palette(isOn: false), time: .utc)
        for part in [
            "How it got here\n  1  2026-11-21 08:00:00.000  scale.decided  0 → 2", "Who paused it\n  scale-in and scale-out, by ops",
            "Commands\n  let it scale again:  greenroom resume demo/chat", "2026-11-21 08:03:00.000 UTC",
            "2 ready (2 busy), 1 starting, 0 draining; 5 actors wait (5 pool_exhausted), the oldest for 1.3s",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
    }

    /// The command that an operator would type, for each obstacle.
    @Test(arguments: [
        ("bounds", "TooManyReplicas", #"{"wanted":9,"maxReplicaCount":5}"#, "greenroom scale demo/chat --max 9"),
        (
            "rateLimit", "ScaleUpLimit", #"{"wanted":9}"#,
            "greenroom policy export demo/chat > policy.yaml; edit it; greenroom apply -f policy.yaml"
        ),
        ("signal", "TriggerFailed", #"{"trigger":"prometheus"}"#, "greenroom events --pool demo/chat --kind queue.observed --since 10m"),
        ("pause", "PausedScaleOut", #"{"wanted":9}"#, "greenroom resume demo/chat"),
    ])
    func theCommandThatWouldChangeItIsNamed(step: String, code: String, numbers: String, command: String) throws {
        var log = Timeline()
        let event = log.add(
            "scale.decided", "demo/chat",
            #"{"pool":"demo/chat","from":1,"to":5,"why":[{"step":"\#(step)","code":"\#(code)","numbers":\#(numbers)}],"inputs":{},"digest":"d"}"#
        )
        let recorded = try #require(RecordedDecision(event))
        #expect(Explanation(recorded: recorded, now: now, isLatest: true).commands.map(\.command).contains(command))
    }

    @Test func aPastDecisionDoesNotSpeakOfDeadlinesAhead() async throws {
        #expect(try await !explanation("--at", "2").text(palette: Palette(isOn: false)).contains("that is in"))
    }
}
