package import Domain
import Basics

// Which events say what ateapi says of an actor?
//
// Actors are named `ATESPACE/ID`, workers `NAMESPACE/POD`, pools and templates `NAMESPACE/NAME`: each name stands as it is. An actor's
// version goes along: what an event says that is no newer than what the log knows changes nothing, whoever says it.

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
        batch.append(
            kind, source: source, id: "\(run)-\(number)", subject: subject, pool: pool, worker: worker, time: time, body: json.bytes,
            isExact: true)
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

    mutating func withdrawn(_ key: ActorKey) { append(.actorWithdrawn, "\(key)") { _ in } }

    mutating func running(_ actor: Ateapi_Actor, microseconds: Int64?) {
        append(.actorRunning, "\(ActorKey(actor))", worker: actor.workerName) { json in
            json.member("version", actor.version)
            if let snapshot = actor.snapshot { json.member("restoredFrom", snapshot) }
            if let microseconds { json.member("restoreMillis", min(microseconds / 1_000, EventLimits.millis)) }
        }
    }

    mutating func suspended(_ actor: Ateapi_Actor, worker: String) {
        append(.actorSuspended, "\(ActorKey(actor))", worker: worker) { json in
            json.member("version", actor.version)
            if let snapshot = actor.snapshot { json.member("snapshot", snapshot) }
        }
    }

    mutating func paused(_ actor: Ateapi_Actor, worker: String) {
        append(.actorPaused, "\(ActorKey(actor))", worker: worker) { json in
            json.member("version", actor.version)
            if let node = actor.pausedNode { json.member("node", node) }
            if let snapshot = actor.snapshot { json.member("snapshot", snapshot) }
        }
    }

    /// The log knows by now the worker that it has been running on. An actor that runs takes no other worker, one that is idle does.
    mutating func settled(_ actor: Ateapi_Actor) {
        append(.actorIdle, "\(ActorKey(actor))") { _ in }
        append(.actorRunning, "\(ActorKey(actor))", worker: actor.workerName) { _ in }
    }

    /// It ran and was paused where nobody saw it. Its worker's name is lost with that; its node isn't.
    mutating func ranAndPaused(_ actor: Ateapi_Actor) {
        let worker = actor.unknownWorker
        append(.actorRunning, "\(ActorKey(actor))", worker: worker) { json in json.member("version", max(actor.version - 1, 0)) }
        paused(actor, worker: worker)
    }

    mutating func crashed(_ key: ActorKey, worker: String?, reason: String) {
        append(.actorCrashed, "\(key)", worker: worker) { json in json.member("reason", reason) }
    }

    mutating func deleted(_ key: ActorKey) { append(.actorDeleted, "\(key)") { _ in } }

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

extension Ateapi_Worker {
    package var fullName: String { "\(workerNamespace)/\(workerPod)" }
    package var poolName: String { "\(workerNamespace)/\(workerPool)" }
}

extension QualifiedName {
    /// `NAMESPACE/NAME` of a name in a view, where it is bare within its own namespace. ateapi's names have no slash.
    static func whole(_ name: String, seenFrom namespace: String) -> String { name.contains("/") ? name : join(namespace, name) }
}
