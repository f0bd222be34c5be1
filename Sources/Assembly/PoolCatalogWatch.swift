import Autoscaling
import Domain
import Kubernetes
import Logging
import Machine
import SubstrateGateway

// What do WorkerPool and ActorTemplate objects say of who may use what?
//
// Both are watched in all namespaces; the catalog is told what changes. Field names are agent-substrate's v1alpha1: `spec.sandboxClass` on both,
// labels on the WorkerPool itself, `spec.workerSelector` on the ActorTemplate. Where they can't be listed the catalog goes by what it knows else.

struct PoolCatalogWatch: Sendable {
    private static let pools = KubernetesResource(group: "ate.dev", version: "v1alpha1", plural: "workerpools")
    private static let templates = KubernetesResource(group: "ate.dev", version: "v1alpha1", plural: "actortemplates")

    let client: KubernetesClient
    let catalog: PoolCatalog
    let seed: UInt64
    let logger: Logger

    /// Runs until its task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await watch(Self.pools, 1).run { delivery in take(pools: delivery) } }
            group.addTask { await watch(Self.templates, 2).run { delivery in take(templates: delivery) } }
        }
    }

    private func watch(_ resource: KubernetesResource, _ number: UInt64) -> ListWatch {
        // What stays the same is told once.
        let last = Locked("")
        return ListWatch(
            client, resource, namespace: nil, seed: seed &+ number,
            trouble: { [logger] problem in
                guard last.value != problem else { return }
                last.value = problem
                logger.warning(
                    "\(resource.plural) can't be watched: pools of resumes are told by what runs", metadata: ["problem": "\(problem)"])
            })
    }

    private func take(pools delivery: WatchDelivery) {
        switch delivery {
        case .replaced(let objects): catalog.replace(pools: objects.map(Self.pool))
        case .changed(let object): catalog.set(Self.pool(object))
        case .deleted(let object): catalog.remove(pool: object.key)
        }
    }

    private func take(templates delivery: WatchDelivery) {
        switch delivery {
        case .replaced(let objects): catalog.replace(templates: objects.compactMap(Self.template))
        case .changed(let object):
            if let template = Self.template(object) { catalog.set(template) } else { catalog.remove(template: object.key) }
        case .deleted(let object): catalog.remove(template: object.key)
        }
    }

    static func pool(_ object: KubernetesObject) -> PoolCatalog.Pool {
        PoolCatalog.Pool(
            name: object.key, sandboxClass: object["spec"]["sandboxClass"].string ?? PoolCatalog.defaultClass, labels: object.labels)
    }

    /// nil where its selector isn't understood: the catalog then goes by what it knows else.
    static func template(_ object: KubernetesObject) -> PoolCatalog.Template? {
        let written = object["spec"]["workerSelector"]
        let selector = WorkerSelector(labelSelector: written)
        guard selector != nil || (written["matchLabels"].members.isEmpty && written["matchExpressions"].array.isEmpty) else { return nil }
        return PoolCatalog.Template(
            name: object.key, sandboxClass: object["spec"]["sandboxClass"].string ?? PoolCatalog.defaultClass, selector: selector)
    }
}
