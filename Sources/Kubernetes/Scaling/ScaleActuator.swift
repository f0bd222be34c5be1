package import ControlLoop
import Basics
import Domain

// How does a decision reach a Kubernetes object?
//
// The actuator for any kind with a `/scale` subresource. A count is set by a conditional update: what was read must still be
// so, else it is read again, a bounded number of times. Never is a count set that would take a busy worker (`ScalePlan`): a
// drained worker's replica goes with `remove`, once the loop found it idle.
//
// Pods of a policy with `workers.busy` take work from elsewhere, marked or not. So each pod that the next count could take is asked
// right before it is set; one that is at work is spared, and the count is planned anew.
//
// Always: whoever has seen or left a higher fence on the target wins (`ScaleActuator+Fence`); a change of replicas that isn't
// ours is noticed and told. Left out: when a worker is idle, retries over time, logging of outcomes; all the loop's.
//
// The actor guards what is known of each pool; calls for one pool never overlap.

package actor ScaleActuator: Actuator {
    package struct Limits: Sendable {
        /// Updates that met somebody else's, before the call fails.
        package var conflicts = 6
        package var firstConflictPause = Duration.milliseconds(20)
        package init() {}
    }

    struct PoolState {
        var fence: Fence?
        /// The count the loop wants kept; nil before the first resize.
        var wanted: Int?
        /// The replicas that we wrote or accepted last.
        var written: Int?
        /// What is being written, or was while its answer got lost.
        var writing: Int?
        /// Counts that a watch may still bring late, though we know of them.
        var recent: [Int] = []
        /// The count didn't fall, because as many workers are wanted: a marked pod doesn't go by it.
        var needsEveryReplica = false
        /// Whether a pod may be marked: then a count must allow for it.
        var mayHaveMarks = true
        /// The version of the target at which its fence was found to be ours.
        var fencedVersion: String?
        /// The target's own owners, as it was read last.
        var owners: [OwnerReference] = []
        var saidFenceNotCarried = false
    }

    let client: KubernetesClient
    let targets: TargetReader
    let owners: OwnerChains
    let nested: NestedTargets
    let holdsActor: @Sendable (String) async -> Bool
    let busyPods: BusyPods?
    let finding: @Sendable (ScaleFinding) -> Void
    private let limits: Limits
    private var conflictPauses: Backoff
    private static let recentCounts = 8
    /// Pods asked at one time whether they are busy.
    private static let asksAtOnce = 16
    /// Until a controller has seen that a pod is spared.
    private static let sparedSettlesFor = Duration.milliseconds(250)
    var pools: [String: PoolState] = [:]

    /// - Parameters:
    ///   - holdsActor: whether the log knows of an actor on the worker of that name, `NAMESPACE/POD`.
    ///   - busyPods: asks pods whether they are busy; nil where nobody can.
    ///   - finding: hears what an operator should know; must not wait.
    package init(
        _ targets: TargetReader, limits: Limits = Limits(), seed: UInt64,
        holdsActor: @escaping @Sendable (String) async -> Bool, busyPods: BusyPods? = nil,
        finding: @escaping @Sendable (ScaleFinding) -> Void
    ) {
        self.busyPods = busyPods
        self.targets = targets
        client = targets.client
        owners = OwnerChains(targets.client, targets.discovery)
        nested = NestedTargets(owners)
        self.limits = limits
        self.holdsActor = holdsActor
        self.finding = finding
        conflictPauses = Backoff(first: limits.firstConflictPause, longest: .seconds(1), seed: seed)
    }

    // MARK: - Actuator

    package func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation {
        do throws(KubernetesError) {
            let target = try await targets.target(of: pool)
            let scale = try await targets.scale(of: target)
            let object = try await targets.object(of: target)
            if let ready = object.readyReplicas(of: target) {
                return TargetObservation(specReplicas: scale.specReplicas, readyReplicas: ready)
            }
            let found = try await pods(of: target, object, pool)
            return TargetObservation(specReplicas: scale.specReplicas, readyReplicas: found.own.count { $0.isReady && $0.isLive })
        } catch { throw ActuationFault(error) }
    }

    package func resize(_ pool: ActuatedPool, to count: Int, fence: Fence) async throws(ActuationFault) {
        guard count >= 0, count <= Int(Int32.max) else { throw .refused("\(count) is no number of replicas for \(pool.name)") }
        try check(fence, pool.name)
        pools[pool.name, default: PoolState()].wanted = count
        try await bringToPlan(pool, fence)
    }

    package func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try await checkOnTarget(pool, fence)
        pools[pool.name]?.mayHaveMarks = true
        try await mark(worker, of: pool) { pod in PodMarking.draining(pod, reason: "scale-down of \(pool.name)") }
    }

    /// Takes the marks off. Too late for a pod that is marked as removing: the count may have fallen for it, and without its mark
    /// another one would go in its place.
    package func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool {
        try await checkOnTarget(pool, fence)
        return try await mark(worker, of: pool, unless: { !$0.isLive || $0.isRemoving }) { pod in PodMarking.restored(pod) }
    }

    package func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try await checkOnTarget(pool, fence)
        pools[pool.name]?.mayHaveMarks = true
        try await mark(worker, of: pool) { pod in PodMarking.removing(pod) }
        // It may have become busy while it was being marked.
        if await holdsActor(qualified(worker.name, pool)) {
            try await mark(worker, of: pool) { pod in PodMarking.draining(pod, reason: "scale-down of \(pool.name)") }
            throw .holdsActor(worker: worker.name)
        }
        try await probeOnceMore(worker, of: pool)
        try await bringToPlan(pool, fence)
        if pools[pool.name]?.needsEveryReplica == true {
            try await probeOnceMore(worker, of: pool)
            try await replace(worker, of: pool)
        }
    }

    /// What a watch saw: somebody else's change is told before the next decision. A watch may be late, so a count that we
    /// know of says nothing; where somebody went back to one, the next decision's own look finds it. What follows from it is
    /// the loop's business, which sees the same in the log.
    package func noteObserved(_ pool: ActuatedPool, specReplicas: Int) {
        guard let state = pools[pool.name], state.writing != specReplicas, !state.recent.contains(specReplicas) else { return }
        _ = noteForeignChange(pool, found: specReplicas)
    }

    // MARK: - Replicas

    /// Sets the replicas that `ScalePlan` allows. Others' updates in between start it over.
    private func bringToPlan(_ pool: ActuatedPool, _ fence: Fence) async throws(ActuationFault) {
        conflictPauses.reset()
        for attempt in 1...limits.conflicts {
            if attempt > 1 { try? await client.clock.sleep(conflictPauses.next()) }
            if try await setReplicas(pool, fence) { return }
        }
        throw .unreachable("\(pool.name) was changed by others \(limits.conflicts) times while its replicas were being set")
    }

    /// Whether it is done; false where somebody was faster.
    private func setReplicas(_ pool: ActuatedPool, _ fence: Fence) async throws(ActuationFault) -> Bool {
        do {
            let target = try await targets.target(of: pool)
            let scale = try await targets.scale(of: target)
            guard try await isFenced(scale, target, pool.name, fence) else { return false }
            // Since the loop decided: it hears of it this way, or by the watch.
            if noteForeignChange(pool, found: scale.specReplicas), pool.foreignChange == .yield {
                throw ActuationFault.changedByOthers(found: scale.specReplicas)
            }
            guard let replicas = try await plannedReplicas(scale, target, pool) else {
                try? await client.clock.sleep(Self.sparedSettlesFor)
                return false
            }
            if replicas != scale.specReplicas { try await write(replicas, scale, target, pool.name) }
            remember(replicas, pool.name)
            return true
        } catch let fault as ActuationFault {
            throw fault
        } catch let error as KubernetesError {
            guard error.isConflict else { throw ActuationFault(error) }
            return false
        } catch { throw .unreachable("\(error)") }
    }

    private func write(_ replicas: Int, _ scale: Scale, _ target: KubernetesTarget, _ pool: String) async throws(KubernetesError) {
        pools[pool]?.writing = replicas
        var wanted = scale.object
        wanted["spec"]["replicas"] = JSONValue(replicas)
        let response = try await client.update(
            target.resource, namespace: target.namespace, name: target.name, subresource: "scale", wanted.json)
        // What this made of a version that carried our fence carries it too.
        if pools[pool]?.fencedVersion != nil { pools[pool]?.fencedVersion = response.resourceVersion }
    }

    /// Marks what must be marked, and answers how many replicas the target may have; nil where a pod had to be spared meanwhile.
    private func plannedReplicas(_ scale: Scale, _ target: KubernetesTarget, _ pool: ActuatedPool) async throws -> Int? {
        let state = pools[pool.name] ?? PoolState()
        // Its controller takes unclaimed ones alone: there is nobody to spare.
        if pool.isUnclaimed { return state.wanted ?? scale.specReplicas }
        // The common way up: one look and one write.
        if let wanted = state.wanted, wanted >= scale.specReplicas, !state.mayHaveMarks { return wanted }
        guard var (plan, pods) = try await plan(scale, target, pool) else { return nil }
        if !plan.toMark.isEmpty {
            let uids = Dictionary(pods.map { ($0.name, $0.uid) }, uniquingKeysWith: { $1 })
            for pod in plan.toMark { try await mark(WorkerIdentity(pod, uid: uids[pod] ?? ""), of: pool) { PodMarking.removing($0) } }
            // While they were being marked, one may have become ready and taken an actor.
            guard let again = try await self.plan(scale, target, pool) else { return nil }
            (plan, pods) = again
        }
        pools[pool.name]?.mayHaveMarks = pods.contains { $0.drainingReason != nil || $0.isRemoving }
        return plan.replicas
    }

    private func plan(_ scale: Scale, _ target: KubernetesTarget, _ pool: ActuatedPool) async throws -> (ScalePlan, [PodView])? {
        let found = try await self.pods(of: target, scale, pool)
        let pods = found.own
        let draining = pods.count { $0.isLive && $0.drainingReason != nil && !$0.isRemoving }
        let wanted =
            pools[pool.name]?.wanted
            ?? Self.kept(of: scale.specReplicas, pods, others: found.unwanted.count.addingClamped(found.untold), draining: draining)
        if let blindness = found.blindness, wanted < scale.specReplicas { throw blindness }
        var busy: Set<String> = []
        if wanted + draining < scale.specReplicas {
            busy = await self.busy(pods, pool)
            let atWork = try await atWork(pods.filter { !busy.contains($0.name) && ($0.isRemoving || !$0.isReady) }, pool)
            let spared = pods.filter { $0.isRemoving && atWork.contains($0.name) }
            for pod in spared { try await mark(WorkerIdentity(pod.name, uid: pod.uid), of: pool) { PodMarking.spared($0) } }
            if !spared.isEmpty { return nil }
            busy.formUnion(atWork)
        }
        // What the policy doesn't want stays, as what is busy does: nobody knows what it holds.
        let plan = ScalePlan(
            wanted: wanted, current: scale.specReplicas, pods: pods + found.unwanted, unknown: found.untold,
            busy: busy.union(found.unwanted.map(\.name)), removesHighestOrdinal: target.removesHighestOrdinal)
        pools[pool.name]?.needsEveryReplica = wanted + draining >= scale.specReplicas
        return (plan, pods)
    }

    /// Where the loop said no count yet: what stays once those go that drain, or are marked as removing and still have a replica.
    private static func kept(of replicas: Int, _ pods: [PodView], others: Int, draining: Int) -> Int {
        let live = pods.filter(\.isLive)
        let givenUp = max(0, live.count.addingClamped(others) - replicas)
        return max(0, replicas - draining - max(0, live.count(where: \.isRemoving) - givenUp))
    }

    private struct FoundPods {
        /// Those that may be workers of the pool.
        var own: [PodView]
        /// Live ones that it owns and the policy doesn't want.
        var unwanted: [PodView]
        /// So many more of its replicas may be pods whose owners can't be told.
        var untold: Int
        /// None is found though there should be some: why it is never lowered.
        var blindness: ActuationFault?
    }

    private func pods(of target: KubernetesTarget, _ scale: Scale, _ pool: ActuatedPool) async throws -> FoundPods {
        let object: KubernetesObject
        do throws(KubernetesError) { object = try await targets.object(of: target) } catch {
            guard error.isForbidden else { throw error }
            // Its /scale has its uid and selector all the same.
            object = scale.object
        }
        let found = try await pods(of: target, object, pool)
        // Its status may lag behind, or never be written.
        let replicas = max(scale.specReplicas, scale.statusReplicas)
        let untold = max(0, min(found.untold.count, replicas - found.own.count(where: \.isLive) - found.unwanted.count))
        var all = FoundPods(own: found.own, unwanted: found.unwanted, untold: untold)
        guard found.own.isEmpty else { return all }
        let membership = PodMembership(target, object, selector: pool.workerSelector)
        // Where owners are known to tell, no pod means that none was made; where they may not, only its own word counts.
        let hasPods = scale.statusReplicas > 0 || (replicas > 0 && (untold > 0 || !found.unwanted.isEmpty || !membership.isToldByOwners))
        guard hasPods else { return all }
        let why = found.untold.first ?? membership.adviceWhereBlind(in: target.namespace)
        all.blindness = .refused(
            "\(target) has \(replicas) replicas and none of its pods can be found, so its count is never lowered: \(why)")
        return all
    }

    /// Those that it owns and the policy wants; others that it owns; and for each whose owners can't be told, why.
    private func pods(
        of target: KubernetesTarget, _ object: KubernetesObject, _ pool: ActuatedPool
    ) async throws(KubernetesError) -> (own: [PodView], unwanted: [PodView], untold: [String]) {
        let membership = PodMembership(target, object, selector: pool.workerSelector)
        var own: [PodView] = []
        var unwanted: [PodView] = []
        var untold: [String] = []
        for pod in try await client.list(.pods, namespace: target.namespace, selection: .init(labels: membership.query)).items
        where membership.mayOwn(pod.labels) {
            let isWanted = membership.isWanted(pod.labels)
            guard membership.asksOwners else {
                if isWanted { own.append(PodView(pod)) }
                continue
            }
            switch await owners.owner(of: pod.owners, in: target.namespace, among: [object.uid]) {
            case .owned: if isWanted { own.append(PodView(pod)) } else if PodView(pod).isLive { unwanted.append(PodView(pod)) }
            case .notOwned: break
            case .unknown(let why): untold.append(why)
            }
        }
        return (own, unwanted, untold)
    }

    private func isOwn(_ pod: KubernetesObject, _ membership: PodMembership, _ uid: String, _ namespace: String, fresh: Bool = false) async
        -> OwnerChains.Response
    {
        guard membership.allows(pod.labels) else { return .notOwned }
        return membership.asksOwners ? await owners.owner(of: pod.owners, in: namespace, among: [uid], fresh: fresh) : .owned(by: uid)
    }

    private func busy(_ pods: [PodView], _ pool: ActuatedPool) async -> Set<String> {
        var busy: Set<String> = []
        for pod in pods where await holdsActor(qualified(pod.name, pool)) { busy.insert(pod.name) }
        return busy
    }

    // MARK: - What pods say

    /// Those that say that they are at work, asked now. None where the policy doesn't ask them.
    private func atWork(_ pods: [PodView], _ pool: ActuatedPool) async throws(ActuationFault) -> Set<String> {
        guard let busyPods, let check = pool.busy else { return [] }
        let asked = pods.filter(\.mayRun).map { (name: qualified($0.name, pool), view: $0) }
        do {
            return try await withThrowingTaskGroup(of: String?.self) { group in
                var atWork: Set<String> = []
                for (k, pod) in asked.enumerated() {
                    if k >= Self.asksAtOnce, let name = try await group.next() ?? nil { atWork.insert(name) }
                    group.addTask { try await busyPods.lastWord(pod.name, pod.view, check) ? pod.view.name : nil }
                }
                for try await name in group { if let name { atWork.insert(name) } }
                return atWork
            }
        } catch {
            throw .unreachable("what pods of \(pool.name) say of their work can't be logged, so none is removed: \(error)")
        }
    }

    /// Spares a worker that is to be removed and is at work again.
    private func probeOnceMore(_ worker: WorkerIdentity, of pool: ActuatedPool) async throws(ActuationFault) {
        guard let busyPods, pool.busy != nil else { return }
        let namespace = targets.namespace(of: pool)
        let view: PodView
        do throws(KubernetesError) {
            let pod = try await client.get(.pods, namespace: namespace, name: PodWorker.pod(worker.name, in: namespace))
            guard worker.mayBe(pod.uid) else { return }
            view = PodView(pod)
        } catch {
            if error.isNotFound { return }
            throw ActuationFault(error)
        }
        // Only a pod that we marked is ours to ask, and to take.
        guard view.isRemoving, try await !atWork([view], pool).isEmpty else { return }
        try await mark(worker, of: pool) { PodMarking.spared($0) }
        // The loop asks again once the log says that it is idle; of a pod that isn't known there yet it never would.
        guard await busyPods.isLogged(qualified(view.name, pool)) else {
            throw .unreachable("pod \(view.name) is at work, or doesn't say, and isn't known as a worker yet")
        }
        throw .holdsActor(worker: worker.name)
    }

    /// As the log knows it.
    private func qualified(_ worker: String, _ pool: ActuatedPool) -> String {
        let namespace = targets.namespace(of: pool)
        return PodWorker.name(PodWorker.pod(worker, in: namespace), in: namespace)
    }

    /// Whether somebody else set what is found.
    private func noteForeignChange(_ pool: ActuatedPool, found: Int) -> Bool {
        guard let state = pools[pool.name], let written = state.written, written != found else { return false }
        remember(found, pool.name)
        // Ours after all: the answer to our update was lost.
        if state.writing == found { return false }
        finding(.replicasChanged(pool: pool.name, expected: written, found: found, response: pool.foreignChange))
        return true
    }

    private func remember(_ replicas: Int, _ pool: String) {
        pools[pool]?.written = replicas
        if pools[pool]?.recent.last != replicas { pools[pool]?.recent.append(replicas) }
        if let recent = pools[pool]?.recent, recent.count > Self.recentCounts { pools[pool]?.recent.removeFirst() }
    }

    // MARK: - Pods

    /// Ends the pod of an idle worker itself, where the count can't fall for it: its controller makes a fresh one. Otherwise a
    /// marked pod would hold a replica for ever and host nothing.
    private func replace(_ worker: WorkerIdentity, of pool: ActuatedPool) async throws(ActuationFault) {
        do throws(KubernetesError) {
            let target = try await targets.target(of: pool)
            let pod = try await client.get(.pods, namespace: target.namespace, name: PodWorker.pod(worker.name, in: target.namespace))
            guard worker.mayBe(pod.uid), PodView(pod).isRemoving, !pod.isBeingDeleted, try await owns(target, pod, pool) else { return }
            try await client.delete(.pods, namespace: target.namespace, exactly: pod)
        } catch {
            if !error.isNotFound { throw ActuationFault(error) }
        }
    }

    /// Puts marks on a worker's pod: conditional, so that nothing is lost of what others write. Answers whether it is marked so;
    /// false where there is no such pod of the target's, which is fine, or it is one that mustn't be.
    @discardableResult
    private func mark(
        _ worker: WorkerIdentity, of pool: ActuatedPool, unless isExcluded: (PodView) -> Bool = { _ in false },
        _ marking: @Sendable (KubernetesObject) -> JSONValue?
    ) async throws(ActuationFault) -> Bool {
        let namespace = targets.namespace(of: pool)
        let name = PodWorker.pod(worker.name, in: namespace)
        for _ in 1...limits.conflicts {
            do throws(KubernetesError) {
                let pod = try await client.get(.pods, namespace: namespace, name: name)
                guard worker.mayBe(pod.uid), !isExcluded(PodView(pod)) else { return false }
                guard try await owns(try await targets.target(of: pool), pod, pool) else { return false }
                guard var patch = marking(pod) else { return true }
                patch["metadata"]["uid"] = .string(pod.uid)
                patch["metadata"]["resourceVersion"] = .string(pod.resourceVersion)
                _ = try await client.patch(.pods, namespace: namespace, name: name, patch)
                return true
            } catch {
                if error.isNotFound { return false }
                guard error.isConflict else { throw ActuationFault(error) }
            }
        }
        throw .unreachable("pod \(namespace)/\(name) was changed by others \(limits.conflicts) times while it was being marked")
    }

    /// Only what the target owns is written on, and ended. Where the owners can't be read the call is refused.
    private func owns(_ target: KubernetesTarget, _ pod: KubernetesObject, _ pool: ActuatedPool) async throws(KubernetesError) -> Bool {
        let object: KubernetesObject
        do throws(KubernetesError) { object = try await targets.object(of: target) } catch {
            guard error.isForbidden else { throw error }
            object = try await targets.scale(of: target).object
        }
        switch await isOwn(pod, PodMembership(target, object, selector: pool.workerSelector), object.uid, target.namespace, fresh: true) {
        case .owned: return true
        case .notOwned: return false
        case .unknown(let why):
            throw KubernetesError(
                "owner of pod \(pod.name)",
                .status(.init(code: 403, reason: "Forbidden", message: "it is unknown whether \(target) owns it: \(why)")))
        }
    }
}
