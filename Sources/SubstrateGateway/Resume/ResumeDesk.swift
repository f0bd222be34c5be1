import Basics
import Domain
import EventLog
import Logging
import NIOCore
import NIOHPACK
import SwiftProtobuf

// What becomes of a resume, whoever calls for it?
//
// Confined to the gateway's event loop. Always: of one actor at most one resume of ours is upstream; a resume that is upstream is never
// cancelled; each caller is answered once or leaves; a parked resume has a caller.

final class ResumeDesk {
    /// Its own limit upstream, whatever the callers' are: ateapi ends a resume after 28 s.
    static let upstreamSeconds: Int64 = 40
    static let lookSeconds: Int64 = 10
    /// A refusal for want of a worker takes 1–2 ms: one that takes longer is on its way.
    static let proveAfter = TimeAmount.milliseconds(20)
    static let tickEvery = TimeAmount.seconds(1)
    static let healFirst = Duration.seconds(1)
    static let healLongest = Duration.seconds(30)
    /// After so many tries it is only named.
    static let healTriesMost = 40

    private let eventLoop: any EventLoop
    private let settings: GatewayConfiguration
    private let pool: UpstreamPool
    private let notes: GatewayNotes
    private let metrics: GatewayMetrics
    private let board: TroubleBoard
    private let logger: Logger
    /// For calls of the gateway's own.
    private let ownHeaders: () -> HPACKHeaders
    private var resumes: [ActorKey: Resume] = [:]
    private var order = ParkedOrder<ActorKey>()
    private var arrivals: UInt64 = 0
    private var ticking: RepeatedTask?
    private var isPumping = false
    private var isStopping = false

    init(
        _ eventLoop: any EventLoop, _ settings: GatewayConfiguration, _ pool: UpstreamPool, _ notes: GatewayNotes,
        _ metrics: GatewayMetrics,
        _ board: TroubleBoard, _ logger: Logger, ownHeaders: @escaping () -> HPACKHeaders
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.pool = pool
        self.notes = notes
        self.metrics = metrics
        self.board = board
        self.logger = logger
        self.ownHeaders = ownHeaders
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ticking = eventLoop.scheduleRepeatedTask(initialDelay: Self.tickEvery, delay: Self.tickEvery) { _ in bound.value.tick() }
    }

    /// Parked callers hear at once what ateapi said, so that they call elsewhere.
    func stop() {
        isStopping = true
        ticking?.cancel()
        for resume in resumes.values where resume.phase == .parked { giveUp(resume, resume.refusal ?? UpstreamFault.stopping.response) }
    }

    // MARK: - What others may know

    var parkedCount: Int { order.count }
    var heldKeys: Set<ActorKey> { Set(resumes.keys) }
    var upstreamCount: Int { resumes.values.count { $0.phase == .asking } }
    /// Those whose resume failed half way and whose worker is therefore taken.
    var halfFailedCount: Int { resumes.values.count { $0.halfFailedSince != nil } }

    // MARK: - Callers

    func resume(_ caller: Caller) {
        guard !isStopping else { return caller.respond(UpstreamFault.stopping.response) }
        guard let resume = resumes[caller.call.key] else {
            let resume = newResume(caller)
            join(caller, resume)
            return call(resume)
        }
        // Not the same wish: ateapi decides between the two.
        guard resume.call == caller.call else { return forward(caller) }
        guard resume.callers.contains(where: { caller.isTrusted(like: $0.headers) }) else { return verify(caller) }
        metrics.joined.increment()
        join(caller, resume)
    }

    private func newResume(_ caller: Caller) -> Resume {
        arrivals += 1
        let resume = Resume(caller, arrival: arrivals)
        resumes[resume.key] = resume
        return resume
    }

    private func join(_ caller: Caller, _ resume: Resume) {
        resume.headers = caller.headers
        resume.callers.append(caller)
        caller.left = { [weak self, weak caller] in
            guard let self, let caller else { return }
            self.left(caller, resume)
        }
        if resume.phase == .parked { watch(caller, resume) }
        // A caller doesn't wait for the next try: this one begins now.
        if resume.phase == .healing { call(resume) }
    }

    /// Its credential is unknown: it is shown to ateapi before it hears anything of another's call.
    private func verify(_ caller: Caller) {
        look(caller.call.key, headers: caller.headers) { [weak self] result in
            guard let self else { return }
            if case .success(let response) = result, response.code == .ok {
                guard let resume = self.resumes[caller.call.key], resume.call == caller.call else { return self.resume(caller) }
                self.metrics.joined.increment()
                return self.join(caller, resume)
            }
            caller.respond(Self.response(result))
        }
    }

    /// Sent on by itself, answered with what comes.
    private func forward(_ caller: Caller) {
        UnaryCall.begin(
            on: pool, eventLoop, headers: Self.upstream(caller.headers, .resumeActor), body: caller.body, seconds: Self.upstreamSeconds
        ) { caller.respond(Self.response($0)) }
    }

    private func left(_ caller: Caller, _ resume: Resume) {
        resume.callers.removeAll { $0 === caller }
        guard resume.callers.isEmpty, resume.phase == .parked else { return }
        metrics.left.increment()
        end(resume, withdraws: true)
    }

    /// It hears what ateapi said once it has been parked long enough.
    private func watch(_ caller: Caller, _ resume: Resume) {
        caller.wake(at: caller.parkedUntil(settings.park)) { [weak self, weak caller] in
            guard let self, let caller, resume.phase == .parked || resume.phase == .checking else { return }
            self.metrics.expired.increment()
            resume.callers.removeAll { $0 === caller }
            caller.respond(resume.refusal ?? GRPCResponse(.failedPrecondition, ResumeVerdict.noFreeWorkerText))
            if resume.callers.isEmpty, resume.phase == .parked { self.end(resume, withdraws: true) }
        }
    }

    // MARK: - Upstream

    private func call(_ resume: Resume) {
        resume.phase = .asking
        resume.tries += 1
        let headers = resume.callers.isEmpty ? Self.upstream(ownHeaders(), .resumeActor) : Self.upstream(resume.headers, .resumeActor)
        metrics.upstream.increment()
        if order.contains(resume.key) {
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            let tries = resume.tries
            let key = resume.key
            eventLoop.scheduleTask(in: Self.proveAfter) {
                guard let resume = bound.value.resumes[key], resume.phase == .asking, resume.tries == tries else { return }
                bound.value.order.prove(key)
                bound.value.pump()
            }
        }
        UnaryCall.begin(on: pool, eventLoop, headers: headers, body: resume.body, seconds: Self.upstreamSeconds) { [weak self] result in
            self?.answered(resume, result)
        }
    }

    private func answered(_ resume: Resume, _ result: Result<GRPCResponse, UpstreamFault>) {
        switch result {
        case .success(let response):
            resume.lastFault = response.code == .ok ? "" : "\(response.code): \(response.text)"
            let verdict = ResumeVerdict(response.code, response.text)
            if verdict == .running || verdict == .noFreeWorker { board.clear(withoutPool: resume.key) }
            switch verdict {
            case .running: ran(resume, response)
            case .noFreeWorker:
                resume.refusal = response
                check(resume, response)
            case .noEligiblePool:
                metrics.noEligiblePool.increment()
                notes.add(.noEligiblePool(resume.key))
                board.note(withoutPool: resume.key, problem: response.text)
                giveUp(resume, response)
            case .busy: busy(resume, response)
            case .refused: giveUp(resume, response)
            case .failed: failed(resume, response)
            }
        case .failure(let fault):
            resume.lastFault = fault.description
            if fault.mayHaveBegun {
                failed(resume, fault.response)
            } else if resume.refusal != nil {
                again(resume)
            } else {
                giveUp(resume, fault.response)
            }
        }
    }

    private func ran(_ resume: Resume, _ response: GRPCResponse) {
        if let bytes = response.message, let resumed = try? Ateapi_ResumeActorResponse(serializedBytes: bytes), resumed.hasActor {
            notes.add(.running(resumed.actor, microseconds: response.serverMicroseconds))
        }
        if resume.halfFailedSince != nil { metrics.healed.increment() }
        if order.contains(resume.key) { metrics.parkedSeconds.recordNanoseconds((NIODeadline.now() - resume.arrived).nanoseconds) }
        finish(resume, response)
        end(resume, withdraws: false)
        pump()
    }

    /// Somebody else is at it. A parked one keeps its place; the callers of a new one get ateapi's answer.
    private func busy(_ resume: Resume, _ response: GRPCResponse) {
        if resume.halfFailedSince != nil { return heal(resume, response) }
        if order.contains(resume.key) { again(resume) } else { giveUp(resume, response) }
    }

    /// It takes its place again.
    private func again(_ resume: Resume) {
        guard !resume.callers.isEmpty, !isStopping else { return giveUp(resume, resume.refusal ?? UpstreamFault.stopping.response) }
        guard order.contains(resume.key) else { return giveUp(resume, resume.refusal ?? UpstreamFault.stopping.response) }
        resume.phase = .parked
        order.refuse(resume.key, in: resume.rivals)
        for caller in resume.callers { watch(caller, resume) }
    }

    // MARK: - Refused for want of a worker

    private func check(_ resume: Resume, _ refusal: GRPCResponse) {
        resume.phase = .checking
        look(resume.key, headers: resume.callers.isEmpty ? ownHeaders() : resume.headers) { [weak self] result in
            self?.checked(resume, refusal, result)
        }
    }

    private func checked(_ resume: Resume, _ refusal: GRPCResponse, _ result: Result<GRPCResponse, UpstreamFault>) {
        guard let actor = Self.actor(result) else { return giveUp(resume, refusal) }
        resume.actor = actor
        switch actor.status {
        case .suspended, .paused: park(resume, actor, refusal)
        // Its pod ended while a resume failed: it holds no worker, and waits for one like any other.
        case .resuming where !actor.hasWorker: park(resume, actor, refusal)
        // It was the node's agent that spoke, and the worker is held.
        case .resuming: heal(resume, refusal)
        // Somebody else's resume came through meanwhile: it is answered at once.
        case .running where resume.tries < 3: call(resume)
        default: giveUp(resume, refusal)
        }
    }

    private func park(_ resume: Resume, _ actor: Ateapi_Actor, _ refusal: GRPCResponse) {
        resume.halfFailedSince = nil
        guard !resume.callers.isEmpty, !isStopping else { return giveUp(resume, refusal) }
        if order.contains(resume.key) {
            again(resume)
            return pump()
        }
        guard order.count < settings.maxParked else {
            metrics.full.increment()
            return giveUp(resume, refusal)
        }
        resume.phase = .parked
        resume.tries = 0
        order.park(resume.key, in: resume.rivals, arrival: resume.arrival)
        metrics.parked.increment()
        resume.isRequested = true
        notes.add(.requested(actor, at: resume.arrivedAt))
        for caller in resume.callers { watch(caller, resume) }
    }

    // MARK: - Turns

    /// The log has placed actors: it is their turn.
    func placed(_ placements: [(key: ActorKey, worker: String)]) {
        for (key, worker) in placements {
            resumes[key]?.placedOn = worker
            order.place(key)
        }
        pump()
    }

    /// Workers went, and in the log those who were placed on them crashed. Whoever is still parked asks anew, or nothing would grow for it.
    func lost(_ workers: Set<String>) {
        guard !workers.isEmpty, !isStopping else { return }
        let lost = resumes.values.filter { $0.isRequested && ($0.placedOn.map(workers.contains) ?? false) }
        for resume in lost.sorted(by: { $0.arrival < $1.arrival }) {
            resume.placedOn = nil
            order.unplace(resume.key)
            if let actor = resume.actor { notes.add(.requested(actor, at: resume.arrivedAt)) }
        }
    }

    /// A worker was released. An actor that the log has placed, and that was refused since, may have it at once.
    func freed() {
        order.openAll(probing: false)
        pump()
    }

    /// Something may be free that the log doesn't know of.
    func tick() {
        order.openAll(probing: true)
        pump()
        metrics.show(parked: order.count, halfFailed: halfFailedCount, connections: pool.connectionCount)
    }

    private func pump() {
        guard !isPumping, !isStopping else { return }
        isPumping = true
        defer { isPumping = false }
        while let key = order.next() {
            guard let resume = resumes[key], resume.phase == .parked else {
                order.remove(key)
                continue
            }
            call(resume)
        }
    }

    // MARK: - Half way

    /// What went wrong is told; whether a worker is held is found out.
    private func failed(_ resume: Resume, _ response: GRPCResponse) {
        finish(resume, response)
        resume.phase = .checking
        look(resume.key, headers: settings.upstream.hasOwnCredential ? ownHeaders() : resume.headers) { [weak self] result in
            guard let self else { return }
            let actor = Self.actor(result)
            if let actor { resume.actor = actor }
            // Where nobody says how it stands, it is taken for held.
            let isHeld = actor.map { $0.status == .resuming && $0.hasWorker } ?? !Self.isNotFound(result)
            if isHeld, !self.isStopping { self.heal(resume, response) } else { self.recheck(resume, actor, response) }
        }
    }

    /// Not held. Whoever joined meanwhile is served from the beginning.
    private func recheck(_ resume: Resume, _ actor: Ateapi_Actor?, _ response: GRPCResponse) {
        resume.halfFailedSince = nil
        board.clear(halfFailed: resume.key)
        if let actor, actor.status == .running { notes.add(.running(actor, microseconds: nil)) }
        if resume.callers.isEmpty || isStopping { giveUp(resume, response) } else { call(resume) }
    }

    /// The actor is RESUMING and holds its worker: only another resume, or the end of the pod, frees it.
    private func heal(_ resume: Resume, _ response: GRPCResponse) {
        finish(resume, response)
        order.remove(resume.key)
        if resume.halfFailedSince == nil {
            resume.halfFailedSince = .now()
            resume.tries = 0
            metrics.halfFailed.increment()
            logger.warning(
                "a resume failed half way: the actor holds its worker until it is resumed",
                metadata: ["actor": "\(resume.key)", "worker": "\(resume.actor?.ateomPodName ?? "")", "problem": "\(resume.lastFault)"])
        }
        resume.phase = .healing
        board.note(halfFailed: resume.key, worker: resume.actor?.worker, problem: resume.lastFault)
        guard settings.heals, !isStopping, resume.tries < Self.healTriesMost else {
            if resume.isRequested { notes.add(.withdrawn(resume.key)) }
            resumes[resume.key] = nil
            notes.add(.stuck(resume.key, resume.lastFault))
            return
        }
        let wait = Self.healFirst.doubled(resume.tries, atMost: Self.healLongest)
        let bound = NIOLoopBound((self, resume), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: TimeAmount(wait)) {
            let (desk, resume) = bound.value
            guard desk.resumes[resume.key] === resume, resume.phase == .healing, !desk.isStopping else { return }
            desk.call(resume)
        }
    }

    /// Found half resumed by whoever looks through the fleet.
    func heal(_ actor: Ateapi_Actor) {
        let key = ActorKey(actor)
        guard actor.hasWorker, resumes[key] == nil, !isStopping, key.isName, resumes.count < settings.maxParked else { return }
        arrivals += 1
        let resume = Resume(
            healing: actor, call: ResumeCall(key: key), headers: ownHeaders(), at: EventLog.systemClock(), arrival: arrivals)
        resumes[key] = resume
        metrics.halfFailed.increment()
        board.note(halfFailed: key, worker: actor.worker, problem: "")
        call(resume)
    }

    // MARK: - Ends

    /// All who wait hear it.
    private func finish(_ resume: Resume, _ response: GRPCResponse) {
        let callers = resume.callers
        resume.callers = []
        for caller in callers { caller.respond(response) }
    }

    private func giveUp(_ resume: Resume, _ response: GRPCResponse) {
        finish(resume, response)
        end(resume, withdraws: true)
        pump()
    }

    private func end(_ resume: Resume, withdraws: Bool) {
        order.remove(resume.key)
        if resumes[resume.key] === resume { resumes[resume.key] = nil }
        board.clear(halfFailed: resume.key)
        if withdraws, resume.isRequested { notes.add(.withdrawn(resume.key)) }
        resume.isRequested = false
    }

    // MARK: - Messages

    private func look(_ key: ActorKey, headers: HPACKHeaders, _ ended: @escaping UnaryCall.Ended) {
        let request = Ateapi_GetActorRequest.with {
            $0.actorRef.atespace = key.atespace
            $0.actorRef.name = key.id
        }
        UnaryCall.begin(
            on: pool, eventLoop, headers: Self.upstream(headers, .getActor), body: GRPCWire.body((try? request.serializedBytes()) ?? []),
            seconds: Self.lookSeconds, ended)
    }

    private static func actor(_ result: Result<GRPCResponse, UpstreamFault>) -> Ateapi_Actor? {
        guard case .success(let response) = result, response.code == .ok, let bytes = response.message else { return nil }
        return (try? Ateapi_GetActorResponse(serializedBytes: bytes))?.actor
    }

    private static func isNotFound(_ result: Result<GRPCResponse, UpstreamFault>) -> Bool {
        if case .success(let response) = result { response.code == .notFound } else { false }
    }

    private static func response(_ result: Result<GRPCResponse, UpstreamFault>) -> GRPCResponse {
        switch result {
        case .success(let response): response
        case .failure(let fault): fault.response
        }
    }

    /// A caller's metadata for a call of ours: all of it but its deadline.
    static func upstream(_ headers: HPACKHeaders, _ method: Method) -> HPACKHeaders {
        var out = HPACKHeaders()
        out.reserveCapacity(headers.count)
        // What begins with a colon comes first, and is not to be moved behind the rest.
        for (name, value, indexing) in headers where name != "grpc-timeout" {
            out.add(name: name, value: name == ":path" ? method.path : value, indexing: indexing)
        }
        return out
    }
}
