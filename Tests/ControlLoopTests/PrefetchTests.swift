import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Which node is told to fetch which snapshot, and when? Snapshots are 1.2 GB: 3 s at the assumed 400 MB/s, and 5 s of margin.

@Suite struct PrefetchTests {
    private func loop(prefetch: Bool = true) throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.startSeconds = 1_000_000_000
        var policy = Policy.quick(max: 4, min: 1)
        policy.prefetch = prefetch
        loop.apply(policy)
        worker("w-1", on: "n-1", loop)
        return loop
    }

    private func worker(_ name: String, on node: String, _ loop: LoopHarness) {
        loop.send(.workerReady, name, #"{"pool":"ns/p","node":"\#(node)"}"#)
        loop.settle()
    }

    /// Woken, run and suspended again within the moment.
    private func turn(_ actor: String, _ loop: LoopHarness) throws {
        loop.request(actor)
        loop.settle()
        let worker = try #require(loop.view(of: actor)?.worker)
        loop.send(.actorRunning, actor, #"{"worker":"\#(worker)"}"#)
        loop.send(.actorSuspended, actor, #"{"worker":"\#(worker)","snapshot":"s3://b/\#(actor)","bytes":1200000000}"#)
        loop.settle()
    }

    /// The node that has the snapshots is gone, and another is there.
    private func moveOn(_ loop: LoopHarness) {
        loop.send(.workerGone, "w-1", #"{"reason":"lost"}"#)
        worker("w-2", on: "n-2", loop)
    }

    private func occupy(_ worker: String, _ loop: LoopHarness) {
        loop.request("busy")
        loop.settle()
        loop.send(.actorRunning, "busy", #"{"worker":"\#(worker)"}"#)
        loop.settle()
    }

    private func suggestions(_ loop: LoopHarness) throws -> [String] {
        try loop.events(.prefetchSuggested).map { "\(loop.log.names.text(of: $0.event.subject)) \($0.body)" }
    }

    @Test("an actor that must wait: one suggestion a request, also after a restart", arguments: [true, false])
    func waiting(withCheckpoint: Bool) throws {
        let loop = try loop()
        try turn("a", loop)
        moveOn(loop)
        occupy("w-2", loop)
        loop.request("a")
        loop.settle()
        let request = try #require(try loop.events(.actorRequested).last).event.seq
        let expected =
            #"n-2 {"node":"n-2","actor":"a","snapshot":"s3://b/a","bytes":1200000000,"request":\#(request),"reason":"waits: a slot is expected here first"}"#
        #expect(try suggestions(loop) == [expected])
        if withCheckpoint { loop.core.saveCheckpoint() }
        loop.restart()
        loop.request("c")
        loop.settle()
        loop.advance(30)
        #expect(try suggestions(loop) == [expected])
        // It gives up, and asks again.
        loop.send(.actorWithdrawn, "a")
        loop.request("a")
        loop.settle()
        #expect(try suggestions(loop).count == 2)
    }

    @Test("none where the policy doesn't ask for it, whatever the actor's schedule and history") func off() throws {
        let loop = try loop(prefetch: false)
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","schedule":"0 9 * * *"}"#)
        for _ in 0..<4 {
            try turn("a", loop)
            try turn("b", loop)
            loop.advance(600)
        }
        moveOn(loop)
        occupy("w-2", loop)
        loop.request("b")
        loop.advance(7_200)
        #expect(try suggestions(loop) == [])
        #expect(loop.state.forecasts.count == 1)
    }

    @Test("none where the node has the snapshot already") func cached() throws {
        let loop = try loop()
        try turn("a", loop)
        occupy("w-1", loop)
        loop.request("a")
        loop.settle()
        #expect(try suggestions(loop) == [])
    }

    @Test("a schedule: eight seconds before each start, also after a restart", arguments: [true, false])
    func schedule(withCheckpoint: Bool) throws {
        let loop = try loop()
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","schedule":"0 9 * * *"}"#)
        try turn("a", loop)
        moveOn(loop)
        loop.advance(1_800)
        if withCheckpoint { loop.core.saveCheckpoint() }
        loop.restart()
        loop.advance(1_791)
        #expect(try suggestions(loop) == [])
        loop.advance(1)
        let first =
            #"n-2 {"node":"n-2","actor":"a","snapshot":"s3://b/a","bytes":1200000000,"wakeAt":"2026-11-21T09:00:00.000000Z","reason":"its schedule: 0 9 * * *"}"#
        #expect(try suggestions(loop) == [first])
        loop.advance(86_399)
        #expect(try suggestions(loop) == [first])
        loop.advance(1)
        #expect(try suggestions(loop) == [first, first.replacing("11-21T", with: "11-22T")])
    }

    @Test("a policy that turns prefetch on later finds those with a schedule, and one that turns it off ends it") func turnedOn() throws {
        let loop = try loop(prefetch: false)
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","schedule":"0 * * * *"}"#)
        try turn("a", loop)
        moveOn(loop)
        var policy = Policy.quick(max: 4, min: 1)
        policy.prefetch = true
        loop.apply(policy)
        loop.advance(3_600)
        #expect(try suggestions(loop).count == 1)
        policy.prefetch = false
        loop.apply(policy)
        loop.advance(7_200)
        #expect(try suggestions(loop).count == 1)
    }

    @Test(
        "a schedule that can't be read is taken, predicts nothing, and the actor's view says what is wrong with it",
        arguments: [
            (
                #""schedule":"0 25 * * *""#, "UTC", nil,
                #"schedule "0 25 * * *" is not a cron expression: hour (column 3): 25 is not from 0 to 23; no wake is predicted"#
            ),
            (
                #""schedule":"0 9 * * *","timezone":"Mars/Base""#, "Mars/Base", nil,
                "timezone Mars/Base is not known; known for pool ns/p are those of its policy's schedules: UTC; no wake is predicted"
            ),
            (#""schedule":"0 9 * * *""#, "UTC", "2026-11-21T09:00:00.000000Z", nil),
        ] as [(String, String, String?, String?)])
    func unreadable(_ fields: String, _ zone: String, _ at: String?, _ problem: String?) throws {
        let loop = try loop()
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t",\#(fields)}"#)
        try turn("a", loop)
        let wake = try #require(loop.state.actorView(named: "a", log: loop.log, at: loop.scheduler.now)?.wake)
        #expect(wake.timezone == zone)
        #expect(wake.at == at)
        #expect(wake.problem == problem)
        loop.advance(7_200)
        #expect(try suggestions(loop) == [])
    }

    @Test("a predicted wake says why no node will be told: the policy doesn't ask for it, or there is no snapshot") func untold() throws {
        func problem(prefetch: Bool) throws -> String? {
            let loop = try loop(prefetch: prefetch)
            loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","schedule":"0 9 * * *"}"#)
            loop.settle()
            return try #require(loop.state.actorView(named: "a", log: loop.log, at: loop.scheduler.now)?.wake).problem
        }
        #expect(try problem(prefetch: false) == "no node gets a suggestion: the policy of pool ns/p doesn't say placement.prefetch: true")
        #expect(try problem(prefetch: true) == "no node gets a suggestion: it has no snapshot in object storage yet")
    }

    @Test("steady history: after three wakes 600 and 610 s apart the next is expected 605 s later") func history() throws {
        let loop = try loop()
        for gap in [600.0, 610, 0] {
            try turn("a", loop)
            loop.advance(gap)
        }
        moveOn(loop)
        loop.advance(596.9)
        #expect(try suggestions(loop) == [])
        loop.advance(0.2)
        #expect(
            try suggestions(loop) == [
                #"n-2 {"node":"n-2","actor":"a","snapshot":"s3://b/a","bytes":1200000000,"wakeAt":"2026-11-21T08:30:15.000000Z","reason":"wakes every 605 s"}"#
            ])
        let wake = try #require(loop.state.actorView(named: "a", log: loop.log, at: loop.scheduler.now)?.wake)
        #expect(wake == WakeView(everySeconds: 605, at: "2026-11-21T08:30:15.000000Z"))
        #expect(try State(decoding: loop.state.encoded()).encoded() == loop.state.encoded())
    }

    @Test(
        "gaps that differ by more than a tenth, or are too short, are no history",
        arguments: [
            ([600, 600], 600), ([600, 700], nil), ([600, 700, 640], 670), ([30, 30, 30], nil), ([600], nil), ([600, 600, 30], nil),
        ] as [([Int64], Int64?)])
    func steadiness(_ gaps: [Int64], _ expected: Int64?) {
        var entry = WakeForecasts.Entry()
        var now = LogTime(microseconds: 1_000_000)
        entry.woke(at: now)
        for gap in gaps {
            now = now.adding(microseconds: gap * 1_000_000)
            entry.woke(at: now)
        }
        #expect(entry.steadyGapMicroseconds == expected.map { $0 * 1_000_000 })
    }
}
