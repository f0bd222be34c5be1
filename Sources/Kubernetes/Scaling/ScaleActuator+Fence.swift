import Domain
import ControlLoop

// Does anybody newer act on this target?
//
// The fence is carried by the target itself, as the annotation `greenroom.dev/fence`: a writer leaves its own before it sets
// replicas, and refuses where it finds a higher one. Leaving it changes the target's version, and replicas are set only at the
// version at which the fence was found to be ours: an older writer's update between the two fails as a conflict, is read
// again, and then finds the newer fence. Where the target itself may not be read or patched, this process's own calls are
// fenced, and replicas are still set only at the version that was read. That is told once, and the next call tries again: a
// right that was missing for a moment turns nothing off.

extension ScaleActuator {
    func check(_ fence: Fence, _ pool: String) throws(ActuationFault) {
        if let seen = pools[pool]?.fence, fence < seen { throw .fenced(current: seen) }
        if pools[pool]?.fence != fence { pools[pool, default: PoolState()].fencedVersion = nil }
        pools[pool, default: PoolState()].fence = fence
    }

    /// Whether the target as read in `scale` carries our fence; false where it had to be left there, or others changed the
    /// target meanwhile: read again.
    func isFenced(_ scale: Scale, _ target: KubernetesTarget, _ pool: String, _ fence: Fence) async throws -> Bool {
        let version = scale.object.resourceVersion
        if pools[pool]?.fencedVersion == version {
            try await refuseNested(target, pool)
            return true
        }
        do {
            let object = try await targets.object(of: target)
            if let problem = Self.refusal(object, target, fence) { throw problem }
            pools[pool]?.owners = object.owners
            try await refuseNested(target, pool)
            if object.annotations[Mark.fence] == "\(fence.number)" {
                pools[pool]?.fencedVersion = object.resourceVersion
                pools[pool]?.saidFenceNotCarried = false
                return object.resourceVersion == version
            }
            let patch: JSONValue = [
                "metadata": [
                    "resourceVersion": .string(object.resourceVersion), "annotations": .object([Mark.fence: .string("\(fence.number)")]),
                ]
            ]
            let patched = try await client.patch(target.resource, namespace: target.namespace, name: target.name, patch)
            pools[pool]?.fencedVersion = patched.resourceVersion
            pools[pool]?.saidFenceNotCarried = false
            return false
        } catch let error as KubernetesError where error.isForbidden {
            pools[pool]?.fencedVersion = nil
            if pools[pool]?.saidFenceNotCarried != true { finding(.fenceNotCarried(pool: pool, why: error.description)) }
            pools[pool]?.saidFenceNotCarried = true
            return true
        }
    }

    /// The same for what concerns a pod: nothing is left on the target, but a higher fence there is respected.
    func checkOnTarget(_ pool: ActuatedPool, _ fence: Fence) async throws(ActuationFault) {
        try check(fence, pool.name)
        var found: ActuationFault?
        do throws(KubernetesError) {
            let target = try await targets.target(of: pool)
            let object = try await targets.object(of: target)
            pools[pool.name]?.owners = object.owners
            found = Self.refusal(object, target, fence)
            if found == nil { found = await nestedFault(target, pool.name) }
        } catch {
            if !error.isForbidden { throw ActuationFault(error) }
        }
        if let found { throw found }
    }

    private func refuseNested(_ target: KubernetesTarget, _ pool: String) async throws(ActuationFault) {
        if let fault = await nestedFault(target, pool) { throw fault }
    }

    private func nestedFault(_ target: KubernetesTarget, _ pool: String) async -> ActuationFault? {
        let problem = await nested.problem(of: pool, "\(target)", owners: pools[pool]?.owners ?? [], in: target.namespace)
        return problem.map { .refused($0.text) }
    }

    private static func refusal(_ object: KubernetesObject, _ target: KubernetesTarget, _ fence: Fence) -> ActuationFault? {
        guard let text = object.annotations[Mark.fence] else { return nil }
        guard let number = UInt64(text) else {
            return .refused("\(target) carries \(Mark.fence)=\(text.prefix(40)), which is no number: take the annotation off")
        }
        return number > fence.number ? .fenced(current: Fence(number)) : nil
    }
}
