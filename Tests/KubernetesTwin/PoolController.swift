import Basics
import Domain
import Kubernetes

// Who makes and ends the pods of a target?
//
// What controller-manager, substrate's and Agent Sandbox' controllers, scheduler and kubelet do together, as far as a pool
// shows it, and in the shapes that were recorded:
//
//     WorkerPool p → Deployment p-deployment → ReplicaSet → pods labelled ate.dev/worker-pool=p
//     Deployment → ReplicaSet (pod-template-hash) → pods · StatefulSet → pods NAME-0, NAME-1, … · SandboxWarmPool → Sandbox → pod
//
// Each is the controller owner of the next, by uid. A ReplicaSet ends pods in its own order (pending before running, not ready before
// ready, lower deletion cost, younger), a StatefulSet its highest ordinal, a SandboxWarmPool those that aren't ready, then
// the youngest. Another template is another ReplicaSet: all pods are replaced, whoever is on them, in steps of at most 25 % of the
// replicas (`strategy`). What is owned by an object
// that was deleted goes with it. Pods that nobody owns are nobody's. New pods are scheduled and ready at once, or wait for the test.

struct PoolController: Sendable {
    static let workerPoolLabel = "ate.dev/worker-pool"
    static let templateHash = "pod-template-hash"
    static let revisionHash = "controller-revision-hash"
    static let warmPoolLabel = "agents.x-k8s.io/warm-pool-sandbox"

    var nodes: [String]
    var makesReady: Bool
    private var made = 0

    init(nodes: [String], makesReady: Bool) {
        self.nodes = nodes
        self.makesReady = makesReady
    }

    /// Brings pods in line with targets, and targets' status with pods.
    mutating func reconcile(_ store: inout ObjectStore, at time: String) {
        store.collectGarbage()
        for pool in store.all(.workerPools) { deployment(of: pool, &store, time) }
        for deployment in store.all(.deployments) { replicaSets(of: deployment, &store, time) }
        for set in store.all(.replicaSets) { pods(of: set, .replicaSets, &store, time) }
        for set in store.all(.statefulSets) { pods(of: set, .statefulSets, &store, time) }
        for pool in store.all(.sandboxWarmPools) { sandboxes(of: pool, &store, time) }
        for sandbox in store.all(.sandboxes) { pod(of: sandbox, &store, time) }
        for sandbox in store.all(.sandboxes) { status(ofSandbox: sandbox, &store) }
        for claim in store.all(.sandboxClaims) { serve(claim, &store, time) }
        for deployment in store.all(.deployments) { status(of: deployment, &store) }
        for pool in store.all(.workerPools) { status(ofWorkerPool: pool, &store) }
    }

    // MARK: - WorkerPool

    private func deployment(of pool: KubernetesObject, _ store: inout ObjectStore, _ time: String) {
        let name = "\(pool.name)-deployment"
        let labels: JSONValue = [Self.workerPoolLabel: .string(pool.name)]
        let image = pool["spec"]["ateomImage"].string ?? "ateom"
        let template: JSONValue = ["metadata": ["labels": labels], "spec": ["containers": [["name": "ateom", "image": .string(image)]]]]
        let replicas = JSONValue(pool["spec"]["replicas"].int ?? 0)
        guard store.object(.deployments, pool.namespace, name) != nil else {
            let body: JSONValue = [
                "metadata": ["name": .string(name), "ownerReferences": [Self.owner(pool, .workerPools)]],
                "spec": ["replicas": replicas, "selector": ["matchLabels": labels], "template": template],
            ]
            _ = try? store.create(.deployments, pool.namespace, TwinDefaults.apply(.deployments, body), at: time)
            return
        }
        // Server-side apply: what others added to it stays.
        _ = try? store.replace(.deployments, pool.namespace, name, expected: nil) { before throws(TwinStatus) in
            var after = before.json
            after["spec"]["replicas"] = replicas
            after["spec"]["template"] = after["spec"]["template"].merging(["metadata": ["labels": labels]])
            if after["spec"]["template"]["spec"]["containers"].array.first?["image"].string != image {
                after["spec"]["template"]["spec"] = template["spec"]
            }
            return after
        }
    }

    /// Its replicas alone, those that aren't started yet among them: no ready ones, no selector.
    private func status(ofWorkerPool pool: KubernetesObject, _ store: inout ObjectStore) {
        let replicas = store.object(.deployments, pool.namespace, "\(pool.name)-deployment")?["status"]["replicas"].int ?? 0
        setStatus(of: pool, .workerPools, &store) { $0["replicas"] = JSONValue(replicas) }
    }

    // MARK: - Deployment

    private mutating func replicaSets(of deployment: KubernetesObject, _ store: inout ObjectStore, _ time: String) {
        let spec = deployment["spec"]
        guard !spec["selector"]["matchLabels"].members.isEmpty else { return }
        let hash = Self.hash(spec["template"])
        let name = "\(deployment.name)-\(hash)"
        let wanted = spec["replicas"].int ?? 1
        var own = store.owned(by: deployment.uid, .replicaSets)
        if !own.contains(where: { $0.name == name }), spec["paused"].bool != true || own.isEmpty {
            var labels = spec["selector"]["matchLabels"].merging(
                spec["template"]["metadata"]["labels"].isNull ? [:] : spec["template"]["metadata"]["labels"])
            labels[Self.templateHash] = .string(hash)
            var template = spec["template"].isNull ? ["spec": ["containers": [["name": "worker", "image": "worker"]]]] : spec["template"]
            template["metadata"]["labels"] = labels
            let body: JSONValue = [
                "metadata": ["name": .string(name), "labels": labels, "ownerReferences": [Self.owner(deployment, .deployments)]],
                "spec": [
                    "replicas": JSONValue(own.isEmpty ? wanted : 0), "selector": ["matchLabels": labels], "template": template,
                ],
                "status": ["replicas": 0],
            ]
            if let created = try? store.create(.replicaSets, deployment.namespace, body, at: time) { own.append(created) }
        }
        // A paused rollout scales what is there.
        let current = own.first { $0.name == name } ?? own.last
        let counts = Self.rollout(own, to: current?.name, wanted, deployment["spec"]["strategy"], store)
        // The new ones are there before the old ones go.
        for set in own.sorted(by: { a, b in a.name == current?.name && b.name != current?.name }) {
            guard let count = counts[set.name], set["spec"]["replicas"].int != count else { continue }
            _ = try? store.replace(.replicaSets, set.namespace, set.name, expected: nil) { before throws(TwinStatus) in
                var after = before.json
                after["spec"]["replicas"] = JSONValue(count)
                return after
            }
        }
    }

    /// What each ReplicaSet has next. At most `maxSurge` pods are too many at a time, and at most `maxUnavailable` aren't ready; old ones that
    /// aren't ready go first.
    private static func rollout(
        _ sets: [KubernetesObject], to current: String?, _ wanted: Int, _ strategy: JSONValue, _ store: ObjectStore
    ) -> [String: Int] {
        func pods(_ set: KubernetesObject) -> (spec: Int, ready: Int) {
            (set["spec"]["replicas"].int ?? 0, store.owned(by: set.uid, .pods).count { PodView($0).isReady })
        }
        let old = sets.filter { $0.name != current }.map { (name: $0.name, pods: pods($0)) }
        let oldCount = old.reduce(0) { $0 + $1.pods.spec }
        guard let new = sets.first(where: { $0.name == current }).map(pods), oldCount > 0, strategy["type"].string != "Recreate" else {
            return Dictionary(uniqueKeysWithValues: sets.map { ($0.name, $0.name == current ? wanted : 0) })
        }
        let surge = share(strategy["rollingUpdate"]["maxSurge"], of: wanted, roundedUp: true)
        let unavailable = share(strategy["rollingUpdate"]["maxUnavailable"], of: wanted, roundedUp: false)
        // The server refuses both as 0; of small counts the second is 0 after rounding.
        let newCount = min(wanted, max(new.spec, wanted + max(surge, unavailable == 0 ? 1 : 0) - oldCount))
        let ready = min(new.ready, newCount) + old.reduce(0) { $0 + $1.pods.ready }
        var counts = [current ?? "": newCount]
        var spare = max(0, ready - (wanted - unavailable))
        for set in old {
            let unready = max(0, set.pods.spec - set.pods.ready)
            let ended = min(set.pods.ready, spare)
            spare -= ended
            counts[set.name] = set.pods.spec - unready - ended
        }
        return counts
    }

    /// `25%` of 6 are 1, or rounded up 2.
    private static func share(_ value: JSONValue, of count: Int, roundedUp: Bool) -> Int {
        if let number = value.int { return max(0, number) }
        let percent = value.string.flatMap { $0.hasSuffix("%") ? Int($0.dropLast()) : nil } ?? 25
        return (count * percent + (roundedUp ? 99 : 0)) / 100
    }

    private func status(of deployment: KubernetesObject, _ store: inout ObjectStore) {
        let own = store.owned(by: deployment.uid, .replicaSets)
        let name = "\(deployment.name)-\(Self.hash(deployment["spec"]["template"]))"
        setStatus(of: deployment, .deployments, &store) { status in
            status["replicas"] = JSONValue(own.reduce(0) { $0 + ($1["status"]["replicas"].int ?? 0) })
            status["readyReplicas"] = JSONValue(own.reduce(0) { $0 + ($1["status"]["readyReplicas"].int ?? 0) })
            status["updatedReplicas"] = JSONValue(own.first { $0.name == name }?["status"]["replicas"].int ?? 0)
        }
    }

    private static func hash(_ template: JSONValue) -> String {
        var text = template.text
        let number = text.withUTF8 { ByteHash.of($0) }
        return String(number, radix: 36).suffix(9).description
    }

    // MARK: - Pods

    private mutating func pods(of set: KubernetesObject, _ resource: TwinResource, _ store: inout ObjectStore, _ time: String) {
        let revision = resource == .statefulSets ? Self.hash(set["spec"]["template"]) : nil
        if let revision { roll(set, to: revision, &store) }
        var pods = store.owned(by: set.uid, .pods)
        let wanted = set["spec"]["replicas"].int ?? (resource == .statefulSets ? 1 : 0)
        let surplus = Self.inOrderOfDeletion(pods, resource).prefix(max(0, pods.count - wanted))
        for pod in surplus { _ = try? store.delete(.pods, pod.namespace, pod.name) }
        var labels = set["spec"]["selector"]["matchLabels"].merging(
            set["spec"]["template"]["metadata"]["labels"].isNull ? [:] : set["spec"]["template"]["metadata"]["labels"])
        if let revision { labels[Self.revisionHash] = .string(revision) }
        guard !labels.members.isEmpty else { return }
        while pods.count < wanted {
            made += 1
            let taken = Set(pods.map(\.name))
            let ordinal = (0...).first { !taken.contains("\(set.name)-\($0)") } ?? 0
            let name = resource == .statefulSets ? "\(set.name)-\(ordinal)" : "\(set.name)-\(Self.padded(made))"
            let spec = set["spec"]["template"]["spec"]
            guard let pod = make(name, set, resource, labels: labels, spec: spec, &store, time) else { break }
            pods.append(pod)
        }
        let left = store.owned(by: set.uid, .pods)
        setStatus(of: set, resource, &store) { status in
            status["replicas"] = JSONValue(left.count)
            status["readyReplicas"] = JSONValue(left.count { PodView($0).isReady })
        }
    }

    /// A StatefulSet's update: the highest ordinal first, down to its partition. `OnDelete` waits for whoever deletes.
    private func roll(_ set: KubernetesObject, to revision: String, _ store: inout ObjectStore) {
        let strategy = set["spec"]["updateStrategy"]
        guard strategy["type"].string != "OnDelete" else { return }
        let partition = strategy["rollingUpdate"]["partition"].int ?? 0
        for pod in store.owned(by: set.uid, .pods) where (Int(pod.name.split(separator: "-").last ?? "") ?? 0) >= partition {
            guard let old = pod.labels[Self.revisionHash], old != revision else { continue }
            _ = try? store.delete(.pods, pod.namespace, pod.name)
        }
    }

    static func inOrderOfDeletion(_ pods: [KubernetesObject], _ resource: TwinResource) -> [KubernetesObject] {
        let ranked = pods.map { (pod: $0, view: PodView($0)) }
        if resource == .statefulSets {
            return ranked.sorted {
                $0.pod.name.count == $1.pod.name.count ? $0.pod.name > $1.pod.name : $0.pod.name.count > $1.pod.name.count
            }.map(\.pod)
        }
        func rank(_ item: (pod: KubernetesObject, view: PodView)) -> (Int, Int, Int, Int) {
            let phase = item.view.node == nil ? 0 : item.view.phase == .pending ? 1 : 2
            let number = Int(item.pod.name.split(separator: "-").last ?? "") ?? 0
            let cost = resource == .replicaSets ? item.view.deletionCost.flatMap { Int($0) } ?? 0 : 0
            return (phase, item.view.isReady ? 1 : 0, cost, -number)
        }
        return ranked.sorted { rank($0) < rank($1) }.map(\.pod)
    }

    private mutating func make(
        _ name: String, _ owner: KubernetesObject, _ resource: TwinResource, labels: JSONValue, spec: JSONValue, _ store: inout ObjectStore,
        _ time: String
    ) -> KubernetesObject? {
        let pod: JSONValue = [
            "metadata": ["name": .string(name), "labels": labels, "ownerReferences": [Self.owner(owner, resource)]],
            "spec": spec.isNull ? ["containers": [["name": "worker", "image": "worker"]]] : spec,
        ]
        guard let created = try? store.create(.pods, owner.namespace, TwinDefaults.apply(.pods, pod), at: time) else { return nil }
        guard makesReady else { return created }
        let number = made
        return try? store.replace(.pods, created.namespace, created.name, expected: nil) { before throws(TwinStatus) in
            Self.running(before, node: nodes.isEmpty ? "node" : nodes[number % nodes.count], ip: "10.0.\(number / 250).\(number % 250)")
                .json
        }
    }

    /// The pod as its kubelet reports it once it is ready.
    static func running(_ pod: KubernetesObject, node: String, ip: String) -> KubernetesObject {
        var pod = pod
        pod["spec"]["nodeName"] = .string(node)
        pod["status"] = ["phase": "Running", "podIP": .string(ip), "conditions": [["type": "Ready", "status": "True"]]]
        return pod
    }

    // MARK: - SandboxWarmPool

    /// Members are sandboxes that it still owns; a claim takes one away by becoming its owner, and another is made.
    private mutating func sandboxes(of pool: KubernetesObject, _ store: inout ObjectStore, _ time: String) {
        var own = store.owned(by: pool.uid, .sandboxes)
        let wanted = pool["spec"]["replicas"].int ?? 0
        func isReady(_ sandbox: KubernetesObject) -> Bool {
            store.object(.pods, sandbox.namespace, sandbox.name).map { PodView($0).isReady } ?? false
        }
        func rank(_ sandbox: KubernetesObject) -> (Int, Int) {
            (isReady(sandbox) ? 1 : 0, -(Int(sandbox.name.split(separator: "-").last ?? "") ?? 0))
        }
        for sandbox in own.sorted(by: { rank($0) < rank($1) }).prefix(max(0, own.count - wanted)) {
            _ = try? store.delete(.sandboxes, sandbox.namespace, sandbox.name)
        }
        let label = Self.hash(["name": .string(pool.name)])
        while own.count < wanted {
            made += 1
            let body: JSONValue = [
                "metadata": [
                    "name": .string("\(pool.name)-\(Self.padded(made))"), "labels": [Self.warmPoolLabel: .string(label)],
                    "ownerReferences": [Self.owner(pool, .sandboxWarmPools)],
                ],
                "spec": ["operatingMode": "Running"],
            ]
            guard let created = try? store.create(.sandboxes, pool.namespace, body, at: time) else { break }
            own.append(created)
        }
        let left = store.owned(by: pool.uid, .sandboxes)
        let ready = left.count(where: isReady)
        setStatus(of: pool, .sandboxWarmPools, &store) { status in
            status["replicas"] = JSONValue(left.count)
            status["readyReplicas"] = JSONValue(ready)
            status["selector"] = .string("\(Self.warmPoolLabel)=\(label)")
        }
    }

    /// One of the sandbox's own name, with its pool label as long as it has one.
    private mutating func pod(of sandbox: KubernetesObject, _ store: inout ObjectStore, _ time: String) {
        let label = sandbox.labels[Self.warmPoolLabel]
        guard let pod = store.object(.pods, sandbox.namespace, sandbox.name) else {
            made += 1
            _ = make(
                sandbox.name, sandbox, .sandboxes, labels: label.map { [Self.warmPoolLabel: .string($0)] } ?? [:], spec: .null, &store, time
            )
            return
        }
        guard pod.labels[Self.warmPoolLabel] != label else { return }
        _ = try? store.replace(.pods, pod.namespace, pod.name, expected: nil) { before throws(TwinStatus) in
            var after = before.json
            after["metadata"]["labels"] = JSONValue(before.labels.filter { $0.key != Self.warmPoolLabel })
            return after
        }
    }

    /// As its pod is.
    private func status(ofSandbox sandbox: KubernetesObject, _ store: inout ObjectStore) {
        guard let pod = store.object(.pods, sandbox.namespace, sandbox.name).map({ PodView($0) }) else { return }
        setStatus(of: sandbox, .sandboxes, &store) { status in
            status["conditions"] = [
                [
                    "type": "Ready", "status": pod.isReady ? "True" : "False",
                    "reason": pod.isReady ? "DependenciesReady" : "DependenciesNotReady",
                ]
            ]
            if let node = pod.node { status["nodeName"] = .string(node) }
            status["podIPs"] = pod.ip.map { [.string($0)] } ?? []
        }
    }

    /// One write to the sandbox flips its owner and its labels; the claim's status follows. Where no member is ready a sandbox is made of the
    /// claim's own name. The hazards of the order of watches are `ClaimsTwin`'s.
    private mutating func serve(_ claim: KubernetesObject, _ store: inout ObjectStore, _ time: String) {
        let own = store.owned(by: claim.uid, .sandboxes).first
        if let own {
            let ready = own["status"]["conditions"].array.first
            return setStatus(of: claim, .sandboxClaims, &store) { status in
                status["sandbox"] = ["name": .string(own.name), "podIPs": own["status"]["podIPs"]]
                if let ready { status["conditions"] = [ready] }
            }
        }
        guard let pool = store.object(.sandboxWarmPools, claim.namespace, claim["spec"]["warmPoolRef"]["name"].string ?? "") else {
            return setStatus(of: claim, .sandboxClaims, &store) { status in
                status["conditions"] = [["type": "Ready", "status": "False", "reason": "WarmPoolNotFound"]]
                status["sandbox"] = [:]
            }
        }
        let member = store.owned(by: pool.uid, .sandboxes).first { $0["status"]["conditions"].array.first?["status"].string == "True" }
        let labels: [String: String] = [
            "agents.x-k8s.io/claim-uid": claim.uid,
            "agents.x-k8s.io/launch-type": claim["spec"]["env"].array.isEmpty && member != nil ? "warm" : "cold",
        ]
        guard claim["spec"]["env"].array.isEmpty, let member else {
            let body: JSONValue = [
                "metadata": [
                    "name": .string(claim.name), "labels": JSONValue(labels), "ownerReferences": [Self.owner(claim, .sandboxClaims)],
                ],
                "spec": ["operatingMode": "Running"],
            ]
            _ = try? store.create(.sandboxes, claim.namespace, body, at: time)
            return
        }
        _ = try? store.replace(.sandboxes, member.namespace, member.name, expected: nil) { before throws(TwinStatus) in
            var after = before.json
            after["metadata"]["labels"] = JSONValue(labels)
            after["metadata"]["ownerReferences"] = [Self.owner(claim, .sandboxClaims)]
            return after
        }
    }

    // MARK: - Parts

    static func owner(_ object: KubernetesObject, _ resource: TwinResource) -> JSONValue {
        [
            "apiVersion": .string(resource.apiVersion), "kind": .string(resource.kind), "name": .string(object.name),
            "uid": .string(object.uid),
            "controller": true, "blockOwnerDeletion": true,
        ]
    }

    /// Names in the order in which they were made.
    private static func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 4 - String(number).count)) + String(number) }

    private func setStatus(
        of object: KubernetesObject, _ resource: TwinResource, _ store: inout ObjectStore, _ change: (inout JSONValue) -> Void
    ) {
        _ = try? store.replace(resource, object.namespace, object.name, expected: nil) { before throws(TwinStatus) in
            var after = before.json
            if after["status"].isNull { after["status"] = [:] }
            change(&after["status"])
            return after
        }
    }
}

extension ObjectStore {
    func all(_ resource: TwinResource) -> [KubernetesObject] {
        objects.filter { $0.key.resource == resource }.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }.map(
            \.value)
    }

    /// By controller reference.
    func owned(by uid: String, _ resource: TwinResource) -> [KubernetesObject] {
        all(resource).filter { $0.controllerUID == uid }
    }

    /// What belonged to objects that were deleted goes with them.
    mutating func collectGarbage() {
        while true {
            let orphans = objects.filter { $0.value.controllerUID.map { deletedUIDs.contains($0) } ?? false }
            if orphans.isEmpty { return }
            for key in orphans.keys { _ = try? delete(key.resource, key.namespace, key.name) }
        }
    }
}

extension KubernetesObject {
    var controllerUID: String? { metadata["ownerReferences"].array.first { $0["controller"].bool == true }?["uid"].string }
}
