public import Domain

// What is this worker, and within which limits does it work?

public struct WorkerConfiguration: Sendable {
    public var name: String
    /// `NAMESPACE/NAME`.
    public var pool: String
    public var node: String
    public var slots: Int
    public var zone: String?
    public var sandboxClass: String?
    public var ip: String?
    /// Sorted by key.
    public var labels: [(key: String, value: String)]
    /// How long turns may still run once the worker is asked to go.
    public var drainLimit: Duration
    public var limits: Limits

    public init(
        name: String, pool: String, node: String, slots: Int = 1, zone: String? = nil, sandboxClass: String? = nil, ip: String? = nil,
        labels: [(key: String, value: String)] = [], drainLimit: Duration = .seconds(3_600), limits: Limits = Limits()
    ) {
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

    public struct Limits: Sendable {
        /// Placements that wait here for a slot which the log holds for free already; one more is refused.
        public var queuedPlacements = 64
        /// Between two tries to reach the service.
        public var retryDelayMin = Duration.milliseconds(100)
        public var retryDelayMax = Duration.seconds(5)
        /// All tries of one report together; after that the worker gives up and exits, for the log knows better than it.
        public var reportLimit = Duration.seconds(600)
        public var eventsPerSend = 100
        public var queuedReports = 4_096
        /// A draining worker looks for placements that were under way once more after this.
        public var drainSettle = Duration.milliseconds(200)
        /// For the last words of a worker that stops at once.
        public var farewellLimit = Duration.seconds(2)

        public init() {}
    }
}

/// How a worker reads the time and waits; tests bring their own.
public struct WorkerClock: Sendable {
    public var now: @Sendable () -> LogTime
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(now: @escaping @Sendable () -> LogTime, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }
}

/// Delays that double between two bounds.
struct RetryDelay: Sendable {
    private let min: Duration
    private let max: Duration
    private var next: Duration

    init(min: Duration, max: Duration) {
        self.min = min
        self.max = max
        next = min
    }

    mutating func take() -> Duration {
        defer { next = Swift.min(next * 2, max) }
        return next
    }

    mutating func reset() { next = min }
}
