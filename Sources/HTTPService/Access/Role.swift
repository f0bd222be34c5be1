import Domain

// What may a token do?
//
// Roles don't include one another: a token that reads and writes says so. No name of a token and no token ever reaches an
// answer or a log line; a principal is known by the name its line in the file gives it.

enum Role: String, Hashable, Sendable, CaseIterable {
    /// POST and DELETE of events and placements.
    case ingest
    /// Every GET.
    case read
    /// Policies and pauses.
    case admin
    /// What a worker needs and nothing else: to say what becomes of it and of its actors, and to follow the placements of a worker that it
    /// names.
    case worker

    var bit: UInt8 {
        switch self {
        case .ingest: 1
        case .read: 2
        case .admin: 4
        case .worker: 8
        }
    }
}

struct RoleSet: Hashable, Sendable {
    private var bits: UInt8 = 0

    init(_ roles: Role...) { for role in roles { insert(role) } }

    mutating func insert(_ role: Role) { bits |= role.bit }
    /// `role`, or for what workers may do too the role `worker`.
    func allow(_ role: Role, workersToo: Bool) -> Bool { contains(role) || (workersToo && contains(.worker)) }
    func contains(_ role: Role) -> Bool { bits & role.bit != 0 }
    var isEmpty: Bool { bits == 0 }
    var names: String { Role.allCases.filter(contains).map(\.rawValue).joined(separator: ", ") }
}

/// What a token with the role `worker` may send and read.
enum WorkerRights {
    static let reported: Set<EventKind> = [
        .workerReady, .workerDraining, .workerGone, .actorRunning, .actorIdle, .actorPaused, .actorSuspended, .actorCrashed,
        .snapshotCached, .snapshotEvicted,
    ]
    static let followed: Set<EventKind> = [.actorPlaced, .workerReady, .workerDraining, .workerGone]

    /// - Throws: for the first event that isn't a worker's to report.
    static func check(_ batch: EventBatch) throws(Problem) {
        for (index, event) in batch.events.enumerated() {
            guard reported.contains(event.kind) else {
                throw Problem(
                    .forbidden,
                    "the token has the role worker, which may not send \(event.kind.name): it may send \(names(reported)); this needs ingest",
                    index: index, field: "type")
            }
            // A correction counts whatever the actor was, on whichever worker.
            if batch.has(EventKind.correction, event) {
                throw Problem(
                    .forbidden,
                    "the token has the role worker, which may not put right what the log has of an actor: leave corrects out; it needs ingest",
                    index: index, field: "data.\(EventKind.correction)")
            }
        }
    }

    static func names(_ kinds: Set<EventKind>) -> String { kinds.map(\.name).sorted().joined(separator: ", ") }
}

/// Whose token events came with.
struct EventSender: Sendable {
    var name: String
    /// The token may send what a worker reports, and nothing else.
    var isWorker: Bool

    /// Refuses what the sender may not send, and signs what ends something for others.
    func sign(_ batch: inout EventBatch) throws(Problem) {
        if isWorker { try WorkerRights.check(batch) }
        batch.setAuthor(name)
    }
}
