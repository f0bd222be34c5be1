import Domain
package import Logging

// How does one worker live?
//
//     registering ─ready acknowledged→ serving ─drain→ draining ─idle, gone acknowledged→ ended
//          └──────────────────────────────┴──stop, or the service is lost──┴────────────→ ended
//
// It opens its stream of placements, registers, runs what is placed on it, and says what came of it. Asked to drain it takes no more, finishes what it
// runs, and goes; told to stop it breaks off and says so as well as it can.
//
// Always: a placement runs at most once; `actor.suspended` is durable before its slot is given to another; a worker that
// can no longer make itself heard ends, because the log will have given its actors away. A report that the service refuses isn't lost
// silently: the turn is reported as a crash that says what was refused and where its snapshot is, so that the slot becomes free.
//
// The agent's actor guards the ledger and the mode. Turns are tasks of their own, cancelled only by the end.

package actor WorkerAgent {
    /// How a worker's life ended.
    package enum Outcome: Hashable, Sendable {
        /// All turns finished and the log knows that the worker is gone.
        case drained
        /// Broken off for this reason, and the log knows.
        case stopped(String)
        /// The service could not be reached, or would not have it: the log doesn't know that the worker is gone.
        case unreachable(String)
    }

    enum Mode: Hashable, Sendable {
        case serving
        case draining
        /// Turns are being broken off, and last words said.
        case stopping
        case ended(Outcome)
    }

    let configuration: WorkerConfiguration
    let link: any WorkerLink
    let clock: WorkerClock
    let logger: Logger
    let outbox: Outbox
    private let turns: any TurnRunner

    private(set) var mode = Mode.serving
    var ledger: SlotLedger
    private var events: WorkerEvents
    /// Turns whose `actor.running` the service refuses, and why.
    private var refusedRuns: [Position: String] = [:]
    /// Its `worker.ready` is in the log, at this position.
    private(set) var readySeq: Position = 0
    var isRegistered: Bool { readySeq > 0 }
    private var isStreamTried = false
    private var waitingForStream: [CheckedContinuation<Void, Never>] = []
    private var waitingForRegistration: [CheckedContinuation<Void, Never>] = []
    private var tasks: [Position: Task<Void, Never>] = [:]
    private var follower: Task<Void, Never>?
    private var drainReason: String?
    /// The last look for placements failed.
    var isReadingInVain = false
    private var waitingForEnd: [CheckedContinuation<Outcome, Never>] = []
    private var waitingForIdle: [CheckedContinuation<Void, Never>] = []

    package init(_ configuration: WorkerConfiguration, link: any WorkerLink, turns: any TurnRunner, clock: WorkerClock, logger: Logger) {
        self.configuration = configuration
        self.link = link
        self.turns = turns
        self.clock = clock
        self.logger = logger
        outbox = Outbox(link: link, limits: configuration.limits, clock: clock, logger: logger)
        ledger = SlotLedger(slots: configuration.slots, queueLimit: configuration.limits.queuedPlacements)
        events = WorkerEvents(worker: configuration.fullName, startedAt: clock.now())
    }

    /// Registers and works until it is drained, stopped, or cut off. To be called once.
    package func run() async -> Outcome {
        let registration = Task { await register() }
        let outcome = await untilEnded()
        registration.cancel()
        follower?.cancel()
        return outcome
    }

    package var isServing: Bool { mode == .serving }

    /// Takes no more placements, finishes what runs, and ends. A second call changes nothing.
    package func drain(reason: String) {
        guard mode == .serving else { return }
        mode = .draining
        drainReason = reason
        guard isRegistered else {
            // Once it is registered, `register` sees the mode.
            Task { await leaveUnregistered(reason: reason) }
            return
        }
        Task { await finishDrain(reason: reason) }
    }

    /// Breaks off every turn, says so as well as it can within a bound, and ends.
    package func stop(reason: String) async {
        guard !hasEnded else { return }
        let held = halt()
        end(await sayFarewell(held, reason: reason) ? .stopped(reason) : .unreachable("\(reason), and the service didn't take the report"))
    }

    /// Where the service isn't to be had, nothing was placed here that would have to be finished.
    private func leaveUnregistered(reason: String) async {
        try? await clock.sleep(configuration.limits.farewellLimit)
        guard !isRegistered, mode == .draining else { return }
        await stop(reason: reason)
    }

    // MARK: - Registering

    var source: String { events.source }

    private func register() async {
        follower = Task { await followPlacements() }
        await untilStreamIsTried()
        guard !hasEnded else { return }
        do throws(OutboxFault) {
            let acknowledgement = try await sayReady()
            ledger.begin(after: acknowledgement.firstSeq)
            readySeq = acknowledgement.firstSeq
        } catch {
            lose("can't register: \(error.problem)")
            return
        }
        logger.info(
            "registered", metadata: ["worker": "\(configuration.name)", "pool": "\(configuration.pool)", "seq": "\(ledger.lastSeq)"])
        for waiter in waitingForRegistration { waiter.resume() }
        waitingForRegistration = []
        guard !hasEnded else { return }
        if let drainReason { await finishDrain(reason: drainReason) }
    }

    private func sayReady() async throws(OutboxFault) -> Acknowledgement {
        if case .logged(let acknowledgement) = try await outbox.deliver(events.ready(configuration, at: clock.now())) {
            return acknowledgement
        }
        // Its id may be an earlier worker's of this name.
        events.beginAnew(at: clock.now())
        switch try await outbox.deliver(events.ready(configuration, at: clock.now())) {
        case .logged(let acknowledgement): return acknowledgement
        case .refused(let problem): throw OutboxFault(problem: "the service refuses worker.ready: \(problem)")
        }
    }

    /// The stream is open; or it can't be had now, and the worker isn't held up by that: it looks for its placements meanwhile.
    func streamWasTried() {
        isStreamTried = true
        for waiter in waitingForStream { waiter.resume() }
        waitingForStream = []
    }

    private func untilStreamIsTried() async {
        guard !isStreamTried, !hasEnded else { return }
        await withCheckedContinuation { waitingForStream.append($0) }
    }

    func untilRegistered() async {
        guard !isRegistered, !hasEnded else { return }
        await withCheckedContinuation { waitingForRegistration.append($0) }
    }

    // MARK: - Turns

    /// Takes a placement from the stream; those seen before are passed over.
    func accept(_ placement: Placement) async {
        guard !hasEnded, configuration.isMeant(by: placement) else { return }
        var placement = placement
        placement.pool = placement.pool ?? configuration.pool
        switch ledger.accept(placement) {
        case .repeated, .queued: break
        case .start: begin(placement)
        case .refused:
            logger.error("more placements than slots and queue; refusing one", metadata: ["actor": "\(placement.actor)"])
            await report("actor.crashed", events.crashed(placement, reason: "the worker has no free slot", at: clock.now()))
        }
    }

    private func begin(_ placement: Placement) {
        tasks[placement.seq] = Task { await runTurn(placement) }
    }

    private func runTurn(_ placement: Placement) async {
        let result: Result<TurnSnapshot?, TurnFault>
        do throws(TurnFault) {
            result = .success(
                try await turns.run(placement, on: configuration.name) { await self.sayRunning(placement, restoreMillis: $0) })
        } catch { result = .failure(error) }
        // Whoever breaks a turn off reports it.
        guard !hasEnded, !Task.isCancelled else { return }
        switch result {
        case .success(let snapshot): await suspend(placement, snapshot)
        case .failure(let fault):
            logger.warning("a turn failed", metadata: ["actor": "\(placement.actor)", "reason": "\(fault.reason)"])
            await crash(placement, reason: fault.reason)
        }
        finished(placement)
    }

    private func suspend(_ placement: Placement, _ snapshot: TurnSnapshot?) async {
        // Where the log doesn't know that it runs, it wouldn't take that it is suspended.
        var problem = refusedRuns.removeValue(forKey: placement.seq).map { "actor.running: \($0)" }
        if problem == nil {
            let suspended = events.suspended(placement, snapshot, at: clock.now())
            problem = await report("actor.suspended", suspended, of: placement).map { "actor.suspended: \($0)" }
        }
        guard let problem, !hasEnded else { return }
        let place = snapshot.map { "; its snapshot is \(Self.shortened($0.uri))" } ?? ""
        await crash(placement, reason: "the turn ended well, and the service refuses \(Self.shortened(problem))\(place)")
    }

    /// Its slot becomes free, and its last snapshot that the log knows stays.
    private func crash(_ placement: Placement, reason: String) async {
        refusedRuns[placement.seq] = nil
        let refusal = await report("actor.crashed", events.crashed(placement, reason: reason, at: clock.now()), of: placement)
        guard refusal != nil, !hasEnded else { return }
        // The reason may be what can't be taken.
        let plain = events.crashed(placement, reason: "its turn failed; the worker's log says why", at: clock.now())
        await report("actor.crashed", plain, of: placement)
    }

    private func sayRunning(_ placement: Placement, restoreMillis: Int64?) async {
        guard !hasEnded, !Task.isCancelled else { return }
        let running = events.running(placement, restoreMillis: restoreMillis, at: clock.now())
        guard let problem = await report("actor.running", running, of: placement), !hasEnded else { return }
        // What it says besides may be what can't be taken.
        let plain = events.running(placement, saysMore: false, at: clock.now())
        if await report("actor.running", plain, of: placement) != nil { refusedRuns[placement.seq] = problem }
    }

    private static func shortened(_ text: String) -> String { text.utf8.count > 1_000 ? "\(text.prefix(500))…" : text }

    private func finished(_ placement: Placement) {
        tasks[placement.seq] = nil
        if let next = ledger.ended(placement), !hasEnded { begin(next) }
        guard ledger.isIdle else { return }
        for waiter in waitingForIdle { waiter.resume() }
        waitingForIdle = []
    }

    /// Returns once the log has it, or refuses it: then why. Where the log can't be had, the worker ends.
    @discardableResult
    private func report(_ kind: String, _ report: EventBatch, of placement: Placement? = nil) async -> String? {
        do throws(OutboxFault) {
            guard case .refused(let problem) = try await outbox.deliver(report) else { return nil }
            logger.error(
                "the service refuses a report; it isn't in the log",
                metadata: ["kind": "\(kind)", "actor": "\(placement?.actor ?? "")", "problem": "\(problem)"])
            // Its id may be taken: by an earlier worker of this name, whose clock was ahead.
            events.beginAnew(at: clock.now())
            return problem
        } catch {
            lose(error.problem)
            return nil
        }
    }

    // MARK: - Draining

    private func finishDrain(reason: String) async {
        logger.info("draining", metadata: ["reason": "\(reason)", "turns": "\(ledger.held.count)"])
        let unheard = Task { await leaveUnheard(reason: reason) }
        defer { unheard.cancel() }
        await report("worker.draining", events.draining(reason: reason, at: clock.now()))
        let deadline = Task {
            try? await clock.sleep(configuration.drainLimit)
            if !Task.isCancelled { await breakOffOverdue() }
        }
        defer { deadline.cancel() }
        // A placement may have been under way when the log learnt that this worker drains: look again before going.
        repeat {
            await untilIdle()
            try? await clock.sleep(configuration.limits.drainSettle)
        } while await catchUp() && !hasEnded
        await untilIdle()
        guard !hasEnded else { return }
        var refusal = await report("worker.gone", events.gone(reason: "drained", at: clock.now()))
        // Once more, under another id.
        if refusal != nil { refusal = await report("worker.gone", events.gone(reason: "drained", at: clock.now())) }
        end(refusal.map { .unreachable("the service refuses worker.gone: \($0)") } ?? .drained)
    }

    /// A worker that holds no turn, and whose service is away, waits for nothing but to be heard: not longer than its last words may take.
    /// What its turns reported is in the log by then: a turn is held until its report is.
    private func leaveUnheard(reason: String) async {
        while mode == .draining {
            do { try await clock.sleep(configuration.limits.farewellLimit) } catch { return }
            guard mode == .draining, ledger.isIdle, await isServiceAway, mode == .draining else { continue }
            return await stop(reason: reason)
        }
    }

    private var isServiceAway: Bool { get async { if isReadingInVain { true } else { await outbox.isTryingAgain } } }

    private func breakOffOverdue() async {
        guard case .draining = mode else { return }
        logger.error("turns outlast the drain; breaking them off", metadata: ["turns": "\(ledger.held.count)"])
        await stop(reason: "turns outlasted the drain of \(configuration.drainLimit.components.seconds) s")
    }

    private func untilIdle() async {
        guard !ledger.isIdle, !hasEnded else { return }
        await withCheckedContinuation { waitingForIdle.append($0) }
    }

    // MARK: - The end

    /// Takes and reports nothing more.
    var hasEnded: Bool { mode != .serving && mode != .draining }

    /// Nothing more is taken or reported by turns; answers what was broken off.
    private func halt() -> [Placement] {
        mode = .stopping
        follower?.cancel()
        for task in tasks.values { task.cancel() }
        return ledger.clear()
    }

    /// One batch, one try, outside the outbox, which may be stuck with earlier reports. Answers whether the log has it.
    private func sayFarewell(_ held: [Placement], reason: String) async -> Bool {
        await outbox.close(reason)
        var farewell = EventBatch()
        for placement in held { farewell.append(events.crashed(placement, reason: reason, at: clock.now())) }
        farewell.append(events.gone(reason: reason, at: clock.now()))
        let words = farewell
        let (link, clock, limit, logger) = (link, clock, configuration.limits.farewellLimit, logger)
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do throws(WorkerLinkFault) { _ = try await link.send(words) } catch {
                    logger.warning("couldn't say goodbye", metadata: ["problem": "\(error.problem)"])
                    return false
                }
                return true
            }
            group.addTask {
                try? await clock.sleep(limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    private func lose(_ problem: String) {
        guard !hasEnded else { return }
        logger.error("cut off from the service; ending", metadata: ["problem": "\(problem)"])
        _ = halt()
        end(.unreachable(problem))
    }

    func denied(_ problem: String) { lose(problem) }

    private func end(_ outcome: Outcome) {
        if case .ended = mode { return }
        mode = .ended(outcome)
        streamWasTried()
        for waiter in waitingForRegistration { waiter.resume() }
        waitingForRegistration = []
        for waiter in waitingForEnd { waiter.resume(returning: outcome) }
        waitingForEnd = []
        for waiter in waitingForIdle { waiter.resume() }
        waitingForIdle = []
    }

    /// Returns once the worker ended and its turns' processes are gone.
    private func untilEnded() async -> Outcome {
        let outcome: Outcome
        if case .ended(let earlier) = mode {
            outcome = earlier
        } else {
            outcome = await withCheckedContinuation { waitingForEnd.append($0) }
        }
        for task in tasks.values { await task.value }
        return outcome
    }
}
