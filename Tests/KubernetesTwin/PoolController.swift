import Kubernetes

// Who makes and ends the pods of a target?
//
// What controller-manager, scheduler and kubelet do together, as far as a pool shows it: each target has as many pods as its
// replicas say; those to go are chosen as a ReplicaSet chooses (pending before running, not ready before ready, lower deletion
// cost, younger), a StatefulSet's from its highest ordinal. New pods are scheduled and ready at once, or wait for the test.

struct PoolController: Sendable {
    var nodes: [String]
    var makesReady: Bool
    private var made = 0

    init(nodes: [String], makesReady: Bool) {
        self.nodes = nodes
        self.makesReady = makesReady
    }

    static let targets: [TwinResource] = [.workerPools, .sandboxWarmPools, .deployments, .statefulSets]

    /// Brings pods in line with targets, and targets' status with pods.
    mutating func reconcile(_ store: inout ObjectStore, at time: String) {
        guard let everything = try? Selector(labels: nil, fields: nil) else { return }
        for resource in Self.targets {
            for target in store.list(resource, nil, everything) { reconcile(target, resource, &store, time) }
        }
    }

    private mutating func reconcile(_ target: KubernetesObject, _ resource: TwinResource, _ store: inout ObjectStore, _ time: String) {
        guard let text = TwinScale.selector(of: target, resource) ?? target["spec"]["podSelector"].string, !text.isEmpty,
            let selector = try? Selector(labels: text, fields: nil)
        else { return }
        var pods = store.list(.pods, target.namespace, selector).filter { $0.metadata["ownerReferences"].array.first?["uid"].string == target.uid }
        let wanted = target["spec"]["replicas"].int ?? 0
        for pod in Self.inOrderOfDeletion(pods, resource).prefix(max(0, pods.count - wanted)) { _ = try? store.delete(.pods, pod.namespace, pod.name) }
        while pods.count < wanted {
            guard let pod = make(for: target, resource, labels: text, taken: Set(pods.map(\.name)), &store, time) else { break }
            pods.append(pod)
        }
        let left = store.list(.pods, target.namespace, selector).filter { $0.metadata["ownerReferences"].array.first?["uid"].string == target.uid }
        _ = try? store.replace(resource, target.namespace, target.name, expected: nil) { before throws(TwinStatus) in
            var after = before
            after["status"]["replicas"] = JSONValue(left.count)
            after["status"]["readyReplicas"] = JSONValue(left.count { PodView($0).isReady })
            return after.json
        }
    }

    static func inOrderOfDeletion(_ pods: [KubernetesObject], _ resource: TwinResource) -> [KubernetesObject] {
        let ranked = pods.map { (pod: $0, view: PodView($0)) }
        if resource == .statefulSets { return ranked.sorted { $0.pod.name.count == $1.pod.name.count ? $0.pod.name > $1.pod.name : $0.pod.name.count > $1.pod.name.count }.map(\.pod) }
        func rank(_ item: (pod: KubernetesObject, view: PodView)) -> (Int, Int, Int, Int) {
            let phase = item.view.node == nil ? 0 : item.view.phase == .pending ? 1 : 2
            let number = Int(item.pod.name.split(separator: "-").last ?? "") ?? 0
            return (phase, item.view.isReady ? 1 : 0, item.view.deletionCost.flatMap { Int($0) } ?? 0, -number)
        }
        return ranked.sorted { rank($0) < rank($1) }.map(\.pod)
    }

    private mutating func make(
        for target: KubernetesObject, _ resource: TwinResource, labels: String, taken: Set<String>, _ store: inout ObjectStore, _ time: String
    ) -> KubernetesObject? {
        made += 1
        let ordinal = (0...).first { !taken.contains("\(target.name)-\($0)") } ?? 0
        let name = resource == .statefulSets ? "\(target.name)-\(ordinal)" : "\(target.name)-\(made)"
        let pairs = labels.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }.filter { $0.count == 2 }
        let owner: JSONValue = [
            "apiVersion": .string(resource.apiVersion), "kind": .string(resource.kind), "name": .string(target.name), "uid": .string(target.uid), "controller": true,
        ]
        let pod: JSONValue = [
            "metadata": ["name": .string(name), "labels": JSONValue(Dictionary(pairs.map { ($0[0], $0[1]) }, uniquingKeysWith: { $1 })), "ownerReferences": [owner]],
            "spec": ["containers": [["name": "worker", "image": "worker"]]],
        ]
        guard let created = try? store.create(.pods, target.namespace, TwinDefaults.apply(.pods, pod), at: time) else { return nil }
        guard makesReady else { return created }
        return try? store.replace(.pods, created.namespace, created.name, expected: nil) { before throws(TwinStatus) in
            Self.running(before, node: nodes.isEmpty ? "node" : nodes[made % nodes.count], ip: "10.0.\(made / 250).\(made % 250)").json
        }
    }

    /// The pod as its kubelet reports it once it is ready.
    static func running(_ pod: KubernetesObject, node: String, ip: String) -> KubernetesObject {
        var pod = pod
        pod["spec"]["nodeName"] = .string(node)
        pod["status"] = ["phase": "Running", "podIP": .string(ip), "conditions": [["type": "Ready", "status": "True"]]]
        return pod
    }
}
