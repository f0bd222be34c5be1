import Autoscaling
import ControlLoop
import Domain
import Machine
import TestSupport
import Testing

@testable import SubstrateGateway

@Suite("Placements are heard beside whoever observes the loop")
struct PlacementNewsTests {
    private final class Notes: LoopObserving {
        let calls = Locked<[String]>([])
        private func note(_ call: String = #function) { calls.withValue { $0.append(call) } }

        func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) { note() }
        func decided(pool: String, direction: Decision.Direction, reason: String) { note() }
        func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) { note() }
        func concluded(secondsSinceCommit: Double, events: Int) { note() }
        func couldNotRead(_ problem: String) { note() }
        func couldNotSaveCheckpoint(_ problem: String) { note() }
        func couldNotFold(_ position: Position, why: String) { note() }
        func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) { note() }
        func workerStarted(pool: String, seconds: Double) { note() }
        func workerGone(pool: String, _ end: WorkerEnd) { note() }
        func claimServed(pool: String, _ launch: ClaimLaunch, seconds: Double?) { note() }
        func actuated(pool: String, to: Int, reactionSeconds: Double) { note() }
        func actuationFailed(pool: String, error: String, attempt: Int) { note() }
    }

    private static func report(to observer: any LoopObserving) {
        observer.decided(pool: "p", direction: .up, reason: "r")
        observer.decided(shadow: "s", of: "p", direction: .up, reason: "r")
        observer.concluded(secondsSinceCommit: 1, events: 1)
        observer.couldNotRead("x")
        observer.couldNotSaveCheckpoint("x")
        observer.couldNotFold(1, why: "x")
        observer.placed(pool: "p", tier: .cold, waitedSeconds: 1)
        observer.workerStarted(pool: "p", seconds: 1)
        observer.workerGone(pool: "p", .drained)
        observer.claimServed(pool: "p", .warm, seconds: 1)
        observer.actuated(pool: "p", to: 1, reactionSeconds: 1)
        observer.actuationFailed(pool: "p", error: "x", attempt: 1)
    }

    @Test("all that the loop reports is handed on")
    func handedOn() {
        let (direct, beside) = (Notes(), Notes())
        Self.report(to: direct)
        Self.report(to: PlacementNews(beside: beside) { _ in "" })
        #expect(direct.calls.value.count == 12)
        #expect(beside.calls.value == direct.calls.value)
    }
}
