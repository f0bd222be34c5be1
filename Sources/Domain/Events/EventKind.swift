// Which events are there, what must each carry, and what is it about?
//
// The raw values are what the log stores: they are never reused or renumbered. The names after `dev.greenroom.` are what
// producers write. One row a kind, so that reading the list is reading the contract.

package enum EventKind: UInt8, Hashable, Sendable, CaseIterable {
    case actorCreated = 1
    case actorRequested = 2
    case actorWithdrawn = 3
    case actorPlaced = 4
    case actorRunning = 5
    case actorIdle = 6
    case actorPaused = 7
    case actorSuspended = 8
    case actorCrashed = 9
    case actorDeleted = 10
    case workerReady = 11
    case workerDraining = 12
    case workerGone = 13
    case snapshotCached = 14
    case snapshotEvicted = 15
    case queueObserved = 16
    case poolObserved = 17
    case policyApplied = 18
    case scaleDecided = 19
    case scaleApplied = 20
    case scaleFailed = 21
    case timerFired = 22
    case snapshotObserved = 23
    case prefetchSuggested = 24
    case clockStepped = 25
    case poolPaused = 26
    case positionLost = 27
    case workerObserved = 28
    case poolDeleted = 29
    case leaderElected = 30

    package static let typePrefix = "dev.greenroom."
    /// The field that says who did it.
    package static let author = "by"
    /// The field by which whoever compares the log with the system that hosts an actor puts a change right.
    package static let correction = "corrects"

    /// A kind's name, of a CloudEvent's `type` or of the name itself.
    package static func bareName(_ type: some StringProtocol) -> String {
        type.hasPrefix(typePrefix) ? String(type.dropFirst(typePrefix.count)) : String(type)
    }

    package enum Subject: Hashable, Sendable {
        case actor, worker, pool, node
        /// Whose snapshot it is: an actor, or where `data.template` is, a template.
        case holder
        /// The service itself.
        case service
    }

    package enum FieldType: Hashable, Sendable {
        /// A string that is a name: not empty, at most `EventLimits.nameBytes`, without NUL.
        case name
        case text
        /// A whole number, 0 or more; at most `Field.most`.
        case count
        case integer
        case number
        /// A number, or null for "could not be read" (with `error`).
        case numberOrNull
        case time
        case object
        case stringMap
        case array
        case bool
    }

    package struct Field: Sendable {
        package let name: String
        package let type: FieldType
        package let isRequired: Bool
        /// Of a count.
        package var most = Int64.max
        /// A text that is compared or handed on, such as a URI: without NUL.
        package var isHandedOn = false
        /// It came after logs were written that may hold anything under its name: an import takes that as it stands, and it says nothing.
        package var isLater = false
    }

    package struct Shape: Sendable {
        package let name: String
        package let subject: Subject
        /// Written by Greenroom alone; refused from outside.
        package let isOurs: Bool
        package let fields: [Field]
        /// `data.pool` is a field of this kind, and is kept as the row's pool.
        package let carriesPool: Bool
        /// `data.worker` is a field of this kind, and is kept as the row's worker.
        package let carriesWorker: Bool
    }

    package var shape: Shape { Self.shapes[Int(rawValue)] }
    package var name: String { shape.name }
    package var subject: Subject { shape.subject }
    // Asked for every event: a bit each, as taking a shape out of its table retains its name and fields.
    package var isOurs: Bool { Self.ours & (1 << UInt64(rawValue)) != 0 }
    package var carriesPool: Bool { Self.withPool & (1 << UInt64(rawValue)) != 0 }

    /// Whether producers send it and it says who did it: what ends something for others.
    package var carriesAuthor: Bool { Self.authored & (1 << UInt64(rawValue)) != 0 }

    /// Whether it is about an actor or a worker: what has a name within a namespace.
    package var isNamespaced: Bool { Self.namespaced & (1 << UInt64(rawValue)) != 0 }
    package var isAboutWorker: Bool { self == .workerReady || self == .workerDraining || self == .workerGone || self == .workerObserved }

    package init?(name: String) {
        guard let kind = Self.byName[name] else { return nil }
        self = kind
    }

    /// Kinds by the bytes of their name, for the reader's hot path.
    static let byNameBytes: [(name: [UInt8], kind: EventKind)] = allCases.map { (Array($0.name.utf8), $0) }
    private static let byName: [String: EventKind] = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })

    private static let ours = bits { $0.isOurs }
    private static let withPool = bits { $0.carriesPool }
    private static let authored = bits { shape in !shape.isOurs && shape.fields.contains { $0.name == author } }
    private static let namespaced = bits { $0.subject == .actor || $0.subject == .worker }

    /// A bit for each kind whose shape is so. Kinds are numbered below 64.
    private static func bits(_ isSo: (Shape) -> Bool) -> UInt64 {
        allCases.reduce(0) { bits, kind in
            precondition(kind.rawValue < 64)
            return isSo(kind.shape) ? bits | 1 << UInt64(kind.rawValue) : bits
        }
    }

    private static let shapes: [Shape] = {
        var table = [Shape](
            repeating: Shape(name: "", subject: .pool, isOurs: false, fields: [], carriesPool: false, carriesWorker: false),
            count: Int((allCases.map(\.rawValue).max() ?? 0)) + 1)
        for kind in allCases { table[Int(kind.rawValue)] = kind.makeShape() }
        return table
    }()

    private func makeShape() -> Shape {
        switch self {
        case .actorCreated:
            actor(
                "actor.created", pool: true, need("pool", .name), need("template", .name), may("tenant", .name), may("labels", .stringMap),
                may("sandboxClass", .name), mayHandOn("schedule"), may("timezone", .name))
        case .actorRequested:
            actor(
                "actor.requested", pool: true, need("pool", .name), may("priority", .integer), may("deadline", .time),
                may("selector", .stringMap), may("reason", .text), may("template", .name),
                may("expectedMillis", .count, upTo: EventLimits.millis))
        case .actorWithdrawn:
            actor("actor.withdrawn", corrects: true, may("reason", .text), by, later("request", .count))
        case .actorPlaced:
            actor(
                "actor.placed", ours: true, worker: true, need("worker", .name), may("tier", .text), may("score", .number),
                may("waited", .number), may("restoreSeconds", .number), may("waitedSeconds", .number))
        case .actorRunning:
            actor(
                "actor.running", worker: true, corrects: true, need("worker", .name), mayHandOn("restoredFrom"),
                may("restoreMillis", .count, upTo: EventLimits.millis))
        case .actorIdle: actor("actor.idle")
        case .actorPaused:
            actor(
                "actor.paused", worker: true, corrects: true, need("worker", .name), may("node", .name), mayHandOn("snapshot"), bytes,
                later("bound", .bool))
        case .actorSuspended:
            actor("actor.suspended", worker: true, corrects: true, need("worker", .name), mayHandOn("snapshot"), bytes)
        case .actorCrashed: actor("actor.crashed", worker: true, corrects: true, may("worker", .name), may("reason", .text), by)
        case .actorDeleted: actor("actor.deleted", corrects: true, by)
        case .workerReady:
            other(
                "worker.ready", .worker, pool: true, need("pool", .name), need("node", .name),
                may("slots", .count, upTo: EventLimits.slots), may("labels", .stringMap), may("zone", .name), may("sandboxClass", .name),
                mayHandOn("ip"), may("reason", .text), may("uid", .name), later("ttlSeconds", .count, upTo: EventLimits.leaseSeconds))
        case .workerDraining: other("worker.draining", .worker, need("reason", .text), may("uid", .name), by)
        case .workerGone: other("worker.gone", .worker, need("reason", .text), may("uid", .name), later("asOf", .count), by)
        case .workerObserved:
            other(
                "worker.observed", .worker, ours: true, need("state", .name), need("busy", .count, upTo: EventLimits.slots),
                need("from", .text), may("error", .text), may("uid", .name))
        case .snapshotCached: other("snapshot.cached", .node, need("node", .name), needToHandOn("snapshot"), bytes, may("template", .name))
        case .snapshotEvicted: other("snapshot.evicted", .node, need("node", .name), needToHandOn("snapshot"), bytes)
        case .queueObserved:
            other(
                "queue.observed", .pool, pool: true, need("pool", .name), need("metric", .name), need("value", .numberOrNull),
                may("labels", .stringMap), may("error", .text), may("inFlight", .number))
        case .poolObserved:
            other(
                "pool.observed", .pool, pool: true, need("pool", .name), need("specReplicas", .count, upTo: EventLimits.replicas),
                need("readyReplicas", .count, upTo: EventLimits.replicas), may("problem", .text), may("reason", .name),
                may("updating", .count, upTo: EventLimits.replicas))
        case .policyApplied:
            other(
                "policy.applied", .pool, ours: true, pool: true, need("pool", .name), need("policy", .object), need("digest", .text),
                may("shadow", .name), may("rules", .count), may("renews", .count), by)
        case .scaleDecided:
            other(
                "scale.decided", .pool, ours: true, pool: true, need("pool", .name), need("from", .count), need("to", .count),
                need("direction", .text), need("why", .array), need("inputs", .object), need("digest", .text), may("shadow", .name))
        case .scaleApplied: other("scale.applied", .pool, ours: true, pool: true, need("pool", .name), need("to", .count))
        case .scaleFailed:
            other(
                "scale.failed", .pool, ours: true, pool: true, need("pool", .name), need("error", .text), need("attempt", .count),
                may("workers", .array), may("specReplicas", .count), may("start", .name))
        case .timerFired:
            other("timer.fired", .pool, ours: true, pool: true, need("pool", .name), need("deadline", .time), may("shadow", .name))
        case .poolPaused:
            other(
                "pool.paused", .pool, ours: true, pool: true, need("pool", .name), need("in", .bool), need("out", .bool),
                may("hold", .count), by, may("was", .object))
        case .snapshotObserved:
            other(
                "snapshot.observed", .holder, ours: true, need("snapshot", .text), need("state", .text), may("bytes", .count),
                may("template", .name), may("toldAt", .count))
        case .prefetchSuggested:
            other(
                "prefetch.suggested", .node, ours: true, pool: true, need("pool", .name), need("node", .name), need("actor", .name),
                need("snapshot", .text), need("reason", .text), may("bytes", .count), may("request", .count), may("wakeAt", .time))
        case .poolDeleted: other("pool.deleted", .pool, ours: true, pool: true, need("pool", .name), by)
        case .clockStepped: other("clock.stepped", .service, ours: true, need("microseconds", .integer))
        case .positionLost: other("position.lost", .service, ours: true, may("through", .count), may("reason", .text))
        case .leaderElected: other("leader.elected", .service, ours: true, need("instance", .text), need("fence", .count))
        }
    }

    /// Who did it: the name of the token. A sender's own is replaced by it.
    private var by: Field { later(Self.author, .text) }
    private var bytes: Field { may("bytes", .count, upTo: EventLimits.snapshotBytes) }

    private func need(_ name: String, _ type: FieldType, upTo most: Int64 = .max) -> Field {
        Field(name: name, type: type, isRequired: true, most: most)
    }
    private func may(_ name: String, _ type: FieldType, upTo most: Int64 = .max) -> Field {
        Field(name: name, type: type, isRequired: false, most: most)
    }

    private func later(_ name: String, _ type: FieldType, upTo most: Int64 = .max) -> Field {
        Field(name: name, type: type, isRequired: false, most: most, isLater: true)
    }

    private func needToHandOn(_ name: String) -> Field { Field(name: name, type: .text, isRequired: true, isHandedOn: true) }
    private func mayHandOn(_ name: String) -> Field { Field(name: name, type: .text, isRequired: false, isHandedOn: true) }

    private func actor(
        _ name: String, ours: Bool = false, pool: Bool = false, worker: Bool = false, corrects: Bool = false, _ fields: Field...
    ) -> Shape {
        let more = [may("version", .count)] + (corrects ? [later(Self.correction, .count)] : [])
        return Shape(name: name, subject: .actor, isOurs: ours, fields: fields + more, carriesPool: pool, carriesWorker: worker)
    }

    private func other(_ name: String, _ subject: Subject, ours: Bool = false, pool: Bool = false, _ fields: Field...) -> Shape {
        Shape(name: name, subject: subject, isOurs: ours, fields: fields, carriesPool: pool, carriesWorker: false)
    }
}
