import Autoscaling
import ControlLoop
import Domain
import EventLog
import Foundation
import HTTPService
import KEDAScaler
import Kubernetes
import LocalWorkers
import Logging
import Pollers
import Replay
import ServiceLifecycle
import Telemetry
import UnixSignals

// How do the parts become one service?
//
// The composition root: the only place where the log, the loop, the server and the actuators meet. Starting opens the log,
// ends what a crash left behind, serves, and goes live; stopping goes the other way: workers, loop, server, log.

struct GreenroomService: Sendable {
    let configuration: ServiceConfiguration
    private let logger: Logger
    private let metrics: MetricsOutlet?

    init(_ configuration: ServiceConfiguration, logger: Logger, metrics: MetricsOutlet? = nil) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
    }

    /// Runs until it is told to stop by a signal, a graceful shutdown, or cancellation.
    ///
    /// - Parameters:
    ///   - stopped: the service stops in good order once this returns.
    ///   - onStart: called with the service's URL once it acts.
    func run(
        stopOn signals: [UnixSignal] = [.sigterm, .sigint], when stopped: (@Sendable () async -> Void)? = nil,
        onStart: @escaping @Sendable (String) async -> Void = { _ in }
    ) async throws {
        let server = try serverConfiguration()
        do throws(KEDAScalerConfiguration.Fault) { try configuration.keda?.validate() } catch { throw Fault(.usage, error.description) }
        let policies = try PolicyFiles.read(configuration.policies, now: EventLog.systemClock())
        let log = try openLog()
        defer { log.close() }
        let parts = try makeParts(log, server)
        let url = Self.url(of: server)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: HTTPServerService(server, parts: parts.http, log: logger))]
        if let keda = configuration.keda { services.append(.init(service: KEDAScalerService(configuration: keda, plane: parts.loop, logger: logger))) }
        services += [
            .init(service: LoopService(loop: parts.loop, policies: policies, logger: logger, onStart: { await onStart(url) })),
            .init(service: WorkersService(workers: parts.workers)),
            .init(service: polling(parts.loop, log)),
        ]
        if let targets = parts.kubernetes {
            let cluster = KubernetesService(targets: targets, loop: parts.loop, append: { batch in _ = try await log.append(batch) })
            services.append(.init(service: cluster))
        }
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
        do {
            try await group.run()
        } catch let fault as HTTPServer.BindFault {
            throw Fault(.unreachable, fault.description, do: "stop what listens there, or name another address under `listen`")
        } catch let fault as KEDAScalerConfiguration.Fault {
            throw Fault(.unreachable, fault.description)
        }
    }

    // MARK: - Parts

    private struct Parts {
        var loop: ControlLoop
        var workers: LocalWorkers
        var kubernetes: KubernetesTargets?
        var http: ServiceParts
    }

    /// Fetches what the policies in effect say, into the log.
    private func polling(_ loop: ControlLoop, _ log: EventLog) -> PollingService {
        PollingService(
            policies: { await loop.policies().compactMap { try? Policy(canonicalJSON: Array($0.canonicalJSON.utf8)) } },
            append: { batch in _ = try await log.append(batch) }, logger: Logger(labelLike: logger, "greenroom.pollers"), secretsFolder: configuration.secretsFolder)
    }

    private func makeParts(_ log: EventLog, _ server: ServerConfiguration) throws -> Parts {
        // The actuator asks the loop whether a worker is busy, and the loop tells the actuator what to do.
        let plane = PlaneBox()
        let workers = LocalWorkers(
            try workersConfiguration(log, server), logger: Logger(labelLike: logger, "greenroom.workers"),
            report: { batch in log.append(batch) { _ in } },
            isBusy: { worker in await plane.value?.worker(worker)?.used ?? 0 > 0 })
        let cluster = try kubernetesTargets(log, plane)
        var actuators: [String: any Actuator] = ["Process": workers]
        if let cluster { for kind in KubernetesTargets.commonKinds { actuators[kind] = cluster.actuator } }
        var loopConfiguration = ControlLoop.Configuration(fence: Fence(UInt64(log.head.seq) + 1), actuators: actuators)
        loopConfiguration.limits.checkpointEvents = configuration.checkpointEvents
        if let metrics { loopConfiguration.observer = metrics.loop }
        let loop = ControlLoop(log: log, scheduler: RealScheduler(clock: EventLog.systemClock), configuration: loopConfiguration)
        plane.value = loop

        var http = ServiceParts(log: log, plane: loop)
        http.version = Greenroom.version
        http.stateAt = { moment async throws(ControlFault) in try Self.state(of: log, at: moment) }
        if let metrics {
            http.log = MeteredLog(http.log)
            http.metricsText = { openMetrics in await metrics.text(openMetrics: openMetrics, loop, log) }
        }
        return Parts(loop: loop, workers: workers, kubernetes: cluster, http: http)
    }

    private func kubernetesTargets(_ log: EventLog, _ plane: PlaneBox) throws -> KubernetesTargets? {
        guard let cluster = configuration.kubernetes else { return nil }
        do throws(ClusterAccessFault) {
            var access = try ClusterAccess.discovered(kubeconfig: cluster.kubeconfig)
            if let namespace = cluster.namespace { access.namespace = namespace }
            // Every run on a log begins at another position or time, so no two say the same.
            let began = EventLog.systemClock().microseconds
            var kubernetes = KubernetesTargets.Configuration(access: access, seed: UInt64(bitPattern: began), run: "\(log.head.seq)-\(began)")
            kubernetes.foreignChange = cluster.foreignChange
            return try KubernetesTargets(
                kubernetes, logger: Logger(labelLike: logger, "greenroom.kubernetes"),
                holdsActor: { worker in await plane.value?.worker(worker)?.used ?? 0 > 0 })
        } catch {
            throw Fault(.usage, "kubernetes: \(error)", do: "name a kubeconfig under `kubernetes`, or run in a pod with a service account")
        }
    }

    private static func state(of log: EventLog, at moment: StateMoment) throws(ControlFault) -> any ControlPlane {
        let wanted: Moment = switch moment {
        case .position(let position): .position(position)
        case .time(let time): .time(time)
        }
        do throws(LogError) {
            return HistoricalState(world: try History.world(of: log, at: wanted), log: log)
        } catch {
            throw .unavailable(error.description)
        }
    }

    private func openLog() throws -> EventLog {
        let folder = URL(fileURLWithPath: configuration.database).deletingLastPathComponent()
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw Fault(.unreachable, "can't make the folder \(folder.path)", do: "make it, or name another database")
        }
        do throws(LogError) {
            return try EventLog.open(EventLog.Configuration(path: configuration.database))
        } catch {
            throw Fault(error)
        }
    }

    private func serverConfiguration() throws -> ServerConfiguration {
        var server = configuration.server
        do throws(ServerConfiguration.Fault) { try server.validate() } catch { throw Fault(.usage, error.description) }
        // Workers must be told a port before the server has one.
        if server.cleartext?.port == 0 { server.cleartext?.port = try LocalPort.free() }
        return server
    }

    private func workersConfiguration(_ log: EventLog, _ server: ServerConfiguration) throws -> LocalWorkersConfiguration {
        guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw Fault(.unreachable, "can't tell which program this is", do: "mount /proc")
        }
        return LocalWorkersConfiguration(
            executable: executable, serverURL: configuration.workerServerURL ?? Self.url(of: server), tokenFile: configuration.workerTokenFile,
            owner: log.id, workerArguments: configuration.workerArguments, nodes: configuration.workerNodes)
    }

    private static func url(of server: ServerConfiguration) -> String {
        if let address = server.cleartext { return "http://\(address)" }
        return server.tls.map { "https://\($0.address)" } ?? ""
    }
}

/// The loop, once there is one.
private final class PlaneBox: Sendable {
    private let box = Locked<(any ControlPlane)?>(nil)
    var value: (any ControlPlane)? {
        get { box.value }
        set { box.value = newValue }
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
    /// Workers of process pools that the log holds for alive.
    fileprivate func processWorkers() async -> [(worker: String, pool: String)] {
        let pools = Set(await pools().filter { $0.target.hasPrefix("Process/") }.map { "\($0.namespace)/\($0.name)" })
        return await workers(pool: nil, after: nil, limit: .max).map { ($0.name, "\($0.namespace)/\($0.pool)") }.filter { pools.contains($0.1) }
    }
}
