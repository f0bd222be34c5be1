import Basics
package import Autoscaling
package import ControlLoop
package import Domain
package import EventLog
import Foundation

// How does one run go?
//
// The service's own log and loop, between twins of all that is around them. First the steps of the schedule, then everything
// heals: faults end, agents say how it is, each pool gets a plain policy. From then on all must come to rest within
// `restSeconds`, and stay so. Oracles see each commit in its order and look at the state wherever time stands still.
// Always: everything happens on the caller's thread, in an order that follows from the schedule.

package final class Simulation: @unchecked Sendable {
    // Used by one caller, on its thread.
    package let schedule: FaultSchedule
    package let time = TimeTwin(start: Simulation.start)
    package let way: WayIn
    package let senders: Senders
    package private(set) var agents: Agents
    package let store: StoreTwin
    package private(set) var leased: LeasedWorkers
    package private(set) var callers: Callers
    private var claims: Claims?
    package private(set) var targets: [String: TargetTwin] = [:]
    package private(set) var disk: DiskTwin
    package private(set) var log: EventLog?
    package private(set) var loop: DrivenLoop?
    package private(set) var ledger = Ledger()
    package private(set) var policies: [String: Policy] = [:]
    package private(set) var violations: [Violation] = []
    /// Requests of the loop, in order, for oracles that judge them.
    package private(set) var requests: [DrivenLoop.Request] = []
    package private(set) var fence: UInt64 = 0
    package private(set) var isHealed = false
    package private(set) var current = "the start"
    /// The last time at which something could keep the service from acting at once, measured.
    package private(set) var troubledUntil: Int64 = 0
    /// Nothing keeps the service from acting at once.
    package var isUntroubled: Bool {
        time.passed >= calmSince && !way.isFaulty && disk.fault == nil
    }
    /// Since when nothing keeps the service from acting at once, measured; in the future where something does.
    package var calmSince: Int64 { max(troubledUntil, way.faultyAt + 5_000_000) }
    /// The log says that it is damaged: with a disk that lies, that is the right answer.
    package private(set) var isRefused = false

    private let plant: Plant?
    private let root: String
    private var life = 0
    private var follower: LogFollower?
    private var oracles: [any Oracle]
    private var draws: SplitMix64
    private var commands = 0
    private var numbers: UInt64 = 0
    /// How long the log can't be read once it is opened next, in seconds.
    private var unreadableSeconds: Int64 = 0
    private var clockSteps = 0
    private var isLyingDisk = false
    /// The power was cut while the last sync of a file had failed: then a log that asks before it goes on is right to.
    private var mayAsk = false
    /// The lease is another instance's: the log takes nothing more.
    private var isDeposed = false
    /// The process is gone, and its tasks end.
    private var isEnding = false
    private var terms = 0
    private var lastLook: Look?
    private var eventsSinceCheckpoint = 0
    private static let checkpointEvents = 40

    package static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero
    /// Virtual seconds within which all comes to rest once it is healed: drains that were given up pause for up to an hour.
    package static let restSeconds: Int64 = 4_500
    /// How often 10 s are waited for events that are on their way in when all faults have ended.
    private static let longestWayIn = 30
    package static let quietSeconds: Int64 = 7_200
    /// Callers that may wait at once: so few that some are refused.
    package static let waitingCallers = 4

    package init(_ schedule: FaultSchedule, plant: Plant? = nil, oracles: [any Oracle] = Oracles.all) throws {
        self.schedule = schedule
        self.plant = plant
        self.oracles = oracles
        draws = SplitMix64(seed: schedule.seed ^ 0xD15C)
        way = WayIn(time: time)
        senders = Senders(time: time, way: way)
        store = StoreTwin(time: time, senders: senders)
        let memory = "/dev/shm"
        let base = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        root = base + "/greenroom-simulation-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root + "/0", withIntermediateDirectories: true)
        disk = DiskTwin(folder: root + "/0")
        leased = LeasedWorkers(time: time, senders: senders, loop: { nil }, ledger: { Ledger() })
        callers = Callers(time: time, way: way) { nil }
        agents = Agents(time: time, senders: senders, leased: leased) { _ in nil }
        for (k, pool) in schedule.pools.enumerated() {
            targets[pool] = TargetTwin(pool: pool, time: time, senders: senders, seed: schedule.seed &+ UInt64(k))
        }
        leased = LeasedWorkers(
            time: time, senders: senders, loop: { [weak self] in self.flatMap { run in run.loop.map { (loop: $0, term: run.terms) } } },
            ledger: { [weak self] in self?.ledger ?? Ledger() })
        claims = Claims(time: time, senders: senders) { [weak self] in self?.targets[$0] }
        callers = Callers(time: time, way: way) { [weak self] in self?.loop }
        callers.answered = { [weak self] call, answer in self?.noteAnswer(call, answer) }
        agents = Agents(time: time, senders: senders, leased: leased) { [weak self] worker in
            self?.targets.values.first { worker.hasPrefix($0.prefix + "-") }
        }
        agents.wrote = { [store] in store.wrote($0, $1) }
        if plant == .keepsTheSilent { leased.isVouchedFor = true }
        if plant == .answersNobody { callers.isDeaf = true }
        if plant == .losesAcknowledged { senders.losesEvery = 9 }
    }

    deinit {
        way.lead(to: nil)
        if let loop { callers.end(loop) }
        loop = nil
        log?.close()
        time.end()
        disk.remove()
        try? FileManager.default.removeItem(atPath: root)
    }

    package func fail(_ oracle: String, _ message: String) {
        guard violations.count < 20 else { return }
        violations.append(Violation(oracle: oracle, message: message, when: current))
    }

    // MARK: - The run

    package func run() -> Outcome {
        start()
        for step in schedule.steps where violations.isEmpty && !isRefused {
            pass(to: step.at)
            current = "step \(step)"
            if plant != nil { plantNow() }
            apply(step)
            look()
        }
        if violations.isEmpty, !isRefused { pass(to: schedule.length) }
        if violations.isEmpty, !isRefused { comeToRest() }
        if violations.isEmpty, !isRefused { finish() }
        return Outcome(violations: violations, events: ledger.seq, fingerprint: fingerprint(), isRefused: isRefused)
    }

    /// Lets time pass to a moment of the measuring clock.
    private func pass(to moment: Int64) {
        if !time.pass(to: moment) { fail("endless work", "work begets work without end at \(time.now.rfc3339)") }
        look()
    }

    /// Time stands still: oracles look at what is there.
    private func look() {
        guard violations.isEmpty, !isRefused else { return }
        if !time.settle() { fail("endless work", "work begets work without end at \(time.now.rfc3339)") }
        let look = Look(
            seq: ledger.seq, head: log?.head.seq ?? 0, isRunning: loop != nil, term: terms, isUntroubled: isUntroubled,
            serviceWork: time.serviceWork, position: loop?.state.position ?? 0, ticks: hasTimes ? time.passed / 5_000_000 : 0)
        // Nothing is another than at the last look.
        guard look != lastLook else { return }
        lastLook = look
        for index in oracles.indices { oracles[index].settled(self) }
    }

    /// All that what is looked at hangs on.
    private struct Look: Hashable {
        var seq: Position
        var head: Position
        var isRunning: Bool
        var term: Int
        var isUntroubled: Bool
        var serviceWork: Int
        var position: Position
        /// Where somebody must have been heard, answered or withdrawn by a time, that counts too.
        var ticks: Int64
    }

    private var hasTimes: Bool {
        !leased.workers.isEmpty || callers.isBusy || !callers.open.isEmpty || ledger.actors.values.contains { $0.deadline != nil }
    }

    private func comeToRest() {
        current = "healing"
        heal()
        let deadline = time.passed + Self.restSeconds * 1_000_000
        var isAtRest = false
        while time.passed < deadline, violations.isEmpty, !isAtRest {
            pass(to: time.passed + 5_000_000)
            if senders.isQuiet {
                agents.tellTruth(ledger)
                takeBackLies()
            }
            look()
            isAtRest = restProblem == nil
        }
        if !isAtRest, let problem = restProblem { return fail("convergence", "\(Self.restSeconds) s after the last fault \(problem)") }
        current = "at rest"
        let before = ledger.seq
        pass(to: time.passed + Self.quietSeconds * 1_000_000)
        if let problem = restProblem { fail("convergence", "at rest, and later \(problem)") }
        for index in oracles.indices { oracles[index].rested(self, eventsSince: before) }
    }

    private func finish() {
        current = "the end"
        for index in oracles.indices where violations.isEmpty { oracles[index].ended(self) }
    }

    private func fingerprint() -> String {
        guard let log else { return "" }
        var bytes: [UInt8] = []
        try? log.export { bytes += $0 }
        return Digest.sha256Hex(bytes)
    }

    // MARK: - The service

    private var folder: String { root + "/\(life)" }
    package var path: String { folder + "/log.db" }

    private func start() {
        guard log == nil else { return }
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.clock = { [time] in time.wall }
        configuration.measuringClock = { [time] in time.passed }
        // So small that tables freeze and runs merge within a run; and no pause after a failure, as that is measured by a real clock.
        configuration.limits.dedupeTableEvents = 64
        configuration.limits.dedupeFanOut = 3
        configuration.limits.recentEvents = 128
        configuration.limits.checkpointPartBytes = 4_096
        configuration.limits.walLimitBytes = 256 << 10
        configuration.limits.retryFirstMicroseconds = 0
        configuration.limits.retryLastMicroseconds = 0
        configuration.commitRefusal = { [weak self] in
            self?.isDeposed ?? false ? .notWritable(reason: "this instance no longer leads, simulated", hint: "wait") : nil
        }
        isDeposed = false
        terms += 1
        do throws(LogError) {
            log = try EventLog.open(configuration)
        } catch {
            return couldNotOpen(error)
        }
        guard let log else { return }
        fence += 10
        if log.head.seq < ledger.seq, !isLyingDisk {
            return fail("acknowledged", "the log ends at \(log.head.seq), and was read up to \(ledger.seq)")
        }
        time.follow { [weak log, weak time] in log?.now ?? time?.wall ?? Self.start }
        way.lead(to: log)
        var limits = LoopLimits()
        // Not beside the loop, on a thread of its own, but by `read`: the same at each run.
        limits.checkpointEvents = .max
        limits.waitingCallers = Self.waitingCallers
        // A process that is gone calls nobody.
        let term = terms
        let port = TargetsPort { [weak self] pool in self.flatMap { $0.terms == term && !$0.isEnding ? $0.targets[pool] : nil } }
        let loop = DrivenLoop(
            log: log, scheduler: time, targets: port, fence: Fence(fence), limits: limits, append: { [weak self] in self?.append($0, $1) },
            command: { [callers] in callers.append($0, $1) }, newNumber: { [weak self] in self?.newNumber() ?? 0 },
            asked: { [weak self] in self?.take($0) })
        self.loop = loop
        if unreadableSeconds > 0 { failReads() }
        follower = log.follower(after: ledger.seq)
        log.onCommit { [weak self, time] _ in
            time.perform { [weak self] in self?.loop?.catchUp() }
            time.after(microseconds: 0) { [weak self] in self?.read() }
        }
        log.onClockStep { [weak self, time] step in time.after(microseconds: 0) { [weak self] in self?.noteClock(step) } }
        read()
        time.perform { [weak self] in self?.loop?.goLive() }
        senders.serviceStarted()
        beginWatches()
    }

    private func beginWatches() {
        for pool in schedule.pools {
            let believed = ledger.workers.filter { $0.value.pool == pool && $0.value.ttlSeconds == 0 }.sorted { $0.key < $1.key }.map {
                (name: $0.key, uid: $0.value.uid)
            }
            targets[pool]?.beginWatch(believed: believed)
        }
    }

    private func couldNotOpen(_ error: LogError) {
        if case .damaged = error.reason, isLyingDisk || mayAsk { return isRefused = true }
        guard disk.fault != nil else { return fail("opening", "\(error)") }
        disk.set(nil)
        time.after(microseconds: 1_000_000) { [weak self] in self?.start() }
    }

    /// What the loop appends.
    private func append(_ batch: EventBatch, _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        if plant == .losesPlacements, batch.events.contains(where: { $0.kind == .actorPlaced }) { return }
        if plant == .forgetsDeadlines, batch.events.contains(where: { $0.kind == .actorWithdrawn }) { return }
        way.append(batch, completion: completion)
    }

    private func newNumber() -> UInt64 {
        numbers += 1
        return numbers
    }

    /// From now on, for a while, nothing of the log can be read.
    private func failReads() {
        trouble(seconds: unreadableSeconds + 5)
        disk.set(.readsFail)
        let broken = disk
        time.after(microseconds: unreadableSeconds * 1_000_000) { broken.set(nil) }
        unreadableSeconds = 0
    }

    private func noteAnswer(_ call: Callers.Call, _ answer: Callers.Answer) {
        for index in oracles.indices { oracles[index].answered(call, answer, self) }
        switch answer {
        case .refused, .cutOff: agents.calledOff(call.actor)
        case .placed, .waiting, .ended: if call.hasGivenUp { agents.calledOff(call.actor) }
        }
    }

    private func take(_ request: DrivenLoop.Request) {
        guard !isEnding else { return }
        if plant == .overlooksUncordons, case .uncordon = request { return }
        requests.append(request)
        for index in oracles.indices { oracles[index].requested(request, self) }
    }

    /// New commits: the ledger, the agents and the oracles see them.
    private func read() {
        do throws(LogError) {
            while let batch = try follower?.poll() {
                guard let log else { return }
                let commit = batch.events.map { LoggedEvent($0, of: batch, names: log.names) }
                for index in oracles.indices { oracles[index].committed(commit, before: ledger, self) }
                for event in commit {
                    if plant == .overlooksEvents, event.seq % 11 == 0 { continue }
                    ledger.take(event) { policies[$0] }
                }
                for event in commit { tellAgents(event) }
                eventsSinceCheckpoint += commit.count
                guard eventsSinceCheckpoint >= Self.checkpointEvents else { continue }
                eventsSinceCheckpoint = 0
                time.perform { [weak self] in self?.loop?.saveCheckpoint() }
            }
        } catch {
            time.after(microseconds: 1_000_000) { [weak self] in self?.read() }
        }
    }

    private func tellAgents(_ event: LoggedEvent) {
        switch event.kind.subject {
        case .actor:
            guard let standing = ledger.actors[event.subject] else { return }
            agents.look(event.subject, standing)
            if event.kind == .actorSuspended, let external = standing.external, external.seq == event.seq {
                store.look(event.subject, uri: external.uri, toldAt: event.seq, known: event.integer("bytes").map { Int64($0) })
            }
        case .worker:
            for actor in agents.turns.keys.sorted() {
                if let standing = ledger.actors[actor], standing.state == .crashed { agents.look(actor, standing) }
            }
        default: break
        }
    }

    private func noteClock(_ step: Int64) {
        clockSteps += 1
        var body = JSONWriter()
        body.openObject()
        body.member("microseconds", step)
        body.closeObject()
        var batch = EventBatch()
        batch.append(.clockStepped, source: DrivenLoop.ownSource, id: "clock-\(life)-\(clockSteps)", subject: "greenroom", body: body.bytes)
        way.append(batch) { _ in }
    }

    private func restart(_ restart: Restart) {
        // A log that is started where its file isn't would be another one.
        if FileManager.default.fileExists(atPath: path + "-aside") {
            try? FileManager.default.moveItem(atPath: path + "-aside", toPath: path)
        }
        if restart.end == .stopped {
            time.halt(false)
            way.halt(false)
            time.perform { [weak self] in
                self?.loop?.endWaits()
                self?.loop?.catchUp()
                self?.loop?.endFoldWaits()
                self?.loop?.saveCheckpoint()
            }
            _ = time.settle()
        }
        way.lead(to: nil)
        endCalls()
        time.dropServiceWork()
        time.follow { [time] in time.wall }
        senders.dropWatches()
        store.forgetLooks()
        for target in targets.values { target.endWatch() }
        loop = nil
        follower = nil
        if restart.end == .stopped { endOrderly() } else { endAbruptly(isPowerCut: restart.end == .powerCut) }
        spoil(restart.checkpoints)
        time.after(microseconds: restart.downMilliseconds * 1_000) { [weak self] in self?.start() }
    }

    /// Tasks of callers end with the process, and nothing that it does for them gets out any more.
    private func endCalls() {
        guard let loop, callers.isBusy else { return }
        isEnding = true
        callers.end(loop)
        isEnding = false
    }

    private func endOrderly() {
        log?.close()
        log = nil
    }

    /// The files go on as they are on the disk at this moment, under another name.
    private func endAbruptly(isPowerCut: Bool) {
        let (before, dying) = (folder, disk)
        life += 1
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in ["log.db", "log.db-wal", "log.db-head"] where FileManager.default.fileExists(atPath: before + "/" + name) {
                try FileManager.default.copyItem(atPath: before + "/" + name, toPath: folder + "/" + name)
            }
            if isPowerCut { try dying.cutPower(copy: { [folder] path in folder + path.dropFirst(before.count) }, draws: &draws) }
        } catch { fail("the harness", "\(error)") }
        if dying.fault == .lies { isLyingDisk = true }
        mayAsk = isPowerCut && dying.hasFailedSync
        disk = DiskTwin(folder: folder)
        if dying.fault != nil { dying.set(nil) }
        log?.close()
        log = nil
        dying.remove()
        try? FileManager.default.removeItem(atPath: before)
    }

    private func spoil(_ checkpoints: Restart.Checkpoints) {
        switch checkpoints {
        case .kept: break
        case .gone: RawLog.execute("DELETE FROM checkpoints WHERE id = (SELECT max(id) FROM checkpoints WHERE owner = 'loop')", path)
        case .damaged:
            RawLog.execute(
                "UPDATE checkpoint_parts SET body = zeroblob(length(body)) WHERE part = (SELECT max(part) FROM checkpoint_parts)", path)
        }
    }

    // MARK: - Steps

    private func command(_ policy: Policy?, _ make: (String) -> EventBatch) {
        commands += 1
        let id = "command-\(commands)"
        policies[id] = policy
        senders.command(make(id), id: id)
    }

    private func target(_ number: Int) -> TargetTwin? { targets[schedule.pools[number % schedule.pools.count]] }

    private func trouble(seconds: Int64) { troubledUntil = max(troubledUntil, time.passed + seconds * 1_000_000) }

    private func apply(_ step: Step) {
        let pools = schedule.pools
        switch step.action {
        case .turn(let actor, let pool, let milliseconds, let ending):
            agents.begin(
                "a\(actor)", pool: pools[pool % pools.count], milliseconds: milliseconds, ending: ending,
                known: ledger.actors["a\(actor)"]?.state)
        case .turnBy(let actor, let pool, let milliseconds, let ending, let seconds):
            agents.begin(
                "a\(actor)", pool: pools[pool % pools.count], milliseconds: milliseconds, ending: ending,
                known: ledger.actors["a\(actor)"]?.state, deadline: time.now.adding(seconds: seconds))
        case .namesake(let actor, let pool, let milliseconds, let ending):
            namesake("a\(actor)", of: pools[pool % pools.count], milliseconds, ending)
        case .place(let call): place(call)
        case .withdraw(let actor): callers.withdraw("a\(actor)")
        case .leased(let pool, let ttlSeconds, let keepsStream):
            leased.begin(pool: pools[pool % pools.count], ttlSeconds: ttlSeconds, keepsStream: keepsStream)
        case .silence(let worker, let seconds): leased.silence(worker, seconds: seconds)
        case .turnStream(let worker): leased.turnStream(worker)
        case .unreadableStart(let seconds):
            guard log != nil else { return }
            unreadableSeconds = seconds
            trouble(seconds: seconds + 10)
            restart(Restart(end: .killed, checkpoints: .kept, downMilliseconds: 500))
        case .claim(let pool, let milliseconds, let isForced):
            claims?.begin(pool: pools[pool % pools.count], milliseconds: milliseconds, isForced: isForced)
        case .runOnDraining(let actor, let pool, let milliseconds):
            let pool = pools[pool % pools.count]
            let draining = ledger.workers.filter { $0.value.pool == pool && $0.value.isChosen }.keys.sorted()
            guard let worker = draining.first(where: { targets[pool]?.isThere($0) ?? false }) else { return }
            // One that the log wouldn't believe to run there is a lie, and has a step of its own.
            if let known = ledger.actors["a\(actor)"]?.state, known == .deleted || known.isResident { return }
            agents.beginUnasked("a\(actor)", pool: pool, on: worker, milliseconds: milliseconds)
        case .report(let pool, let worker, let state, let tasks): report(pools[pool % pools.count], worker, state, tasks)
        case .policy(let policy): if pools.contains(policy.pool) { command(policy) { DrivenLoop.policyApplied(policy, id: $0) } }
        case .shadow(let policy): if pools.contains(policy.pool) { command(nil) { DrivenLoop.policyApplied(policy, id: $0) } }
        case .removePolicy(let pool): command(nil) { DrivenLoop.policyRemoved(of: pools[pool % pools.count], id: $0) }
        case .removeShadow(let pool, let name):
            command(nil) { DrivenLoop.policyRemoved(of: pools[pool % pools.count], shadow: name, id: $0) }
        case .pause(let pool, let pause): command(nil) { DrivenLoop.paused(pools[pool % pools.count], pause, id: $0) }
        case .observe(let pool, let value):
            let pool = pools[pool % pools.count]
            senders.send(
                .queueObserved, pool, from: "/queue", #"{"pool":"\#(pool)","metric":"q","value":\#(value.map(String.init) ?? "null")}"#)
        case .lie(let kind, let actor, let worker, let pool): lie(kind, actor, worker, pools[pool % pools.count])
        case .again(let back): senders.repeatOne(back: back)
        case .killWorker(let pool, let worker, let isTold): target(pool)?.kill(worker, told: isTold)
        case .sameName(let pool, let worker): target(pool)?.returnUnderSameName(worker)
        case .lateStarts(let pool, let milliseconds): target(pool)?.startMilliseconds = milliseconds
        case .lostStarts(let pool, let count): target(pool)?.lostStarts += count
        case .target(let pool, let mode, let seconds):
            target(pool)?.mode = mode
            time.after(microseconds: seconds * 1_000_000) { [weak self] in self?.target(pool)?.mode = .works }
        case .setByOthers(let pool, let count): target(pool)?.setByOthers(count)
        case .recreate(let pool): target(pool)?.recreate()
        case .fenced(let pool): target(pool)?.actsAnother(fence: fence + 5)
        case .loseWatch(let pool, let fault, let milliseconds): target(pool)?.loseWatch(fault, microseconds: milliseconds * 1_000)
        case .spoilSnapshot(let actor, let isLost): store.spoil(actor: "a\(actor)", isLost: isLost)
        case .golden(let bytes): store.setGolden(bytes)
        case .store(let fails, let answerMilliseconds, let seconds):
            (store.fails, store.answerMilliseconds) = (fails, answerMilliseconds)
            time.after(microseconds: seconds * 1_000_000) { [store] in (store.fails, store.answerMilliseconds) = (false, 50) }
        case .halt(let seconds): halt(seconds: seconds)
        case .deposed(let seconds): depose(seconds: seconds)
        case .append(let fault, let times):
            way.add(fault, times: times)
            trouble(seconds: 30)
        case .disk(let fault, let seconds):
            disk.set(fault)
            trouble(seconds: seconds + 5)
            let broken = disk
            time.after(microseconds: seconds * 1_000_000) { broken.set(nil) }
        case .clock(let seconds):
            time.set(byMicroseconds: seconds * 1_000_000)
            trouble(seconds: 1)
        case .moveFile(let seconds):
            // Where nobody has it open, a start without it is refused, and rightly so.
            guard log != nil else { return }
            trouble(seconds: seconds + 5)
            let (file, aside) = (path, path + "-aside")
            try? FileManager.default.moveItem(atPath: file, toPath: aside)
            time.after(microseconds: seconds * 1_000_000) { try? FileManager.default.moveItem(atPath: aside, toPath: file) }
        case .poison(let pool, let count):
            let body = Array(#"{"specReplicas":\#(count),"readyReplicas":\#(count)}"#.utf8)
            command(nil) { DrivenLoop.ours(.poolObserved, id: $0, pool: pools[pool % pools.count], body) }
        case .checkpoint: time.perform { [weak self] in self?.loop?.saveCheckpoint() }
        case .restart(let how):
            trouble(seconds: how.downMilliseconds / 1_000 + 6)
            restart(how)
        }
    }

    /// The log has it under its full name, as somebody else has the bare one.
    private func namesake(_ actor: String, of pool: String, _ milliseconds: Int64, _ ending: Ending) {
        func namespace(_ pool: String) -> Substring { pool.prefix { $0 != "/" } }
        guard let other = ledger.actors[actor], !other.pool.isEmpty, namespace(other.pool) != namespace(pool) else { return }
        agents.hasNamesakes = true
        let name = "\(namespace(pool))/\(actor)"
        agents.begin(name, pool: pool, milliseconds: milliseconds, ending: ending, known: ledger.actors[name]?.state)
    }

    private func place(_ call: Action.Call) {
        guard loop != nil, !time.isHalted else { return }
        let (actor, pool) = ("a\(call.actor)", schedule.pools[call.pool % schedule.pools.count])
        agents.begin(
            actor, pool: pool, milliseconds: call.milliseconds, ending: .suspended, known: ledger.actors[actor]?.state, isCalled: true)
        callers.place(
            actor, pool: pool, waitMilliseconds: call.waitMilliseconds, id: call.id.map { "call-\($0)" },
            deadline: call.deadlineSeconds.map { time.now.adding(seconds: $0) }, givesUpAfter: call.givesUpMilliseconds)
    }

    /// What a worker's pod says of its own work.
    private func report(_ pool: String, _ worker: Int, _ state: String, _ tasks: Int) {
        let names = ledger.workers.filter { $0.value.pool == pool }.keys.sorted()
        guard !names.isEmpty else { return }
        let name = names[worker % names.count]
        let problem = state == "unknown" ? #","error":"no answer, simulated""# : ""
        commands += 1
        var batch = EventBatch()
        batch.append(
            .workerObserved, source: DrivenLoop.ownSource, id: "report-\(commands)", subject: name,
            body: Array(#"{"state":"\#(state)","busy":\#(tasks),"from":"simulated"\#(problem)}"#.utf8))
        senders.command(batch, id: "report-\(commands)")
    }

    // MARK: - Leaders

    private func halt(seconds: Int64) {
        guard log != nil, !time.isHalted else { return }
        trouble(seconds: seconds + 30)
        time.halt(true)
        way.halt(true)
        let term = terms
        time.after(microseconds: seconds * 1_000_000) { [weak self] in
            guard let self, terms == term, time.isHalted else { return }
            time.halt(false)
            way.halt(false)
        }
    }

    /// This instance goes on, and can't log any more. The other one tries the file each second, and gets it once this one has ended.
    private func depose(seconds: Int64) {
        guard log != nil, !isDeposed else { return }
        trouble(seconds: seconds + 10)
        isDeposed = true
        let term = terms
        for second in 1...seconds {
            time.after(microseconds: second * 1_000_000) { [weak self] in
                guard let self, terms == term, isDeposed else { return }
                guard second == seconds else { return tryFile() }
                restart(Restart(end: .stopped, checkpoints: .kept, downMilliseconds: 20))
            }
        }
    }

    private func tryFile() {
        guard log != nil, FileManager.default.fileExists(atPath: path) else { return }
        do throws(LogError) {
            try EventLog.open(EventLog.Configuration(path: path)).close()
            fail("fences", "a second instance opened the log while the first had it")
        } catch {
            if case .locked = error.reason { return }
            if disk.fault == nil { fail("fences", "a second instance was refused for another reason: \(error)") }
        }
    }

    /// Whatever an event of that kind can say about them.
    private func lie(_ kind: EventKind, _ actor: Int, _ worker: Int, _ pool: String) {
        func namespace(_ pool: String) -> Substring { pool.prefix { $0 != "/" } }
        let names = ledger.workers.filter { namespace($0.value.pool) == namespace(pool) }.keys.sorted()
        let worker = worker < names.count ? names[worker] : "nobody-\(worker)"
        let source = "/liars/\(actor % 3)"
        switch kind.subject {
        case .actor:
            var members: [String] = []
            if kind.carriesPool { members.append(#""pool":"\#(pool)""#) }
            if kind.shape.carriesWorker { members.append(#""worker":"\#(worker)""#) }
            if kind == .actorCreated { members.append(#""template":"t""#) }
            senders.send(kind, "a\(actor)", from: source, "{\(members.joined(separator: ","))}")
        case .worker:
            let data =
                kind == .workerReady ? #"{"pool":"\#(pool)","node":"n\#(actor % 3)","slots":\#(1 + actor % 4)}"# : #"{"reason":"a lie"}"#
            senders.send(kind, worker, from: source, data)
        case .pool:
            let data =
                kind == .queueObserved
                ? #"{"pool":"\#(pool)","metric":"q","value":\#(actor)}"#
                : #"{"pool":"\#(pool)","specReplicas":\#(actor),"readyReplicas":\#(actor)}"#
            senders.send(kind, pool, from: source, data)
        case .node:
            senders.send(kind, "n\(actor % 3)", from: source, #"{"node":"n\#(actor % 3)","snapshot":"s3://snapshots/a\#(actor)/1"}"#)
        case .holder, .service: break
        }
    }

    // MARK: - Healing

    private func heal() {
        time.halt(false)
        way.halt(false)
        (store.fails, store.answerMilliseconds) = (false, 50)
        unreadableSeconds = 0
        leased.end()
        way.heal()
        disk.set(nil)
        // Whoever has the lease in the end has a higher fence than all before.
        if targets.values.contains(where: { $0.fence > fence }) {
            restart(Restart(end: .stopped, checkpoints: .kept, downMilliseconds: 0))
        }
        if log == nil { start() }
        isHealed = true
        trouble(seconds: 60)
        // What waited on its way gets in, before anybody looks at what the log believes; where the leader was deposed, the next one
        // must have begun.
        pass(to: time.passed + 10_000_000)
        for _ in 0..<Self.longestWayIn where !senders.isQuiet { pass(to: time.passed + 10_000_000) }
        beginWatches()
        for (k, pool) in schedule.pools.enumerated() {
            let policy = Policy.steady(pool)
            command(nil) { DrivenLoop.policyRemoved(of: pool, shadow: "shadow0-\(k)", id: $0) }
            command(nil) { DrivenLoop.policyRemoved(of: pool, shadow: "shadow1-\(k)", id: $0) }
            command(nil) { DrivenLoop.paused(pool, Pause(), id: $0) }
            command(policy) { DrivenLoop.policyApplied(policy, id: $0) }
            targets[pool]?.heal()
        }
    }

    /// Whoever said of a worker that it drains, and lied, says that it doesn't.
    private func takeBackLies() {
        for (name, worker) in ledger.workers.sorted(by: { $0.key < $1.key }) {
            for liar in worker.drainers.sorted() where liar.hasPrefix("/liars/") {
                senders.send(.workerReady, name, from: liar, #"{"pool":"\#(worker.pool)","node":"n0","slots":\#(worker.slots)}"#)
            }
        }
    }

    /// Why it isn't at rest; nil where it is.
    package var restProblem: String? {
        guard let log, let loop else { return "the service doesn't run" }
        if !senders.isQuiet { return "events wait to be sent" }
        if loop.state.position < log.head.seq { return "the loop is behind: \(loop.state.position) of \(log.head.seq)" }
        if !agents.turns.isEmpty {
            return
                "agents wait: \(agents.turns.sorted { $0.key < $1.key }.map { "\($0.key) \(ledger.actors[$0.key]?.state.statusName ?? "unknown")" }.joined(separator: ", "))"
        }
        for pool in schedule.pools {
            guard let target = targets[pool], let standing = loop.state.poolStandings.first(where: { $0.name == pool }) else {
                return "\(pool) is unknown"
            }
            if standing.desired != 1 { return "\(pool) wants \(standing.desired) workers, not 1" }
            if target.spec != 1 { return "the target of \(pool) has \(target.spec) replicas, not 1" }
            let there = target.workers
            if there.count != 1 || !(there.first?.isReady ?? false) || there.first?.isMarked ?? false {
                return
                    "the target of \(pool) has \(there.map { "\($0.name)\($0.isReady ? "" : " starting")\($0.isMarked ? " marked" : "")" }.joined(separator: ", "))"
            }
            let known = ledger.workers.filter { $0.value.pool == pool }
            if known.count != 1 || known.first?.key != there.first?.name || known.first?.value.isDraining ?? false {
                return
                    "the log has workers of \(pool): \(known.keys.sorted().joined(separator: ", ")); there is \(there.first?.name ?? "none")"
            }
            if standing.waiting != 0 || standing.resident != 0 {
                return "\(pool) has \(standing.waiting) waiting and \(standing.resident) resident"
            }
        }
        return nil
    }

    // MARK: - Canaries

    private func plantNow() {
        switch plant {
        case .decidesWrongly:
            rogueDecision(from: 1, to: 77)
        case .placesOnDraining:
            guard
                let worker = ledger.workers.first(where: {
                    $0.value.isDraining || ledger.used($0.value) > 0 || ledger.pools[$0.value.pool]?.policy?.isUnclaimed ?? false
                })?.key,
                let actor = ledger.waiting.first ?? ledger.actors.keys.sorted().first
            else { return }
            commands += 1
            var batch = EventBatch()
            batch.append(
                .actorPlaced, source: DrivenLoop.ownSource, id: "rogue-\(commands)", subject: actor, worker: worker,
                body: Array(#"{"tier":"cold","request":1,"workerVersion":1,"asOf":\#(ledger.seq)}"#.utf8))
            senders.command(batch, id: "rogue-\(commands)")
        case .removesBusy:
            guard let busy = ledger.workers.sorted(by: { $0.key < $1.key }).first(where: { ledger.used($0.value) > 0 }) else { return }
            let policy = Policy.steady(busy.value.pool)
            take(.remove(ActuatedPool(policy), worker: busy.key))
        case .appendsForever: appendForever()
        case .targetIsStuck: for target in targets.values { target.isStuck = true }
        case .ignoresFences: for target in targets.values { target.ignoresFences = true }
        case .shrinksTooSoon: rogueDecision(from: 9, to: 1)
        case .growsTooSoon: rogueDecision(from: 1, to: 5)
        case .restsTooSoon: rogueDecision(from: 1, to: 0)
        case .placesWrongly:
            guard let actor = ledger.waiting.first else { return }
            let worker = ledger.workers.keys.sorted().first ?? "none"
            commands += 1
            var batch = EventBatch()
            batch.append(
                .actorPlaced, source: DrivenLoop.ownSource, id: "rogue-\(commands)", subject: actor, worker: worker,
                body: Array(#"{"tier":"cold","restoreFrom":"s3://elsewhere","asOf":\#(ledger.seq)}"#.utf8))
            senders.command(batch, id: "rogue-\(commands)")
        case .losesBeating:
            guard let (name, worker) = ledger.workers.sorted(by: { $0.key < $1.key }).first(where: { $0.value.ttlSeconds > 0 }) else {
                return
            }
            commands += 1
            var batch = EventBatch()
            batch.append(
                .workerGone, source: DrivenLoop.ownSource, id: "rogue-\(commands)", subject: name,
                body: Array(#"{"reason":"lost","asOf":\#(worker.saidReady.seq)}"#.utf8))
            senders.command(batch, id: "rogue-\(commands)")
        default: break
        }
    }

    private func rogueDecision(from: Int, to: Int) {
        commands += 1
        let body =
            #"{"from":\#(from),"to":\#(to),"direction":"x","why":[],"inputs":{"asOf":\#(ledger.seq)},"digest":"x"}"#
        senders.command(
            DrivenLoop.ours(.scaleDecided, id: "rogue-\(commands)", pool: schedule.pools[0], Array(body.utf8)), id: "rogue-\(commands)")
    }

    private func appendForever() {
        guard commands < 100_000 else { return }
        commands += 100_000
        tick(0)
    }

    private func tick(_ number: Int) {
        let body = #"{"deadline":"2026-11-21T08:00:00Z"}"#
        way.append(DrivenLoop.ours(.timerFired, id: "tick-\(number)", pool: schedule.pools[0], Array(body.utf8))) { _ in }
        time.after(microseconds: 30_000_000) { [weak self] in self?.tick(number + 1) }
    }
}

/// A bug that is planted on purpose, for the oracle that must find it.
package enum Plant: String, Hashable, Sendable, CaseIterable {
    case losesAcknowledged, overlooksEvents, decidesWrongly, placesOnDraining, removesBusy, losesPlacements, appendsForever, targetIsStuck,
        ignoresFences, shrinksTooSoon, growsTooSoon, restsTooSoon, placesWrongly, losesBeating, keepsTheSilent, forgetsDeadlines,
        answersNobody, overlooksUncordons
}

package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package var oracle: String
    package var message: String
    package var when: String

    package var description: String { "\(oracle): \(message) (at \(when))" }
}

package struct Outcome: Sendable {
    package var violations: [Violation]
    package var events: Position
    /// Of the whole log, as lines.
    package var fingerprint: String
    package var isRefused: Bool
}
