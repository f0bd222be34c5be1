import Autoscaling
import ControlLoop
import Domain
import EventLog
import HTTPService
import JetStreamLog
import KEDAScaler
import Kubernetes
import LocalWorkers
import Logging
import Machine
import Output
import Pollers
import Series
import ServiceLifecycle
import UnixSignals

// Which parts run on every instance, and which on the leader alone?
//
// Every instance serves HTTP, external metrics and KEDA, folds the log and keeps its series. The leader also calls targets, runs local
// workers, watches the cluster, polls, surveys stores, sends to sinks, and opens the gateway. Those parts are made anew for each lead.

final class ReplicatedParts: Sendable {
    private let service: GreenroomService
    private let settings: JetStreamLogConfiguration
    private let log: EventLog
    private let commits: JetStreamCommits
    private let metrics: ReplicationMetrics
    private let logger: Logger
    private let handover: Handover
    private let loop: ControlLoop
    private let news: LoopNews?
    private let gateway: GatewayParts?
    private let outward: OutwardParts
    private let http: GreenroomService.HTTPParts
    private let server: ServerConfiguration

    init(
        _ service: GreenroomService, _ settings: JetStreamLogConfiguration, _ log: EventLog, _ commits: JetStreamCommits,
        _ metrics: ReplicationMetrics, logger: Logger
    ) throws {
        (self.service, self.settings, self.log, self.commits, self.metrics, self.logger) = (
            service, settings, log, commits, metrics, logger
        )
        server = try service.serverConfiguration()
        handover = Handover(log, commits.js.client, settings.settings, logger: logger)
        news =
            service.configuration.kubernetes == nil
            ? nil
            : LoopNews(beside: service.metrics?.loop ?? SilentObserver(), after: log.head.seq, name: { log.names.text(of: $0) })
        var configuration = ControlLoop.Configuration(fence: Fence(0), actuators: [:])
        configuration.limits.checkpointEvents = service.configuration.checkpointEvents
        configuration.handover = handover
        if let news { configuration.observer = news } else if let metrics = service.metrics { configuration.observer = metrics.loop }
        gateway = service.configuration.gateway.map { [observer = configuration.observer] in GatewayParts($0, beside: observer, log) }
        if let gateway { configuration.observer = gateway.news }
        loop = ControlLoop(log: log, scheduler: RealScheduler(clock: { log.now }), configuration: configuration)
        handover.loop.value = loop
        outward = OutwardParts(
            service.configuration, log, loop, metrics: service.metrics, logger: service.logger(named: "greenroom.outward"))
        http = service.makeHTTP(log, loop, gateway, outward, handover: handover) { [log, commits, handover] in
            if let status = log.replicaStatus { metrics.show(status, behind: commits.behind, handedOver: handover.waiting) }
        }
    }

    // MARK: - On every instance

    func run(
        stopOn signals: [UnixSignal], when stopped: (@Sendable () async -> Void)?, onStart: @escaping @Sendable (String) async -> Void
    ) async throws {
        let bound = GreenroomService.Bound(service.configuration)
        let policies = try PolicyFiles.read(service.configuration.policies, now: EventLog.systemClock(), waiting: false)
        var parts = http.parts
        parts.readiness.append(ReadinessCheck("stream") { [log, commits, settings] in StreamReadiness.judge(log, commits, settings) })
        var services = try service.openPorts(server, parts, loop, policies, bound)
        if let series = http.series { services.append(.init(service: SeriesService(series: series))) }
        if let exporter = outward.exporter { services.append(.init(service: exporter)) }
        outward.sinks?.markPositions()
        let terms = Terms(log, logger: logger) { [weak self] term in try await self?.act(in: term, policies) }
        services += [
            .init(
                service: StopAnnounced(
                    inner: FollowingService(loop: loop, onStart: { bound.loop.open() }), what: "the loop to save its checkpoint",
                    logger: logger)),
            .init(service: StreamsTold(handover: handover, clock: commits.js.client.clock)),
            .init(service: service.reloading(loop) { [loop] in loop.isActing }),
            .init(service: ReadyService(parts: bound.all, onReady: { [url = GreenroomService.url(of: server)] in await onStart(url) })),
            // The first to stop: the lead is handed over before anything else is waited for.
            .init(service: terms),
        ]
        let group = ServiceGroup(configuration: .init(services: services, gracefulShutdownSignals: signals, logger: logger))
        await loop.catchUp()
        let stopper = stopped.map { stopped in
            Task {
                await stopped()
                await group.triggerGracefulShutdown()
            }
        }
        defer { stopper?.cancel() }
        try await service.namingBindFaults { try await group.run() }
    }

    // MARK: - On the leader

    private func act(in term: Terms.Term, _ policies: [Policy]) async throws {
        let serving = Task { [handover] in await handover.serve(fence: term.fence) }
        defer { serving.cancel() }
        guard await tell(term) else { return }
        let lead = GreenroomService.Lead(
            fence: Fence(term.fence), mayAct: { [log] in term.mayAct(log) }, drainSeconds: settings.leaseSeconds / 3,
            refusal: { "this instance doesn't lead any more" }, show: {})
        let plane = PlaneBox()
        plane.value = loop
        let workers = LocalWorkers(
            try service.workersConfiguration(log, server, lead), logger: service.logger(named: "greenroom.workers"),
            report: { [log] batch in log.append(batch) { _ in } },
            isBusy: { await plane.isBusy($0) }, wasReady: { await plane.knows($0) })
        let cluster = try news.flatMap { try service.kubernetesTargets(log, plane, lead, $0) }
        await workers.start(known: await loop.processWorkers())
        await loop.lead(
            as: lead.fence, actuators: [ScaleTarget.processKind: workers], otherKinds: cluster?.actuator, mayAct: lead.mayAct)
        logger.notice(
            "leading", metadata: ["instance": "\(settings.instanceName)", "fence": "\(term.fence)", "position": "\(log.head.seq)"])
        let services = try leadersServices(lead, workers, cluster, policies)
        let group = ServiceGroup(configuration: .init(services: services, logger: logger))
        let ending = Task { [loop, log, logger] in
            await term.over.wait()
            await loop.standBy()
            if term.isOurs(log) { _ = try? await onWaitingThread { try log.resign() } }
            logger.notice("leading no more", metadata: ["fence": "\(term.fence)"])
            await group.triggerGracefulShutdown()
        }
        do { try await service.namingBindFaults { try await group.run() } } catch {
            term.over.open()
            await ending.value
            throw error
        }
        term.over.open()
        await ending.value
    }

    /// The first commit of a lead says whose it is.
    private func tell(_ term: Terms.Term) async -> Bool {
        var batch = EventBatch()
        var body = JSONWriter()
        body.openObject()
        body.member("instance", settings.instanceName)
        body.member("fence", Int64(clamping: term.fence))
        body.closeObject()
        batch.append(
            .leaderElected, source: "/greenroom", id: "elected-\(term.fence)", subject: "greenroom", body: body.bytes)
        while !term.over.isOpen {
            do throws(AppendError) {
                _ = try await log.append(batch)
                return true
            } catch {
                logger.warning("this instance leads, and can't write yet", metadata: ["problem": "\(error)"])
                do { try await Task.sleep(for: .milliseconds(200)) } catch { return false }
            }
        }
        return false
    }

    private func leadersServices(
        _ lead: GreenroomService.Lead, _ workers: LocalWorkers, _ cluster: KubernetesTargets?, _ policies: [Policy]
    ) throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(
                service: StopAnnounced(
                    inner: WorkersService(workers: workers), what: "local workers to finish their turns, at most 10 s", logger: logger)),
            .init(service: PoliciesService(loop: loop, policies: policies, logger: logger)),
            .init(service: service.polling(loop, log)),
        ]
        if let cluster, let news {
            let objects = PolicyObjects.of(
                cluster, loop, news, namespaces: service.configuration.kubernetes?.policyNamespaces ?? [],
                addresses: AddressRule(allowed: service.configuration.kubernetes?.policyAddresses ?? []), logger: logger)
            services.append(.init(service: KubernetesService(targets: cluster, loop: loop, log: log, objects: objects)))
        }
        if let gateway {
            services.append(
                .init(
                    service: gateway.service(
                        loop, log, client: cluster?.client, drainSeconds: lead.drainSeconds,
                        logger: service.logger(named: "greenroom.gateway"), onStart: {})))
        }
        if let survey = try service.survey(log) { services.append(.init(service: survey)) }
        if let sinks = outward.sinks { services.append(.init(service: sinks)) }
        return services
    }
}

/// Folds the log from the start of the service to its end.
private struct FollowingService: Service {
    let loop: ControlLoop
    let onStart: @Sendable () -> Void

    func run() async throws {
        await loop.follow()
        onStart()
        try? await gracefulShutdown()
        await loop.stop()
    }
}

/// Policies of the configuration take effect where they aren't in effect already, once for each lead.
private struct PoliciesService: Service {
    let loop: ControlLoop
    let policies: [Policy]
    let logger: Logger

    func run() async throws {
        let bringing = LoopService(loop: loop, policies: policies, logger: logger, onStart: {})
        await bringing.bringIn()
        try? await gracefulShutdown()
    }
}

/// Tells the leader every second which workers have a stream open here: their leases are counted there.
private struct StreamsTold: Service {
    let handover: Handover
    let clock: MonotonicClock

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await handover.tellOfStreams()
                do { try await clock.sleep(.seconds(1)) } catch { return }
            }
        }
    }
}
