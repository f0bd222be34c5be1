import Autoscaling
import ControlLoop
import Domain
import EventLog
import FaultSimulation
import State
import Testing

// Does each oracle find the bug that it is there for?
//
// One bug for each is planted: in a twin, in what the loop is told, or in what is handed to the oracle. An oracle that agrees
// with everything would pass every other test.

@Suite struct CanaryTests {
    /// Two agents share a worker one after the other, and one of several workers is drained in the end.
    private static let plain = FaultSchedule(
        pools: ["ns/p0"],
        [
            (0, .policy(.steady("ns/p0"))), (1, .turn(actor: 0, pool: 0, milliseconds: 20_000, ending: .suspended)),
            (2, .turn(actor: 1, pool: 0, milliseconds: 3_000, ending: .paused)),
            (12, .turn(actor: 2, pool: 0, milliseconds: 1_000, ending: .crashed)),
            (20, .turn(actor: 1, pool: 0, milliseconds: 200, ending: .idleFirst)),
            (40, .turn(actor: 3, pool: 0, milliseconds: 5_000, ending: .deleted)),
            (90, .turn(actor: 4, pool: 0, milliseconds: 100, ending: .suspended)),
        ])

    private func found(_ plant: Plant?, by oracle: any Oracle, _ schedule: FaultSchedule = plain) throws -> [String] {
        try Simulation(schedule, plant: plant, oracles: [oracle]).run().violations.map(\.oracle)
    }

    @Test("without a bug all agree")
    func none() throws {
        let outcome = try Simulation(Self.plain).run()
        #expect(outcome.violations.map(\.description) == [])
        #expect(outcome.events > 30)
    }

    @Test("an event that is acknowledged and never handed in")
    func acknowledged() throws { #expect(try found(.losesAcknowledged, by: AcknowledgedOracle()).first == "acknowledged") }

    @Test("a commit that is missing, and one whose time goes back")
    func positions() throws {
        let run = try Simulation(Self.plain)
        _ = run.run()
        var commits = try #require(run.log).commits(after: 0)
        var oracle = PositionsOracle()
        #expect(commits.flatMap { oracle.note($0) } == [])
        commits[7][0].at = .zero
        var other = PositionsOracle()
        #expect(commits.flatMap { other.note($0) }.first?.contains("the one before of") == true)
        commits.remove(at: 5)
        var another = PositionsOracle()
        #expect(commits.flatMap { another.note($0) }.first?.contains("follows") == true)
    }

    @Test("a state that has missed events")
    func state() throws { #expect(try found(.overlooksEvents, by: StateOracle()).first == "state") }

    @Test("a state that isn't what its log folds to")
    func fold() throws {
        let run = try Simulation(Self.plain)
        _ = run.run()
        let (log, loop) = (try #require(run.log), try #require(run.loop))
        #expect(try FoldOracle.problems(log, live: loop.state.encoded()) == [])
        var earlier = State()
        for batch in try log.read(after: 0, limitEvents: 10) { _ = earlier.fold(batch, names: log.names) }
        #expect(try FoldOracle.problems(log, live: earlier.encoded()).count == 1)
    }

    @Test("a decision that doesn't follow")
    func decisions() throws { #expect(try found(.decidesWrongly, by: DecisionsOracle()).first == "decisions") }

    @Test("a worker that is removed while it is busy")
    func busy() throws { #expect(try found(.removesBusy, by: BusyWorkerOracle()).first == "busy workers") }

    @Test("a placement on a worker that can't have it")
    func placements() throws { #expect(try found(.placesOnDraining, by: PlacementOracle()).first == "placements") }

    @Test("a decision beyond the policy's bounds")
    func bounds() throws { #expect(try found(.decidesWrongly, by: BoundsOracle()).first == "bounds") }

    /// Two wait at once, long enough to be looked at.
    private static func crowded(_ policy: Policy, _ actors: [Int] = [0, 1]) -> FaultSchedule {
        var actions: [(seconds: Double, action: Action)] = [(0, .policy(policy))]
        for (k, actor) in actors.enumerated() {
            actions.append((1 + Double(k) / 10, .turn(actor: actor, pool: 0, milliseconds: 20_000, ending: .suspended)))
        }
        for second in [1.5, 6, 7] { actions.append((second, .checkpoint)) }
        return FaultSchedule(actions)
    }

    @Test("a decision that takes what was needed within the window")
    func shrinks() throws {
        #expect(try found(.shrinksTooSoon, by: StabilizationOracle(), Self.crowded(.steady("ns/p0"))).first == "stabilization")
    }

    @Test("a decision that adds what wasn't wanted for all of the window")
    func grows() throws {
        var policy = Policy.steady("ns/p0")
        policy.behavior.scaleUp.stabilizationWindowSeconds = 30
        #expect(try found(.growsTooSoon, by: StabilizationOracle(), Self.crowded(policy)).first == "stabilization")
    }

    @Test("a pool that rests before its cooldown is over")
    func cooldowns() throws {
        #expect(try found(.restsTooSoon, by: CooldownOracle(), Self.crowded(.steady("ns/p0", min: 0))).first == "cooldowns")
    }

    @Test("a placement beyond its tenant's quota")
    func quotas() throws {
        var policy = Policy.steady("ns/p0")
        policy.quotas = [Quota(tenant: "t0", maxRunning: 1)]
        #expect(try found(.placesWrongly, by: QuotaOracle(), Self.crowded(policy, [0, 6])).first == "quotas")
    }

    @Test("a placement that restores another snapshot")
    func snapshots() throws {
        #expect(try found(.placesWrongly, by: SnapshotOracle(), Self.crowded(.steady("ns/p0"))).first == "snapshots")
    }

    @Test("somebody who waits beside a free worker")
    func waiting() throws { #expect(try found(.losesPlacements, by: WaitingOracle()).first == "waiting") }

    @Test("a slot that stays reserved")
    func reservations() throws { #expect(try found(.losesPlacements, by: ReservationsOracle()).first == "reservations") }

    @Test("an instance that acts though another has the fence")
    func fences() throws {
        var actions: [(seconds: Double, action: Action)] = Self.plain.steps.map { (Double($0.at) / 1e6, $0.action) }
        actions.insert((10, .fenced(pool: 0)), at: 3)
        #expect(try found(.ignoresFences, by: FenceOracle(), FaultSchedule(actions)).first == "fences")
    }

    /// A worker with a lease that beats, and one that falls silent while it has an actor.
    private static let leases = FaultSchedule([
        (0, .policy(.steady("ns/p0"))), (1, .leased(pool: 0, ttlSeconds: 9, keepsStream: false)),
        (2, .leased(pool: 0, ttlSeconds: 6, keepsStream: false)), (20, .silence(worker: 1, seconds: 200)), (120, .checkpoint),
    ])

    @Test("a worker that gives signs of life, and is lost")
    func beats() throws { #expect(try found(.losesBeating, by: LeaseOracle(), Self.leases).first == "leases") }

    @Test("a worker that is silent, and isn't lost")
    func silence() throws { #expect(try found(.keepsTheSilent, by: LeaseOracle(), Self.leases).first == "leases") }

    @Test("a request that waits past its deadline")
    func deadlines() throws {
        let schedule = FaultSchedule([
            (0, .policy(.steady("ns/p0", min: 0, max: 1))), (1, .turn(actor: 0, pool: 0, milliseconds: 90_000, ending: .suspended)),
            (5, .turnBy(actor: 1, pool: 0, milliseconds: 1_000, ending: .suspended, deadlineSeconds: 10)), (40, .checkpoint),
        ])
        #expect(try found(nil, by: DeadlineOracle(), schedule) == [])
        #expect(try found(.forgetsDeadlines, by: DeadlineOracle(), schedule).first == "deadlines")
    }

    /// One has the only worker; another's caller waits for 5 s.
    private static let calls = FaultSchedule([
        (0, .policy(.steady("ns/p0", min: 0, max: 1))), (1, .turn(actor: 0, pool: 0, milliseconds: 90_000, ending: .suspended)),
        (8, .place(.init(actor: 1, pool: 0, milliseconds: 1_000, waitMilliseconds: 5_000))), (40, .checkpoint),
    ])

    @Test("a caller who is never answered, one who is told another worker, and one who is answered twice")
    func callers() throws {
        #expect(try found(nil, by: CallersOracle(), Self.calls) == [])
        #expect(try found(.answersNobody, by: CallersOracle(), Self.calls).first == "callers")
        let run = try Simulation(Self.calls, oracles: [])
        _ = run.run()
        var call = try #require(run.callers.calls.first)
        var oracle = CallersOracle()
        for commit in try #require(run.log).commits(after: 0) { oracle.committed(commit, before: run.ledger, run) }
        oracle.answered(call, .placed(worker: "elsewhere", seq: 3), run)
        oracle.settled(run)
        #expect(run.violations.count == 1)
        call.answers = [.waiting, .waiting]
        oracle.answered(call, .waiting, run)
        #expect(run.violations.map(\.oracle) == ["callers", "callers"])
    }

    @Test("a worker that is busy beyond its drain's time, and isn't asked back")
    func drains() throws {
        var few = Policy.steady("ns/p0", min: 1, max: 2)
        few.drainTimeoutSeconds = 5
        let schedule = FaultSchedule([
            (0, .policy(.steady("ns/p0", min: 4))), (15, .target(pool: 0, .hangs, seconds: 100)), (16, .policy(few)),
            (32, .runOnDraining(actor: 0, pool: 0, milliseconds: 90_000)), (60, .checkpoint),
            (75, .turn(actor: 1, pool: 0, milliseconds: 100, ending: .suspended)),
        ])
        #expect(try found(nil, by: DrainOracle(), schedule) == [])
        #expect(try found(.overlooksUncordons, by: DrainOracle(), schedule).first == "drains")
    }

    @Test("a worker whose pod says that it is busy is removed, and one that is there to be taken gets an actor")
    func busyByReportOrUnclaimed() throws {
        var asked = Policy.steady("ns/p0")
        asked.busy = BusyCheck(.annotation("busy"))
        let reported = FaultSchedule([
            (0, .policy(asked)), (5, .report(pool: 0, worker: 0, state: "busy", tasks: 1)), (10, .checkpoint), (11, .checkpoint),
        ])
        #expect(try found(nil, by: BusyWorkerOracle(), reported) == [])
        let removed = try Simulation(reported, plant: .removesBusy, oracles: [BusyWorkerOracle()]).run().violations
        #expect(removed.contains { $0.message.contains("its pod says that it is busy") })
        var unclaimed = Policy.steady("ns/p0")
        unclaimed.target = .warmPool
        let taken = FaultSchedule([
            (0, .policy(unclaimed)), (5, .turn(actor: 0, pool: 0, milliseconds: 1_000, ending: .suspended)), (10, .checkpoint),
            (11, .checkpoint),
        ])
        #expect(try found(nil, by: PlacementOracle(), taken) == [])
        let placed = try Simulation(taken, plant: .placesOnDraining, oracles: [PlacementOracle()]).run().violations
        #expect(placed.contains { $0.message.contains("is there to be taken") })
    }

    @Test("events that come for ever")
    func causes() throws { #expect(try found(.appendsForever, by: CausesOracle()).first == "causes") }

    @Test("work that piles up")
    func sizes() throws {
        let run = try Simulation(Self.plain, oracles: [SizeOracle()])
        _ = run.run()
        #expect(run.violations.isEmpty)
        for second in 0..<100 { _ = run.time.perform(at: .distantFuture.adding(seconds: -second)) {} }
        var oracle = SizeOracle()
        oracle.settled(run)
        #expect(run.violations.map(\.oracle) == ["sizes"])
    }

    @Test("a target that never comes to rest")
    func convergence() throws {
        #expect(
            try found(.targetIsStuck, by: SizeOracle(), FaultSchedule([(0, .policy(.steady("ns/p0"))), (10, .recreate(pool: 0))])).first
                == "convergence")
    }
}
