import ControlLoop
import Domain
import EventLog
import Foundation
import Testing

@testable import Benchmarks

@Suite("The history of a busy fleet")
struct FleetHistoryTests {
    @Test("actors are placed, pools scaled, and taking its commits through the loop again decides as often")
    func history() throws {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        var plan = FleetPlan()
        plan.events = 3_000
        plan.pools = 4
        plan.actors = 400
        plan.eventsPerCommit = 10
        let path = folder.path("fleet.db")
        try FleetHistory.make(plan, at: path)

        let log = try EventLog.openReadOnly(path: path)
        let commits = try log.read(after: 0, limitEvents: .max)
        let kinds = Set(commits.flatMap { $0.events.map(\.kind) })
        #expect(kinds.isSuperset(of: [.actorPlaced, .scaleDecided, .workerReady, .actorRunning, .actorSuspended]))

        let counter = ConclusionCounter()
        let loop = VirtualLoop(recordedIn: log, observer: counter)
        for commit in commits { loop.take(commit) }
        #expect(loop.state.position == log.head.seq)
        let recorded = commits.reduce(0) { sum, commit in sum + commit.events.count { $0.kind == .scaleDecided } }
        // What the last commits led to had no commit of its own yet.
        #expect(counter.count.decisions >= recorded && counter.count.decisions <= recorded + plan.pools)
    }

    @Test("a histogram is read from a service's metrics, label sets together")
    func servedHistogram() {
        let text = """
            # TYPE greenroom_decision_seconds histogram
            greenroom_decision_seconds_bucket{le="0.001"} 90
            greenroom_decision_seconds_bucket{le="0.005"} 99
            greenroom_decision_seconds_bucket{le="+Inf"} 100
            greenroom_decision_seconds_count 100
            """
        let histogram = ServedHistogram("greenroom_decision_seconds", inMetrics: text)
        #expect(histogram.count == 100)
        #expect(histogram.bound(ofQuantile: 0.5) == 0.001)
        #expect(histogram.bound(ofQuantile: 0.99) == 0.005)
        #expect(histogram.bound(ofQuantile: 1) == .infinity)
        #expect(ServedHistogram("other", inMetrics: text).bound(ofQuantile: 0.5) == nil)
    }
}
