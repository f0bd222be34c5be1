import Domain
import Testing

@testable import Demo
@testable import Output

@Suite struct RunReportTests {
    private func report(_ fill: (inout Timeline) -> Void) -> RunReport {
        var log = Timeline()
        fill(&log)
        var report = RunReport()
        for event in log.events { report.apply(event) }
        return report
    }

    private func turn(_ log: inout Timeline, _ actor: String, tier: String = "cold") {
        log.add("actor.requested", actor, #"{"pool":"demo/p"}"#)
        log.wait(1)
        log.add("actor.placed", actor, #"{"worker":"w1","tier":"\#(tier)"}"#)
        log.wait(1)
        log.add("actor.running", actor, #"{"worker":"w1","restoreMillis":\#(tier == "cold" ? 400 : 50)}"#)
        log.wait(4)
        log.add("actor.suspended", actor, #"{"worker":"w1"}"#)
    }

    @Test func aQuietRunIsCountedInFull() {
        let report = report { log in
            log.decide("demo/p", from: 0, to: 1)
            log.add("scale.applied", "demo/p", #"{"pool":"demo/p","to":1}"#)
            log.wait(2)
            log.add("worker.ready", "w1", #"{"pool":"demo/p","node":"n","slots":2}"#)
            turn(&log, "a")
            turn(&log, "a", tier: "warm")
            log.decide("demo/p", from: 1, to: 0)
            log.add("scale.applied", "demo/p", #"{"pool":"demo/p","to":0}"#)
            log.add("worker.draining", "w1", #"{"reason":"scale-down"}"#)
            log.wait(1)
            log.add("worker.gone", "w1", #"{"reason":"drained"}"#)
            log.wait(9)
            log.add("timer.fired", "demo/p", #"{"pool":"demo/p"}"#)
        }
        #expect(report.requests == 2)
        #expect(report.turnsDone == 2)
        #expect(report.killed == 0)
        #expect(report.neverRan == 0)
        #expect((report.scaleUps, report.scaleDowns) == (1, 1))
        #expect(report.waitQuantiles() == RunReport.Waits(mean: 2, p50: 2, p95: 2, p99: 2, max: 2))
        #expect(report.restores[.cold] == 1 && report.restores[.warm] == 1 && report.restores.near == 1)
        #expect(report.restores.meanSeconds(.cold) == 0.4 && report.restores.meanSeconds(.warm) == 0.05)
        #expect(report.usefulSeconds == 8)
        // 2 s starting (one slot known), 12 s ready, 1 s draining.
        #expect(report.workerSeconds == 15)
        #expect(report.slotSeconds == 28)
        #expect(report.busiestActor == "a")
        #expect(report.largestPool?.peakReady == 1)
        #expect(report.seconds == 24)
    }

    @Test func aWorkerThatGoesWhileBusyKillsItsTurns() {
        let report = report { log in
            log.add("worker.ready", "w1", #"{"pool":"demo/p","node":"n","slots":2}"#)
            log.add("actor.requested", "a", #"{"pool":"demo/p"}"#)
            log.add("actor.placed", "a", #"{"worker":"w1"}"#)
            log.add("actor.requested", "b", #"{"pool":"demo/p"}"#)
            log.add("actor.placed", "b", #"{"worker":"w1"}"#)
            log.add("actor.running", "b", #"{"worker":"w1"}"#)
            log.add("worker.gone", "w1", #"{"reason":"lost"}"#)
            // Said again by the worker: counted once.
            log.add("actor.crashed", "b", #"{"worker":"w1"}"#)
        }
        #expect(report.killed == 2)
        #expect(report.turnsDone == 0)
        #expect(report.neverRan == 1)
        #expect(report.turnsRunning == 0)
    }

    @Test func supersededEventsCountForNothing() {
        let report = report { log in
            log.add("actor.requested", "a", #"{"pool":"demo/p"}"#)
            log.add("actor.requested", "a", #"{"pool":"demo/p"}"#)
            log.add("actor.suspended", "a", #"{"worker":"w9"}"#)
            log.add("actor.withdrawn", "a")
        }
        #expect((report.requests, report.withdrawn, report.neverRan, report.killed) == (1, 1, 0, 0))
    }

    @Test func whoRestsIsAnswered() {
        var log = Timeline()
        var report = RunReport()
        log.add("worker.ready", "w1", #"{"pool":"demo/p","node":"n"}"#)
        for actor in ["b", "a"] {
            log.add("actor.requested", actor, #"{"pool":"demo/p"}"#)
            log.add("actor.running", actor, #"{"worker":"w1"}"#)
        }
        log.add("worker.gone", "w1", #"{"reason":"lost"}"#)
        #expect(log.events.map { report.apply($0) }.last == ["a", "b"])
    }
}

@Suite struct RunSummaryTests {
    @Test func theSummaryNamesRealThingsToLookAt() {
        var log = Timeline()
        log.decide("demo/p", from: 0, to: 3)
        log.add("worker.ready", "w1", #"{"pool":"demo/p","node":"n","slots":1}"#)
        log.add("actor.requested", "it's me", #"{"pool":"demo/p"}"#)
        log.add("actor.running", "it's me", #"{"worker":"w1"}"#)
        log.wait(2)
        log.add("actor.suspended", "it's me", #"{"worker":"w1"}"#)
        var report = RunReport()
        for event in log.events { report.apply(event) }
        let summary = RunSummary(report: report, program: "./greenroom", database: "/tmp/a b/greenroom.db")
        let text = summary.text(palette: Palette(isOn: false))
        for part in [
            "1 done of 1 requested", "p99 0µs", "×1.00", "1 up, 0 down", "demo/p 3 (1 ready)", "killed turns        0",
            "events in the log   5",
            "./greenroom explain pool demo/p --at peak --db '/tmp/a b/greenroom.db'", "./greenroom history actor 'it'\\''s me' --db",
            "./greenroom log verify --db '/tmp/a b/greenroom.db'",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
        #expect(summary.isGood)
    }

    @Test func theSummaryTellsRestoresByTierWithTheirDurations() {
        var log = Timeline()
        log.add("worker.ready", "w1", #"{"pool":"demo/p","node":"n","slots":4}"#)
        for (k, (tier, millis)) in [("cold", 400), ("cold", 500), ("warm", 50), ("local", 25)].enumerated() {
            log.add("actor.requested", "a\(k)", #"{"pool":"demo/p"}"#)
            log.add("actor.placed", "a\(k)", #"{"worker":"w1","tier":"\#(tier)","restoreFrom":"s"}"#)
            log.add("actor.running", "a\(k)", #"{"worker":"w1","restoreMillis":\#(millis)}"#)
        }
        var report = RunReport()
        for event in log.events { report.apply(event) }
        let text = RunSummary(report: report, program: "g", database: "d").text(palette: Palette(isOn: false))
        #expect(
            text.contains(
                "2 cold (2 of them from the actor's own snapshot), 2 warm (1 local, 1 warm); on average cold 450ms, local 25ms, warm 50ms"),
            "\(text)")
    }

    @Test func aKilledTurnOrOneThatNeverRanIsNotGood() {
        var log = Timeline()
        log.add("actor.requested", "a", #"{"pool":"demo/p"}"#)
        var report = RunReport()
        for event in log.events { report.apply(event) }
        var summary = RunSummary(report: report, program: "g", database: "d")
        #expect(!summary.isGood)
        summary.wasInterrupted = true
        #expect(summary.isGood)
    }
}
