package import Logging
import ServiceLifecycle
import HTTPTransport
import NIOCore

// How does the gateway live under service-lifecycle?
//
// It listens when it is run and says where. A graceful shutdown takes no new calls, tells parked callers what ateapi said, and waits for
// resumes that are on their way: cut ones would stay half done upstream.

package struct SubstrateGatewayService: Service {
    private let configuration: GatewayConfiguration
    private let log: GatewayLog
    private let catalog: PoolCatalog
    private let news: PlacementNews
    private let tellsWorkers: Bool
    private let board: TroubleBoard
    private let logger: Logger
    private let onStart: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - news: the observer that hears of placements from the loop.
    ///   - tellsWorkers: whether the workers that ateapi lists are logged. True where no other source, such as a watch of pods, logs them.
    ///   - board: where actors that are stuck in ateapi are noted.
    ///   - onStart: called with the port once the gateway listens.
    package init(
        configuration: GatewayConfiguration, log: GatewayLog, catalog: PoolCatalog, news: PlacementNews, tellsWorkers: Bool,
        board: TroubleBoard = TroubleBoard(), logger: Logger,
        onStart: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.log = log
        self.catalog = catalog
        self.news = news
        self.tellsWorkers = tellsWorkers
        self.board = board
        self.logger = logger
        self.onStart = onStart
    }

    /// - Throws: `GatewayConfiguration.Fault` where the configuration or the port can't be.
    package func run() async throws {
        try configuration.validate()
        let tls = try certificates()
        let metrics = GatewayMetrics()
        let notes = GatewayNotes(metrics)
        let server: GatewayServer
        do { server = try await GatewayServer.start(configuration, tls: tls, notes, metrics, board, logger) } catch {
            throw GatewayConfiguration.Fault(
                field: "listen",
                problem:
                    "can't listen on \(configuration.host):\(configuration.port): \(error): stop what listens there, or name another address"
            )
        }
        let handle = server.handle
        news.onNews { news in
            let placements = news.placed.compactMap { placed in ActorKey(name: placed.actor).map { (key: $0, worker: placed.worker) } }
            handle.tell { core in
                core.desk.placed(placements)
                core.desk.lost(news.gone)
            }
        }
        let scribe = GatewayScribe(log, catalog, metrics, logger)
        let reconciler = Reconciler(handle, scribe, log, catalog, configuration, tellsWorkers: tellsWorkers, metrics, board, logger)
        logger.notice(
            "gateway for agent-substrate listening",
            metadata: [
                "port": "\(server.port)", "tls": "\(tls == nil ? "no" : "yes")", "upstream": "\(configuration.upstream.address)",
                "parkSeconds": "\(configuration.parkSeconds)",
            ])
        await onStart(server.port)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await scribe.run(notes) }
            group.addTask { await cancelWhenGracefulShutdown { await reconciler.run() } }
            group.addTask { [logger] in
                await cancelWhenGracefulShutdown { if let tls { await tls.watch(log: logger) } }
            }
            group.addTask { [configuration, news] in
                try? await gracefulShutdown()
                await server.stop(drainSeconds: Task.isCancelled ? 0 : configuration.limits.drainSeconds)
                news.onNews(nil)
                notes.finish()
            }
            await group.waitForAll()
        }
        await server.shutDown()
        logger.info("gateway for agent-substrate stopped")
    }

    private func certificates() throws(GatewayConfiguration.Fault) -> ReloadingTLSContext? {
        guard let tls = configuration.tls else { return nil }
        do throws(TLSFiles.Fault) {
            return try ReloadingTLSContext(tls)
        } catch {
            throw GatewayConfiguration.Fault(field: "tls", problem: "\(error): name PEM files that belong together")
        }
    }
}
