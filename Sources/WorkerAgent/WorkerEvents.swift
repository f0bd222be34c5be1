import Domain

// How does a worker say what happened?
//
// Names come with their namespace: two workers of one name may be there, and actors of other namespaces run here.
// Each report is an event of source `/greenroom/worker/NAMESPACE/NAME` with a number for its id. Numbers begin at the microsecond of
// the start, so a worker that is started again under the same name goes on above all it used before. Where the clock was set back, it
// doesn't: then a report is refused as a repeat that says something else, and ids begin anew, with a mark of their own.

struct WorkerEvents: Sendable {
    private let worker: String
    let source: String
    private var last: Int64
    /// How often ids began anew.
    private var beginnings = 0
    private var mark = ""

    /// - Parameter worker: `NAMESPACE/NAME`.
    init(worker: String, startedAt: LogTime) {
        self.worker = worker
        source = "/greenroom/worker/\(worker)"
        last = startedAt.microseconds
    }

    /// Ids from here on are none that were used before.
    mutating func beginAnew(at time: LogTime) {
        beginnings += 1
        mark = "-\(time.microseconds)-\(beginnings)"
    }

    mutating func ready(_ configuration: WorkerConfiguration, at time: LogTime) -> EventBatch {
        make(.workerReady, worker, pool: configuration.pool, at: time) { body in
            body.member("node", configuration.node)
            body.member("slots", configuration.slots)
            if let zone = configuration.zone { body.member("zone", zone) }
            if let sandboxClass = configuration.sandboxClass { body.member("sandboxClass", sandboxClass) }
            if let ip = configuration.ip { body.member("ip", ip) }
            if configuration.ttlSeconds > 0 { body.member("ttlSeconds", configuration.ttlSeconds) }
            guard !configuration.labels.isEmpty else { return }
            body.key("labels")
            body.openObject()
            for label in configuration.labels { body.member(label.key, label.value) }
            body.closeObject()
        }
    }

    mutating func draining(reason: String, at time: LogTime) -> EventBatch {
        make(.workerDraining, worker, at: time) { $0.member("reason", reason) }
    }

    mutating func gone(reason: String, at time: LogTime) -> EventBatch {
        make(.workerGone, worker, at: time) { $0.member("reason", reason) }
    }

    /// - Parameter saysMore: false leaves out all that needn't be said.
    mutating func running(_ placement: Placement, restoreMillis: Int64? = nil, saysMore: Bool = true, at time: LogTime) -> EventBatch {
        make(.actorRunning, placement.fullActor, worker: worker, at: time) { body in
            guard saysMore else { return }
            if let origin = placement.restoreFrom { body.member("restoredFrom", origin) }
            if let restoreMillis { body.member("restoreMillis", restoreMillis) }
        }
    }

    mutating func suspended(_ placement: Placement, _ snapshot: TurnSnapshot?, at time: LogTime) -> EventBatch {
        make(.actorSuspended, placement.fullActor, worker: worker, at: time) { body in
            guard let snapshot else { return }
            body.member("snapshot", snapshot.uri)
            if let bytes = snapshot.bytes { body.member("bytes", bytes) }
        }
    }

    mutating func crashed(_ placement: Placement, reason: String, at time: LogTime) -> EventBatch {
        make(.actorCrashed, placement.fullActor, worker: worker, at: time) { $0.member("reason", reason) }
    }

    private mutating func make(
        _ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, at time: LogTime,
        _ fill: (inout JSONWriter) -> Void
    ) -> EventBatch {
        last += 1
        var body = JSONWriter()
        body.openObject()
        fill(&body)
        body.closeObject()
        var batch = EventBatch()
        batch.append(kind, source: source, id: "\(last)\(mark)", subject: subject, pool: pool, worker: worker, time: time, body: body.bytes)
        return batch
    }
}
