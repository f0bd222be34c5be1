package import Views
package import Domain
package import EventLog
import Logging

// How does what passes the gateway get into the log?
//
// One task takes the notes in their order and appends what they say. It knows what the log lacks for it: an actor's pool, and the worker
// that a suspended actor had. Both are remembered for actors that were seen, and asked of the loop for others.

package struct GatewayLog: Sendable {
    package typealias Append = @Sendable (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void

    package var plane: any ControlPlane
    package var append: Append
    /// Unlike that of any earlier run on the same log.
    package var run: String

    package init(plane: any ControlPlane, append: @escaping Append, run: String) {
        self.plane = plane
        self.append = append
        self.run = run
    }
}

actor GatewayScribe {
    /// Actors remembered, at most; then all are forgotten, and asked for again.
    private static let rememberedMost = 200_000
    /// How often actors are looked at whose worker the log didn't know.
    private static let settleEvery = Duration.milliseconds(500)
    private static let unsettledMost = 100_000
    /// How long the policies in effect are taken for known.
    private static let policiesFor = Duration.seconds(5)

    private struct Known {
        var pool: String
        var worker: String?
    }

    private let log: GatewayLog
    private let catalog: PoolCatalog
    private let metrics: GatewayMetrics
    private let logger: Logger
    private var known: [ActorKey: Known] = [:]
    /// ateapi hands out a worker as soon as its pod has an address; the log may know of it later. Until then no slot is held for these.
    private var unsettled: [ActorKey: Ateapi_Actor] = [:]
    private var number: UInt64 = 0
    private var spills: (at: ContinuousClock.Instant, by: [String: [String]])?
    private var toldNoPool: Set<String> = []
    /// At most one such note is under way: real ones would wait behind many.
    private var isSettleNoted = false

    init(_ log: GatewayLog, _ catalog: PoolCatalog, _ metrics: GatewayMetrics, _ logger: Logger) {
        self.log = log
        self.catalog = catalog
        self.metrics = metrics
        self.logger = logger
    }

    /// Actors that passed in this run and weren't deleted.
    var actors: Set<ActorKey> { Set(known.keys) }

    /// The log was told that it was deleted: what comes of the name begins anew.
    func forget(_ key: ActorKey) {
        known[key] = nil
        unsettled[key] = nil
    }

    /// The log was told of it by what a listing showed.
    func saw(_ key: ActorKey, on worker: String?) {
        known[key]?.worker = worker
        unsettled[key] = nil
    }

    /// Until the notes end.
    func run(_ notes: GatewayNotes) async {
        let settling = Task {
            while !Task.isCancelled {
                do { try await Task.sleep(for: Self.settleEvery) } catch { return }
                if hasUnsettled, !isSettleNoted { isSettleNoted = notes.add(.settle) }
            }
        }
        for await note in notes.stream { await write(note) }
        settling.cancel()
    }

    var hasUnsettled: Bool { !unsettled.isEmpty }

    private func write(_ note: GatewayNote) async {
        var events = SubstrateEvents(source: SubstrateEvents.gatewaySource, run: log.run, after: number)
        switch note {
        case .created(let actor):
            // Its versions begin anew: what the log has of that name is of an earlier life.
            if await log.plane.actor("\(ActorKey(actor))") != nil { events.deleted(ActorKey(actor)) }
            if let pool = await pool(for: actor) {
                events.created(actor, pool: pool, version: actor.version)
                remember(actor, pool)
            }
        case .requested(let actor, let time):
            guard let pool = await pool(for: actor) else { return tellNoPool(actor) }
            introduce(actor, pool, &events)
            await catchUp(actor, &events)
            events.requested(ActorKey(actor), pool: pool, template: actor.templateName, at: time)
        case .withdrawn(let key): events.withdrawn(key)
        case .running(let actor, let microseconds):
            guard actor.hasWorker, actor.status == .running else { return }
            if let pool = actor.poolName {
                catalog.learn(template: actor.templateName, pool: pool)
                introduce(actor, pool, &events)
            }
            let corrects = await unknownRun(of: actor)
            events.running(actor, microseconds: microseconds, corrects: corrects)
            known[ActorKey(actor)]?.worker = actor.workerName
            unsettled[ActorKey(actor)] = nil
            if await log.plane.worker(actor.workerName) == nil, unsettled.count < Self.unsettledMost { unsettled[ActorKey(actor)] = actor }
        case .suspended(let actor):
            guard actor.status == .suspended else { return }
            let worker = await self.worker(of: ActorKey(actor))
            events.suspended(actor, worker: worker ?? actor.unknownWorker)
            forgetWorker(of: ActorKey(actor))
        case .paused(let actor):
            guard actor.status == .paused else { return }
            let worker = await self.worker(of: ActorKey(actor))
            events.paused(actor, worker: worker ?? actor.unknownWorker)
            forgetWorker(of: ActorKey(actor))
        case .deleted(let key):
            events.deleted(key)
            forgetWorker(of: key)
            known[key] = nil
        case .settle:
            await settle(&events)
            isSettleNoted = false
        case .noEligiblePool(let key):
            logger.warning(
                "no WorkerPool fits the actor: more workers don't help; change its template's class or selectors, or a pool's labels",
                metadata: ["actor": "\(key)", "reason": "\(BlockedReason.noEligiblePool.name)"])
            return
        case .stuck(let key, let fault):
            logger.error("an actor stays half resumed and holds its worker", metadata: ["actor": "\(key)", "problem": "\(fault)"])
            return
        }
        number = events.count
        append(events.batch)
    }

    /// It was suspended or paused beside the gateway. An actor that runs in the log asks for nothing, and one that is paused waits for its
    /// node.
    private func catchUp(_ actor: Ateapi_Actor, _ events: inout SubstrateEvents) async {
        guard let view = await log.plane.actor("\(ActorKey(actor))"), view.version <= actor.version else { return }
        let isNewer = view.version < actor.version
        let worker = view.workerFullName ?? actor.unknownWorker
        let isResident = [ActorState.running, .idle].map(\.statusName).contains(view.status)
        let isPaused = view.status == ActorState.paused.statusName
        // It crashed with a worker that it was placed on: it is paused all the same.
        let isCrashed = view.status == ActorState.crashed.statusName
        if actor.status == .paused, !isPaused, isNewer || isCrashed {
            events.paused(actor, worker: worker, corrects: view.seq)
        } else if actor.status == .suspended, isNewer, isResident || isPaused {
            events.suspended(actor, worker: worker, corrects: view.seq)
        } else if actor.status == .resuming, isNewer, isResident {
            events.crashed(actor, worker: view.workerFullName, reason: "its worker ended while it was resumed", corrects: view.seq)
        }
    }

    /// The log has it running on a worker that it doesn't know: another run of it is a correction.
    private func unknownRun(of actor: Ateapi_Actor) async -> Position? {
        guard unsettled[ActorKey(actor)] != nil, let view = await log.plane.actor("\(ActorKey(actor))"), view.worker == nil,
            view.status == ActorState.running.statusName, view.version < actor.version
        else { return nil }
        return view.seq
    }

    private func forgetWorker(of key: ActorKey) {
        known[key]?.worker = nil
        unsettled[key] = nil
    }

    private func settle(_ events: inout SubstrateEvents) async {
        for (key, actor) in unsettled {
            guard await log.plane.worker(actor.workerName) != nil else { continue }
            unsettled[key] = nil
            guard let view = await log.plane.actor("\(key)"), view.status == ActorState.running.statusName, view.version == actor.version,
                view.workerFullName != actor.workerName
            else { continue }
            events.running(actor, microseconds: nil, corrects: view.seq)
        }
    }

    private func append(_ batch: EventBatch) {
        guard !batch.isEmpty else { return }
        log.append(batch) { [metrics, logger] result in
            guard case .failure(let error) = result else { return }
            metrics.notesLost.increment(by: Int64(batch.count))
            logger.error(
                "events of the gateway were not logged; the next listing makes them good", metadata: ["problem": "\(error.sentence)"])
        }
    }

    /// The first time in a run: what the actor is, which changes nothing where the log knows it.
    private func introduce(_ actor: Ateapi_Actor, _ pool: String, _ events: inout SubstrateEvents) {
        let key = ActorKey(actor)
        if known[key] == nil { events.created(actor, pool: pool) }
        remember(actor, pool)
    }

    private func remember(_ actor: Ateapi_Actor, _ pool: String) {
        let key = ActorKey(actor)
        if known.count >= Self.rememberedMost { known = [:] }
        known[key] = Known(pool: pool, worker: known[key]?.worker)
    }

    private func tellNoPool(_ actor: Ateapi_Actor) {
        guard toldNoPool.count < 1_000, toldNoPool.insert(actor.templateName).inserted else { return }
        logger.warning(
            "no pool is known for the template: its actors are parked, and no pool grows for them; name one under gateway.pools",
            metadata: ["template": "\(actor.templateName)"])
    }

    private func worker(of key: ActorKey) async -> String? {
        if let worker = known[key]?.worker { return worker }
        return await log.plane.actor("\(key)")?.workerFullName
    }

    private func pool(for actor: Ateapi_Actor) async -> String? {
        let eligible = catalog.eligible(template: actor.templateName, selector: actor.workerSelector.matchLabels)
        guard eligible.count > 1 else { return eligible.first }
        let now = ContinuousClock.now
        if spills.map({ now - $0.at > Self.policiesFor }) ?? true { spills = (now, PoolChoice.spills(await log.plane.policies())) }
        return PoolChoice.best(of: eligible, await log.plane.pools(), spills: spills?.by ?? [:])
    }
}
