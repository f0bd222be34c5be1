import Domain
import Testing

@testable import Commands
@testable import Demo
@testable import Inspection
@testable import Output

@Suite struct DecisionDiffTests {
    private static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z")!

    /// Live 0 → 4 at 10 s → 2 at 70 s; the shadow follows to 2 at 10 s, 6 at 100 s, and to 2 at 110 s. Ends at 200 s.
    private func log() -> TwinEvents {
        var log = Timeline()
        log.decide("demo/chat", from: 0, to: 0)
        log.decide("demo/chat", shadow: "calm", from: 0, to: 0)
        log.wait(10)
        log.decide("demo/chat", from: 0, to: 4)
        log.decide("demo/chat", shadow: "calm", from: 0, to: 2)
        log.decide("demo/other", from: 0, to: 9)
        log.wait(60)
        log.decide("demo/chat", from: 4, to: 2)
        log.wait(30)
        log.decide("demo/chat", shadow: "calm", from: 2, to: 6)
        log.wait(10)
        log.decide("demo/chat", shadow: "calm", from: 6, to: 2)
        return TwinEvents(events: log.events, endsAt: Self.start.adding(seconds: 200))
    }

    private func diff(_ arguments: String..., source: TwinEvents) async throws -> DecisionDiff {
        try await GetCommand.parse(["decisions", "--diff"] + arguments).decisionDiff(source)
    }

    @Test func `stretches are where the counts differ, decisions of one moment count once`() async throws {
        let diff = try await diff(source: log())
        #expect(diff.stretches.map { [$0.live, $0.shadowed, $0.difference, Int($0.seconds)] } == [[4, 2, -2, 60], [2, 6, 4, 10]])
        #expect(diff.stretches.map(\.at) == [10, 100].map { Self.start.adding(seconds: $0) })
        #expect(diff.stretches.first?.liveReason.contains("8 ÷ 2 = 4") == true)
        #expect(diff.stretches.first?.shadowReason.contains("4 ÷ 2 = 2") == true)
        #expect(!diff.hasOlder)
    }

    @Test func `a stretch has the reasons of its beginning, from the last decisions there were`() async throws {
        var log = Timeline()
        log.decide("demo/chat", from: 0, to: 3)
        log.decide("demo/chat", shadow: "calm", from: 0, to: 3)
        log.wait(10)
        log.decide("demo/chat", shadow: "calm", from: 3, to: 3, demand: 5)
        log.wait(10)
        log.decide("demo/chat", from: 3, to: 1)
        log.wait(10)
        log.decide("demo/chat", from: 1, to: 1, demand: 1)
        let diff = try await diff(source: TwinEvents(events: log.events, endsAt: Self.start.adding(seconds: 40)))
        let only = try #require(diff.stretches.first)
        #expect(diff.stretches.count == 1 && only.seconds == 20)
        #expect(only.liveReason.contains("demand 2") && only.shadowReason.contains("demand 5"), "\(only)")
    }

    @Test func `a service and a file give the same`() async throws {
        let twin = log()
        let lines = twin.events.map { String(decoding: $0.line, as: UTF8.self) }
        let decisions = "/v1/events?after=0&kind=scale.decided&limit=1000"
        let server = ServerState(api: TwinAPI(lines: [decisions: lines]))
        let there = try await GetCommand.parse(["decisions", "--diff"]).decisionDiff(server)
        #expect(Array(there.stretches) == (try await diff(source: twin)).stretches)
        #expect(there.shadows.count == 1)
    }

    @Test func `the sum is over all the time the shadow stood`() async throws {
        let sum = try #require(try await diff(source: log()).shadows.first)
        #expect((sum.seconds, sum.apartShare, sum.more, sum.less) == (200, 0.35, 40_000_000, 120_000_000))
        #expect(
            sum.text
                == "demo/chat, shadow calm: apart for 35.0 % of 3m20s: 0.40 workers fewer on average, 80 worker-seconds saved (40 added, 120 saved)"
        )
        #expect(sum.meanDifference == -0.4)
    }

    @Test func `an earlier moment, a limit and a pool narrow it`() async throws {
        let early = try await diff("--at", "2026-11-21T08:00:40Z", source: log())
        #expect(early.stretches.map(\.seconds) == [30])
        #expect(early.shadows.first?.seconds == 40)
        let newest = try await diff("--limit", "1", source: log())
        #expect(newest.stretches.map(\.live) == [2])
        #expect(newest.hasOlder && newest.shadows.first?.less == 120_000_000)
        #expect(try await diff("--pool", "demo/other", source: log()).shadows.isEmpty)
        #expect(try await diff("-n", "elsewhere", source: log()).shadows.isEmpty)
        #expect(try await diff("demo/chat", source: log()).shadows.count == 1)
    }

    @Test func `a shadow that was taken away stops there, and goes on when it comes back`() async throws {
        var log = Timeline()
        log.decide("demo/chat", shadow: "b", from: 3, to: 5)
        log.wait(10)
        log.add("policy.applied", "demo/chat", #"{"pool":"demo/chat","shadow":"b","policy":{},"digest":""}"#)
        log.wait(100)
        log.decide("demo/chat", from: 3, to: 4)
        log.decide("demo/chat", shadow: "b", from: 4, to: 5)
        log.wait(20)
        log.decide("demo/chat", shadow: "a", from: 4, to: 4)
        let source = TwinEvents(events: log.events, endsAt: Self.start.adding(seconds: 140))
        let diff = try await diff(source: source)
        #expect(diff.stretches.map { [$0.live, $0.shadowed, Int($0.seconds)] } == [[3, 5, 10], [4, 5, 30]])
        #expect(diff.stretches.first?.liveReason == "nothing decided yet")
        #expect(diff.shadows.map(\.shadow) == ["a", "b"])
        #expect(diff.shadows.map(\.seconds) == [10, 40])
        #expect(diff.shadows.map(\.more) == [0, 50_000_000])
        #expect(diff.shadows.first?.text == "demo/chat, shadow a: apart for 0.0 % of 10s")
    }

    @Test func `table and JSON say the same`() async throws {
        let diff = try await diff(source: log())
        let lines = diff.text(time: TimeText(zone: .gmt)).split(separator: "\n")
        #expect(
            lines.first?.hasPrefix("TIME (UTC)                    FOR   POOL        LIVE   SHADOW   NAME   DIFFERENCE   REASON(LIVE)")
                == true, "\(lines)")
        #expect(
            lines.dropFirst().first?.hasPrefix(
                "2026-11-21 08:00:10.000    1m0.0s   demo/chat      4        2   calm           -2   demand 8") == true, "\(lines)")
        #expect(lines.dropFirst(2).first?.contains("       +4   ") == true, "\(lines)")
        #expect(lines.count == 4)
        let first = try #require(diff.json["apart"].array.first)
        #expect(
            (first["liveDesired"], first["shadowDesired"], first["difference"], first["shadow"]) == (
                .number("4"), .number("2"), .number("-2"), .string("calm")
            ))
        let sum = try #require(diff.json["shadows"].array.first)
        #expect(
            (sum["apartShare"], sum["workerSecondsSaved"], sum["workerSecondsAdded"]) == (
                .number("0.35"), .number("120.0"), .number("40.0")
            ))
    }

    @Test func `what looks at the live policy alone doesn't see shadows`() async throws {
        let now = Self.start.adding(seconds: 300)
        func explained(_ arguments: String...) async throws -> RecordedDecision {
            try await ExplainCommand.parse(["pool", "demo/chat"] + arguments).explanation(log(), now: now).recorded
        }
        #expect(try await explained().decision.to == 2)
        #expect(try await explained().shadow == nil)
        #expect(try await explained("--at", "peak").decision.to == 4)
        #expect(try await explained("--shadow", "calm", "--at", "peak").decision.to == 6)
        #expect(try await explained("--shadow", "calm").event.seq == 8)
        await #expect { try await explained("--shadow", "none") } throws: {
            ($0 as? Fault)?.what.contains("shadow none of pool demo/chat") == true
        }
        let rows = try await GetCommand.parse(["decisions", "demo/chat"]).decisions(log()).table.rows
        #expect(rows.map { $0[2] }.filter { $0 == "demo/chat (shadow calm)" }.count == 4)
        var report = RunReport()
        for event in log().events { _ = report.apply(event) }
        #expect(report.pools.first { $0.name == "demo/chat" }?.peakDesired == 4)
    }

    @Test(arguments: [["pools", "--diff"], ["pools", "--pool", "a/b"], ["decisions", "a/b", "--pool", "a/b"]])
    func `options that fit nothing are refused`(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try GetCommand.parse(arguments) }
    }
}
