package import Domain
import Basics

// Which events say what ateapi says of an actor?
//
// Actors are named `ATESPACE/ID`, workers `NAMESPACE/POD`, pools and templates `NAMESPACE/NAME`: each name stands as it is. An actor's
// version goes along: what an event says that is no newer than what the log knows changes nothing, whoever says it. A correction, of what
// the log has wrong, names the log's change that it corrects: it counts only where that is the actor's last one still.

package struct SubstrateEvents {
    package static let gatewaySource = "/greenroom/gateway"
    package static let reconcilerSource = "/greenroom/substrate"

    package private(set) var batch = EventBatch()
    private let source: String
    /// Makes ids that no other run makes.
    private let run: String
    private var number: UInt64

    init(source: String, run: String, after number: UInt64) {
        self.source = source
        self.run = run
        self.number = number
    }

    var count: UInt64 { number }

    private mutating func append(
        _ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, time: LogTime? = nil,
        _ body: (inout JSONWriter) -> Void
    ) {
        number += 1
        var json = JSONWriter()
        json.openObject()
        body(&json)
        json.closeObject()
        // An actor's namespace is its atespace, not its pool's. A worker's is its pool's: the log finds it, also where the pods' watch
        // named it first and the log holds its bare name.
        batch.append(
            kind, source: source, id: "\(run)-\(number)", subject: subject, pool: pool, worker: worker, time: time, body: json.bytes,
            isExact: kind.subject == .actor && pool != nil)
    }

    // MARK: - Actors

    mutating func created(_ actor: Ateapi_Actor, pool: String, version: Int64? = nil) {
        append(.actorCreated, "\(ActorKey(actor))", pool: pool) { json in
            json.member("template", actor.templateName)
            if let version { json.member("version", version) }
        }
    }

    mutating func requested(_ key: ActorKey, pool: String, template: String, at time: LogTime) {
        append(.actorRequested, "\(key)", pool: pool, time: time) { json in
            json.member("reason", ResumeVerdict.noFreeWorkerText)
            json.member("template", template)
        }
    }

    mutating func withdrawn(_ key: ActorKey, corrects: Position? = nil) {
        append(.actorWithdrawn, "\(key)") { json in if let corrects { json.member("corrects", corrects) } }
    }

    mutating func running(_ actor: Ateapi_Actor, microseconds: Int64?, corrects: Position? = nil) {
        append(.actorRunning, "\(ActorKey(actor))", worker: actor.workerName) { json in
            json.member("version", actor.version)
            if let corrects { json.member("corrects", corrects) }
            if let snapshot = actor.snapshot { json.member("restoredFrom", snapshot) }
            if let microseconds { json.member("restoreMillis", min(microseconds / 1_000, EventLimits.millis)) }
        }
    }

    mutating func suspended(_ actor: Ateapi_Actor, worker: String, corrects: Position? = nil) {
        append(.actorSuspended, "\(ActorKey(actor))", worker: worker) { json in
            json.member("version", actor.version)
            if let corrects { json.member("corrects", corrects) }
            if let snapshot = actor.snapshot { json.member("snapshot", snapshot) }
        }
    }

    mutating func paused(_ actor: Ateapi_Actor, worker: String, corrects: Position? = nil) {
        append(.actorPaused, "\(ActorKey(actor))", worker: worker) { json in
            json.member("version", actor.version)
            if let corrects { json.member("corrects", corrects) }
            if let node = actor.pausedNode {
                json.member("node", node)
                json.member("bound", true)
            }
            if let snapshot = actor.snapshot { json.member("snapshot", snapshot) }
        }
    }

    /// It ran and was paused where nobody saw it. Its worker's name is lost with that; its node isn't.
    mutating func ranAndPaused(_ actor: Ateapi_Actor) {
        let worker = actor.unknownWorker
        append(.actorRunning, "\(ActorKey(actor))", worker: worker) { json in json.member("version", max(actor.version - 1, 0)) }
        paused(actor, worker: worker)
    }

    mutating func crashed(_ actor: Ateapi_Actor, worker: String?, reason: String, corrects: Position) {
        append(.actorCrashed, "\(ActorKey(actor))", worker: worker) { json in
            json.member("version", actor.version)
            json.member("corrects", corrects)
            json.member("reason", reason)
        }
    }

    mutating func deleted(_ key: ActorKey, corrects: Position? = nil) {
        append(.actorDeleted, "\(key)") { json in if let corrects { json.member("corrects", corrects) } }
    }

    // MARK: - Workers

    mutating func ready(_ worker: Ateapi_Worker) {
        append(.workerReady, worker.fullName, pool: worker.poolName) { json in
            json.member("node", worker.nodeName)
            json.member("slots", 1)
            if !worker.ip.isEmpty { json.member("ip", worker.ip) }
            if !worker.workerPodUid.isEmpty { json.member("uid", worker.workerPodUid) }
        }
    }

    mutating func gone(_ worker: String, uid: String?, reason: String) {
        append(.workerGone, worker) { json in
            json.member("reason", reason)
            if let uid { json.member("uid", uid) }
        }
    }
}

extension Ateapi_Actor {
    package var templateName: String { "\(actorTemplateNamespace)/\(actorTemplateName)" }
    package var hasWorker: Bool { !ateomPodName.isEmpty }
    package var workerName: String { "\(ateomPodNamespace)/\(ateomPodName)" }
    /// The name of the one it has.
    var worker: String? { hasWorker ? workerName : nil }
    /// In place of the name of a worker that nobody knows any more.
    var unknownWorker: String { "\(actorTemplateNamespace)/unknown" }
    /// nil where it has no worker.
    package var poolName: String? { workerPoolName.isEmpty ? nil : "\(ateomPodNamespace)/\(workerPoolName)" }

    var snapshot: String? {
        switch latestSnapshotInfo.data {
        case .external(let info)?: info.snapshotUriPrefix.isEmpty ? nil : info.snapshotUriPrefix
        case .local(let info)?: info.snapshotPrefix.isEmpty ? nil : info.snapshotPrefix
        case nil: nil
        }
    }

    var pausedNode: String? { latestSnapshotInfo.local.nodeVmsWithLocalSnapshots.first.flatMap { $0.isEmpty ? nil : $0 } }
}

extension Ateapi_Actor.Status {
    /// As upstream names it, without its prefix.
    var word: String {
        switch self {
        case .unspecified: "UNSPECIFIED"
        case .resuming: "RESUMING"
        case .running: "RUNNING"
        case .suspending: "SUSPENDING"
        case .suspended: "SUSPENDED"
        case .pausing: "PAUSING"
        case .paused: "PAUSED"
        case .UNRECOGNIZED(let number): "\(number)"
        }
    }
}

extension Ateapi_Worker {
    package var fullName: String { "\(workerNamespace)/\(workerPod)" }
    package var poolName: String { "\(workerNamespace)/\(workerPool)" }
}
