import Autoscaling
import Basics
import ControlLoop
import Domain
import EventLog
import Foundation
import Output

// What would a busy fleet have logged?
//
// Actors of many pools request workers, are placed, run, rest and are suspended or paused. Each pool's demand rises and falls, its
// policy follows, workers come seconds later and go when they are drained. The loop that decides is the real one, on virtual time
// and over a real log, so the history holds what a service would have written. Same plan, same history.

package struct FleetPlan: Hashable, Sendable {
    package var events = 1_000_000
    package var pools = 100
    package var actors = 100_000
    /// Events that agents send in one commit, on average.
    package var eventsPerCommit = 100
    package var seed: UInt64 = 1

    package init(events: Int = 1_000_000, pools: Int = 100, actors: Int = 100_000, eventsPerCommit: Int = 100, seed: UInt64 = 1) {
        self.events = events
        self.pools = pools
        self.actors = actors
        self.eventsPerCommit = eventsPerCommit
        self.seed = seed
    }

    func poolName(_ pool: Int) -> String { "fleet/pool-\(pool)" }
}

package final class FleetHistory {
    private let plan: FleetPlan
    private let log: EventLog
    private let loop: VirtualLoop
    private let follower: LogFollower
    private var random: SplitMix64
    private var agenda = Agenda()
    /// Whether the actor is anything but suspended or paused.
    private var isBusy: [Bool]
    /// Workers of each pool that are there or on their way.
    private var population: [Int]
    private var workersMade = 0
    private var sent = 0
    private var keptSeq: Position = 0
    private var batch = EventBatch()

    private static let tickMicroseconds: Int64 = 5_000
    private static let quietTicksLimit = 10_000
    private static let slots = 4
    private static let source = "/greenroom/bench/fleet"
    /// 2026-11-21T00:00:00Z
    private static let beginning = LogTime(microseconds: 1_795_219_200_000_000)
    /// Events an actor's turn costs its agent: requested, running, suspended, and every other time idle.
    private static let eventsPerTurn = 3.5

    /// Where a history ends.
    package enum End {
        /// With the log closed.
        case closed
        /// By killing this process when that costs most: just before the next checkpoint, with the log open.
        case killed
    }

    /// Writes the history to a new log at `path`. Checkpoints and the log's own state are saved as often as a service does.
    package static func make(_ plan: FleetPlan, at path: String, end: End = .closed, progress: (Int64) -> Void = { _ in }) throws {
        let scheduler = VirtualScheduler(now: beginning)
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { scheduler.now }
        let log: EventLog
        do throws(LogError) { log = try EventLog.open(configuration) } catch { throw Fault(error) }
        let history = FleetHistory(plan, log, scheduler)
        var quietTicks = 0
        while log.head.seq < Int64(plan.events) || (end == .killed && !history.isWorstMoment) {
            let before = log.head.seq
            try history.tick()
            try history.keep()
            quietTicks = log.head.seq == before ? quietTicks + 1 : 0
            // Every actor waits and nobody places them: the loop would have to be broken.
            precondition(quietTicks < quietTicksLimit, "the fleet stands still at \(before)")
            progress(log.head.seq)
        }
        if end == .killed {
            history.loop.waitForCheckpoint()
            kill(getpid(), SIGKILL)
        }
        log.close()
    }

    /// The next commits may bring a checkpoint.
    private var isWorstMoment: Bool { loop.eventsUntilCheckpoint <= 4 * Int64(plan.eventsPerCommit) }

    /// What the keeper of a log does that isn't written inline.
    private func keep() throws {
        guard log.head.seq - keptSeq >= EventLog.stateEvents else { return }
        do throws(LogError) { try log.saveOwnState() } catch { throw Fault(error) }
        keptSeq = log.head.seq
    }

    private init(_ plan: FleetPlan, _ log: EventLog, _ scheduler: VirtualScheduler) {
        self.plan = plan
        self.log = log
        loop = VirtualLoop(making: log, scheduler: scheduler)
        follower = log.follower(after: log.head.seq)
        random = SplitMix64(seed: plan.seed)
        isBusy = [Bool](repeating: false, count: plan.actors)
        population = [Int](repeating: 0, count: plan.pools)
        for pool in 0..<plan.pools { loop.apply(policy(of: pool)) }
    }

    private var now: LogTime { loop.scheduler.now }

    private func tick() throws {
        loop.scheduler.advance(to: now.adding(microseconds: Self.tickMicroseconds))
        for step in agenda.advance() { perform(step) }
        arrive()
        let sending = batch
        batch = EventBatch()
        let before = log.head.seq
        if !sending.isEmpty { log.append(sending) { _ in } }
        guard sending.isEmpty || log.head.seq == before + Int64(sending.count) else {
            throw Fault(
                .unreachable, "the history's log took \(log.head.seq - before) of \(sending.count) events", do: "make room on the disk")
        }
        loop.scheduler.runUntilIdle()
        do throws(LogError) {
            while let commit = try follower.poll() { for event in commit.events where event.kind.isOurs { follow(event, commit) } }
        } catch { throw Fault(error) }
    }

    // MARK: - Policies

    /// Four kinds of pool, in turn.
    private func policy(of pool: Int) -> Policy {
        let name = plan.poolName(pool)
        var policy = Policy(pool: name, target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "pool-\(pool)"))
        policy.slotsPerWorker = Self.slots
        policy.maxReplicaCount = 1_000
        policy.cooldownPeriodSeconds = 60
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: Int64(Self.slots) * 1_000)]
        policy.behaviorGiven = true
        policy.behavior.scaleDown.stabilizationWindowSeconds = 30
        switch pool % 4 {
        case 0: policy.buffer = .fixed(2)
        case 1: policy.buffer = .percent(20)
        case 2: policy.buffer = .surge(quantilePPM: 970_000, windowSeconds: 300, min: 1)
        default:
            policy.triggers.append(
                Trigger(name: "pending", source: .observed(metric: "pending", selector: [], staleAfterSeconds: 60), thresholdMilli: 10_000))
        }
        return policy
    }

    // MARK: - What agents and workers do

    private enum Step {
        case running(actor: Int, worker: String)
        case idle(actor: Int)
        case ended(actor: Int, worker: String)
        case ready(pool: Int)
        case gone(worker: String, pool: Int)
    }

    private func arrive() {
        let wanted = Double(plan.eventsPerCommit) / Self.eventsPerTurn
        let count = Int(wanted) + (random.unit() < wanted - wanted.rounded(.down) ? 1 : 0)
        let seconds = now.seconds(since: Self.beginning)
        for _ in 0..<count {
            let actor = Int.random(in: 0..<plan.actors, using: &random)
            let pool = actor % plan.pools
            // Each pool's demand swells and ebbs once a minute, one pool after the other.
            let phase = seconds / 60 + Double(pool) / Double(plan.pools)
            let share = 1 - abs(2 * (phase - phase.rounded(.down)) - 1)
            guard !isBusy[actor], random.unit() < 0.2 + 0.8 * share else { continue }
            isBusy[actor] = true
            send(.actorRequested, "agent-\(actor)", pool: plan.poolName(pool), body: #"{"expectedMillis":2000}"#)
        }
        guard sent % 64 == 0 else { return }
        let pool = 3 + 4 * Int.random(in: 0..<max(1, plan.pools / 4), using: &random)
        if pool < plan.pools {
            send(.queueObserved, plan.poolName(pool), pool: plan.poolName(pool), body: #"{"metric":"pending","value":\#(sent % 400)}"#)
        }
    }

    private func perform(_ step: Step) {
        switch step {
        case .running(let actor, let worker):
            send(.actorRunning, "agent-\(actor)", worker: worker, body: #"{"restoreMillis":100}"#)
            let turn = 0.2 + 2 * -Foundation.log(1 - random.unit())
            if random.unit() < 0.5 { agenda.add(.idle(actor: actor), after: ticks(turn * 0.9)) }
            agenda.add(.ended(actor: actor, worker: worker), after: ticks(turn))
        case .idle(let actor):
            send(.actorIdle, "agent-\(actor)")
        case .ended(let actor, let worker):
            isBusy[actor] = false
            if random.unit() < 0.2 {
                send(.actorPaused, "agent-\(actor)", worker: worker, body: #"{"snapshot":"local/agent-\#(actor)","bytes":73400320}"#)
            } else {
                send(
                    .actorSuspended, "agent-\(actor)", worker: worker,
                    body: #"{"snapshot":"s3://snapshots/agent-\#(actor)/\#(sent)","bytes":73400320}"#)
            }
        case .ready(let pool):
            workersMade += 1
            let body = #"{"node":"node-\#(workersMade % 40)","slots":\#(Self.slots),"zone":"zone-\#(workersMade % 3)"}"#
            send(.workerReady, "worker-\(workersMade)-of-\(pool)", pool: plan.poolName(pool), body: body)
        case .gone(let worker, let pool):
            population[pool] -= 1
            send(.workerGone, worker, body: #"{"reason":"drained"}"#)
        }
    }

    private func ticks(_ seconds: Double) -> Int { max(1, Int(seconds * 1e6 / Double(Self.tickMicroseconds))) }

    private func send(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, body: String = "") {
        sent += 1
        batch.append(
            kind, source: Self.source, id: "\(log.head.seq)-\(sent)", subject: subject, pool: pool, worker: worker, time: now,
            body: Array(body.utf8))
    }

    // MARK: - What the loop concluded

    private func follow(_ event: CommittedEvent, _ commit: CommittedBatch) {
        let subject = log.names.text(of: event.subject)
        switch event.kind {
        case .actorPlaced:
            agenda.add(.running(actor: Self.number(subject), worker: log.names.text(of: event.worker)), after: ticks(0.1))
        case .workerDraining:
            agenda.add(.gone(worker: subject, pool: Self.number(subject)), after: ticks(0.05))
        case .scaleDecided:
            let pool = Self.number(subject)
            let to = commit.withBody(of: event) { body in body["to"].flatMap { body.integer($0) } } ?? 0
            for _ in population[pool]..<max(population[pool], Int(to)) { agenda.add(.ready(pool: pool), after: ticks(5)) }
            population[pool] = max(population[pool], Int(to))
        default: break
        }
    }

    /// The number a name ends with.
    private static func number(_ name: String) -> Int {
        name.utf8.split(separator: UInt8(ascii: "-")).last.flatMap { Int(Substring($0)) } ?? 0
    }

    // MARK: - The agenda

    /// What happens at which of the next ticks, as a wheel of them.
    private struct Agenda {
        private static let span = 8_192
        private var wheel = [[Step]](repeating: [], count: span)
        private var tick = 0

        /// Beyond the wheel's span a step comes at its end.
        mutating func add(_ step: Step, after ticks: Int) { wheel[(tick + min(ticks, Self.span - 1)) % Self.span].append(step) }

        mutating func advance() -> [Step] {
            tick += 1
            let due = wheel[tick % Self.span]
            wheel[tick % Self.span] = []
            return due
        }
    }
}
