package import Domain

// What is this worker, and within which limits does it work?

package struct WorkerConfiguration: Sendable {
    package var name: String
    /// `NAMESPACE/NAME`.
    package var pool: String
    package var node: String
    package var slots: Int
    package var zone: String?
    package var sandboxClass: String?
    package var ip: String?
    /// Sorted by key.
    package var labels: [(key: String, value: String)]
    /// After so long without its stream or a heartbeat the service counts it as lost; 0 where somebody else watches over it.
    package var ttlSeconds: Int
    /// How long turns may still run once the worker is asked to go.
    package var drainLimit: Duration
    package var limits: Limits

    package init(
        name: String, pool: String, node: String, slots: Int = 1, zone: String? = nil, sandboxClass: String? = nil, ip: String? = nil,
        labels: [(key: String, value: String)] = [], ttlSeconds: Int = 0, drainLimit: Duration = .seconds(3_600),
        limits: Limits = Limits()
    ) {
        self.ttlSeconds = ttlSeconds
        self.name = name
        self.pool = pool
        self.node = node
        self.slots = slots
        self.zone = zone
        self.sandboxClass = sandboxClass
        self.ip = ip
        self.labels = labels
        self.drainLimit = drainLimit
        self.limits = limits
    }

    /// As the log knows it: its namespace is the pool's.
    var fullName: String { QualifiedName.full(name, in: namespace) }
    private var namespace: String { QualifiedName.namespace(ofPool: pool) }

    /// A placement names its worker within its own namespace, or in full.
    func isMeant(by placement: Placement) -> Bool {
        placement.worker == fullName || (placement.worker == name && (placement.namespace ?? namespace) == namespace)
    }

    package struct Limits: Sendable {
        /// Placements that wait here for a slot which the log holds for free already; one more is refused.
        package var queuedPlacements = 64
        /// Between two tries to reach the service.
        package var retryDelayMin = Duration.milliseconds(100)
        package var retryDelayMax = Duration.seconds(5)
        /// All tries of one report together; after that the worker gives up and exits, for the log knows better than it.
        package var reportLimit = Duration.seconds(600)
        package var eventsPerSend = 100
        package var queuedReports = 4_096
        /// A draining worker looks for placements that were under way once more after this.
        package var drainSettle = Duration.milliseconds(200)
        /// For the last words of a worker that stops at once.
        package var farewellLimit = Duration.seconds(2)

        package init() {}
    }
}

/// How a worker reads the time and waits; tests bring their own.
package struct WorkerClock: Sendable {
    package var now: @Sendable () -> LogTime
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(now: @escaping @Sendable () -> LogTime, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }
}
