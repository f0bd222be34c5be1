import Autoscaling
import ControlLoop
import Domain
import EventLog
import FaultSimulation
import Testing

// Do the faults that were once found stay mended?
//
// Each by hand, in the order in which it happened; all oracles watch, and everything must come to rest afterwards.

@Suite struct ScenarioTests {
    private func run(_ schedule: FaultSchedule) throws -> Simulation {
        let simulation = try Simulation(schedule)
        let outcome = simulation.run()
        #expect(outcome.violations.map(\.description) == [])
        return simulation
    }

    private func turn(_ actor: Int, _ milliseconds: Int64 = 3_000) -> Action {
        .turn(actor: actor, pool: 0, milliseconds: milliseconds, ending: .suspended)
    }
    private let policy = Action.policy(.steady("ns/p0"))
    private let kill = Action.restart(Restart(end: .killed, checkpoints: .kept, downMilliseconds: 500))

    private func count(_ kind: EventKind, _ run: Simulation) throws -> Int {
        try run.log?.commits(after: 0).joined().count { $0.kind == kind } ?? 0
    }

    @Test(
        "a count that is past all bounds ends nothing, now or at the next start",
        arguments: [Int64.max, Int64.max / 3, Int64(-1)] as [Int64])
    func poisoned(count: Int64) throws {
        _ = try run(
            FaultSchedule([(0, policy), (5, turn(0)), (6, .poison(pool: 0, count: count)), (20, turn(1)), (30, kill), (40, turn(2))]))
    }

    @Test("the clock is set ahead and back: cooldowns end, placements go on", arguments: [3_600, -3_600] as [Int64])
    func clock(seconds: Int64) throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (5, turn(0)), (7, .clock(seconds: seconds)), (9, turn(1)), (12, .clock(seconds: -seconds)), (14, turn(2)),
                (20, kill), (30, turn(3)),
            ]))
        #expect(try count(.clockStepped, simulation) >= 1)
    }

    @Test("a policy is taken away while a worker is free, and then the worker goes")
    func policyTakenAway() throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (10, .removePolicy(pool: 0)), (12, .killWorker(pool: 0, worker: 0, isTold: true)), (15, turn(0)), (20, kill),
                (25, policy),
            ]))
    }

    @Test("a target is deleted and made anew while a call is under way, and while a worker is busy")
    func madeAnew() throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 20_000)), (6, .recreate(pool: 0)), (8, turn(1, 20_000)), (15, .recreate(pool: 0)), (40, turn(2)),
            ]))
    }

    @Test("a count that was refused, a policy that is taken away while workers drain, and another: the target is told the count")
    func countNeverTold() throws {
        _ = try run(
            FaultSchedule([
                (0, .setByOthers(pool: 0, count: 4)), (10, .target(pool: 0, .refuses, seconds: 60)),
                (12, .policy(.steady("ns/p0", min: 0, max: 3))), (43, turn(0, 20_000)), (58, .removePolicy(pool: 0)),
            ]))
    }

    @Test("a target that refuses for long is told of a few times, and followed once it takes calls again")
    func refused() throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (5, .target(pool: 0, .refuses, seconds: 1_800)), (6, turn(0)), (7, turn(1)), (8, turn(2)), (1_900, turn(3)),
            ]))
        #expect(try count(.scaleFailed, simulation) <= 6)
    }

    @Test(
        "every append of a while is refused, or its answer is lost, or late",
        arguments: [.refused, .answerLost, .late(milliseconds: 900)] as [AppendFault])
    func lostAppend(fault: AppendFault) throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (4, .append(fault, times: 12)), (4.5, turn(0)), (5, turn(1)), (6, turn(2)), (40, .append(fault, times: 3)),
                (41, turn(0)), (60, kill),
            ]))
    }

    @Test("the disk is full, fails, or can't be read", arguments: [.full, .writesFail, .syncsFail, .readsFail] as [DiskFault])
    func disk(fault: DiskFault) throws {
        _ = try run(
            FaultSchedule([(0, policy), (4, turn(0)), (5, .disk(fault, seconds: 8)), (6, turn(1)), (7, turn(2)), (30, kill), (35, turn(3))])
        )
    }

    @Test("the power goes at any write", arguments: 0...25)
    func powerCut(writes: Int) throws {
        let cut = Action.restart(Restart(end: .powerCut, checkpoints: .kept, downMilliseconds: 100))
        _ = try run(
            FaultSchedule([
                (0, policy), (4, turn(0)), (5, .disk(.unpluggedAfter(writes: writes), seconds: 60)), (5.1, turn(1)), (5.2, turn(2)),
                (9, cut), (15, turn(3)),
            ]))
    }

    @Test("a disk that only says that it has synced is found out: the log is refused, or all is there")
    func lyingDisk() throws {
        let cut = Action.restart(Restart(end: .powerCut, checkpoints: .kept, downMilliseconds: 100))
        _ = try run(
            FaultSchedule([(0, policy), (4, turn(0)), (5, .disk(.lies, seconds: 60)), (6, turn(1)), (7, turn(2)), (20, cut), (30, turn(3))])
        )
    }

    @Test("the log's file is moved away and back")
    func moved() throws {
        _ = try run(FaultSchedule([(0, policy), (4, turn(0)), (5, .moveFile(seconds: 6)), (6, turn(1)), (20, turn(2)), (30, kill)]))
    }

    @Test("checkpoints are damaged, or gone, and the state is the same", arguments: Restart.Checkpoints.allCases)
    func checkpoints(left: Restart.Checkpoints) throws {
        let restart = Action.restart(Restart(end: .killed, checkpoints: left, downMilliseconds: 100))
        _ = try run(
            FaultSchedule([
                (0, policy), (4, turn(0)), (6, .checkpoint), (7, turn(1)), (9, .checkpoint), (10, restart), (12, turn(2)), (14, restart),
            ]))
    }

    @Test("a worker comes back under its own name while it is busy")
    func sameName() throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 30_000)), (8, .sameName(pool: 0, worker: 0)), (9, turn(1)), (12, .sameName(pool: 0, worker: 1)),
            ]))
    }

    @Test("a worker is replaced under its name before the target hears that it is to drain: the new one isn't drained")
    func replacedBeforeItsDrain() throws {
        let simulation = try run(
            FaultSchedule([
                (0, .policy(.steady("ns/p0", min: 2))), (20, .target(pool: 0, .hangs, seconds: 60)), (21, policy),
                (45, .sameName(pool: 0, worker: 0)), (46, .sameName(pool: 0, worker: 1)),
            ]))
        #expect(try count(.workerDraining, simulation) >= 1)
    }

    @Test("another instance acts, and this one again after it leads again")
    func fenced() throws {
        _ = try run(FaultSchedule([(0, policy), (5, .fenced(pool: 0)), (6, turn(0)), (7, turn(1)), (12, kill), (20, turn(2))]))
    }

    @Test("somebody says that workers drain, are gone, or run what they don't")
    func lies() throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 20_000)), (8, .lie(kind: .workerDraining, actor: 0, worker: 0, pool: 0)), (9, turn(1)),
                (10, .lie(kind: .workerGone, actor: 1, worker: 0, pool: 0)),
                (11, .lie(kind: .actorRunning, actor: 5, worker: 0, pool: 0)),
                (12, .lie(kind: .workerReady, actor: 3, worker: 30, pool: 0)), (14, turn(2)),
            ]))
    }

    @Test("a watch is lost: cut, expired (410), throttled (429), or failing (5xx)", arguments: WatchFault.allCases)
    func lostWatch(fault: WatchFault) throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 8_000)), (6, .loseWatch(pool: 0, fault, milliseconds: 20_000)), (7, turn(1)), (8, turn(2)),
                (9, .killWorker(pool: 0, worker: 0, isTold: true)), (12, .sameName(pool: 0, worker: 1)), (40, turn(3)),
            ]))
        #expect(simulation.targets["ns/p0"]?.lostWatches == 1)
    }

    @Test("a snapshot is lost, and another is larger than was said: who is restored next starts from what there is")
    func lostSnapshots() throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (2, .store(fails: false, answerMilliseconds: 3_000, seconds: 60)), (3, turn(0, 500)), (5, turn(1, 500)),
                (6, .spoilSnapshot(actor: 0, isLost: true)), (6.1, .spoilSnapshot(actor: 1, isLost: false)), (20, turn(0)), (21, turn(1)),
                (30, kill), (35, turn(1)),
            ]))
        #expect(try count(.snapshotObserved, simulation) >= 2)
    }

    @Test("object storage fails while snapshots are wanted, and says of a template's snapshot that it comes and goes")
    func failingStore() throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (3, .golden(bytes: 1 << 20)), (5, turn(0, 500)), (6, .store(fails: true, answerMilliseconds: 50, seconds: 10)),
                (7, turn(1, 500)), (12, .golden(bytes: nil)), (20, .golden(bytes: 2 << 20)), (22, turn(0)), (30, turn(3)),
            ]))
        #expect(simulation.store.looks >= 3)
    }

    @Test(
        "the log can't be read while somebody is to be restored: it is placed once that is known",
        arguments: [.suspended, .paused] as [Ending])
    func unreadableSnapshot(ending: Ending) throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (3, .turn(actor: 0, pool: 0, milliseconds: 500, ending: ending)), (10, kill),
                (13, .disk(.readsFail, seconds: 40)), (14, turn(0, 500)), (15, turn(3, 500)), (80, turn(0, 500)),
            ]))
        #expect(simulation.agents.turns.isEmpty)
    }

    @Test("a tenant's quota is kept, and its actors run one after the other")
    func quotas() throws {
        var limited = Policy.steady("ns/p0", min: 2)
        limited.quotas = [Quota(tenant: "t0", maxRunning: 1)]
        let simulation = try run(
            FaultSchedule([(0, .policy(limited)), (5, turn(0)), (5, turn(6)), (5.1, turn(1)), (6, turn(9)), (30, kill), (31, turn(0))]))
        #expect(simulation.agents.turns.isEmpty)
    }

    @Test("an actor has another pool's free worker where its own pool may use it")
    func spill() throws {
        var full = Policy.steady("ns/p0", min: 1, max: 1)
        full.spillTo = ["ns/p1"]
        let simulation = try run(
            FaultSchedule(
                pools: ["ns/p0", "ns/p1"],
                [
                    (0, .policy(full)), (0, .policy(.steady("ns/p1"))), (5, turn(0, 20_000)), (6, turn(2, 5_000)),
                    (8, .killWorker(pool: 1, worker: 0, isTold: true)), (20, turn(4)),
                ]))
        let spilled = try simulation.log?.commits(after: 0).joined().contains { $0.string("spilledTo") == "ns/p1" }
        #expect(spilled == true)
    }

    @Test("the process stands still while a call is under way, and goes on", arguments: [3, 300] as [Int64])
    func halted(seconds: Int64) throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 20_000)), (5.01, turn(1)), (5.02, .halt(seconds: seconds)), (6, turn(2)),
                (7, .killWorker(pool: 0, worker: 0, isTold: true)), (400, turn(3)),
            ]))
    }

    @Test("a leader that lost its lease logs nothing more, and the next one gets the file once it has ended")
    func deposed() throws {
        let simulation = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 20_000)), (6, .deposed(seconds: 10)), (7, turn(1)), (8, turn(2)), (9, .recreate(pool: 0)),
                (30, turn(3)),
            ]))
        #expect(simulation.fence == 20)
    }

    @Test("an instance that stands still is deposed meanwhile, and wakes up with calls and events at hand")
    func haltedAndDeposed() throws {
        _ = try run(
            FaultSchedule([
                (0, policy), (5, turn(0, 20_000)), (5.01, turn(1)), (5.02, .halt(seconds: 12)), (6, .deposed(seconds: 15)),
                (7, .fenced(pool: 0)), (8, turn(2)), (40, turn(3)),
            ]))
    }
}
