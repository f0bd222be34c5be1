package import Logging
package import UnixSignals
import Autoscaling
import ControlLoop
import Views
import Domain
import EventLog
import Foundation
import HTTPService
import KEDAScaler
import Kubernetes
import LocalWorkers
import Output
import Outward
import Pollers
import Replay
import Series
import ServiceLifecycle
import SubstrateGateway
import Machine
import Telemetry

// How do the parts become one service?
//
// The composition root: the only place where the log, the loop, the server and the actuators meet. Starting opens the log,
// ends what a crash left behind, serves, and goes live; stopping goes the other way: workers, loop, server, log.

package struct GreenroomService: Sendable {
    let configuration: ServiceConfiguration
    private let logger: Logger
    let metrics: MetricsOutlet?

    /// Under which this instance acts, where several might.
    struct Lead: Sendable {
        var fence: Fence
        var mayAct: @Sendable () -> Bool
        /// For requests in flight, when the lead ends.
        var drainSeconds: Double
        /// Who leads, for whoever is refused.
        var refusal: @Sendable () -> String
        /// Sets the gauges of the election.
        var show: @Sendable () -> Void
    }

    package init(_ configuration: ServiceConfiguration, logger: Logger, metrics: MetricsOutlet? = nil) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
    }

    /// Runs until a signal, a graceful shutdown, or cancellation.
    ///
    /// - Parameters:
    ///   - stopped: the service stops in good order once this returns.
    ///   - onStart: called with the service's URL once it acts.
    package func run(
        stopOn signals: [UnixSignal] = [.sigterm, .sigint], when stopped: (@Sendable () async -> Void)? = nil,
        onStart: @escaping @Sendable (String) async -> Void = { _ in }
    ) async throws {
        // What is wrong with the configuration is said at the start, also by an instance that will only stand by.
        _ = try serverConfiguration()
        do throws(KEDAScalerConfiguration.Fault) { try configuration.keda?.validate() } catch { throw Fault(.usage, error.description) }
        if let gateway = configuration.gateway { try GatewayParts.check(gateway) }
        try PolicyFiles.refuseSharedTargets(try PolicyFiles.read(configuration.policies, now: EventLog.systemClock(), waiting: false))
        if let election = configuration.kubernetes?.election {
            let elected = ElectedService(service: self, settings: election, logger: Logger(labelLike: logger, "greenroom.election"))
            return try await elected.run(stopOn: signals, when: stopped, onStart: onStart)
        }
        if let jetstream = configuration.jetstream {
            let replicated = ReplicatedService(service: self, settings: jetstream, logger: self.logger(named: "greenroom.replication"))
            return try await replicated.run(stopOn: signals, when: stopped, onStart: onStart)
        }
        let log: EventLog
        do throws(LogError) { log = try openLog() } catch { throw Fault(error) }
        try await act(on: log, as: nil, stopOn: signals, when: stopped, onStart: onStart)
    }

    /// Acts on the log, and closes it at the end. `lead` is nil where no other instance might.
    func act(
        on log: EventLog, as lead: Lead?, stopOn signals: [UnixSignal], when stopped: (@Sendable () async -> Void)?,
        onStart: @escaping @Sendable (String) async -> Void
    ) async throws {
        defer { log.close() }
        var server = try serverConfiguration()
        if let lead { server.limits.drainSeconds = min(server.limits.drainSeconds, lead.drainSeconds) }
        let policies = try PolicyFiles.read(configuration.policies, now: EventLog.systemClock(), waiting: false)
        let parts = try makeParts(log, server, lead)
        let url = Self.url(of: server)
        let bound = Bound(configuration)
        var services = try openPorts(server, parts.http, parts.loop, policies, bound)
        services += [
            .init(
                service: StopAnnounced(
                    inner: LoopService(loop: parts.loop, policies: policies, logger: logger, onStart: { bound.loop.open() }),
                    what: "the loop to save its checkpoint", logger: logger)),
            .init(
                service: StopAnnounced(
                    inner: WorkersService(workers: parts.workers), what: "local workers to finish their turns, at most 10 s", logger: logger
                )),
            .init(service: reloading(parts.loop)),
            .init(service: polling(parts.loop, log)),
        ]
        if let series = parts.series { services.append(.init(service: SeriesService(series: series))) }
        if let (targets, news) = parts.kubernetes {
            let objects = PolicyObjects.of(
                targets, parts.loop, news, namespaces: configuration.kubernetes?.policyNamespaces ?? [],
                addresses: AddressRule(allowed: configuration.kubernetes?.policyAddresses ?? []), logger: logger)
            let cluster = KubernetesService(targets: targets, loop: parts.loop, log: log, objects: objects)
            services.append(.init(service: cluster))
        }
        if let gateway = parts.gateway {
            let logger = Logger(labelLike: logger, "greenroom.gateway")
            services.append(
                .init(
                    service: gateway.service(
                        parts.loop, log, client: parts.kubernetes?.targets.client, drainSeconds: lead?.drainSeconds, logger: logger,
                        onStart: { bound.gateway?.open() })))
        }
        if let survey = try survey(log) { services.append(.init(service: survey)) }
        if let sinks = parts.outward.sinks { services.append(.init(service: sinks)) }
        if let exporter = parts.outward.exporter { services.append(.init(service: exporter)) }
        services.append(.init(service: ReadyService(parts: bound.all, onReady: { await onStart(url) })))
        let group = ServiceGroup(configuration: .init(services: services, gracefulShutdownSignals: signals, logger: logger))
        await parts.loop.catchUp()
        await parts.workers.start(known: await parts.loop.processWorkers())
        let stopper = stopped.map { stopped in
            Task {
                await stopped()
                await group.triggerGracefulShutdown()
            }
        }
        defer { stopper?.cancel() }
        try await namingBindFaults { try await group.run() }
    }

    /// The ports that any instance has: HTTP, KEDA's and that of external metrics.
    func openPorts(
        _ server: ServerConfiguration, _ http: ServiceParts, _ loop: ControlLoop, _ policies: [Policy], _ bound: Bound
    ) throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(
                service: StopAnnounced(
                    inner: HTTPServerService(server, parts: http, log: logger, onStart: { _ in bound.http.open() }),
                    what: "requests in flight, at most \(Int(server.limits.drainSeconds.rounded(.up))) s; then the log closes",
                    logger: logger))
        ]
        if let keda = configuration.keda {
            let named = Self.poolsNamed(by: policies)
            let knows = { @Sendable (pool: String) in
                if named.contains(pool) { return true }
                return Self.poolsNamed(
                    by: await loop.policies().compactMap { try? Policy(canonicalJSON: Array($0.canonicalJSON.utf8)) }
                ).contains(pool)
            }
            services.append(
                .init(
                    service: KEDAScalerService(
                        configuration: keda, plane: loop, knows: knows, logger: logger, onStart: { _ in bound.keda?.open() })))
        }
        if let externalMetrics = configuration.externalMetrics {
            let access = configuration.kubernetes == nil ? nil : try clusterAccess()
            services.append(
                .init(
                    service: try ServedExternalMetrics(
                        externalMetrics, access: access, loop: loop, logger: logger(named: "greenroom.externalmetrics"),
                        onStart: { _ in bound.externalMetrics?.open() })))
        }
        return services
    }

    func survey(_ log: EventLog) throws -> (any Service)? {
        try configuration.objectStorage?.makeSurvey(
            log, secrets: SecretFolder(path: configuration.secretsFolder), logger: logger(named: "greenroom.objectstorage"))
    }

    /// A logger of another name at the same level.
    func logger(named label: String) -> Logger { Logger(labelLike: logger, label) }

    func namingBindFaults(_ work: () async throws -> Void) async throws {
        do { try await work() } catch let fault as HTTPServer.BindFault {
            throw Fault(.unreachable, fault.sentence, do: "stop what listens there, or name another address under `listen`")
        } catch let fault as KEDAScalerConfiguration.Fault {
            throw Fault(.unreachable, fault.description)
        } catch let fault as GatewayConfiguration.Fault {
            throw Fault(.unreachable, fault.description)
        }
    }

    // MARK: - Parts

    /// What must be there before the service is ready: the loop, and each port that the configuration names.
    struct Bound: Sendable {
        let http = Latch()
        let loop = Latch()
        let keda: Latch?
        let externalMetrics: Latch?
        let gateway: Latch?

        init(_ configuration: ServiceConfiguration) {
            keda = configuration.keda.map { _ in Latch() }
            externalMetrics = configuration.externalMetrics.map { _ in Latch() }
            gateway = configuration.gateway.map { _ in Latch() }
        }

        var all: [Latch] { [http, loop] + [keda, externalMetrics, gateway].compactMap { $0 } }
    }

    func reloading(_ loop: ControlLoop, isInCharge: @escaping @Sendable () -> Bool = { true }) -> ReloadService {
        ReloadService(
            application: PolicyApplication(loop: loop, logger: logger),
            read: { [paths = configuration.policies] in
                let policies = try PolicyFiles.read(paths, now: EventLog.systemClock(), waiting: false)
                try PolicyFiles.refuseSharedTargets(policies)
                return policies
            }, isInCharge: isInCharge, logger: logger)
    }

    private struct Parts {
        var loop: ControlLoop
        var workers: LocalWorkers
        var kubernetes: (targets: KubernetesTargets, news: LoopNews)?
        var gateway: GatewayParts?
        var series: PoolSeries?
        var outward: OutwardParts
        var http: ServiceParts
    }

    /// Every pool that a policy is about, is a shadow of, or spills to.
    static func poolsNamed(by policies: [Policy]) -> Set<String> { Set(policies.flatMap { [$0.pool, $0.name] + $0.spillTo }) }

    /// Fetches what the policies in effect say, into the log.
    func polling(_ loop: ControlLoop, _ log: EventLog) -> PollingService {
        PollingService(
            policies: { loop.policyUpdates() },
            append: { batch in _ = try await log.append(batch) }, logger: Logger(labelLike: logger, "greenroom.pollers"),
            rule: { [allowed = configuration.kubernetes?.policyAddresses ?? []] name in
                // One that is gone meanwhile is trusted with nothing.
                guard let policy = await loop.policy(name) else { return AddressRule(allowed: allowed) }
                return loop.isFromObject(policy) ? AddressRule(allowed: allowed) : nil
            },
            secretsFolder: configuration.secretsFolder)
    }

    private func makeParts(_ log: EventLog, _ server: ServerConfiguration, _ lead: Lead?) throws -> Parts {
        // The actuator asks the loop whether a worker is busy, and the loop tells the actuator what to do.
        let plane = PlaneBox()
        let workers = LocalWorkers(
            try workersConfiguration(log, server, lead), logger: Logger(labelLike: logger, "greenroom.workers"),
            report: { batch in log.append(batch) { _ in } },
            isBusy: { await plane.isBusy($0) }, wasReady: { await plane.knows($0) })
        let news = LoopNews(beside: metrics?.loop ?? SilentObserver(), after: log.head.seq, name: { log.names.text(of: $0) })
        let cluster = try kubernetesTargets(log, plane, lead, news)
        var loopConfiguration = ControlLoop.Configuration(
            fence: lead?.fence ?? Fence(UInt64(log.head.seq) + 1), actuators: [ScaleTarget.processKind: workers],
            otherKinds: cluster?.actuator)
        loopConfiguration.limits.checkpointEvents = configuration.checkpointEvents
        if cluster != nil { loopConfiguration.observer = news } else if let metrics { loopConfiguration.observer = metrics.loop }
        let gateway = configuration.gateway.map { GatewayParts($0, beside: loopConfiguration.observer, log) }
        if let gateway { loopConfiguration.observer = gateway.news }
        let loop = ControlLoop(log: log, scheduler: RealScheduler(clock: { log.now }), configuration: loopConfiguration)
        plane.value = loop

        let outward = OutwardParts(configuration, log, loop, metrics: metrics, logger: Logger(labelLike: logger, "greenroom.outward"))
        let made = makeHTTP(log, loop, gateway, outward) {
            // An instance that nobody stands by for leads all the same.
            if let lead { lead.show() } else { LeaderGauge.show(true) }
        }
        var http = made.parts
        if let lead { http.readiness.append(ReadinessCheck("leader") { lead.mayAct() ? .ok : .failing(lead.refusal()) }) }
        return Parts(
            loop: loop, workers: workers, kubernetes: cluster.map { ($0, news) }, gateway: gateway, series: made.series, outward: outward,
            http: http)
    }

    struct HTTPParts: Sendable {
        var parts: ServiceParts
        var series: PoolSeries?
    }

    /// What the HTTP service speaks for.
    /// - Parameters:
    ///   - handover: takes appends where this instance may not write; nil where it always may.
    ///   - show: sets the gauges of who leads.
    func makeHTTP(
        _ log: EventLog, _ loop: ControlLoop, _ gateway: GatewayParts?, _ outward: OutwardParts, handover: Handover? = nil,
        show: @escaping @Sendable () -> Void
    ) -> HTTPParts {
        var http = ServiceParts(log: log, plane: loop)
        if let handover { http.log = HandedLog(http.log, handover) }
        http.version = Version.text
        http.now = { log.now }
        if let gateway { http.upstream = { gateway.board.trouble(of: $0) } }
        let archive = StateArchive(log: log)
        http.stateAt = { moment async throws(ControlFault) in try await Self.state(of: log, at: moment, from: archive) }
        let series =
            configuration.keepsSeries
            ? PoolSeries(log: log, archive: archive, now: { log.now }, logger: Logger(labelLike: logger, "greenroom.series")) : nil
        http.series = series
        let desk = UsageDesk(log: log)
        http.usage = { query async throws(ControlFault) in try await desk.report(query) }
        let lab = LabDesk(log: log)
        http.whatIf = { query, progress async throws(ControlFault) in try await lab.whatIf(query, progress) }
        http.verify = { recomputes, progress async throws(ControlFault) in try await lab.verify(recomputes, progress) }
        if let metrics {
            http.log = MeteredLog(http.log)
            http.metricsText = { openMetrics in
                show()
                outward.sinks?.show(now: EventLog.systemClock())
                return await metrics.text(openMetrics: openMetrics, loop, log)
            }
        }
        if let check = outward.readiness { http.readiness.append(check) }
        if configuration.otlp?.sendsTraces ?? false {
            http.log = TracedLog(http.log, log)
            http.traceparent = { log.traceparent(ofPlacementAt: $0) }
        }
        return HTTPParts(parts: http, series: series)
    }

    func clusterAccess() throws -> ClusterAccess {
        do throws(ClusterAccessFault) {
            var access = try ClusterAccess.discovered(kubeconfig: configuration.kubernetes?.kubeconfig)
            if let namespace = configuration.kubernetes?.namespace { access.namespace = namespace }
            return access
        } catch {
            throw Fault(.usage, "kubernetes: \(error)", do: "name a kubeconfig under `kubernetes`, or run in a pod with a service account")
        }
    }

    func kubernetesTargets(_ log: EventLog, _ plane: PlaneBox, _ lead: Lead?, _ news: LoopNews) throws -> KubernetesTargets? {
        guard configuration.kubernetes != nil else { return nil }
        let access = try clusterAccess()
        let pods = PodPoller(rule: AddressRule(allowed: configuration.kubernetes?.policyAddresses ?? []))
        do throws(ClusterAccessFault) {
            // Every run on a log begins at another position or time, so no two say the same.
            let began = EventLog.systemClock().microseconds
            var kubernetes = KubernetesTargets.Configuration(
                access: access, seed: UInt64(bitPattern: began), run: "\(log.head.seq)-\(began)")
            if let lead { kubernetes.mayWrite = lead.mayAct } else { kubernetes.standsAlone = true }
            return try KubernetesTargets(
                kubernetes, logger: Logger(labelLike: logger, "greenroom.kubernetes"),
                holdsActor: { await plane.isBusy($0) }, query: { await pods.response($0) }, finding: { news.tell($0.news, ofPool: $0.pool) }
            )
        } catch { throw Fault(.usage, "kubernetes: \(error)") }
    }

    private static func state(
        of log: EventLog, at moment: Moment, from archive: StateArchive
    ) async throws(ControlFault) -> any ControlPlane {
        do throws(StateArchive.Fault) {
            return HistoricalState(state: try await archive.state(at: moment), log: log)
        } catch {
            switch error {
            case .full: throw .overloaded(retryAfterSeconds: 1)
            case .log(let error): throw .unavailable(error.description)
            }
        }
    }

    /// - Parameters:
    ///   - refusal: asked before each commit.
    ///   - replica: the stream that the log lies on; nil where the file is all of it.
    func openLog(
        refusal: @escaping @Sendable () -> AppendError? = { nil }, replica: ReplicaSettings? = nil
    ) throws(LogError) -> EventLog {
        // A folder that isn't there may be a volume that isn't mounted: a log made in its place would be empty, and lost later.
        let folder = URL(fileURLWithPath: configuration.database).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            throw LogError(
                .unreachable, operation: "open", path: configuration.database, problem: "there is no folder \(folder)",
                hint: "mount its volume, or make it with `mkdir -p \(folder)`")
        }
        var opening = EventLog.Configuration(path: configuration.database)
        opening.commitRefusal = refusal
        opening.replica = replica
        let logger = Logger(labelLike: logger, "greenroom.log")
        opening.notice = { notice in
            switch notice.level {
            case .notice: logger.notice("\(notice.text)")
            case .warning: logger.warning("\(notice.text)")
            case .error: logger.error("\(notice.text)")
            }
        }
        return try EventLog.open(opening)
    }

    func serverConfiguration() throws -> ServerConfiguration {
        var server = configuration.server
        do throws(ServerConfiguration.Fault) { try server.validate() } catch { throw Fault(.usage, error.description) }
        // Workers must be told a port before the server has one.
        if server.cleartext?.port == 0 { server.cleartext?.port = try LocalPort.free() }
        return server
    }

    func workersConfiguration(_ log: EventLog, _ server: ServerConfiguration, _ lead: Lead?) throws -> LocalWorkersConfiguration {
        guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw Fault(.unreachable, "can't tell which program this is", do: "mount /proc")
        }
        var workers = LocalWorkersConfiguration(
            executable: executable, serverURL: configuration.workerServerURL ?? Self.url(of: server),
            tokenFile: configuration.workerTokenFile,
            owner: log.id, workerArguments: configuration.workerArguments, nodes: configuration.workerNodes)
        if let lead { workers.mayStart = lead.mayAct }
        return workers
    }

    static func url(of server: ServerConfiguration) -> String {
        if let address = server.cleartext { return "http://\(address)" }
        return server.tls.map { "https://\($0.address)" } ?? ""
    }
}

/// The loop, once there is one.
final class PlaneBox: Sendable {
    private let box = Locked<(any ControlPlane)?>(nil)
    var value: (any ControlPlane)? {
        get { box.value }
        set { box.value = newValue }
    }

    /// Whether the log knows of an actor on the worker: `NAMESPACE/NAME`. Of a bare name that several have, on any of them.
    func isBusy(_ worker: String) async -> Bool { await value?.workers(named: worker).contains { $0.used > 0 } ?? false }

    /// Whether a worker of that name is ready, or drains.
    func knows(_ worker: String) async -> Bool { await !(value?.workers(named: worker).isEmpty ?? true) }
}

extension PodPoller {
    fileprivate func response(_ query: BusyProbe) async -> BusyResponse {
        switch await tasks(ip: query.ip, port: query.port, query.source, timeoutSeconds: query.timeoutSeconds) {
        case .success(let tasks): .tasks(tasks)
        case .failure(let fault): .failed(fault.description)
        }
    }
}

extension Logger {
    /// A logger of another name at the same level.
    fileprivate init(labelLike logger: Logger, _ label: String) {
        self.init(label: label)
        logLevel = logger.logLevel
    }
}

extension ControlLoop {
    /// Workers that the log holds for alive and that may have been processes: of process pools, and of pools whose policy is gone.
    func processWorkers() async -> [(worker: String, pool: String)] {
        let pools = Set(
            await pools().filter { $0.target.hasPrefix("\(ScaleTarget.processKind)/") || $0.target.isEmpty }.map {
                "\($0.namespace)/\($0.name)"
            })
        return await workers(pool: nil, after: nil, limit: .max).map { ($0.name, "\($0.namespace)/\($0.pool)") }.filter {
            pools.contains($0.1)
        }
    }
}
