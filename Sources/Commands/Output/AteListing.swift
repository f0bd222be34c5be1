import Domain
import Output
import Views

// How does `kubectl-ate` print actors and workers?
//
// Its columns, order and words, so that what reads its tables reads these (agent-substrate of 2026-06-30). Greenroom knows more of an
// actor: one that waits is `STATUS_WAITING`, which ateapi has no word for; one that is about to be resumed `STATUS_RESUMING`.

extension Listing {
    init(ateActors actors: [ActorView], isOne: Bool = false) throws {
        var table = Table("ATESPACE", "TEMPLATE NS", "TEMPLATE", "ID", "STATUS", "ATEOM POD", "ATEOM IP", "VERSION")
        let rows = actors.map { actor -> [String] in
            let (atespace, id) = AteName.split(actor.fullName)
            let (namespace, template) = AteName.split(actor.template)
            return [
                atespace, namespace, template, id, AteName.status(actor.status), actor.workerFullName ?? "<none>", actor.ip ?? "",
                String(actor.version),
            ]
        }
        for row in rows.sorted(by: { $0.lexicographicallyPrecedes($1) }) { table.add(row) }
        self.init(table, try actors.map { try JSONValue(encoding: $0) }, isOne: isOne)
    }

    /// - Parameter templates: of actors, by their full names.
    init(ateWorkers workers: [WorkerView], templates: [String: String], isOne: Bool = false) throws {
        var table = Table("NAMESPACE", "POOL", "POD", "STATUS", "ASSIGNED ACTOR")
        let rows = workers.map { worker -> [String] in
            let (namespace, pod) = AteName.split(worker.fullName)
            // ateapi's workers have one actor each.
            let assigned = worker.actors.first.map { name -> String in
                let full = QualifiedName.whole(name, seenFrom: worker.namespace)
                return "\(templates[full] ?? "/")/\(AteName.split(full).name)"
            }
            return [namespace, worker.pool, pod, assigned == nil ? "FREE" : "ASSIGNED", assigned ?? "<none>"]
        }
        for row in rows.sorted(by: { $0.lexicographicallyPrecedes($1) }) { table.add(row) }
        self.init(table, try workers.map { try JSONValue(encoding: $0) }, isOne: isOne)
    }
}

private enum AteName {
    /// What has no namespace has an empty one.
    static func split(_ name: String) -> (namespace: String, name: String) { QualifiedName.split(name) ?? ("", name) }

    /// What ateapi says of one that crashed with its worker, or is idle on it.
    static func status(_ status: String) -> String {
        switch status {
        case ActorState.crashed.statusName: ActorState.suspended.statusName
        case ActorState.idle.statusName: ActorState.running.statusName
        default: status
        }
    }
}
