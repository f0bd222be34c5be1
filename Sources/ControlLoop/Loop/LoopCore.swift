package import Autoscaling
import Domain
import EventLog
import Placement
import Dispatch
#if PLAIN_OPENCOMBINE
    @preconcurrency import OpenCombine
#else
    @preconcurrency import GreenroomOpenCombine
#endif
import State
import Synchronization
import Views

// How does a commit become a decision?
//
//     commits ─map(fold)→ changes ─per pool→ moments ─if new→ decide ─┐
//                            └── placements, drains ──────────────────┴→ outputs ─append→ the log
//     own events coming back: reservations end, `Order`s to `Actuations`
//
// A commit is what coalesces: however many events it holds, each pool it touched is decided once. All of it runs on one
// serial scheduler, so nothing here is locked. Reading order: `catchUp`, `settle`, `prompt`, `flush`.

/// Touched only in work that its scheduler runs, one piece at a time: that is what guards every member.
final class LoopCore: @unchecked Sendable {
    let log: EventLog
    let scheduler: any LoopScheduler
    let observer: any LoopObserving
    private let limits: LoopLimits

    private var held: StateHolder
    private(set) var reservations = Reservations()
    private var planner: Planner
    private var outputs: Outputs
    private let follower: LogFollower
    private var isLive = false
    /// It folds what comes, and another instance acts.
    private var isFollowing = false

    private let commits = PassthroughSubject<CommittedBatch, Never>()
    private var moments = PolicyMoments()
    /// Gets the orders for targets. Set before the loop acts; must not call back.
    var follow: (Order) -> Void = { _ in }
    /// The policies in effect, as decisions follow them; sent again when one of them changed.
    let policies = CurrentValueSubject<[Policy], Never>([])
    private var policyWatches: [UInt64: AnyCancellable] = [:]
    private var hasPolicyNews = true
    /// Targets that something was wanted of, by pool.
    private var actuated: [Int: ScaleTarget] = [:]
    private var subscriptions: Set<AnyCancellable> = []
    var watchers = PoolWatchers()

    /// When drains of a pool are to be looked at again.
    private var drainDeadlines = EarliestTimes()
    private var alarm: (at: LogTime, work: ScheduledWork)?
    private var retry: ScheduledWork?
    /// Rises when reservations were rolled back, so that every pool is decided anew.
    private var round: UInt64 = 0
    private var waiters: [(seq: Position, resume: @Sendable () -> Void)] = []
    /// Those who wait for a policy's decision to come back out of the log; called with nil where it didn't get in.
    private var decisionWaiters: [PolicyKey: [@Sendable (DecisionView?) -> Void]] = [:]
    private var placementWaits = PlacementWaits()
    private var leases = WorkerLeases()
    private var targetChecks = TargetChecks()
    /// Requests whose deadline passed and whose withdrawal is on its way to the log.
    private var withdrawing: Set<RequestDeadlines.Entry> = []
    /// Actors that somebody waits for and that the commit being folded is about.
    private var awaited: Set<NameID> = []
    private(set) var isStopping = false
    /// Each pool whose target was told a count in this run, as it was then.
    private var resizedPools: [Int: ActuatedPool] = [:]
    private var eventsSinceCheckpoint: Int64 = 0
    private let checkpoints = DispatchQueue(label: "greenroom.loop.checkpoints", qos: .utility)
    /// Where conclusions go: the log, or nowhere while recorded commits are run again.
    let append: Append
    private let isSaving = SavingMark()

    /// The state at the last commit that was folded.
    var state: State {
        @inline(__always) _read { yield held.state }
    }

    /// What a target is to do.
    enum Order: Hashable, Sendable {
        case rescale(Rescale)
        case drain(DrainCommand)
        /// The pool of that name is followed no more, or by another target.
        case release(String)
    }

    struct Rescale: Hashable, Sendable {
        var pool: ActuatedPool
        var to: Int
        var seq: Position
        /// The commit that the decision looked at.
        var since: LogTime
        /// Workers to take back before new ones are asked for.
        var uncordoning: [UncordonCommand] = []
    }

    /// A worker to uncordon.
    struct UncordonCommand: Hashable, Sendable {
        var worker: WorkerIdentity
        /// The target was told already that it is empty and may go.
        var isRemovalSent: Bool
    }

    struct DrainCommand: Hashable, Sendable {
        var pool: ActuatedPool
        var worker: WorkerIdentity
        var step: Step
        var isRemovalSent = false

        enum Step: Sendable {
            /// Take nothing more, finish, and go.
            case drain
            /// It is empty: its place may be taken away.
            case remove
            /// It may stay after all.
            case uncordon
        }
    }

    typealias Append = (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void

    convenience init(log: EventLog, scheduler: any LoopScheduler, observer: any LoopObserving, limits: LoopLimits) {
        self.init(log: log, state: State.restored(from: log), scheduler: scheduler, observer: observer, limits: limits) {
            batch, completion in
            log.append(batch, completion: completion)
        }
    }

    init(
        log: EventLog, state: State, scheduler: any LoopScheduler, observer: any LoopObserving, limits: LoopLimits, append: @escaping Append
    ) {
        self.log = log
        held = StateHolder(state)
        self.scheduler = scheduler
        self.observer = observer
        self.limits = limits
        self.append = append
        follower = log.follower(after: state.position)
        planner = Planner(log: log)
        outputs = Outputs(names: log.names)
        wire()
    }

    private func wire() {
        commits
            .map { [unowned self] batch in fold(batch) }
            .sink { [unowned self] change in settle(change) }
            .store(in: &subscriptions)
    }

    // MARK: - Commits

    /// Folds whatever the log holds beyond the state, then acts on it.
    func catchUp() {
        do throws(LogError) {
            while let batch = try follower.poll() { commits.send(batch) }
        } catch {
            observer.couldNotRead(error.description)
            log.note("the loop can't \(error.description); it tries again, and decides nothing meanwhile")
            let time = scheduler.now.adding(microseconds: limits.retryMicroseconds)
            _ = scheduler.perform(at: time) { [weak self] in self?.catchUp() }
        }
        flush()
        publishPolicies()
    }

    private func publishPolicies() {
        guard hasPolicyNews else { return }
        hasPolicyNews = false
        policies.send(state.policiesInEffect.map(\.policy))
    }

    /// Hands `changed` the policies in effect, and again whenever they are others, until the watch of that number is ended.
    func watchPolicies(_ number: UInt64, _ changed: @escaping ([Policy]) -> Void) {
        policyWatches[number] = policies.removeDuplicates().sink(receiveValue: changed)
    }

    func endPolicyWatch(_ number: UInt64) { policyWatches[number] = nil }

    /// A commit that is handed in, in place of the log's next one.
    func take(_ batch: CommittedBatch) {
        commits.send(batch)
        flush()
    }

    /// What is folded from here on was written now, by another instance.
    func beginFollowing() { isFollowing = true }

    /// Acts on nothing from here on, and goes on folding. What it concluded and isn't in the log is given up.
    func rest() {
        isLive = false
        isFollowing = true
        follow = { _ in }
        reservations = Reservations()
        planner = Planner(log: log)
        outputs = Outputs(names: log.names)
        moments = PolicyMoments()
        drainDeadlines = EarliestTimes()
        targetChecks = TargetChecks()
        leases.endAll()
        withdrawing = []
        (actuated, resizedPools) = ([:], [:])
        retry?.cancel()
        retry = nil
        for waiter in decisionWaiters.values.joined() { waiter(nil) }
        decisionWaiters = [:]
        setAlarm()
    }

    /// Begins to act: everything before was only read.
    func goLive() {
        catchUp()
        act()
    }

    /// Acts from here on, on what is folded.
    func act() {
        isLive = true
        reservations = Reservations(held)
        for worker in state.workers.indices where state.workers[worker].ttlSeconds > 0 { beginLease(worker, isHeard: false) }
        for index in state.pools.indices {
            if let rescale = rescale(index) { send(rescale, index) }
            // Whether the target heard of them before a restart isn't known.
            for worker in state.pools[index].members where state.workers[worker].isChosen { order(worker, .drain) }
        }
        reconsiderAll()
    }

    private func fold(_ batch: CommittedBatch) -> State.Change {
        let change = held.fold(batch, names: log.names, placing: isLive)
        observer.folded(batch, superseded: change.superseded.count, lagSeconds: max(0, scheduler.now.seconds(since: batch.at)))
        if !change.skipped.isEmpty { tell(change.skipped) }
        eventsSinceCheckpoint += Int64(batch.events.count)
        if change.own.contains(where: { $0.kind == .policyApplied || $0.kind == .poolPaused }) { hasPolicyNews = true }
        if isLive { planner.snapshots.note(batch) }
        if !placementWaits.isEmpty {
            for event in batch.events where placementWaits.waits(for: event.subject) { awaited.insert(event.subject) }
        }
        return change
    }

    private func tell(_ skipped: [State.SkippedEvent]) {
        for event in skipped { observer.couldNotFold(event.seq, why: event.why) }
        // Of a live commit all that was superseded is marked at once.
        if !isLive { log.markSuperseded(skipped.map(\.seq)) }
    }

    private func settle(_ change: State.Change) {
        // Checked first, to avoid copying the state.
        if watchers.count > 0 { watchers.tell(change.pools, of: state) }
        endAwaited()
        guard isLive else { return follow(change) }
        if !change.superseded.isEmpty { log.markSuperseded(change.superseded) }
        reservations.note(change, held)
        for worker in change.leased { beginLease(worker, isHeard: true) }
        if !withdrawing.isEmpty { withdrawing = state.requestDeadlines.remaining(of: withdrawing) }
        for event in change.own { settle(event, shadow: change.shadowDecisions.isEmpty ? nil : change.shadowDecisions[event.seq]) }
        for measured in change.measured { report(measured) }
        for pool in change.shown { targetChecks.isShown(pool) }
        for pool in change.pools { consider(pool) }
        for shadow in change.shadows { prompt(shadow) }
        wakeWaiters()
        flush()
        if eventsUntilCheckpoint <= 0 { checkpointInBackground() }
    }

    /// What another instance concluded.
    private func follow(_ change: State.Change) {
        defer { wakeWaiters() }
        guard isFollowing else { return }
        if !change.superseded.isEmpty { log.markSuperseded(change.superseded) }
        if !decisionWaiters.isEmpty {
            for event in change.own where event.kind == .scaleDecided {
                guard let pool = state.poolByName[event.pool] else { continue }
                resumeDecisionWaiters(PolicyKey(pool: pool, shadow: change.shadowDecisions[event.seq]), event.seq)
            }
        }
        if eventsUntilCheckpoint <= 0 { checkpointInBackground() }
    }

    /// One of our own events came back out of the log: the reservation ends, and the target may follow.
    private func settle(_ event: CommittedEvent, shadow: String?) {
        switch event.kind {
        case .workerDraining:
            let isOurs = reservations.endCordon(of: event.subject, held)
            // Another one of its name may be there by now.
            if isOurs, let worker = state.workers.find(event.subject), state.workers[worker].isChosen { order(worker, .drain) }
        case .scaleDecided:
            guard let pool = state.poolByName[event.pool] else { return }
            reservations.endDecision(PolicyKey(pool: pool, shadow: shadow))
            resumeDecisionWaiters(PolicyKey(pool: pool, shadow: shadow), event.seq)
            guard shadow == nil else { return }
            if var rescale = rescale(pool), isRescale(pool) {
                rescale.uncordoning = planner.uncordon(pool, held, &reservations).map { uncordonCommand($0) }
                send(rescale, pool)
            }
        case .policyApplied:
            guard let pool = state.poolByName[event.pool] else { return }
            release(pool)
            // An operator applied it, so what failed is tried again at once. A new target gets the current count, as no decision
            // may follow.
            if let rescale = rescale(pool), state.pools[pool].scaleProblem != nil || isNewTarget(rescale, pool) || isElsewhere(pool) {
                send(rescale, pool)
            }
        case .prefetchSuggested: if let pool = state.poolByName[event.pool] { planner.prefetch(pool, held, &reservations, &outputs) }
        case .timerFired: reservations.wakesRung = .zero
        default: break
        }
    }

    /// The policy names another target than the one that was told the count: that one wasn't told at all. So are processes with other
    /// slots: those that run keep theirs.
    private func isNewTarget(_ rescale: Rescale, _ pool: Int) -> Bool {
        guard let told = resizedPools[pool] else { return false }
        if told.target != rescale.pool.target { return true }
        return told.target.kind == ScaleTarget.processKind && told.slotsPerWorker != rescale.pool.slotsPerWorker
    }

    /// The target was let go of, and shows another count than the one that stands: that one never reached it.
    private func isElsewhere(_ pool: Int) -> Bool {
        actuated[pool] == nil && state.pools[pool].observedSpec.map { $0 != state.pools[pool].desired } ?? false
    }

    private func isRescale(_ pool: Int) -> Bool { state.pools[pool].lastDecision.map { $0.from != $0.to } ?? false }

    private func rescale(_ pool: Int) -> Rescale? {
        guard let applied = state.pools[pool].policy, held.isFollowed(pool) else { return nil }
        return Rescale(
            pool: ActuatedPool(applied.policy), to: state.pools[pool].desired, seq: state.pools[pool].lastDecision?.seq ?? 0,
            since: state.pools[pool].evaluation?.at ?? state.at)
    }

    private func send(_ rescale: Rescale, _ pool: Int) {
        release(pool)
        actuated[pool] = rescale.pool.target
        resizedPools[pool] = rescale.pool
        follow(.rescale(rescale))
    }

    /// What was wanted of a target that is another by now, or isn't followed any more, isn't wanted.
    private func release(_ pool: Int) {
        guard !actuated.isEmpty, let target = actuated[pool] else { return }
        if held.isFollowed(pool), state.pools[pool].policy?.policy.target == target { return }
        actuated[pool] = nil
        // What wasn't passed on never will be. So drains are sent again, and so are requests to uncordon.
        for worker in state.pools[pool].members where state.workers[worker].isChosen { reservations.setRemovalSent(false, worker, held) }
        follow(.release(state.pools[pool].text))
    }

    private func order(_ worker: Int, _ step: DrainCommand.Step) {
        let record = state.workers[worker]
        let pool = Int(record.pool)
        guard let applied = state.pools[pool].policy, held.isFollowed(pool) || step == .uncordon else { return }
        if held.isFollowed(pool) { actuated[pool] = applied.policy.target }
        follow(
            .drain(
                DrainCommand(pool: ActuatedPool(applied.policy), worker: identity(worker), step: step, isRemovalSent: isRemovalSent(worker))
            ))
    }

    private func uncordonCommand(_ worker: Int) -> UncordonCommand {
        UncordonCommand(worker: identity(worker), isRemovalSent: isRemovalSent(worker))
    }

    /// The removal of one that is busy may have been refused: the target knows.
    private func isRemovalSent(_ worker: Int) -> Bool { reservations.isRemovalSent(worker) && reservations.isIdle(worker, held) }

    /// As targets know it: within its pool's namespace.
    private func identity(_ worker: Int) -> WorkerIdentity {
        WorkerIdentity(state.workerName(worker, seenFrom: state.namespace(ofWorker: worker), log.names), uid: state.workers[worker].uid)
    }

    /// The target answers whether it cancelled the drain of a worker. If so, the worker is ready once the log says so. If not, it
    /// goes as soon as it is empty.
    /// - Parameter pool: the worker's own, in whose namespace it has that name; nil where the name says all.
    func uncordonAnswered(_ identity: WorkerIdentity, of pool: String? = nil, isUncordoned: Bool) {
        let full = pool.map { QualifiedName.full(identity.name, in: QualifiedName.namespace(ofPool: $0)) } ?? identity.name
        guard let worker = state.worker(named: full, log.names), state.workers[worker].isChosen,
            identity.mayBe(state.workers[worker].uid)
        else { return }
        let record = state.workers[worker]
        guard isUncordoned else {
            reservations.setUncordon(.refused, worker, held)
            // It may be wanted again by now, and its removal be one that the target has put off: asked once more, it makes another.
            reservations.setRemovalSent(false, worker, held)
            return removeEmptied(Int(record.pool))
        }
        outputs.uncordon(record, in: state.pools[Int(record.pool)], node: state.labels.text(of: record.node), at: state.at)
        flush()
    }

    /// Tells the target of each worker that we sent away and that has become empty, once; again where it got an actor in
    /// between, for the target may have refused then.
    private func removeEmptied(_ pool: Int) {
        // Of a pool that isn't followed nothing is passed on, so nothing may be noted as sent.
        guard state.pools[pool].workers.draining > 0, held.isFollowed(pool) else { return }
        for worker in state.pools[pool].members where state.workers[worker].isChosen {
            guard reservations.uncordon(worker) != .asked else { continue }
            let isEmpty = reservations.isIdle(worker, held)
            guard isEmpty != reservations.isRemovalSent(worker) else { continue }
            reservations.setRemovalSent(isEmpty, worker, held)
            if isEmpty { order(worker, .remove) }
        }
    }

    // MARK: - Conclusions

    /// Looks at a pool: who can be placed, who can go, and whether the count should change.
    private func consider(_ pool: Int) {
        if !actuated.isEmpty, !held.isFollowed(pool) { release(pool) }
        planner.place(pool, held, &reservations, &outputs)
        if planner.takeUnread() {
            reservations.lookAgain(pool)
            tellUnread()
            reconsiderLater()
        }
        planner.prefetch(pool, held, &reservations, &outputs)
        planner.giveUpDrains(pool, held, &reservations, &outputs)
        for worker in planner.uncordon(pool, held, &reservations) { order(worker, .uncordon) }
        planner.drainSurplus(pool, held, &reservations, &outputs)
        removeEmptied(pool)
        drainDeadlines[pool] = held.drainDeadline(pool)
        targetChecks.note(pool, showsAnother: state.pools[pool].showsAnotherCount, at: scheduler.now)
        prompt(PolicyKey(pool: pool))
        for shadow in state.pools[pool].shadows { prompt(PolicyKey(pool: pool, shadow: shadow.name)) }
    }

    private func tellUnread() {
        let problem = "read what events say of snapshots: actors that have one wait"
        observer.couldNotRead(problem)
        log.note("the loop can't \(problem); it tries again")
    }

    private func prompt(_ key: PolicyKey) {
        let moment = held.revision(of: key).map { PolicyMoment(revision: $0, round: round) }
        guard moments.note(moment, of: key) else { return }
        guard let (outcome, isNews) = held.outcome(of: key) else { return moments.setDeadline(nil, of: key) }
        planner.decide(key, outcome, isNews: isNews, held, &reservations, &outputs)
        moments.setDeadline(outcome.nextDeadline, of: key)
    }

    /// Considers every pool, whether or not anything changed: at the start, and after reservations were rolled back.
    private func reconsiderAll() {
        round += 1
        for index in state.pools.indices { consider(index) }
        flush()
    }

    /// Appends what was concluded, and sets the alarm.
    private func flush() {
        defer { setAlarm() }
        planner.snapshots.rest()
        guard isLive, !outputs.isEmpty else { return }
        let batch = outputs.batch
        let decisions = outputs.decisions
        outputs = Outputs(names: log.names)
        let began = state.at
        observer.concluded(secondsSinceCommit: max(0, scheduler.now.seconds(since: began)), events: batch.count)
        for decided in decisions {
            if let shadow = decided.shadow {
                observer.decided(shadow: shadow, of: decided.pool, direction: decided.direction, reason: decided.reason)
            } else {
                observer.decided(pool: decided.pool, direction: decided.direction, reason: decided.reason)
            }
        }
        append(batch) { [weak self] result in
            guard let self else { return }
            // What came in before comes back through the follower; what didn't get in, or was there already, never will.
            if case .success(let receipt) = result, receipt.duplicates == 0 { return }
            scheduler.perform { self.rollBack() }
        }
    }

    private func rollBack() {
        catchUp()
        guard isLive else { return }
        reservations.rollBack(held)
        for waiter in decisionWaiters.values.joined() { waiter(nil) }
        decisionWaiters = [:]
        // What the target answered may have been lost with the append.
        for worker in state.workers.indices where state.workers[worker].isChosen { reservations.setUncordon(.none, worker, held) }
        leases.beginAnew(at: scheduler.now)
        withdrawing = []
        reconsiderLater()
    }

    private func reconsiderLater() {
        guard retry == nil else { return }
        let time = scheduler.now.adding(microseconds: limits.retryMicroseconds)
        retry = scheduler.perform(at: time) { [weak self] in
            guard let self else { return }
            retry = nil
            reconsiderAll()
        }
    }

    // MARK: - Time

    private func setAlarm() {
        var earliest = placementWaits.earliest
        func note(_ time: LogTime?) {
            if let time { earliest = earliest.map { min($0, time) } ?? time }
        }
        if isLive {
            note(moments.earliestDeadline)
            note(planner.waits.first)
            note(drainDeadlines.first)
            note(state.forecasts.earliest(after: reservations.wakesRung))
            // With so many on their way, the next are looked at once the log has these.
            if withdrawing.count < Self.withdrawnAtOnce { note(state.requestDeadlines.earliest(except: withdrawing)) }
            note(leases.first)
            note(targetChecks.first)
        }
        if earliest == alarm?.at { return }
        alarm?.work.cancel()
        alarm = earliest.map { time in (time, scheduler.perform(at: time) { [weak self] in self?.ring() }) }
    }

    /// A deadline is reached: that is an event like any other, and the decision follows from its commit.
    private func ring() {
        alarm = nil
        let now = scheduler.now
        placementWaits.end(dueAt: now)
        guard isLive else { return setAlarm() }
        let due = moments.takeDue(now)
        for (key, deadline) in due { outputs.fire(deadline, pool: state.pools[key.pool], shadow: key.shadow, asOf: state.position) }
        for (pool, deadline) in drainDeadlines.reached(now) {
            drainDeadlines[pool] = nil
            // One timer of a pool does for both.
            guard !due.contains(where: { $0.key == PolicyKey(pool: pool) }) else { continue }
            outputs.fire(deadline, pool: state.pools[pool], shadow: nil, asOf: state.position)
        }
        for (pool, until) in planner.waits.reached(now) {
            planner.endWait(pool)
            outputs.endWait(until, pool: state.pools[pool], asOf: state.position)
        }
        ringWakes(now)
        withdrawOverdue(now)
        loseSilent(now)
        for pool in targetChecks.takeDue(now) { tellAgain(pool) }
        flush()
    }

    /// No decision follows where the count that stands is the one wanted: whoever changed the target, it is told that count again.
    private func tellAgain(_ pool: Int) {
        guard state.pools[pool].showsAnotherCount, let rescale = rescale(pool) else { return }
        send(rescale, pool)
    }

    /// Nobody needs a worker for them any more.
    private func withdrawOverdue(_ now: LogTime) {
        let limit = Self.withdrawnAtOnce - withdrawing.count
        for due in state.requestDeadlines.reached(now, except: withdrawing, limit: limit) {
            withdrawing.insert(due)
            outputs.withdraw(state.actors[due.key.actor].name, request: due.key.request, reason: "its deadline passed")
        }
    }

    /// So many are on their way to the log at one time.
    private static let withdrawnAtOnce = 1_000

    // MARK: - Leases

    private func loseSilent(_ now: LogTime) {
        for ended in leases.takeEnded(now) { outputs.lose(state.workers[ended.worker], ready: ended.ready) }
    }

    /// What the log says of a worker's lease is news: it began, begins anew, or the worker is gone.
    private func beginLease(_ worker: Int, isHeard: Bool) {
        let record = state.workers[worker]
        guard !record.name.isNone, record.ttlSeconds > 0 else { return leases.end(worker) }
        let namespace = state.namespace(ofWorker: worker)
        let bare = QualifiedName.bare(log.names.text(of: record.name), in: namespace)
        leases.begin(
            worker, seconds: Int(record.ttlSeconds), ready: record.saidReadySeq, names: [bare, QualifiedName.join(namespace, bare)],
            isHeard: isHeard, at: scheduler.now)
    }

    func countStream(of name: String, by step: Int) {
        leases.count(streamOf: name, by: step, workers: state.workers(named: name, log.names), at: scheduler.now)
        setAlarm()
    }

    /// A worker says that it is there: for how long that holds, or why it doesn't count.
    func hear(_ name: String, uid: String?) -> Result<Int, ControlFault> {
        let found = state.workers(named: name, log.names)
        guard let worker = found.first else { return .failure(.notFound(what: "worker", name: name)) }
        guard found.count == 1 else {
            return .failure(.several("worker", name, found.map { state.workerName($0, seenFrom: "", log.names) }))
        }
        guard state.workers[worker].isSame(as: uid ?? "") else {
            return .failure(.conflict("worker \(name) has another uid by now: the one that asks is gone, and its actors are crashed"))
        }
        guard let seconds = leases.hear(worker, at: scheduler.now) else {
            return .failure(.conflict("worker \(name) has no lease: say worker.ready with ttlSeconds"))
        }
        setAlarm()
        return .success(seconds)
    }

    var workersWithStreams: [String] { leases.namesWithStreams }

    func lastSeen(_ worker: Int) -> LogTime? { leases.lastSeen(worker, at: scheduler.now) }

    /// One timer for all of a pool whose wakes are near.
    private func ringWakes(_ now: LogTime) {
        guard let earliest = state.forecasts.earliest(after: reservations.wakesRung), earliest <= now else { return }
        var pools: Set<Int> = []
        for (actor, deadline) in state.forecasts.reached(now) where deadline > reservations.wakesRung {
            let pool = Int(state.actors[actor].pool)
            if pool >= 0, pools.insert(pool).inserted { outputs.wake(deadline, pool: state.pools[pool], asOf: state.position) }
        }
        reservations.wakesRung = now
    }

    // MARK: - Questions that reservations have a say in

    /// The workers with what is reserved on them; nil before the loop acts.
    private var slots: WorkerIndex? { isLive ? reservations.slots : nil }

    func placement(of actor: String) -> State.PlacementStanding { state.placement(of: actor, log: log, among: slots) }

    /// A slot is reserved for an actor that waits; the log doesn't say so yet.
    func isReserved(_ actor: String) -> Bool {
        // Where another instance places, a free slot is all that can be seen of it.
        if isFollowing, !isLive { return placementView(of: actor, at: scheduler.now)?.worker != nil }
        guard let index = state.actor(named: actor, log.names), state.actors[index].state == .waiting else { return false }
        return reservations.isClaimed(state.actors[index].stateSeq, in: Int(state.actors[index].pool))
    }

    func placementView(of actor: String, at now: LogTime) -> PlacementView? {
        state.placementView(of: actor, log: log, at: now, among: slots)
    }

    func workerLoads(poolNamed pool: String, at now: LogTime) -> [WorkerLoadView] {
        state.workerLoads(poolNamed: pool, names: log.names, at: now) { reservations.reserved(on: $0) }
    }

    // MARK: - Those who wait

    /// Runs `resume` once `seq` is folded.
    func whenFolded(_ seq: Position, _ resume: @escaping @Sendable () -> Void) {
        catchUp()
        if state.position >= seq { return resume() }
        waiters.append((seq, resume))
    }

    /// Runs `resume` with the policy's decision that followed `seq`, which is folded. At once if the decision is in the log; once
    /// it is there, if it is on its way; with nil if none follows.
    func whenDecided(pool: String, shadow: String?, after seq: Position, _ resume: @escaping @Sendable (DecisionView?) -> Void) {
        guard let index = state.find(pool: pool, names: log.names), let standing = state.pools[index].standing(of: shadow) else {
            return resume(nil)
        }
        if let last = standing.lastDecision, last.seq > seq {
            return resume(log.firstDecision(of: state.pools[index].name, shadow: shadow, after: seq) ?? log.decision(at: last.seq))
        }
        let key = PolicyKey(pool: index, shadow: shadow)
        if isFollowing, !isLive, !isStopping { return waitForOthersDecision(key, resume) }
        guard isLive, !isStopping, reservations.isDeciding(key) else { return resume(nil) }
        decisionWaiters[key, default: []].append(resume)
    }

    /// Whether a decision is on its way only the leader knows: it is waited for as long as one takes.
    private func waitForOthersDecision(_ key: PolicyKey, _ resume: @escaping @Sendable (DecisionView?) -> Void) {
        let once = FirstDecision(resume)
        decisionWaiters[key, default: []].append { once.give($0) }
        let time = scheduler.now.adding(microseconds: Self.othersDecisionMicroseconds)
        // A waiter that was answered so stays in the table until the policy's next decision, which is soon or never: bounded below.
        _ = scheduler.perform(at: time) { once.give(nil) }
        if let count = decisionWaiters[key]?.count, count > Self.othersDecisionsMost { decisionWaiters[key]?.removeFirst(count / 2) }
    }

    private static let othersDecisionMicroseconds: Int64 = 500_000
    /// Far more than can be asked for at a time: those that are dropped were answered.
    private static let othersDecisionsMost = 4_096

    private func resumeDecisionWaiters(_ key: PolicyKey, _ seq: Position) {
        guard !decisionWaiters.isEmpty, let waiters = decisionWaiters.removeValue(forKey: key) else { return }
        let decision = log.decision(at: seq)
        for waiter in waiters { waiter(decision) }
    }

    /// Why a wait for a placement can't begin.
    enum WaitRefusal: Sendable {
        case full, stopping
    }

    /// Runs `resume` once, at the next event about the actor or at `until`, or when the wait is ended by its key; now where there is
    /// nothing to wait for.
    func beginWait(
        _ key: PlacementWaits.Key, for actor: String, until: LogTime, unless isOver: @Sendable () -> Bool,
        resume: @escaping @Sendable (WaitRefusal?) -> Void
    ) {
        guard !isStopping else { return resume(.stopping) }
        // It may have been placed, or its caller gone, since it was asked about.
        guard !isOver(), until > scheduler.now, let index = state.actor(named: actor, log.names),
            !placement(of: actor).isSettled
        else { return resume(nil) }
        guard waitingCallers < limits.waitingCallers else { return resume(.full) }
        placementWaits.begin(key, for: state.actors[index].name, until: until) { resume(nil) }
        setAlarm()
    }

    func endWait(_ key: PlacementWaits.Key) {
        placementWaits.end(key)
        setAlarm()
    }

    /// Ends all waits, and lets no other begin.
    func endWaits() {
        isStopping = true
        placementWaits.endAll()
        for waiter in decisionWaiters.values.joined() { waiter(nil) }
        decisionWaiters = [:]
        setAlarm()
    }

    /// Ends the waits for what the log has and the loop couldn't read.
    func endFoldWaits() {
        let left = waiters
        waiters = []
        for waiter in left { waiter.resume() }
    }

    /// Somebody waits for this actor's placement.
    func isAwaited(_ actor: NameID) -> Bool { placementWaits.waits(for: actor) }

    var waitingCallers: Int { waiters.count + placementWaits.count }

    private func wakeWaiters() {
        guard !waiters.isEmpty else { return }
        let ready = waiters.filter { $0.seq <= state.position }
        waiters.removeAll { $0.seq <= state.position }
        for waiter in ready { waiter.resume() }
    }

    /// Whoever waits for one of these asks again how it stands: it was placed, withdrawn or deleted.
    private func endAwaited() {
        guard !awaited.isEmpty else { return }
        for actor in awaited { placementWaits.end(allOf: actor) }
        awaited = []
    }

    // MARK: - Reports and checkpoints

    private func report(_ measured: State.Measured) {
        switch measured {
        case .wait(let pool, let tier, let seconds): observer.placed(pool: state.pools[pool].text, tier: tier, waitedSeconds: seconds)
        case .workerStart(let pool, let seconds): observer.workerStarted(pool: state.pools[pool].text, seconds: seconds)
        case .claim(let pool, let launch, let seconds): observer.claimServed(pool: state.pools[pool].text, launch, seconds: seconds)
        case .workerGone(let pool, let end): observer.workerGone(pool: state.pools[pool].text, end)
        case .actorCrashed(let pool): observer.actorCrashed(pool: state.pools[pool].text)
        }
    }

    /// A checkpoint writes every actor: the more there are, the more events it should save folding again.
    var eventsUntilCheckpoint: Int64 { max(limits.checkpointEvents, 2 * Int64(state.actors.count)) - eventsSinceCheckpoint }

    /// Returns once the checkpoint that is being written, if any, is there.
    func waitForCheckpoint() { checkpoints.sync {} }

    /// Hands a copy of the state to `checkpoints`; folding goes on meanwhile. One at a time.
    private func checkpointInBackground() {
        eventsSinceCheckpoint = 0
        guard isSaving.begin() else { return }
        checkpoints.async { [state, log, observer, isSaving] in
            Self.save(state, in: log, observer)
            isSaving.end()
        }
    }

    /// Saves where the state stands, before this returns.
    func saveCheckpoint() {
        eventsSinceCheckpoint = 0
        checkpoints.sync { Self.save(state, in: log, observer) }
    }

    private static func save(_ state: State, in log: EventLog, _ observer: any LoopObserving) {
        do throws(LogError) {
            try log.saveCheckpoint(of: state)
        } catch {
            // Only a cache: the next start folds more.
            observer.couldNotSaveCheckpoint(error.description)
        }
    }
}

/// Whoever waits for a decision of another instance gets one answer.
private final class FirstDecision: Sendable {
    private let waiter: Mutex<(@Sendable (DecisionView?) -> Void)?>
    init(_ waiter: @escaping @Sendable (DecisionView?) -> Void) { self.waiter = Mutex(waiter) }

    func give(_ decision: DecisionView?) {
        let waiter = waiter.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?(decision)
    }
}

/// Whether a checkpoint is being saved.
private final class SavingMark: Sendable {
    private let mark = Atomic<Bool>(false)
    /// True for the one who may save.
    func begin() -> Bool { !mark.exchange(true, ordering: .acquiring) }
    func end() { mark.store(false, ordering: .releasing) }
}

extension ActuatedPool {
    package init(_ policy: Policy) {
        self.init(
            name: policy.pool, target: policy.target, slotsPerWorker: policy.slotsPerWorker,
            drainTimeoutSeconds: policy.drainTimeoutSeconds,
            foreignChange: policy.foreignChange, workerSelector: policy.workerSelector, isScaled: policy.mode == .auto, busy: policy.busy,
            isUnclaimed: policy.isUnclaimed)
    }
}
