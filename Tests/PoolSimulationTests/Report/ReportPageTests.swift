import Autoscaling
import Basics
import Domain
import Testing
@testable import Simulation

// What does the page hold, whatever the runs are like?

@Suite struct ReportPageTests {
    private let metrics = ReportMetrics(
        turns: 0, waitMeanSeconds: 0, waitP50Seconds: 0, waitP95Seconds: 0, waitP99Seconds: 0, waitMaxSeconds: 0, costRatio: nil,
        workerSeconds: 0,
        killed: 0, flaps: 0, scaleUps: 0, scaleDowns: 0)

    private func page(_ runs: [ReportRun], title: String = "t", startsAt: LogTime? = nil) -> String {
        ReportPage.html(Report(title: title, subtitle: "s", startsAt: startsAt, runs: runs))
    }

    /// The staircases of one series, as they are drawn.
    private func paths(_ page: String, _ series: String) -> [String] {
        page.split(separator: "\n").filter { $0.contains("<path") && $0.contains("data-series=\"\(series)\"") }
            .compactMap { $0.split(separator: " d=\"", maxSplits: 1).last?.prefix { $0 != "\"" } }.map(String.init)
    }

    @Test(
        "no text of a report becomes markup",
        arguments: ["<script>alert(1)</script>", "a\" onload=\"x", "'><img src=x>", "&lt;", "</title></style>"])
    func escaping(_ text: String) {
        var timeline = PoolTimeline()
        timeline.note(atSeconds: 0, demand: 1, desired: 1, ready: 1, busy: 1)
        timeline.note(ReportDecision(seconds: 1, from: 1, to: 2, code: text, why: [text]))
        let run = ReportRun(name: text, note: text, metrics: metrics, endSeconds: 2, timeline: timeline, waits: .none)
        let page = ReportPage.html(Report(title: text, subtitle: text, runs: [run]))
        #expect(!page.contains(text) || text == "&lt;")
        #expect(page.contains(text.escapedForHTML))
        #expect(page.split(separator: "<script>").count == 2)
        #expect("&lt;".escapedForHTML == "&amp;lt;" && "a\u{0}\u{202E}\u{1B}[1m\n".escapedForHTML == "a\u{FFFD}\u{FFFD}\u{FFFD}[1m\n")
    }

    @Test("a long text is cut, and says so")
    func longTexts() {
        let page = page([], title: String(repeating: "x", count: 5_000))
        #expect(page.contains(String(repeating: "x", count: 199) + "…") && page.utf8.count < 40_000)
    }

    @Test("without runs the page says so")
    func noRuns() { #expect(page([]).contains("There is no run to show.")) }

    @Test("a run in which nothing happened has its empty charts")
    func emptyRun() {
        let page = page([ReportRun(name: "idle", metrics: metrics, endSeconds: 0, timeline: PoolTimeline(), waits: .none)])
        #expect(paths(page, "demand") == [""] && paths(page, "waits") == [""])
        #expect(page.contains("no turns") && page.contains("–"))
    }

    @Test("one point holds until the run ends")
    func onePoint() {
        var timeline = PoolTimeline()
        timeline.note(atSeconds: 0, demand: 1, desired: 2, ready: 2, busy: 1)
        let waits = WaitDistribution(sortedMicroseconds: [0])
        let page = page([ReportRun(name: "one", metrics: metrics, endSeconds: 10, timeline: timeline, waits: waits)])
        #expect(paths(page, "ready") == ["M0 3v-2h7680V3"] && paths(page, "demand") == ["M0 3v-1h7680V3"])
        #expect(page.contains("no turn waited"))
    }

    @Test(
        "how many never waited, in words",
        arguments: [
            ([], "no turns"), ([0, 0], "no turn waited"), ([1, 2], "every turn waited"), ([0, 0, 0, 5], "75.0 % of turns never waited"),
            ([Int64](repeating: 0, count: 99_999) + [1], "99.99 % of turns never waited"),
        ] as [([Int64], String)])
    func waitSentence(_ waits: [Int64], _ sentence: String) {
        let run = ReportRun(
            name: "r", metrics: metrics, endSeconds: 1, timeline: PoolTimeline(), waits: WaitDistribution(sortedMicroseconds: waits))
        #expect(page([run]).contains("<p>\(sentence)</p>"))
    }

    @Test("a run that ends early stops there; demand is drawn in slots, counts in workers")
    func slots() {
        var timeline = PoolTimeline()
        timeline.note(atSeconds: 0, demand: 5, desired: 2, ready: 0, busy: 0)
        timeline.note(atSeconds: 5, demand: 0, desired: 2, ready: 2, busy: 0)
        let short = ReportRun(name: "short", metrics: metrics, slotsPerWorker: 4, endSeconds: 5, timeline: timeline, waits: .none)
        let long = ReportRun(name: "long", metrics: metrics, slotsPerWorker: 4, endSeconds: 10, timeline: timeline, waits: .none)
        let page = page([short, long])
        #expect(paths(page, "demand") == ["M0 12v-5h3840v5V12", "M0 12v-5h3840v5h3840V12"])
        #expect(paths(page, "desired").first == "M0 12v-8h3840V12")
        #expect(page.contains("÷ slots a worker") && page.contains("4 slots a worker"))
    }

    @Test("the best of each number is marked where runs differ, and only there")
    func best() {
        var (a, b) = (metrics, metrics)
        (a.waitMeanSeconds, b.waitMeanSeconds) = (0.1, 0.2)
        (a.killed, b.killed) = (3, 0)
        // Equal as they are written.
        (a.waitMaxSeconds, b.waitMaxSeconds) = (9.001, 9.002)
        let runs = [a, b].map { ReportRun(name: "r", metrics: $0, endSeconds: 1, timeline: PoolTimeline(), waits: .none) }
        let page = page(runs)
        #expect(page.split(separator: "class=\"best\"").count == 3)
        #expect(page.contains("class=\"best\">0.10<") && page.contains("class=\"best\">0<") && page.contains("class=\"harm\">3<"))
        #expect(!self.page([runs[0]]).contains("class=\"best\""))
    }

    @Test("a time axis with a beginning tells the clock")
    func clock() throws {
        let start = try #require(LogTime(rfc3339: "2026-11-21T23:50:00Z"))
        let page = page(
            [ReportRun(name: "r", metrics: metrics, endSeconds: 3_600, timeline: PoolTimeline(), waits: .none)], startsAt: start)
        #expect(page.contains(">23:55<") && page.contains(">00:40<") && page.contains("UTC, from 2026-11-21"))
    }

    @Test("an hour of 100,000 turns under ten policies stays under two megabytes, and the same report is the same page")
    func size() {
        var random = SplitMix64(seed: 3)
        var timeline = PoolTimeline()
        let why = (0..<20).map { "step \($0) found a number and says so in as many words as this" }
        for index in 0..<100_000 {
            let seconds = Double(index) * 0.036
            timeline.note(
                atSeconds: seconds, demand: random.index(below: 900), desired: random.index(below: 900), ready: random.index(below: 900),
                busy: random.index(below: 900))
            timeline.note(ReportDecision(seconds: seconds, from: index % 900, to: (index * 7) % 900, code: "SurgeBuffer", why: why))
        }
        let waits = WaitDistribution(sortedMicroseconds: (0..<100_000).map { Int64($0) * 300 })
        let run = ReportRun(name: "busy", metrics: metrics, endSeconds: 3_600, timeline: timeline, waits: waits)
        for count in [1, 10] {
            let page = page([ReportRun](repeating: run, count: count))
            #expect(page.utf8.count < 2_000_000, "\(count) runs: \(page.utf8.count) bytes")
            #expect(page == self.page([ReportRun](repeating: run, count: count)))
        }
    }
}

@Suite struct RecordedSimulationTests {
    private let trace = ArrivalTrace.bursts(6, size: 10, everySeconds: 50)

    @Test(
        "recording changes no result, and what is recorded fits it",
        arguments: [
            SimulatedPolicy.policy(.simulated { $0.buffer = .fixed(2) }, name: "ours"), .kedaHPA(nil), .hpaOnAssignedWorkers, .knativeKPA,
            .fixed(3),
        ])
    func recording(_ policy: SimulatedPolicy) {
        let (result, run) = Simulation.recorded(trace, policy, .exact)
        #expect(result == Simulation.run(trace, policy, .exact))
        #expect(run.timeline.desired.points.map(\.value).max() == result.replicas.map(\.count).max())
        #expect(run.timeline.decisions.reduce(0) { $0 + $1.count } == run.metrics.scaleUps + run.metrics.scaleDowns)
        #expect(run.timeline.decisions.allSatisfy { !$0.why.isEmpty && !$0.code.isEmpty })
        #expect(run.waits.turns == result.turns && run.metrics.waitP95Seconds == result.waits.seconds(quantile: 0.95))
        #expect(run.timeline.demand.points.last?.value == 0)
    }

    @Test("a decision's reasons tell times from the beginning, not from 1970")
    func times() {
        let (_, run) = Simulation.recorded(
            trace,
            .policy(
                .simulated {
                    $0.cooldownPeriodSeconds = 20; $0.buffer = .fixed(1)
                }, name: "ours"), .exact)
        let lines = run.timeline.decisions.flatMap(\.why)
        #expect(lines.contains { $0.contains("cooldown") } && !lines.contains { $0.contains("1970") })
    }

    @Test("a kill is told where it was decided")
    func kills() {
        let (result, run) = Simulation.recorded(.bursts(12, size: 30, everySeconds: 400), .kedaHPA(nil), .exact)
        let told = run.timeline.decisions.flatMap(\.why).filter { $0.hasPrefix("killed") }.compactMap { Int($0.split(separator: " ")[1]) }
            .reduce(0, +)
        #expect(told == result.killed)
    }
}
