import Autoscaling
import Domain
import GRDB
import Synchronization
import Testing

@testable import ControlLoop
@testable import Views
@testable import EventLog

/// What goes wrong is reported as what it was: metrics and alerts tell a cache that can't be written from a log that can't be read.
@Suite struct ObservedFaultsTests {
    private final class Faults: LoopObserving {
        let found = Mutex<[String]>([])
        func couldNotRead(_ problem: String) { found.withLock { $0.append("read") } }
        func couldNotSaveCheckpoint(_ problem: String) { found.withLock { $0.append("checkpoint") } }
        func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {}
        func decided(pool: String, direction: Decision.Direction, reason: String) {}
        func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {}
        func concluded(secondsSinceCommit: Double, events: Int) {}
        func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) {}
        func workerStarted(pool: String, seconds: Double) {}
        func actuated(pool: String, to: Int, reactionSeconds: Double) {}
        func actuationFailed(pool: String, error: String, attempt: Int) {}
    }

    @Test func `a checkpoint that can't be saved is no failure to read`() throws {
        let loop = try LoopHarness()
        loop.request("a")
        loop.settle()
        let observer = Faults()
        let core = LoopCore(log: loop.log, scheduler: loop.scheduler, observer: observer, limits: LoopLimits())
        core.catchUp()
        try DatabaseQueue(path: loop.log.path).writeWithoutTransaction { db in
            try db.execute(sql: "ALTER TABLE checkpoint_parts RENAME TO away")
        }
        core.saveCheckpoint()
        #expect(observer.found.withLock { $0 } == ["checkpoint"])
    }
}
