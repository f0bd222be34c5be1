import Autoscaling
import ControlLoop
import Domain
import Kubernetes
import KubernetesTwin
import Synchronization
import TestSupport
import Testing

@testable import Kubernetes

// From a real watch to events: pods, nodes, the target.

@Suite struct PodWatchTests {
    private final class Bench: Sendable {
        let twin: KubernetesTwin
        let targets: KubernetesTargets
        let events = Recorder<String>()
        let ids = Recorder<String>()
        let appendFailures = Mutex(0)
        private let task = Mutex<Task<Void, Never>?>(nil)

        init(replicas: Int = 2) async throws {
            var configuration = KubernetesTwin.Configuration()
            configuration.controllerNodes = ["node-a"]
            configuration.makesPodsReady = false
            twin = try await KubernetesTwin.start(configuration)
            for (node, zone) in [("node-a", "zone-1"), ("node-b", "zone-2")] {
                twin.seed(.nodes, ["metadata": ["name": .string(node), "labels": ["topology.kubernetes.io/zone": .string(zone)]], "status": ["conditions": [["type": "Ready", "status": "True"]]]])
            }
            var kubernetes = KubernetesTargets.Configuration(access: twin.access(), seed: 5, run: "run-1")
            kubernetes.limits = .quick
            targets = try KubernetesTargets(kubernetes, logger: .silent, holdsActor: { _ in false })
            twin.seed(
                .workerPools,
                [
                    "metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": JSONValue(replicas)],
                    "status": ["selector": "app=pool", "replicas": 0],
                ])
        }

        var pool: ActuatedPool {
            ActuatedPool(name: "ns/pool", target: ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "pool"), slotsPerWorker: 2, drainTimeoutSeconds: 60)
        }
        var pods: [String] { twin.objects(.pods, "ns").map(\.name).sorted() }

        func run(known: [String] = []) {
            let watches = targets.watches(
                of: pool,
                append: { [self] batch in
                    let mustFail = appendFailures.withLock { count in
                        defer { count = max(0, count - 1) }
                        return count > 0
                    }
                    if mustFail { throw NeverHappened(what: "the log is full") }
                    for line in batch.lines { events.add(line) }
                    for id in batch.ids { ids.add(id) }
                }, known: { known })
            task.withLock { $0 = Task { await watches.run() } }
        }

        func says(_ line: String) async throws { try await eventually("\(line); said \(events.values)") { events.values.contains(line) } }

        func stop() async {
            let task = task.withLock { $0 }
            task?.cancel()
            await task?.value
        }

        func close() async {
            await stop()
            await targets.close()
            await twin.stop()
        }
    }

    private func withBench(replicas: Int = 2, _ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench(replicas: replicas)
        do { try await body(bench) } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    @Test("pods become workers with node, zone, address and slots; marked ones drain, deleted ones are gone")
    func lifecycle() async throws {
        try await withBench { bench in
            let (one, two) = (bench.pods[0], bench.pods[1])
            bench.twin.makeReady(pod: one, "ns", node: "node-a", ip: "10.0.0.1")
            bench.run()
            try await bench.says(#"worker.ready \#(one) {"node":"node-a","slots":2,"zone":"zone-1","ip":"10.0.0.1"}"#)
            bench.twin.edit(.pods, "ns", two) { $0["metadata"]["annotations"][Mark.slots] = "4" }
            bench.twin.makeReady(pod: two, "ns", node: "node-b", ip: "10.0.0.2")
            try await bench.says(#"worker.ready \#(two) {"node":"node-b","slots":4,"zone":"zone-2","ip":"10.0.0.2"}"#)
            try await bench.targets.actuator.drain(one, of: bench.pool, fence: Fence(1))
            try await bench.says(#"worker.draining \#(one) {"reason":"scale-down of ns/pool"}"#)
            bench.twin.delete(.pods, "ns", two)
            try await bench.says(#"worker.gone \#(two) {"reason":"its pod was deleted"}"#)
        }
    }

    @Test("the target is observed: what it wants and has, each change once")
    func target() async throws {
        try await withBench { bench in
            bench.run()
            try await bench.says(#"pool.observed ns/pool {"specReplicas":2,"readyReplicas":0}"#)
            bench.twin.makeReady(pod: bench.pods[0], "ns", node: "node-a")
            try await bench.says(#"pool.observed ns/pool {"specReplicas":2,"readyReplicas":1}"#)
            bench.twin.edit(.workerPools, "ns", "pool") { $0["metadata"]["labels"]["x"] = "1" }
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 3 }
            try await bench.says(#"pool.observed ns/pool {"specReplicas":3,"readyReplicas":1}"#)
            let observed = bench.events.values.filter { $0.hasPrefix("pool.observed") }
            #expect(Set(observed).count == observed.count)
        }
    }

    @Test("a worker whose node no longer answers is gone, and back when its pod is ready again")
    func nodeLost() async throws {
        try await withBench(replicas: 1) { bench in
            let name = bench.pods[0]
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            bench.run()
            try await eventually("announced") { bench.events.values.contains { $0.hasPrefix("worker.ready") } }
            bench.twin.edit(.nodes, nil, "node-a") { $0["status"]["conditions"] = [["type": "Ready", "status": "Unknown"]] }
            bench.twin.edit(.pods, "ns", name) { $0["status"]["conditions"] = [["type": "Ready", "status": "False"]] }
            try await bench.says(#"worker.gone \#(name) {"reason":"its node node-a is lost"}"#)
            bench.events.clear()
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            try await eventually("back: \(bench.events.values)") { bench.events.values.contains { $0.hasPrefix("worker.ready \(name)") } }
        }
    }

    @Test("pods that went unseen are gone: while the watch was away, and before this run")
    func missing() async throws {
        try await withBench { bench in
            let (one, two) = (bench.pods[0], bench.pods[1])
            for name in [one, two] { bench.twin.makeReady(pod: name, "ns", node: "node-a") }
            bench.run(known: [one, "pool-of-old"])
            try await bench.says(#"worker.gone pool-of-old {"reason":"its pod is gone"}"#)
            try await eventually("both are known, and watched") { bench.events.values.count { $0.hasPrefix("worker.ready") } == 2 && bench.twin.watchers == 2 }
            bench.twin.inject(TwinFault(.respond(status: 410, body: #"{"kind":"Status","code":410,"reason":"Expired"}"#)) { $0.isWatch && $0.path.hasSuffix("/pods") })
            bench.twin.endWatches(cut: true)
            bench.twin.delete(.pods, "ns", two)
            try await bench.says(#"worker.gone \#(two) {"reason":"its pod was deleted"}"#)
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.gone \(one)") })
        }
    }

    @Test("what the log didn't take is said again; a restart says what is so under the same ids")
    func ids() async throws {
        try await withBench(replicas: 1) { bench in
            let name = bench.pods[0]
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            bench.appendFailures.withLock { $0 = 3 }
            bench.run()
            func readyIDs() -> [String] { bench.ids.values.filter { $0.hasSuffix("-ready") } }
            try await eventually("said in the end") { readyIDs().count == 1 }
            await bench.stop()
            bench.run()
            try await eventually("said again") { readyIDs().count == 2 }
            #expect(Set(readyIDs()).count == 1)
        }
    }
}
