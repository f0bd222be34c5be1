import ControlLoop
import EventLog
import Kubernetes
import Logging
import Output
import ServiceLifecycle
import SubstrateGateway

// How does the gateway meet the loop, the log and the cluster?
//
// Its observer stands in the loop's row of observers; its service runs beside the others. With a cluster the WorkerPool and ActorTemplate
// objects say which pool a resume waits for, and workers come from the pods' watch. Without one both come from ateapi's own lists.

struct GatewayParts: Sendable {
    let configuration: GatewayConfiguration
    let news: PlacementNews
    let board = TroubleBoard()

    init(_ configuration: GatewayConfiguration, beside observer: any LoopObserving, _ log: EventLog) {
        self.configuration = configuration
        news = PlacementNews(beside: observer) { log.names.text(of: $0) }
    }

    /// - Parameters:
    ///   - client: nil without a cluster.
    ///   - drainSeconds: the most that a stop may take; nil leaves it to the configuration.
    ///   - onStart: called once the port is open.
    func service(
        _ loop: ControlLoop, _ log: EventLog, client: KubernetesClient?, drainSeconds: Double?, logger: Logger,
        onStart: @escaping @Sendable () -> Void
    ) -> GatewayService {
        var configuration = configuration
        if let drainSeconds { configuration.limits.drainSeconds = min(configuration.limits.drainSeconds, drainSeconds) }
        let began = EventLog.systemClock().microseconds
        let catalog = PoolCatalog(configured: configuration.pools, defaultPool: configuration.defaultPool)
        let gateway = SubstrateGatewayService(
            configuration: configuration,
            log: GatewayLog(plane: loop, append: { batch, done in log.append(batch, completion: done) }, run: "\(log.head.seq)-\(began)"),
            catalog: catalog, news: news, tellsWorkers: client == nil, board: board, logger: logger,
            onStart: { _ in onStart() })
        let watch = client.map { PoolCatalogWatch(client: $0, catalog: catalog, seed: UInt64(bitPattern: began), logger: logger) }
        return GatewayService(gateway: gateway, watch: watch)
    }

    static func check(_ configuration: GatewayConfiguration) throws {
        do throws(GatewayConfiguration.Fault) { try configuration.validate() } catch { throw Fault(.usage, error.description) }
    }
}

struct GatewayService: Service {
    let gateway: SubstrateGatewayService
    let watch: PoolCatalogWatch?

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cancelWhenGracefulShutdown { if let watch { await watch.run() } else { try? await gracefulShutdown() } } }
            group.addTask { try await gateway.run() }
            // The gateway's end is the service's.
            try await group.waitForAll()
        }
    }
}
