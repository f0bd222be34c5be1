import Views
import Domain
import Synchronization
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

@Suite struct FleetScreenTests {
    private func pool(_ name: String, waiting: Int = 0, oldest: Double? = nil, resident: Int = 0) throws -> PoolView {
        var view: PoolView = try Samples.view(Samples.idlePool)
        view.name = name
        view.demand.waiting = waiting
        view.demand.resident = resident
        view.demand.total = waiting + resident
        view.oldestWaitSeconds = oldest
        return view
    }

    private func texts(_ screen: FleetScreen, rows: Int = 24) -> [String] {
        screen.frame(clock: "12:00:00.000", columns: 120, rows: rows).map { $0.text(width: 119, palette: Palette(isOn: false)) }
    }

    @Test func whoWaitsLongestComesFirstAndNamesBreakTies() throws {
        var screen = FleetScreen(url: "http://x")
        screen.show([
            try pool("b"), try pool("a"), try pool("busy", resident: 9), try pool("short", waiting: 50, oldest: 1),
            try pool("long", waiting: 1, oldest: 90),
        ])
        #expect(screen.pools.map(\.name) == ["long", "short", "busy", "a", "b"])
    }

    @Test func aRowShowsDemandAndWorkersOfItsPool() throws {
        var screen = FleetScreen(url: "http://x")
        screen.show([try Samples.view(Samples.pool)])
        let row = try #require(texts(screen).first { $0.hasPrefix("demo/chat") })
        #expect(row.contains("████▒▒▒▒▒") && row.contains(" 4 + 5"))
        #expect(row.contains("●●◌") && row.contains("3 of 6, wants 3") && row.contains("oldest waits 1.3"))
    }

    @Test("a frame fits the terminal, whatever the number of pools", arguments: [0, 1, 5, 40, 2_000], [10, 24, 60])
    func framesFit(count: Int, rows: Int) throws {
        var screen = FleetScreen(url: "http://x")
        screen.show(try (0..<count).map { try pool("p\($0)") })
        let lines = texts(screen, rows: rows)
        #expect(lines.count < max(rows, 12))
        let left = lines.first { $0.contains("more: greenroom get pools") }
        let shown = lines.count(where: { $0.hasPrefix("other/") })
        if let left { #expect(left.contains("and \(count - shown) more")) } else { #expect(shown == count) }
    }

    @Test func theNewestDecisionsSayWhyAndOlderOnesAreForgotten() throws {
        var screen = FleetScreen(url: "http://x")
        screen.show(
            try (1...8).map { number in
                var view = try pool("p\(number)")
                view.decisionSeq = Position(number)
                return view
            })
        #expect(screen.missingDecisions == [8, 7, 6, 5, 4, 3])
        var timeline = Timeline()
        for number in 1...8 { timeline.decide("other/p\(number)", from: 2, to: 5, demand: number) }
        let recorded = timeline.events.compactMap { RecordedDecision($0) }
        screen.learn(recorded[7])
        screen.learn(recorded[1])
        #expect(screen.missingDecisions == [7, 6, 5, 4, 3])
        let last = try #require(texts(screen).last)
        #expect(last.contains("other/p8 2 → 5  demand 8"))
    }

    @Test func aServiceThatStopsAnsweringIsSaidAndAskedAgain() async throws {
        let source = FlakySource(pools: [try Samples.view(Samples.pool)])
        // Answers, fails, answers: three looks, no error.
        try await FleetWatch(source: source, url: "http://x", interval: .milliseconds(1), count: 3, isInteractive: false).run()
        #expect(source.looks.load(ordering: .relaxed) == 3)
        var screen = FleetScreen(url: "http://x")
        screen.trouble = "can't reach http://x: trying again"
        #expect(screen.line(clock: "12:00") == "12:00  can't reach http://x: trying again")
        screen.show([])
        #expect(!screen.line(clock: "12:00").contains("reach"))
    }

    @Test func aServiceThatNeverAnsweredEndsIt() async throws {
        let source = FlakySource(pools: [], failsAlways: true)
        await #expect {
            try await FleetWatch(source: source, url: "http://x", interval: .milliseconds(1), count: 3, isInteractive: false).run()
        } throws: {
            ($0 as? Fault)?.status == .unreachable
        }
    }
}

/// A service that is away at every second look, or always.
private final class FlakySource: StateSource, EventSource {
    private let views: [PoolView]
    private let failsAlways: Bool
    let looks = Atomic(0)

    init(pools: [PoolView], failsAlways: Bool = false) {
        views = pools
        self.failsAlways = failsAlways
    }

    func pools() async throws -> [PoolView] {
        let look = looks.add(1, ordering: .relaxed).newValue
        guard !failsAlways, look.isMultiple(of: 2) == false else { throw Fault(.unreachable, "can't reach http://x") }
        return views
    }

    func pool(_ name: String) async throws -> PoolView? { nil }
    func workers(pool: String?, after: String?, limit: Int) async throws -> [WorkerView] { [] }
    func worker(_ name: String) async throws -> WorkerView? { nil }
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async throws -> [ActorView] { [] }
    func actor(_ id: String) async throws -> ActorView? { nil }
    func policies() async throws -> [PolicyView] { [] }
    func policy(_ pool: String) async throws -> PolicyView? { nil }
    func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws {}
    func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents { NewestEvents() }
    func end() async throws -> LogTime { .zero }
}
