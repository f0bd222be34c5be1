import ControlLoop
import Domain

// What does the target say of itself?
//
// Follows the one object and appends `pool.observed` where its replicas or its ready ones changed. Ids follow from the
// object's uid and version.

public struct ScaleTargetWatch: Sendable {
    public static let source = "/greenroom/kubernetes/targets"

    let targets: TargetReader
    let pool: ActuatedPool
    let options: WatchOptions
    let append: PodWatch.Append
    /// Hears each count, before it is appended.
    let observed: @Sendable (TargetObservation) async -> Void

    /// Runs until its task is cancelled.
    public func run() async {
        guard let target = await target() else { return }
        let last = LastObservation()
        let watch = ListWatch(
            targets.client, target.resource, namespace: target.namespace, selection: .named(target.name), seed: options.seed, trouble: options.trouble)
        await watch.run { delivery in
            switch delivery {
            case .replaced(let objects):
                // The field selector isn't known to every server that stores custom resources.
                guard let object = objects.first(where: { $0.name == target.name }) else { return options.trouble("\(target) doesn't exist: create it, or change the policy's target") }
                try await take(object, target, last)
            case .changed(let object): if object.name == target.name { try await take(object, target, last) }
            case .deleted(let object): if object.name == target.name { options.trouble("\(target) was deleted: create it again, or remove the policy") }
            }
        }
    }

    private func target() async -> KubernetesTarget? {
        var backoff = Backoff(first: ListWatch.firstBackoff, longest: ListWatch.longestBackoff, seed: options.seed &+ 2)
        while !Task.isCancelled {
            do throws(KubernetesError) { return try await targets.target(of: pool) } catch { options.trouble("\(error)") }
            try? await targets.client.clock.sleep(backoff.next())
        }
        return nil
    }

    private func take(_ object: KubernetesObject, _ target: KubernetesTarget, _ last: LastObservation) async throws {
        // A custom resource may keep its replicas anywhere; only /scale knows where.
        let inPlace = object["spec"]["replicas"].replicas
        let spec = if let inPlace { inPlace } else { try await targets.scale(of: target).specReplicas }
        let observation = TargetObservation(specReplicas: max(0, spec), readyReplicas: max(0, object.readyReplicas))
        guard await last.differs(observation) else { return }
        await observed(observation)
        try await append(event(observation, object))
        await last.set(observation)
    }

    private func event(_ observation: TargetObservation, _ object: KubernetesObject) -> EventBatch {
        var body = JSONWriter()
        body.openObject()
        body.member("specReplicas", observation.specReplicas)
        body.member("readyReplicas", observation.readyReplicas)
        body.closeObject()
        var batch = EventBatch()
        batch.append(
            .poolObserved, source: Self.source, id: "\(object.uid)-\(object.resourceVersion)", subject: pool.name, pool: pool.name, body: body.bytes)
        return batch
    }
}

private actor LastObservation {
    private var last: TargetObservation?
    func differs(_ observation: TargetObservation) -> Bool { observation != last }
    func set(_ observation: TargetObservation) { last = observation }
}
