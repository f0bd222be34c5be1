import ControlLoop
import Views
import Domain
import EventLog
import Logging
import SwiftProtobuf

// What happened beside the gateway?
//
// Other clients, crashes and lost pods leave no call to see. So the fleet is listed: gently, as ateapi logs every list in full and walks its
// whole store for it. An error never means "empty": the look is passed over. What differs becomes events of `/greenroom/substrate`; an actor
// that was left half resumed is handed to the desk, which resumes it. At the start this finds what the last run left behind.

actor Reconciler {
    /// What ateapi's page holds at most.
    static let pageSize: Int32 = 1_000
    /// Pages of one look, at most: a list that goes round in circles ends.
    static let pagesMost = 10_000
    /// The second look follows the first soon: what a run before left behind is made good then.
    static let secondLook = Duration.seconds(2)
    /// While callers are parked, and workers are known from lists alone, these are listed more often.
    static let workersEvery = Duration.seconds(1)
    static let callSeconds: Int64 = 60
    /// For each 10,000 actors the pace is as much slower.
    static let actorsAPace = 10_000
    static let workersMost = 200_000
    static let actorsMost = 2_000_000
    /// Events that are appended at a time.
    static let eventsAtOnce = 1_000

    private let gateway: GatewayHandle
    private let scribe: GatewayScribe
    private let log: GatewayLog
    private let catalog: PoolCatalog
    private let settings: GatewayConfiguration
    /// Nothing else tells the log of workers.
    private let tellsWorkers: Bool
    private let metrics: GatewayMetrics
    private let board: TroubleBoard
    private let logger: Logger
    private var before: FleetDifference.Fleet?
    private var workersBefore: Set<String>?
    /// Actors that the log has for ateapi's, and that the look before didn't show.
    private var missing: Set<ActorKey> = []
    /// What the log had at the look before.
    private var versions: [ActorKey: Int64] = [:]
    private var number: UInt64 = 0
    private var told: [ActorKey: StuckState] = [:]
    private var lastProblem = ""

    init(
        _ gateway: GatewayHandle, _ scribe: GatewayScribe, _ log: GatewayLog, _ catalog: PoolCatalog, _ settings: GatewayConfiguration,
        tellsWorkers: Bool,
        _ metrics: GatewayMetrics, _ board: TroubleBoard, _ logger: Logger
    ) {
        self.gateway = gateway
        self.scribe = scribe
        self.log = log
        self.catalog = catalog
        self.settings = settings
        self.tellsWorkers = tellsWorkers
        self.metrics = metrics
        self.board = board
        self.logger = logger
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let isFirst = before == nil
            let count = await look()
            let pace = settings.reconcileSeconds * Double(max(1, (count ?? 0) / Self.actorsAPace))
            await pause(isFirst && count != nil ? Self.secondLook : .seconds(pace))
        }
    }

    /// Waits for the next look; meanwhile workers are listed where somebody waits for them.
    private func pause(_ duration: Duration) async {
        let end = ContinuousClock.now + duration
        while !Task.isCancelled, ContinuousClock.now < end {
            let slice = tellsWorkers ? min(Self.workersEvery, end - ContinuousClock.now) : end - ContinuousClock.now
            do { try await Task.sleep(for: slice) } catch { return }
            guard tellsWorkers, let parked = try? await gateway.query({ $0.desk.parkedCount }) else { continue }
            let isUnsettled = await scribe.hasUnsettled
            guard parked > 0 || isUnsettled else { continue }
            if let workers = try? await listWorkers() { await tell(workers) }
        }
    }

    /// One look at everything.
    ///
    /// - Returns: how many actors there are; nil where a list failed.
    @discardableResult
    func look() async -> Int? {
        do {
            let workers = try await listWorkers()
            let actors = try await listActors()
            metrics.lists.increment()
            lastProblem = ""
            if tellsWorkers { await tell(workers) }
            let fleet = FleetDifference.Fleet(actors: actors, workers: workers)
            for actor in fleet.actors.values {
                if let pool = actor.poolName { catalog.learn(template: actor.templateName, pool: pool) }
            }
            await settle(fleet)
            before = fleet
            return fleet.actors.count
        } catch {
            metrics.listsFailed.increment()
            let problem = "\(error)"
            if problem != lastProblem {
                logger.warning("the fleet can't be listed: the next look tries again", metadata: ["problem": "\(problem)"])
            }
            lastProblem = problem
            return nil
        }
    }

    // MARK: - Lists

    private struct ListFault: Error, CustomStringConvertible { var description: String }

    private func call(_ method: Method, _ request: some Message) async throws -> [UInt8] {
        let response = try await gateway.call(method, try request.serializedBytes(), seconds: Self.callSeconds)
        guard response.code == .ok, let message = response.message else {
            throw ListFault(description: "\(method.rawValue): \(response.code): \(response.text.prefix(300))")
        }
        return message
    }

    private func listWorkers() async throws -> [Ateapi_Worker] {
        Array(
            try Ateapi_ListWorkersResponse(serializedBytes: try await call(.listWorkers, Ateapi_ListWorkersRequest())).workers
                .prefix(Self.workersMost))
    }

    private func listActors() async throws -> [Ateapi_Actor] {
        var actors: [Ateapi_Actor] = []
        var token = ""
        for _ in 0..<Self.pagesMost {
            let request = Ateapi_ListActorsRequest.with {
                $0.pageSize = Self.pageSize
                $0.pageToken = token
            }
            let page = try Ateapi_ListActorsResponse(serializedBytes: try await call(.listActors, request))
            actors += page.actors
            token = page.nextPageToken
            if token.isEmpty { return actors }
            guard actors.count < Self.actorsMost else { break }
        }
        throw ListFault(description: "ListActors: the list has no end after \(actors.count) actors")
    }

    // MARK: - Workers

    /// One that isn't listed twice in a row is gone.
    private func tell(_ workers: [Ateapi_Worker]) async {
        let logged = await log.plane.workers(pool: nil, after: nil, limit: Self.workersMost)
        let known = Dictionary(logged.map { ($0.fullName, $0) }) { a, _ in a }
        var events = SubstrateEvents(source: SubstrateEvents.reconcilerSource, run: "w-\(log.run)", after: number)
        var pools: Set<String> = catalog.named
        for worker in workers where !worker.workerPod.isEmpty && !worker.workerPool.isEmpty && !worker.nodeName.isEmpty {
            pools.insert(worker.poolName)
            if known[worker.fullName] == nil || (known[worker.fullName]?.uid ?? worker.workerPodUid) != worker.workerPodUid {
                events.ready(worker)
            }
        }
        let listed = Set(workers.map(\.fullName))
        for (name, view) in known.sorted(by: { $0.key < $1.key }) {
            guard pools.contains("\(view.namespace)/\(view.pool)"), !listed.contains(name), workersBefore?.contains(name) == false else {
                continue
            }
            events.gone(name, uid: view.uid, reason: "ateapi lists it no more")
        }
        workersBefore = listed
        await append(events)
    }

    // MARK: - Actors

    private func settle(_ fleet: FleetDifference.Fleet) async {
        var logged: [ActorKey: FleetDifference.Logged] = [:]
        // What runs before or in the queue of a pool whose workers are ateapi's is ateapi's: also where the last run saw it alone.
        let pools = catalog.named.union(fleet.workers.values.lazy.map(\.poolName))
        var unlisted = await scribe.actors.subtracting(fleet.actors.keys)
        // Views are asked for in pages, so that the loop is never held long.
        var after: String?
        while logged.count < Self.actorsMost {
            let views = await log.plane.actors(pool: nil, status: nil, after: after, limit: 1_000)
            for view in views {
                guard let key = ActorKey(name: view.fullName) else { continue }
                logged[key] = FleetDifference.Logged(
                    state: view.status, worker: view.workerFullName, version: view.version, seq: view.seq)
                if fleet.actors[key] == nil, pools.contains(QualifiedName.join(view.namespace, view.pool)) {
                    unlisted.insert(key)
                }
            }
            guard views.count == 1_000, let last = views.last else { break }
            after = last.fullName
        }
        let held = (try? await gateway.query { $0.desk.heldKeys }) ?? []
        let difference = FleetDifference(
            fleet, before: before, missing: missing.intersection(unlisted), versionsBefore: versions, logged: logged
        ) { held.contains($0) }
        missing = unlisted
        versions = logged.mapValues(\.version)
        await write(difference.steps, fleet, logged)
        await name(difference.stuck, fleet)
    }

    private func write(_ steps: [FleetDifference.Step], _ fleet: FleetDifference.Fleet, _ logged: [ActorKey: FleetDifference.Logged]) async
    {
        guard !steps.isEmpty else { return }
        var events = SubstrateEvents(source: SubstrateEvents.reconcilerSource, run: "a-\(log.run)", after: number)
        for step in steps {
            if events.batch.count >= Self.eventsAtOnce {
                await append(events)
                events = SubstrateEvents(source: SubstrateEvents.reconcilerSource, run: "a-\(log.run)", after: number)
            }
            guard await add(step, fleet.actors[step.key], logged[step.key], to: &events) else { continue }
            metrics.differences.increment()
        }
        await append(events)
    }

    /// What the log knows is corrected, so that nothing it heard meanwhile is undone.
    ///
    /// - Returns: false where there is nothing to tell yet.
    private func add(
        _ step: FleetDifference.Step, _ actor: Ateapi_Actor?, _ logged: FleetDifference.Logged?, to events: inout SubstrateEvents
    ) async -> Bool {
        let seq = logged?.seq
        switch step {
        case .withdrawn(let key): events.withdrawn(key, corrects: seq)
        case .deleted(let key):
            events.deleted(key, corrects: seq)
            await scribe.forget(key)
            // Another one of the name that runs holds its worker from here on.
            guard let actor, actor.status == .running, actor.hasWorker else { break }
            return await add(.running(key), actor, nil, to: &events)
        case .running(let key):
            guard let actor else { return false }
            if seq == nil, let pool = actor.poolName { events.created(actor, pool: pool) }
            events.running(actor, microseconds: nil, corrects: seq)
            await scribe.saw(key, on: actor.workerName)
        case .settled(let key):
            guard let actor, await log.plane.worker(actor.workerName) != nil else { return false }
            events.running(actor, microseconds: nil, corrects: seq)
            await scribe.saw(key, on: actor.workerName)
        case .suspended(let key, let worker):
            guard let actor else { return false }
            events.suspended(actor, worker: worker, corrects: seq)
            await scribe.saw(key, on: nil)
        case .paused(let key, let worker):
            guard let actor else { return false }
            if seq == nil {
                let pools = catalog.eligible(template: actor.templateName, selector: actor.workerSelector.matchLabels)
                guard let pool = pools.first else { return false }
                events.created(actor, pool: pool)
                events.ranAndPaused(actor)
            } else {
                events.paused(actor, worker: worker, corrects: seq)
            }
            await scribe.saw(key, on: nil)
        case .crashed(let key):
            guard let actor, let logged else { return false }
            events.crashed(actor, worker: logged.worker, reason: "ateapi has it \(actor.status.word), and not there", corrects: logged.seq)
            await scribe.saw(key, on: nil)
        }
        return true
    }

    private func append(_ events: SubstrateEvents) async {
        number = events.count
        guard !events.batch.isEmpty else { return }
        let result = await withCheckedContinuation { continuation in log.append(events.batch) { continuation.resume(returning: $0) } }
        if case .failure(let error) = result {
            logger.error("differences were not logged: the next look finds them again", metadata: ["problem": "\(error.sentence)"])
        }
    }

    /// Each is named once, and again when its state is another.
    private func name(_ stuck: [ActorKey: StuckState], _ fleet: FleetDifference.Fleet) async {
        board.replace(
            stuck: stuck.map { key, state in (key, state, fleet.actors[key]?.worker) },
            resuming: Set(fleet.actors.filter { $0.value.status == .resuming }.keys), isListed: { fleet.actors[$0] != nil })
        metrics.show(stuck: Dictionary(grouping: stuck.values) { $0 }.mapValues(\.count))
        for (key, state) in stuck.sorted(by: { "\($0.key)" < "\($1.key)" }) where told[key] != state {
            logger.warning(
                "an actor is stuck upstream",
                metadata: [
                    "actor": "\(key)", "state": "\(state.rawValue)", "worker": "\(fleet.actors[key]?.ateomPodName ?? "")",
                    "remedy": "\(state.remedy)",
                ])
        }
        told = stuck
        guard settings.heals else { return }
        let halfResumed = stuck.filter { $0.value == .halfResumed }.keys.compactMap { fleet.actors[$0] }
        gateway.tell { core in for actor in halfResumed { core.desk.heal(actor) } }
    }
}
