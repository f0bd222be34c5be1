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

    @Test("a worker that falls silent is lost with its actor, which is placed again; one with a stream stays", arguments: [false, true])
    func leases(isRestarted: Bool) throws {
        // Nothing follows a recommendation: nobody is told to go.
        var watched = Policy.steady("ns/p0")
        watched.mode = .recommend
        let simulation = try run(
            FaultSchedule([
                (0, .policy(watched)), (1, .leased(pool: 0, ttlSeconds: 5, keepsStream: false)),
                (1.1, .leased(pool: 0, ttlSeconds: 5, keepsStream: true)), (3, turn(0, 60_000)), (3.1, turn(1, 60_000)),
                (8, .silence(worker: 0, seconds: 30)), isRestarted ? (9, kill) : (9, .checkpoint), (30, .turnStream(worker: 1)),
                (40, .turnStream(worker: 1)), (60, turn(2)),
            ]))
        let lost = try simulation.log?.commits(after: 0).joined().filter { $0.kind == .workerGone && $0.string("reason") == "lost" }
        #expect((lost?.count ?? 0) >= 1)
    }

    @Test("whoever can't be served by its deadline is withdrawn at it, also over a restart")
    func deadlines() throws {
        let simulation = try run(
            FaultSchedule([
                (0, .policy(.steady("ns/p0", min: 0, max: 1))), (1, turn(0, 60_000)),
                (5, .turnBy(actor: 1, pool: 0, milliseconds: 500, ending: .suspended, deadlineSeconds: 8)),
                (5.1, .turnBy(actor: 2, pool: 0, milliseconds: 500, ending: .suspended, deadlineSeconds: 20)),
                (5.2, .turnBy(actor: 4, pool: 0, milliseconds: 500, ending: .suspended, deadlineSeconds: 0)), (16, kill),
                (50, .turnBy(actor: 5, pool: 0, milliseconds: 500, ending: .suspended, deadlineSeconds: 25)),
            ]))
        #expect(try count(.actorWithdrawn, simulation) == 3)
    }

    @Test(
        "callers wait for placements: some are placed, some wait in vain, go away, are too many, or lose the service",
        arguments: [false, true])
    func callers(isKilled: Bool) throws {
        func call(_ actor: Int, _ waits: Int64, id: Int? = nil, givesUp: Int64? = nil) -> Action {
            .place(.init(actor: actor, pool: 0, milliseconds: 2_000, waitMilliseconds: waits, id: id, givesUpMilliseconds: givesUp))
        }
        let simulation = try run(
            FaultSchedule([
                (0, .policy(.steady("ns/p0", min: 1, max: 1))), (5, call(0, 10_000)), (5.5, call(1, 10_000)), (12, turn(3, 20_000)),
                (14, call(4, 3_000)), (14.1, call(4, 3_000, id: 1)), (14.2, call(5, 20_000, givesUp: 2_000)),
                (20, call(6, 20_000)), (20.1, call(7, 20_000)), (20.2, call(8, 20_000)), (20.3, call(9, 20_000)), (20.4, call(10, 20_000)),
                (22, .withdraw(actor: 7)), (23, isKilled ? kill : .checkpoint),
                (200, call(0, 9_000, id: 2)), (220, call(0, 1_000, id: 2)),
            ]))
        let answers = simulation.callers.calls.flatMap(\.answers)
        #expect(answers.count == simulation.callers.calls.count)
        #expect(answers.contains { if case .placed = $0 { true } else { false } })
        #expect(answers.contains { if case .waiting = $0 { true } else { false } })
        #expect(answers.contains { if case .refused(.overloaded) = $0 { true } else { false } })
        #expect(answers.contains { if case .cutOff = $0 { true } else { false } } == isKilled)
        #expect(try count(.actorWithdrawn, simulation) >= 2)
    }

    @Test("the log can't be read when the service starts: it acts once it can")
    func unreadableStart() throws {
        let simulation = try run(
            FaultSchedule([(0, policy), (4, turn(0)), (6, turn(1)), (10, .unreadableStart(seconds: 15)), (12, turn(2)), (40, turn(3))]))
        #expect(simulation.disk.counts.failures > 0)
        #expect(simulation.agents.turns.isEmpty)
    }

    @Test("a worker that is told to go and runs an actor beyond the drain's time stays, and goes later")
    func drainGivenUp() throws {
        var few = Policy.steady("ns/p0", min: 1, max: 2)
        few.drainTimeoutSeconds = 5
        let simulation = try run(
            FaultSchedule([
                (0, .policy(.steady("ns/p0", min: 4))), (15, .target(pool: 0, .hangs, seconds: 40)), (16, .policy(few)),
                (32, .runOnDraining(actor: 0, pool: 0, milliseconds: 90_000)), (60, .checkpoint), (200, turn(1)),
            ]))
        let given = try simulation.log?.commits(after: 0).joined().contains { $0.string("error")?.hasPrefix("drain given up") ?? false }
        #expect(given == true)
    }

    @Test("two actors of one name in two namespaces run, suspend and crash, each for itself")
    func namesakes() throws {
        let simulation = try run(
            FaultSchedule(
                pools: ["ns/p0", "ns/p1", "other/p2"],
                [
                    (0, .policy(.steady("ns/p0"))), (0, .policy(.steady("ns/p1"))), (0, .policy(.steady("other/p2"))), (4, turn(0, 9_000)),
                    (4.1, .turn(actor: 4, pool: 1, milliseconds: 9_000, ending: .crashed)),
                    (6, .namesake(actor: 0, pool: 2, milliseconds: 9_000, ending: .suspended)),
                    (6.1, .namesake(actor: 4, pool: 2, milliseconds: 9_000, ending: .idleFirst)), (9, kill), (30, turn(0)),
                    (31, .namesake(actor: 0, pool: 2, milliseconds: 500, ending: .deleted)),
                    (40, .namesake(actor: 1, pool: 2, milliseconds: 500, ending: .deleted)),
                ]))
        #expect(simulation.ledger.actors["other/a0"]?.state == .deleted && simulation.ledger.actors["a0"]?.state == .suspended)
        #expect(simulation.agents.turns.isEmpty)
    }

    @Test("claims take workers out of their pool, and others come in their place")
    func claims() throws {
        var unclaimed = Policy.steady("ns/p0", min: 2)
        unclaimed.target = .warmPool
        var actions: [(seconds: Double, action: Action)] = [(0, .policy(unclaimed))]
        for k in 0..<12 { actions.append((10 + Double(k) * 5, .claim(pool: 0, milliseconds: 3_000, isForced: k == 4))) }
        let simulation = try run(FaultSchedule(actions))
        #expect(try count(.actorRunning, simulation) == 12)
    }

    @Test("a pool whose pods are asked, with a schedule and a formula: what they report keeps its workers")
    func reports() throws {
        var asked = Policy.steady("ns/p0", min: 1, max: 6)
        asked.busy = BusyCheck(.annotation("busy"))
        asked.schedules = [try Schedule(cron: "*/2 * * * *", durationSeconds: 30, minReplicaCount: 3)]
        asked.scalingModifiers = ScalingModifiers(formula: try Formula(compiling: "demand * 2", names: ["demand"]), targetMilli: 1_000)
        let simulation = try run(
            FaultSchedule([
                (0, .policy(asked)), (5, turn(0, 20_000)), (6, turn(1, 20_000)), (20, .report(pool: 0, worker: 0, state: "busy", tasks: 2)),
                (21, .report(pool: 0, worker: 1, state: "unknown", tasks: 1)), (22, .report(pool: 0, worker: 2, state: "idle", tasks: 0)),
                (60, .report(pool: 0, worker: 0, state: "busy", tasks: 1)), (100, kill),
                (140, .report(pool: 0, worker: 0, state: "idle", tasks: 0)),
                (300, turn(2)),
            ]))
        #expect(try count(.workerObserved, simulation) == 5)
    }
}
