package import Domain
package import Autoscaling
import ControlLoop

// Which pods can be a target's?
//
// Owner references decide (`OwnerChains`). What is known of the target's kind only saves asking for the owners of pods that can't be its:
// - A workload of Kubernetes' own owns only pods that fit its selector, which never changes.
// - agent-substrate's controller labels a pool's pods with its name.
// - Agent Sandbox' controller takes the pool's label off a pod that is claimed.
// A policy's `workerSelector` narrows what such a kind owns. With any other kind the selector decides by itself: whoever wrote it
// knows that references don't lead there.

struct PodMembership: Hashable, Sendable {
    /// Pods that don't fit aren't the target's; nil where any pod may be.
    var hint: WorkerSelector?
    /// The policy's.
    var selector: WorkerSelector?
    /// Whether owner references are known to lead from its pods to the target.
    var isToldByOwners: Bool

    /// agent-substrate's: on every pod of a pool.
    static let workerPoolLabel = "ate.dev/worker-pool"
    private static let groupsToldByOwners: Set<String> = ["apps", "ate.dev", "agents.x-k8s.io", "extensions.agents.x-k8s.io"]

    init(_ target: KubernetesTarget, _ object: KubernetesObject, selector: WorkerSelector?) {
        self.selector = selector
        isToldByOwners = target.isReplicationController || Self.groupsToldByOwners.contains(target.resource.group)
        hint =
            switch (target.resource.group, target.kind) {
            // A Scale, read in the place of an object that may not be, has it as text.
            case ("apps", _):
                WorkerSelector(labelSelector: object["spec"]["selector"])
                    ?? object["status"]["selector"].string.flatMap { WorkerSelector($0) }
            case ("", "ReplicationController"): WorkerSelector(labels: object["spec"]["selector"].strings)
            case ("ate.dev", "WorkerPool"): WorkerSelector(labels: [Self.workerPoolLabel: target.name])
            case ("extensions.agents.x-k8s.io", "SandboxWarmPool"): object["status"]["selector"].string.flatMap { WorkerSelector($0) }
            default: nil
            }
    }

    /// Whether owners decide, once the labels allow it.
    var asksOwners: Bool { isToldByOwners || selector == nil }

    /// Whether a pod with these labels may be one of the pool's workers.
    func allows(_ labels: [String: String]) -> Bool { mayOwn(labels) && isWanted(labels) }

    /// Whether the target may own it, a worker or not.
    func mayOwn(_ labels: [String: String]) -> Bool { hint?.fits(labels) ?? true }

    /// Whether the policy wants it for a worker.
    func isWanted(_ labels: [String: String]) -> Bool { selector?.fits(labels) ?? true }

    /// What to do where none of its pods is found.
    func adviceWhereBlind(in namespace: String) -> String {
        if selector == nil {
            return "no owner references lead from a pod of \(namespace) to it; name its pods by spec.workerSelector of the policy"
        }
        return isToldByOwners
            ? "none of its pods fits spec.workerSelector of the policy; correct it"
            : "none fits spec.workerSelector of the policy; correct it"
    }

    /// What a list of the target's pods asks the server for: all that it may own, as those that aren't wanted count as well.
    var query: String? { asksOwners ? hint?.text : (hint ?? selector)?.text }
}

extension WorkerSelector {
    /// `meta/v1 LabelSelector`; nil where it is empty or says what isn't understood.
    package init?(labelSelector json: JSONValue) {
        var requirements: [Requirement] = json["matchLabels"].strings.sorted { $0.key < $1.key }.map { .isIn($0.key, [$0.value]) }
        for expression in json["matchExpressions"].array {
            let (key, values) = (expression["key"].string ?? "", expression["values"].array.compactMap(\.string))
            switch expression["operator"].string {
            case "In": requirements.append(.isIn(key, values))
            case "NotIn": requirements.append(.notIn(key, values))
            case "Exists": requirements.append(.exists(key))
            case "DoesNotExist": requirements.append(.absent(key))
            default: return nil
            }
        }
        self.init(requirements)
    }
}

/// A pod's worker, by the name that the log knows it by.
enum PodWorker {
    static func name(_ pod: String, in namespace: String) -> String { "\(namespace)/\(pod)" }

    /// The pod of a worker of this namespace's pool: `NAMESPACE/POD`, or `POD` alone.
    static func pod(_ worker: String, in namespace: String) -> String {
        worker.hasPrefix("\(namespace)/") ? String(worker.dropFirst(namespace.utf8.count + 1)) : worker
    }
}
