import Domain

// What is said of claims and sandboxes, and in which words does the log have it?
//
// Ids follow from uids, and where something may come again, from the object's version: what a restart or a second watcher says again is in
// the log once. Fields of the events beyond their kind's own: `uid` is the claim's, `launch` how it comes to its sandbox, `startMillis` how
// long that took, or how long a member took to be ready since it was missing.

struct ClaimTelling: Hashable, Sendable {
    enum What: Hashable, Sendable {
        case requested(ClaimLaunch?, reason: String?)
        case withdrawn(reason: String)
        case running(on: String, ClaimLaunch, node: String?, startMillis: Int64?)
        case suspended(on: String)
        case crashed(on: String?, reason: String)
        case deleted(reason: String)
        case ready(node: String, ip: String?, startMillis: Int64?)
        case draining(reason: String)
        case gone(reason: String)
    }

    var what: What
    /// `NAMESPACE/NAME`.
    var pool: String
    /// Of the claim or the sandbox.
    var name: String
    /// Of the same; empty where only the log knows it.
    var uid: String
    var id: String

    static let source = "/greenroom/kubernetes/claims"

    func append(to batch: inout EventBatch, in namespace: String) {
        var body = JSONWriter()
        body.openObject()
        if !uid.isEmpty { body.member("uid", uid) }
        let worker = write(to: &body)
        body.closeObject()
        batch.append(
            kind, source: Self.source, id: id, subject: "\(namespace)/\(name)", pool: kind.carriesPool ? pool : nil,
            worker: worker.map { "\(namespace)/\($0)" }, body: body.bytes)
    }

    var kind: EventKind {
        switch what {
        case .requested: .actorRequested
        case .withdrawn: .actorWithdrawn
        case .running: .actorRunning
        case .suspended: .actorSuspended
        case .crashed: .actorCrashed
        case .deleted: .actorDeleted
        case .ready: .workerReady
        case .draining: .workerDraining
        case .gone: .workerGone
        }
    }

    /// Answers the worker.
    private func write(to body: inout JSONWriter) -> String? {
        switch what {
        case .requested(let launch, let reason):
            if let launch { body.member("launch", launch.rawValue) }
            if let reason { body.member("reason", reason) }
            return nil
        case .running(let sandbox, let launch, let node, let startMillis):
            body.member("launch", launch.rawValue)
            if let node { body.member("node", node) }
            if let startMillis { body.member("startMillis", startMillis) }
            return sandbox
        case .suspended(let sandbox): return sandbox
        case .crashed(let sandbox, let reason):
            body.member("reason", reason)
            return sandbox
        case .ready(let node, let ip, let startMillis):
            body.member("node", node)
            body.member("slots", 1)
            if let ip { body.member("ip", ip) }
            if let startMillis { body.member("startMillis", startMillis) }
            return nil
        case .withdrawn(let reason), .deleted(let reason), .draining(let reason), .gone(let reason):
            body.member("reason", reason)
            return nil
        }
    }
}
