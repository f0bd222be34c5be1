import Domain
import Autoscaling
import ControlLoop
import Kubernetes
import KubernetesTwin
import Machine
import TestSupport
import Testing

@testable import Kubernetes

@Suite struct ScaleActuatorTests {
    /// A WorkerPool with a controller that makes its pods, and the actuator on it.
    final class Bench: Sendable {
        let twin: KubernetesTwin
        let client: KubernetesClient
        let actuator: ScaleActuator
        let busy = NameSet()
        let findings = Recorder<ScaleFinding>()
        let resource: TwinResource
        let foreignChange: ForeignChange

        init(
            _ resource: TwinResource = .workerPools, replicas: Int = 0, ready: Bool = true, foreignChange: ForeignChange = .takeOver,
            user: TwinUser = .admin, isBlind: Bool = false, resources: [TwinResource] = []
        ) async throws {
            var configuration = KubernetesTwin.Configuration()
            configuration.controllerNodes = ["node-a", "node-b"]
            configuration.makesPodsReady = ready
            configuration.users["token"] = user
            configuration.resources += resources
            self.resource = resource
            self.foreignChange = foreignChange
            twin = try await KubernetesTwin.start(configuration)
            client = try twin.client(token: "token", clock: MonotonicClock(now: { .zero }, sleep: { _ in }))
            actuator = ScaleActuator(
                TargetReader(client), seed: 1,
                holdsActor: { [busy] worker in !isBlind && worker.hasPrefix("ns/") && busy.contains(String(worker.dropFirst(3))) },
                finding: { [findings] in findings.add($0) })
            var object: JSONValue = ["metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": JSONValue(replicas)]]
            if resource.isCustom {
                object["status"] = ["replicas": 0]
            } else {
                object["spec"]["selector"] = ["matchLabels": ["app": "pool"]]
            }
            twin.seed(resource, object)
        }

        var pool: ActuatedPool {
            ActuatedPool(
                name: "ns/pool", target: ScaleTarget(apiVersion: resource.apiVersion, kind: resource.kind, name: "pool"), slotsPerWorker: 1,
                drainTimeoutSeconds: 60,
                foreignChange: foreignChange)
        }

        func resize(_ count: Int, fence: UInt64 = 1) async throws { try await actuator.resize(pool, to: count, fence: Fence(fence)) }
        var replicas: Int? { twin.object(resource, "ns", "pool")?["spec"]["replicas"].int }
        var fence: String? { twin.object(resource, "ns", "pool")?.annotations[Mark.fence] }
        var pods: [String] { twin.objects(.pods, "ns").map(\.name).sorted() }
        func pod(_ name: String) -> PodView? { twin.object(.pods, "ns", name).map { PodView($0) } }

        func fault(_ body: () async throws -> Void) async -> ActuationFault? {
            do {
                try await body()
                return nil
            } catch { return error as? ActuationFault }
        }

        func close() async {
            await client.close()
            await twin.stop()
        }
    }

    private func on(_ bench: Bench, _ body: (Bench) async throws -> Void) async throws {
        do { try await body(bench) } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    @Test(
        "each kind with /scale grows and is observed",
        arguments: [TwinResource.workerPools, .deployments, .statefulSets, .sandboxWarmPools])
    func grows(_ resource: TwinResource) async throws {
        try await on(Bench(resource)) { bench in
            try await bench.resize(3)
            #expect(bench.replicas == 3 && bench.pods.count == 3 && bench.fence == "1")
            #expect(try await bench.actuator.observe(bench.pool) == TargetObservation(specReplicas: 3, readyReplicas: 3))
            let version = bench.twin.version
            try await bench.resize(3)
            #expect(bench.twin.version == version, "the same again writes nothing")
        }
    }

    @Test("a scale-down takes drained idle workers one by one, and never a busy one")
    func shrinks() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(5)
            let pods = bench.pods
            for name in pods[..<3] { bench.busy.set(name, true) }
            try await bench.resize(3)
            #expect(bench.replicas == 5, "nobody was drained yet")
            for name in pods[3...] {
                try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
                #expect(
                    bench.pod(name)?.deletionCost == "-1000" && bench.pod(name)?.drainingReason != nil
                        && bench.pod(name)?.isRemoving == false)
            }
            #expect(bench.replicas == 5 && bench.pods == pods)
            try await bench.actuator.remove(WorkerIdentity(pods[3]), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 4 && bench.pods == pods.filter { $0 != pods[3] })
            try await bench.actuator.remove(WorkerIdentity(pods[3]), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 4, "once more changes nothing")
            try await bench.actuator.remove(WorkerIdentity(pods[4]), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 3 && bench.pods == Array(pods[..<3]))
        }
    }

    @Test("a pod that has the name of the worker that is meant, and another uid, is left alone")
    func anotherOfThatName() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            let name = bench.pods[1]
            let earlier = WorkerIdentity(name, uid: "of the pod before")
            try await bench.actuator.resize(bench.pool, to: 1, fence: Fence(1))
            try await bench.actuator.drain(earlier, of: bench.pool, fence: Fence(1))
            try await bench.actuator.remove(earlier, of: bench.pool, fence: Fence(1))
            #expect(try await !bench.actuator.cancelDrain(earlier, of: bench.pool, fence: Fence(1)))
            let pod = try #require(bench.pod(name))
            #expect(pod.drainingReason == nil && !pod.isRemoving && bench.replicas == 2)
            try await bench.actuator.drain(WorkerIdentity(name, uid: pod.uid), of: bench.pool, fence: Fence(1))
            #expect(bench.pod(name)?.drainingReason != nil)
        }
    }

    @Test("a worker that holds an actor isn't removed, whatever the loop says")
    func busy() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            let name = bench.pods[1]
            try await bench.resize(1)
            try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
            bench.busy.set(name, true)
            let fault = await bench.fault { try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1)) }
            #expect(fault == .holdsActor(worker: name))
            #expect(bench.replicas == 2 && bench.pod(name)?.isRemoving == false && bench.pod(name)?.drainingReason != nil)
            bench.busy.set(name, false)
            try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 1 && !bench.pods.contains(name))
        }
    }

    @Test("a scale-up while workers drain comes on top of them; a cancelled drain gives its worker back, marks and all")
    func cancel() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(3)
            let pods = bench.pods
            bench.twin.edit(.pods, "ns", pods[2]) { $0["metadata"]["annotations"][Mark.deletionCost] = "7" }
            try await bench.resize(1)
            for name in pods[1...] { try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1)) }
            try await bench.resize(2)
            #expect(bench.replicas == 4 && bench.pods.count == 4)
            #expect(bench.pod(pods[2])?.deletionCost == "-1000")
            #expect(try await bench.actuator.cancelDrain(WorkerIdentity(pods[2]), of: bench.pool, fence: Fence(1)))
            let restored = try #require(bench.twin.object(.pods, "ns", pods[2]))
            #expect(restored.annotations == [Mark.deletionCost: "7"] && restored.labels[Mark.draining] == nil)
            #expect(bench.replicas == 4, "nobody is taken for it")
        }
    }

    @Test("drains that are taken back first cost no start; one whose removal began, or whose pod is gone, can't be")
    func takeBack() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(3)
            let pods = bench.pods
            try await bench.resize(1)
            for name in pods[1...] { try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1)) }
            #expect(try await bench.actuator.cancelDrain(WorkerIdentity(pods[1]), of: bench.pool, fence: Fence(1)))
            #expect(
                try await bench.actuator.cancelDrain(WorkerIdentity(pods[1]), of: bench.pool, fence: Fence(1)), "once more changes nothing")
            try await bench.resize(2)
            #expect(bench.replicas == 3 && bench.pods == pods)

            // The removal's mark is there, the count hasn't fallen yet.
            bench.twin.inject(TwinFault(.respond(status: 500), times: nil) { $0.method == "PUT" })
            _ = await bench.fault { try await bench.actuator.remove(WorkerIdentity(pods[2]), of: bench.pool, fence: Fence(1)) }
            #expect(bench.pod(pods[2])?.isRemoving == true && bench.replicas == 3)
            #expect(try await !bench.actuator.cancelDrain(WorkerIdentity(pods[2]), of: bench.pool, fence: Fence(1)))
            bench.twin.heal()
            try await bench.actuator.remove(WorkerIdentity(pods[2]), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 2 && bench.pods == Array(pods[..<2]))
            #expect(try await !bench.actuator.cancelDrain(WorkerIdentity(pods[2]), of: bench.pool, fence: Fence(1)))
            #expect(
                await bench.fault { _ = try await bench.actuator.cancelDrain(WorkerIdentity(pods[1]), of: bench.pool, fence: Fence(0)) }
                    == .fenced(current: Fence(1)))
        }
    }

    @Test("a drained worker whose replica is wanted again is ended, and its controller makes a fresh one")
    func replaced() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(3)
            let name = bench.pods[1]
            try await bench.resize(2)
            try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
            try await bench.resize(3)
            #expect(bench.replicas == 4)
            try await bench.actuator.drain(WorkerIdentity(bench.pods[0]), of: bench.pool, fence: Fence(1))
            try await bench.resize(4)
            #expect(bench.replicas == 6)
            try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 5 && !bench.pods.contains(name))
            try await bench.resize(5)
            let other = bench.pods[0]
            try await bench.resize(6)
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 6 }
            try await bench.actuator.remove(WorkerIdentity(other), of: bench.pool, fence: Fence(1))
            #expect(!bench.pods.contains(other) && bench.replicas == 6 && bench.pods.count == 6)
        }
    }

    @Test("workers that aren't ready go first, and are marked before the count falls")
    func notReady() async throws {
        try await on(Bench(ready: false)) { bench in
            try await bench.resize(4)
            let pods = bench.pods
            bench.twin.makeReady(pod: pods[0], "ns", node: "node-a")
            // It reported itself before its pod was ready.
            bench.busy.set(pods[1], true)
            try await bench.resize(1)
            #expect(bench.replicas == 2 && bench.pods == Array(pods[..<2]))
        }
    }

    @Test("a StatefulSet's idle worker below a busy one stays until that has left")
    func ordinals() async throws {
        try await on(Bench(.statefulSets)) { bench in
            try await bench.resize(3)
            #expect(bench.pods == ["pool-0", "pool-1", "pool-2"])
            for name in ["pool-0", "pool-2"] { bench.busy.set(name, true) }
            try await bench.resize(2)
            try await bench.actuator.drain(WorkerIdentity("pool-1"), of: bench.pool, fence: Fence(1))
            try await bench.actuator.remove(WorkerIdentity("pool-1"), of: bench.pool, fence: Fence(1))
            #expect(bench.replicas == 3 && bench.pods.count == 3)
        }
    }

    @Test("an update that met somebody else's is read and tried again, and their change is told")
    func conflict() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            bench.twin.inject(TwinFault(.delay(milliseconds: 200)) { $0.method == "PUT" })
            let puts = bench.twin.requests.count { $0.method == "PUT" }
            async let resized: Void = bench.resize(4)
            try await eventually("the update is under way") { bench.twin.requests.count { $0.method == "PUT" } > puts }
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 9 }
            try await resized
            #expect(bench.twin.requests.count { $0.method == "PUT" } == puts + 1, "nine ready workers aren't cut to four by a count")
            #expect(bench.findings.values == [.replicasChanged(pool: "ns/pool", expected: 2, found: 9, response: .takeOver)])
        }
    }

    @Test("an update of ours whose answer was lost, or that a watch brings late, is nobody else's")
    func ownChanges() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            bench.twin.inject(TwinFault(.cutAfter) { $0.method == "PUT" })
            guard case .unreachable = await bench.fault({ try await bench.resize(4) }) else { return #expect(Bool(false)) }
            #expect(bench.replicas == 4)
            await bench.actuator.noteObserved(bench.pool, specReplicas: 4)
            try await bench.resize(5)
            for count in [2, 4, 5] { await bench.actuator.noteObserved(bench.pool, specReplicas: count) }
            #expect(bench.replicas == 5 && bench.findings.values.isEmpty)
        }
    }

    @Test("once nobody is marked, a scale-up looks once and writes once")
    func quickUp() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            let before = bench.twin.requests.count
            try await bench.resize(3)
            let asked = bench.twin.requests.dropFirst(before).map { "\($0.method) \($0.path.split(separator: "/").last ?? "")" }
            // The controller wrote the target's status meanwhile, so the fence is looked at again.
            #expect(asked == ["GET scale", "GET pool", "PUT scale"])
        }
    }

    @Test("conflicts without end are given up as something to try later")
    func conflicts() async throws {
        try await on(Bench()) { bench in
            bench.twin.inject(
                TwinFault(.respond(status: 409, body: #"{"kind":"Status","code":409,"reason":"Conflict"}"#), times: nil) {
                    $0.method == "PUT"
                })
            guard case .unreachable = await bench.fault({ try await bench.resize(2) }) else { return #expect(Bool(false)) }
            // One of the six rounds left the fence.
            #expect(bench.twin.requests.count { $0.method == "PUT" } == 5)
        }
    }

    @Test(
        "somebody else's change that it meets is left alone where the policy says so, and told; what comes after that is the loop's to say")
    func yields() async throws {
        try await on(Bench(foreignChange: .yield)) { bench in
            try await bench.resize(2)
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 3 }
            #expect(await bench.fault { try await bench.resize(5) } == .changedByOthers(found: 3))
            #expect(bench.replicas == 3)
            #expect(bench.findings.values == [.replicasChanged(pool: "ns/pool", expected: 2, found: 3, response: .yield)])
            try await bench.resize(5)
            #expect(bench.replicas == 5)
        }
    }

    @Test("a higher fence on the target wins, in this process and across processes")
    func fences() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(1, fence: 3)
            #expect(bench.fence == "3")
            #expect(await bench.fault { try await bench.resize(2, fence: 2) } == .fenced(current: Fence(3)))

            let newer = ScaleActuator(TargetReader(bench.client), seed: 2, holdsActor: { _ in false }, finding: { _ in })
            try await newer.resize(bench.pool, to: 4, fence: Fence(4))
            #expect(bench.fence == "4" && bench.replicas == 4)
            #expect(await bench.fault { try await bench.resize(9, fence: 3) } == .fenced(current: Fence(4)))
            #expect(bench.replicas == 4)
            let pod = try #require(bench.pods.first)
            #expect(
                await bench.fault { try await bench.actuator.drain(WorkerIdentity(pod), of: bench.pool, fence: Fence(3)) }
                    == .fenced(current: Fence(4)))
            #expect(
                await bench.fault { try await bench.actuator.remove(WorkerIdentity(pod), of: bench.pool, fence: Fence(3)) }
                    == .fenced(current: Fence(4)))
            #expect(bench.pod(pod)?.drainingReason == nil)
        }
    }

    @Test("a newer writer's fence that comes while an old update is under way stops it")
    func fenceRace() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(1)
            bench.twin.inject(TwinFault(.delay(milliseconds: 200)) { $0.method == "PUT" })
            async let old = bench.fault { try await bench.resize(8) }
            let puts = bench.twin.requests.count { $0.method == "PUT" }
            try await eventually("the old update is under way") {
                bench.twin.requests.count { $0.method == "PUT" } > puts || bench.twin.underWay > 0
            }
            bench.twin.edit(.workerPools, "ns", "pool") { $0["metadata"]["annotations"][Mark.fence] = "2" }
            #expect(await old == .fenced(current: Fence(2)))
            #expect(bench.replicas == 1)
        }
    }

    @Test("where the target may not be patched, it is scaled all the same, and that is told once")
    func fenceNotCarried() async throws {
        let user = TwinUser("least") { verb, resource, _ in !(verb == "patch" && resource == "workerpools") }
        try await on(Bench(user: user)) { bench in
            try await bench.resize(1)
            try await bench.resize(2)
            #expect(bench.replicas == 2 && bench.fence == nil)
            #expect(bench.findings.values.count == 1)
            guard case .fenceNotCarried = bench.findings.values.first else { return #expect(Bool(false)) }
        }
    }

    @Test("a right that was missing for a moment turns the fence off for that moment alone, and is told again where it goes again")
    func fenceForbiddenForAMoment() async throws {
        try await on(Bench()) { bench in
            bench.twin.inject(TwinFault(.respond(status: 403)) { $0.method == "PATCH" })
            try await bench.resize(1)
            #expect(bench.replicas == 1 && bench.fence == nil && bench.findings.values.count == 1)
            // Nobody changed the target in between: what is remembered of its version must not pass for a fence.
            try await bench.resize(2)
            #expect(bench.replicas == 2 && bench.fence == "1")

            bench.twin.edit(bench.resource, "ns", "pool") { $0["metadata"]["annotations"][Mark.fence] = "9" }
            #expect(await bench.fault { try await bench.resize(3) } == .fenced(current: Fence(9)), "a newer one is respected from then on")
            bench.twin.edit(bench.resource, "ns", "pool") { $0["metadata"]["annotations"][Mark.fence] = "0" }
            bench.twin.inject(TwinFault(.respond(status: 403)) { $0.method == "PATCH" })
            try await bench.resize(3)
            #expect(bench.findings.values.count { if case .fenceNotCarried = $0 { true } else { false } } == 2)
        }
    }

    @Test("a fence annotation that is no number is refused")
    func strangeFence() async throws {
        try await on(Bench()) { bench in
            bench.twin.edit(.workerPools, "ns", "pool") { $0["metadata"]["annotations"][Mark.fence] = "mine" }
            guard case .refused(let why) = await bench.fault({ try await bench.resize(1) }) else { return #expect(Bool(false)) }
            #expect(why.contains(Mark.fence))
        }
    }

    @Test(
        "failures say whether another try may help: status of the answer, worth trying",
        arguments: [
            (401, false), (403, false), (404, false), (422, false), (429, true), (500, true), (503, true),
        ])
    func faults(_ status: Int, _ mayHelp: Bool) async throws {
        try await on(Bench()) { bench in
            bench.twin.inject(TwinFault(.respond(status: status), times: nil) { $0.path.hasSuffix("/scale") })
            switch await bench.fault({ try await bench.resize(1) }) {
            case .unreachable(let why): #expect(mayHelp && why.contains("\(status)"))
            case .refused(let why): #expect(!mayHelp && why.contains("\(status)"))
            default: Issue.record("no fault")
            }
        }
    }

    @Test("a target that isn't there, a kind that isn't, and one without /scale are refused by name")
    func missing() async throws {
        try await on(Bench()) { bench in
            for (apiVersion, kind, name, words) in [
                ("ate.dev/v1alpha1", "WorkerPool", "nope", "\"nope\" not found"),
                ("ate.dev/v1alpha1", "Nothing", "pool", "no kind Nothing"),
                ("nobody.example/v1", "X", "pool", "404"), ("v1", "Pod", "pool", "no /scale"),
                ("nobody.example/v1", "X", "pool", "serves no nobody.example/v1"),
            ] {
                let pool = ActuatedPool(
                    name: "ns/pool", target: ScaleTarget(apiVersion: apiVersion, kind: kind, name: name), slotsPerWorker: 1,
                    drainTimeoutSeconds: 60)
                guard case .refused(let why) = await bench.fault({ try await bench.actuator.resize(pool, to: 1, fence: Fence(1)) }) else {
                    return #expect(Bool(false), "\(kind)")
                }
                #expect(why.contains(words), "\(why)")
            }
        }
    }

    @Test("a target whose pods can't be told grows and is never lowered, unless the policy says which they are")
    func untold() async throws {
        let widgets = TwinResource("example.com", "v1", "widgets", "Widget", isCustom: true, hasScale: true, hasGeneration: true)
        try await on(Bench(widgets, resources: [widgets])) { bench in
            try await bench.resize(3)
            bench.twin.edit(widgets, "ns", "pool") { $0["status"] = ["replicas": 3] }
            for number in 1...3 { bench.twin.seed(.pods, Self.bare("widget-\(number)", ["app": "widget"])) }
            guard case .refused(let why) = await bench.fault({ try await bench.resize(1) }) else { return #expect(Bool(false)) }
            #expect(why.contains("none of its pods can be found") && why.contains("spec.workerSelector") && bench.replicas == 3)
            let pool = ActuatedPool(
                name: "ns/pool", target: bench.pool.target, slotsPerWorker: 1, drainTimeoutSeconds: 60,
                workerSelector: WorkerSelector("app=widget"))
            try await bench.actuator.resize(pool, to: 1, fence: Fence(1))
            try await bench.actuator.drain(WorkerIdentity("ns/widget-2"), of: pool, fence: Fence(1))
            try await bench.actuator.remove(WorkerIdentity("ns/widget-2"), of: pool, fence: Fence(1))
            #expect(bench.replicas == 2 && bench.pod("widget-2")?.isRemoving == true)
        }
    }

    @Test(
        "a target whose status says nothing is lowered no more than one that says what it has: kind, selector of the policy",
        arguments: [true, false])
    func lateStatus(_ isToldByOwners: Bool) async throws {
        let widgets = TwinResource("example.com", "v1", "widgets", "Widget", isCustom: true, hasScale: true, hasGeneration: true)
        let user = TwinUser("least") { verb, resource, _ in !(verb == "get" && resource == "replicasets") }
        try await on(Bench(isToldByOwners ? .deployments : widgets, user: user, resources: [widgets])) { bench in
            // Without labels to match the twin's controller makes nothing of it.
            if isToldByOwners {
                bench.twin.edit(.deployments, "ns", "pool") {
                    $0["spec"]["selector"] = ["matchExpressions": [["key": "app", "operator": "Exists"]]]
                }
            }
            for number in 1...3 {
                bench.twin.seed(.pods, Self.bare("pool-\(number)", ["app": "pool"]))
                guard isToldByOwners else { continue }
                bench.twin.edit(.pods, "ns", "pool-\(number)") {
                    $0["metadata"]["ownerReferences"] = [
                        ["apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "pool-0", "uid": "set", "controller": true]
                    ]
                }
            }
            bench.twin.edit(bench.resource, "ns", "pool") {
                $0["spec"]["replicas"] = 3
                $0["status"] = [:]
            }
            guard case .refused(let why) = await bench.fault({ try await bench.resize(1) }) else { return #expect(Bool(false)) }
            #expect(why.contains("3 replicas and none of its pods can be found") && bench.replicas == 3)
            try await bench.resize(4)
            #expect(bench.replicas == 4, "it may grow")
        }
    }

    @Test("pods that were never made don't keep a count up where owners are known to tell")
    func neverMade() async throws {
        try await on(Bench(.deployments)) { bench in
            bench.twin.edit(.deployments, "ns", "pool") {
                $0["spec"]["selector"] = ["matchExpressions": [["key": "app", "operator": "Exists"]]]
                $0["spec"]["replicas"] = 3
            }
            try await bench.resize(1)
            #expect(bench.replicas == 1)
        }
    }

    @Test("idle workers of a target that was told no count yet go by the count, each once, and none is made in its place")
    func untoldCount() async throws {
        try await on(Bench(.deployments, replicas: 3)) { bench in
            let pods = bench.pods
            for name in pods { try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1)) }
            for (k, name) in pods.enumerated() {
                try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
                #expect(bench.replicas == 2 - k && bench.pods == Array(pods[(k + 1)...]))
            }
            #expect(!bench.twin.requests.contains { $0.method == "DELETE" })
        }
    }

    @Test(
        "pods that the target owns and the policy's workerSelector leaves out are never taken by a count",
        arguments: [TwinResource.deployments, .statefulSets])
    func unwanted(_ resource: TwinResource) async throws {
        try await on(Bench(resource, replicas: 3)) { bench in
            let pods = bench.pods
            for name in pods[..<2] { bench.twin.edit(.pods, "ns", name) { $0["metadata"]["labels"]["tier"] = "fast" } }
            func pool(_ selector: String) -> ActuatedPool {
                ActuatedPool(
                    name: "ns/pool", target: bench.pool.target, slotsPerWorker: 1, drainTimeoutSeconds: 60,
                    workerSelector: WorkerSelector(selector))
            }
            try await bench.actuator.resize(pool("tier=fast"), to: 0, fence: Fence(1))
            #expect(bench.replicas == 3)
            for name in pods[..<2] {
                try await bench.actuator.drain(WorkerIdentity(name), of: pool("tier=fast"), fence: Fence(1))
                try await bench.actuator.remove(WorkerIdentity(name), of: pool("tier=fast"), fence: Fence(1))
            }
            // A StatefulSet ends its highest ordinal, and that is the one.
            #expect(bench.replicas == (resource == .statefulSets ? 3 : 1) && bench.pods.contains(pods[2]))
            guard case .refused(let why) = await bench.fault({ try await bench.actuator.resize(pool("tier=none"), to: 0, fence: Fence(1)) })
            else { return #expect(Bool(false)) }
            #expect(why.contains("none of its pods fits spec.workerSelector") && bench.pods.contains(pods[2]))
        }
    }

    @Test(
        "a pod that only looks like the target's is neither marked nor removed, nor does it count",
        arguments: [TwinResource.workerPools, .deployments, .statefulSets])
    func foreignPods(_ resource: TwinResource) async throws {
        try await on(Bench(resource)) { bench in
            try await bench.resize(2)
            let own = bench.pods
            let labels = bench.twin.object(.pods, "ns", own[0])?.labels ?? [:]
            bench.twin.seed(.pods, Self.bare("bare-0", labels))
            bench.twin.seed(
                .deployments,
                [
                    "metadata": ["name": "canary", "namespace": "ns"],
                    "spec": ["replicas": 1, "selector": ["matchLabels": JSONValue(labels.merging(["track": "canary"]) { $1 })]],
                ])
            let canary = try #require(bench.pods.first { $0.hasPrefix("canary") })
            for name in ["bare-0", canary] {
                let version = bench.twin.object(.pods, "ns", name)?.resourceVersion
                for worker in [name, "ns/\(name)"] {
                    try await bench.actuator.drain(WorkerIdentity(worker), of: bench.pool, fence: Fence(1))
                    try await bench.actuator.remove(WorkerIdentity(worker), of: bench.pool, fence: Fence(1))
                    #expect(try await !bench.actuator.cancelDrain(WorkerIdentity(worker), of: bench.pool, fence: Fence(1)))
                }
                #expect(bench.twin.object(.pods, "ns", name)?.resourceVersion == version, "\(name) was written on")
            }
            #expect(bench.replicas == 2 && bench.pods == (own + ["bare-0", canary]).sorted())
        }
    }

    @Test("a claimed sandbox is no longer its pool's")
    func claimed() async throws {
        try await on(Bench(.sandboxWarmPools)) { bench in
            try await bench.resize(2)
            let name = bench.pods[0]
            bench.twin.edit(.sandboxes, "ns", name) {
                $0["metadata"]["ownerReferences"] = [
                    [
                        "apiVersion": "extensions.agents.x-k8s.io/v1alpha1", "kind": "SandboxClaim", "name": "c", "uid": "claim",
                        "controller": true,
                    ]
                ]
                $0["metadata"]["labels"] = [:]
            }
            #expect(bench.pods.count == 3, "its pool made another")
            try await bench.actuator.drain(WorkerIdentity("ns/\(name)"), of: bench.pool, fence: Fence(1))
            #expect(bench.pod(name)?.isMarked == false)
        }
    }

    static func bare(_ name: String, _ labels: [String: String]) -> JSONValue {
        [
            "metadata": ["name": .string(name), "namespace": "ns", "labels": JSONValue(labels)], "spec": ["nodeName": "node-a"],
            "status": ["phase": "Running", "podIP": "10.0.0.9", "conditions": [["type": "Ready", "status": "True"]]],
        ]
    }
}
