import Domain
import Autoscaling
import Basics
import ControlLoop
import Kubernetes
import KubernetesTwin
import Machine
import Synchronization
import TestSupport
import Testing

@testable import Kubernetes

// Invariant: no pod that said that it is busy when it was last asked, or that didn't answer, is removed. The twin's controller removes
// pods as a ReplicaSet does; pods say what the test lets them say, and may say another thing each time.

@Suite struct SparedPodsTests {
    /// What pods say, by name, and what each said last.
    private final class Pods: Sendable {
        private struct State {
            var tasks: [String: Int] = [:]
            var silent: Set<String> = []
            var last: [String: Bool] = [:]
            var asked: [String] = []
            var next: (@Sendable (String) -> Int?)?
        }
        private let state = Mutex(State())

        func set(_ pod: String, tasks: Int, isSilent: Bool = false) {
            state.withLock { state in
                state.tasks[pod] = tasks
                if isSilent { state.silent.insert(pod) } else { state.silent.remove(pod) }
            }
        }

        /// Asked before what is set: nil leaves it to that.
        func response(_ next: (@Sendable (String) -> Int?)?) { state.withLock { $0.next = next } }

        func query(_ pod: String) -> BusyResponse {
            state.withLock { state in
                state.asked.append(pod)
                if state.silent.contains(pod) {
                    state.last[pod] = true
                    return .failed("no answer")
                }
                let tasks = state.next?(pod) ?? state.tasks[pod] ?? 0
                state.last[pod] = tasks > 0
                return .tasks(tasks)
            }
        }

        /// Whether it was busy, or silent, when it was last asked; nil where nobody asked.
        func wasBusy(_ pod: String) -> Bool? { state.withLock { $0.last[pod] } }
        var asked: [String] { state.withLock { $0.asked } }
    }

    private final class Bench: Sendable {
        let twin: KubernetesTwin
        let client: KubernetesClient
        let actuator: ScaleActuator
        let busyPods: BusyPods
        let pods = Pods()
        let lines = Recorder<String>()
        let resource: TwinResource

        init(_ resource: TwinResource = .deployments, ready: Bool = true) async throws {
            var configuration = KubernetesTwin.Configuration()
            configuration.controllerNodes = ["node-a", "node-b"]
            configuration.makesPodsReady = ready
            self.resource = resource
            twin = try await KubernetesTwin.start(configuration)
            let clock = MonotonicClock(now: { .zero }, sleep: { _ in })
            client = try twin.client(clock: clock)
            let (twin, pods) = (twin, pods)
            busyPods = BusyPods(clock: clock) { probe in
                let pod = twin.objects(.pods, "ns").first { $0["status"]["podIP"].string == probe.ip }
                return pod.map { pods.query($0.name) } ?? .failed("no such pod")
            }
            await busyPods.begin(run: "r", append: { [lines] batch in for line in batch.lines { lines.add(line) } }, trouble: { _ in })
            actuator = ScaleActuator(
                TargetReader(client), seed: 1, holdsActor: { _ in false }, busyPods: busyPods, finding: { _ in })
            twin.seed(
                resource,
                [
                    "metadata": ["name": "pool", "namespace": "ns"],
                    "spec": ["replicas": 0, "selector": ["matchLabels": ["app": "pool"]]],
                ])
        }

        var pool: ActuatedPool {
            ActuatedPool(
                name: "ns/pool", target: ScaleTarget(apiVersion: "apps/v1", kind: resource.kind, name: "pool"), slotsPerWorker: 1,
                drainTimeoutSeconds: 60, busy: BusyCheck(.http(port: .number(8080), path: "/busy")))
        }

        var replicas: Int? { twin.object(resource, "ns", "pool")?["spec"]["replicas"].int }
        var names: [String] { twin.objects(.pods, "ns").map(\.name).sorted() }
        func pod(_ name: String) -> PodView? { twin.object(.pods, "ns", name).map { PodView($0) } }
        func resize(_ count: Int) async throws { try await actuator.resize(pool, to: count, fence: Fence(1)) }
        func drain(_ pod: String) async throws { try await actuator.drain(WorkerIdentity(pod), of: pool, fence: Fence(1)) }
        func remove(_ pod: String) async throws { try await actuator.remove(WorkerIdentity(pod), of: pool, fence: Fence(1)) }

        /// As the watches tell it: all ready pods are known workers, and were asked.
        func look() async {
            let workers = twin.objects(.pods, "ns").map { PodView($0) }.filter { $0.isReady && $0.mayRun }.map {
                BusyPods.Worker(
                    name: "ns/\($0.name)", view: $0, check: BusyCheck(.http(port: .number(8080), path: "/busy")), slots: 1,
                    isDraining: $0.drainingReason != nil, life: 1)
            }
            await busyPods.note(workers)
            for name in await busyPods.due() { await busyPods.probeDue(name) }
        }

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

    @Test("a pod that turns busy as it is to be removed is spared, and goes once it is idle")
    func spared() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(3)
            await bench.look()
            try await bench.resize(2)
            let victim = bench.names[0]
            try await bench.drain(victim)
            bench.pods.set(victim, tasks: 1)
            #expect(await bench.fault { try await bench.remove(victim) } == .holdsActor(worker: victim))
            #expect(bench.replicas == 3 && bench.names.contains(victim))
            let pod = try #require(bench.pod(victim))
            #expect(!pod.isRemoving && pod.drainingReason != nil && pod.deletionCost == "1001")
            #expect(
                bench.lines.values.last?.contains(#"ns/\#(victim) {"state":"busy","busy":1"#) == true, "the log knows before the loop does")
            #expect(try await bench.actuator.cancelDrain(WorkerIdentity(victim), of: bench.pool, fence: Fence(1)))
            #expect(bench.pod(victim)?.drainingReason == nil)
            bench.pods.set(victim, tasks: 0)
            try await bench.drain(victim)
            try await bench.remove(victim)
            #expect(bench.replicas == 2 && !bench.names.contains(victim))
        }
    }

    @Test("a pod that doesn't answer isn't taken")
    func silent() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            await bench.look()
            try await bench.resize(1)
            let victim = bench.names[0]
            bench.pods.set(victim, tasks: 0, isSilent: true)
            try await bench.drain(victim)
            #expect(await bench.fault { try await bench.remove(victim) } == .holdsActor(worker: victim))
            #expect(bench.replicas == 2)
        }
    }

    @Test("another one that was to go and is at work again is spared while the count falls for the first")
    func another() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(4)
            await bench.look()
            let (first, second) = (bench.names[0], bench.names[1])
            // Marked for a count that didn't fall yet: as many were wanted again by then.
            bench.twin.edit(.pods, "ns", first) { pod in
                pod["metadata"]["annotations"] = [Mark.draining: "d", Mark.removing: "true", Mark.deletionCost: "-2000"]
                    .reduce(into: JSONValue.object([:])) { $0[$1.key] = .string($1.value) }
            }
            bench.pods.set(first, tasks: 2)
            try await bench.resize(2)
            #expect(bench.replicas == 4 && bench.pod(first)?.isRemoving == false, "nobody who may go was drained yet")
            try await bench.drain(second)
            try await bench.remove(second)
            #expect(bench.names.contains(first) && !bench.names.contains(second) && bench.replicas == 3)
        }
    }

    @Test("a pod that isn't known as a worker yet and is at work isn't taken, and is asked for again")
    func stranger() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            try await bench.resize(1)
            let victim = bench.names[0]
            bench.pods.set(victim, tasks: 1)
            try await bench.drain(victim)
            guard case .unreachable(let why)? = await bench.fault({ try await bench.remove(victim) }) else {
                Issue.record("it was taken, or is never asked for again")
                return
            }
            #expect(why.contains("isn't known as a worker yet") && bench.replicas == 2)
        }
    }

    @Test("a busy pod that isn't ready is taken before any marked one by the controller, so none goes meanwhile")
    func notReady() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(3)
            await bench.look()
            let (busy, idle) = (bench.names[0], bench.names[1])
            bench.pods.set(busy, tasks: 1)
            bench.twin.edit(.pods, "ns", busy) { $0["status"]["conditions"] = [["type": "Ready", "status": "False"]] }
            try await bench.resize(2)
            try await bench.drain(idle)
            try await bench.remove(idle)
            #expect(bench.replicas == 3 && bench.names.count == 3)
            bench.twin.edit(.pods, "ns", busy) { $0["status"]["conditions"] = [["type": "Ready", "status": "True"]] }
            try await bench.remove(idle)
            #expect(bench.replicas == 2 && bench.names.contains(busy) && !bench.names.contains(idle))
        }
    }

    @Test("a pod that no container of runs yet is nobody to ask")
    func pending() async throws {
        try await on(Bench(ready: false)) { bench in
            try await bench.resize(3)
            try await bench.resize(1)
            #expect(bench.replicas == 1 && bench.pods.asked.isEmpty)
        }
    }

    // MARK: - The oracle

    @Test("random steps: nobody who said that it is busy, or nothing, goes; and the count converges", arguments: 1...8)
    func seeds(_ seed: UInt64) async throws {
        try await on(Bench(seed % 3 == 0 ? .statefulSets : .deployments)) { bench in
            var random = SplitMix64(seed: seed)
            var wanted = 0
            for step in 1...60 {
                let before = Set(bench.names)
                await drive(bench, &wanted, &random)
                for gone in before.subtracting(bench.names) {
                    #expect(bench.pods.wasBusy(gone) == false, "seed \(seed): \(gone) went at step \(step)")
                }
                // A StatefulSet gives a name again.
                for made in Set(bench.names).subtracting(before) { bench.pods.set(made, tasks: 0) }
            }
            try await converge(bench, wanted, seed)
        }
    }

    private func drive(_ bench: Bench, _ wanted: inout Int, _ random: inout SplitMix64) async {
        let pods = bench.twin.objects(.pods, "ns").map { PodView($0) }
        let pod = pods.randomElement(using: &random)
        let draining = pods.filter { $0.drainingReason != nil }.randomElement(using: &random)
        bench.twin.heal()
        if Int.random(in: 0..<4, using: &random) == 0 {
            let writes = Bool.random(using: &random)
            let action: TwinFault.Action = Bool.random(using: &random) ? .cut : .respond(status: 500)
            bench.twin.inject(TwinFault(action) { !writes || $0.method != "GET" })
        }
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1:
            wanted = Int.random(in: 0...7, using: &random)
            let count = wanted
            _ = await bench.fault { try await bench.resize(count) }
        case 2, 3:
            guard let pod else { return }
            bench.pods.set(pod.name, tasks: Int.random(in: 0...2, using: &random), isSilent: Int.random(in: 0..<6, using: &random) == 0)
        case 4:
            // It flaps: every answer is another.
            let flip = Mutex(Bool.random(using: &random))
            let name = pod?.name
            bench.pods.response { pod in
                guard pod == name else { return nil }
                return flip.withLock { flip in
                    flip.toggle()
                    return flip ? 1 : 0
                }
            }
        case 5: await bench.look()
        case 6, 7:
            guard let pod else { return }
            _ = await bench.fault { try await bench.drain(pod.name) }
        case 8, 9, 10:
            guard let draining else { return }
            _ = await bench.fault { try await bench.remove(draining.name) }
        default:
            guard let draining else { return }
            _ = await bench.fault {
                _ = try await bench.actuator.cancelDrain(WorkerIdentity(draining.name), of: bench.pool, fence: Fence(1))
            }
        }
    }

    private func converge(_ bench: Bench, _ wanted: Int, _ seed: UInt64) async throws {
        bench.twin.heal()
        bench.pods.response(nil)
        for name in bench.names { bench.pods.set(name, tasks: 0) }
        await bench.look()
        try await bench.resize(wanted)
        // A StatefulSet's lower pods that were drained before go only after those above them.
        for _ in 1...3 {
            for name in bench.names.reversed() where bench.pod(name)?.drainingReason != nil || bench.names.count > wanted {
                try await bench.drain(name)
                try await bench.remove(name)
            }
        }
        try await bench.resize(wanted)
        #expect(bench.replicas == wanted && bench.names.count == wanted, "seed \(seed): \(bench.replicas ?? -1) \(bench.names)")
    }

    @Test("the canary: pods that are never asked are taken though they are busy")
    func canary() async throws {
        try await on(Bench()) { bench in
            try await bench.resize(2)
            let victim = bench.names[0]
            bench.pods.set(victim, tasks: 1)
            var blind = bench.pool
            blind.busy = nil
            try await bench.actuator.resize(blind, to: 1, fence: Fence(1))
            try await bench.actuator.drain(WorkerIdentity(victim), of: blind, fence: Fence(1))
            try await bench.actuator.remove(WorkerIdentity(victim), of: blind, fence: Fence(1))
            #expect(!bench.names.contains(victim))
        }
    }
}
