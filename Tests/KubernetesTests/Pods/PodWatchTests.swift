import Autoscaling
import ControlLoop
import Domain
import Kubernetes
import KubernetesTwin
import Synchronization
import Machine
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
        /// `KIND ns/WORKER POOL`, of workers that became ready.
        let homes = Recorder<String>()
        let busy = NameSet()
        let appendFailures = Mutex(0)
        private let watches = Mutex<ClusterWatches?>(nil)
        let loads = Mutex<[WorkerLoadView]>([])

        init(
            replicas: Int = 2, resources: [TwinResource] = [], user: TwinUser = .admin, hasControllers: Bool = true,
            clock: MonotonicClock = .real
        ) async throws {
            var configuration = KubernetesTwin.Configuration()
            configuration.controllerNodes = hasControllers ? ["node-a"] : nil
            configuration.makesPodsReady = false
            configuration.resources += resources
            configuration.users["token"] = user
            twin = try await KubernetesTwin.start(configuration)
            for (node, zone) in [("node-a", "zone-1"), ("node-b", "zone-2")] {
                twin.seed(
                    .nodes,
                    [
                        "metadata": ["name": .string(node), "labels": ["topology.kubernetes.io/zone": .string(zone)]],
                        "status": ["conditions": [["type": "Ready", "status": "True"]]],
                    ])
            }
            var kubernetes = KubernetesTargets.Configuration(access: twin.access(token: "token"), seed: 5, run: "run-1")
            kubernetes.limits = .quick
            kubernetes.clock = clock
            targets = try KubernetesTargets(kubernetes, logger: .silent, holdsActor: { [busy] in busy.contains($0) })
            twin.seed(
                .workerPools,
                ["metadata": ["name": "pool", "namespace": "ns"], "spec": ["replicas": JSONValue(replicas)], "status": ["replicas": 0]])
        }

        var pool: ActuatedPool {
            ActuatedPool(
                name: "ns/pool", target: ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "pool"), slotsPerWorker: 2,
                drainTimeoutSeconds: 60)
        }
        var pods: [String] { twin.objects(.pods, "ns").map(\.name).sorted() }

        func pool(
            _ name: String, _ kind: String, _ apiVersion: String, target: String? = nil, slots: Int = 1, selector: WorkerSelector? = nil,
            isScaled: Bool = true
        ) -> ActuatedPool {
            ActuatedPool(
                name: "ns/\(name)", target: ScaleTarget(apiVersion: apiVersion, kind: kind, name: target ?? name), slotsPerWorker: slots,
                drainTimeoutSeconds: 60,
                workerSelector: selector, isScaled: isScaled)
        }

        /// `ns/NAME {"node":…,"uid":…}`
        func ready(_ name: String, node: String = "node-a", slots: Int = 1, zone: String = "zone-1", ip: String = "10.0.0.9") -> String {
            #"worker.ready ns/\#(name) {"node":"\#(node)","slots":\#(slots),"zone":"\#(zone)","ip":"\#(ip)","uid":"\#(uid(name))"}"#
        }
        func gone(_ name: String, _ reason: String, uid: String) -> String {
            #"worker.gone ns/\#(name) {"reason":"\#(reason)","uid":"\#(uid)"}"#
        }
        func uid(_ pod: String) -> String { twin.object(.pods, "ns", pod)?.uid ?? "" }

        func run(
            known: [String] = [], problem: TargetProblem? = nil, isUpdating: Bool = false, _ pools: [ActuatedPool]? = nil,
            leftOver: [String: [String]] = [:]
        ) async {
            let watches = targets.watches(
                append: { [self] batch in
                    let mustFail = appendFailures.withLock { count in
                        defer { count = max(0, count - 1) }
                        return count > 0
                    }
                    if mustFail { throw NeverHappened(what: "the log is full") }
                    for line in batch.lines { events.add(line) }
                    for id in batch.ids { ids.add(id) }
                    for event in batch.events where event.kind == .workerReady {
                        homes.add("\(batch.text(event.subject)) \(batch.text(event.pool))")
                    }
                },
                standing: { _ in .init(workers: known, problem: problem, isUpdating: isUpdating) },
                loads: { [self] _ in loads.withLock { $0 } })
            self.watches.withLock { $0 = watches }
            await watches.follow(pools ?? [pool], leftOver: leftOver)
        }

        func follow(_ pools: [ActuatedPool]) async { await watches.withLock { $0 }?.follow(pools) }

        func says(_ line: String) async throws { try await eventually("\(line); said \(events.values)") { events.values.contains(line) } }

        func stop() async {
            await watches.withLock { $0 }?.stop()
        }

        func close() async {
            await stop()
            await targets.close()
            await twin.stop()
        }
    }

    private func withBench(
        replicas: Int = 2, resources: [TwinResource] = [], user: TwinUser = .admin, hasControllers: Bool = true,
        clock: MonotonicClock = .real,
        _ body: (Bench) async throws -> Void
    ) async throws {
        let bench = try await Bench(replicas: replicas, resources: resources, user: user, hasControllers: hasControllers, clock: clock)
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
            await bench.run()
            try await bench.says(bench.ready(one, slots: 2, ip: "10.0.0.1"))
            bench.twin.edit(.pods, "ns", two) { $0["metadata"]["annotations"][Mark.slots] = "4" }
            bench.twin.makeReady(pod: two, "ns", node: "node-b", ip: "10.0.0.2")
            try await bench.says(bench.ready(two, node: "node-b", slots: 4, zone: "zone-2", ip: "10.0.0.2"))
            try await bench.targets.actuator.drain(WorkerIdentity(one), of: bench.pool, fence: Fence(1))
            try await bench.says(#"worker.draining ns/\#(one) {"reason":"scale-down of ns/pool","uid":"\#(bench.uid(one))"}"#)
            let uid = bench.uid(two)
            bench.twin.delete(.pods, "ns", two)
            try await bench.says(bench.gone(two, "its pod was deleted", uid: uid))
        }
    }

    @Test("the target is observed: what it wants and has, each change once")
    func target() async throws {
        try await withBench { bench in
            await bench.run()
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
            await bench.run()
            try await eventually("announced") { bench.events.values.contains { $0.hasPrefix("worker.ready") } }
            bench.twin.edit(.nodes, nil, "node-a") { $0["status"]["conditions"] = [["type": "Ready", "status": "Unknown"]] }
            bench.twin.edit(.pods, "ns", name) { $0["status"]["conditions"] = [["type": "Ready", "status": "False"]] }
            try await bench.says(bench.gone(name, "its node node-a is lost", uid: bench.uid(name)))
            bench.events.clear()
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            try await eventually("back: \(bench.events.values)") {
                bench.events.values.contains { $0.hasPrefix("worker.ready ns/\(name)") }
            }
        }
    }

    /// As a kubelet has it that made the pod's sandbox and begins with its containers.
    private func start(_ name: String, _ bench: Bench) {
        bench.twin.edit(.pods, "ns", name) { pod in
            pod["spec"]["nodeName"] = "node-a"
            pod["status"] = ["phase": "Pending", "podIP": "10.0.0.7", "conditions": [["type": "Ready", "status": "False"]]]
        }
    }

    /// A container that ends again and again.
    private static let crashing: JSONValue = [
        ["name": "ateom", "ready": false, "restartCount": 4, "state": ["waiting": ["reason": "CrashLoopBackOff"]]]
    ]

    @Test("a WorkerPool's pod is a worker from when it has an IP, as ateapi registers it, until its containers fail")
    func registered() async throws {
        try await withBench(replicas: 1) { bench in
            await bench.run()
            let name = bench.pods[0]
            start(name, bench)
            try await bench.says(bench.ready(name, slots: 2, ip: "10.0.0.7"))
            try await bench.says(#"pool.observed ns/pool {"specReplicas":1,"readyReplicas":1}"#)
            // Ready or not makes no difference.
            bench.events.clear()
            bench.twin.makeReady(pod: name, "ns", node: "node-a", ip: "10.0.0.7")
            bench.twin.edit(.pods, "ns", name) { $0["status"]["conditions"] = [["type": "Ready", "status": "False"]] }
            bench.twin.edit(.pods, "ns", name) { $0["status"]["containerStatuses"] = Self.crashing }
            let reason = "its pod isn't ready: container ateom: CrashLoopBackOff"
            try await bench.says(#"worker.draining ns/\#(name) {"reason":"\#(reason)","uid":"\#(bench.uid(name))"}"#)
            let told = bench.events.values.filter { $0.hasPrefix("worker.") }
            #expect(told.count == 1, "\(told)")
        }
    }

    @Test("a Deployment's pod is a worker from when it is ready")
    func notRegistered() async throws {
        try await withBench(replicas: 0) { bench in
            bench.twin.seed(
                .deployments,
                ["metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "web"]]]])
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            let name = bench.pods[0]
            start(name, bench)
            bench.twin.edit(.deployments, "ns", "web") { $0["spec"]["replicas"] = 2 }
            try await bench.says(#"pool.observed ns/web {"specReplicas":2,"readyReplicas":0}"#)
            let told = bench.events.values.filter { $0.hasPrefix("worker.") }
            #expect(told.isEmpty, "\(told)")
        }
    }

    @Test("a pod of a lost node that has its IP still isn't back before it is ready")
    func lostAndRegistered() async throws {
        try await withBench(replicas: 1) { bench in
            let name = bench.pods[0]
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            await bench.run()
            try await eventually("announced") { bench.events.values.contains { $0.hasPrefix("worker.ready") } }
            bench.twin.edit(.nodes, nil, "node-a") { $0["status"]["conditions"] = [["type": "Ready", "status": "Unknown"]] }
            bench.twin.edit(.pods, "ns", name) { $0["status"]["conditions"] = [["type": "Ready", "status": "False"]] }
            try await bench.says(bench.gone(name, "its node node-a is lost", uid: bench.uid(name)))
            bench.events.clear()
            bench.twin.edit(.pods, "ns", name) { $0["metadata"]["annotations"]["touched"] = "1" }
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 2 }
            try await eventually("what came after is seen") { bench.events.values.contains { $0.contains(#""specReplicas":2"#) } }
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.ready ns/\(name) ") }, "\(bench.events.values)")
        }
    }

    @Test("pods that went unseen are gone: while the watch was away, and before this run")
    func missing() async throws {
        try await withBench { bench in
            let (one, two) = (bench.pods[0], bench.pods[1])
            for name in [one, two] { bench.twin.makeReady(pod: name, "ns", node: "node-a") }
            await bench.run(known: ["ns/\(one)", "ns/pool-of-old"])
            try await bench.says(#"worker.gone ns/pool-of-old {"reason":"its pod is gone"}"#)
            try await eventually("both are known, and watched") {
                bench.events.values.count { $0.hasPrefix("worker.ready") } == 2 && bench.twin.watchers == 2
            }
            bench.twin.inject(
                TwinFault(.respond(status: 410, body: #"{"kind":"Status","code":410,"reason":"Expired"}"#)) {
                    $0.isWatch && $0.path.hasSuffix("/pods")
                })
            bench.twin.endWatches(cut: true)
            let uid = bench.uid(two)
            bench.twin.delete(.pods, "ns", two)
            try await bench.says(bench.gone(two, "its pod was deleted", uid: uid))
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.gone ns/\(one)") })
        }
    }

    @Test("what the log didn't take is said again; a restart says what is so under the same ids")
    func ids() async throws {
        try await withBench(replicas: 1) { bench in
            let name = bench.pods[0]
            bench.twin.makeReady(pod: name, "ns", node: "node-a")
            bench.appendFailures.withLock { $0 = 3 }
            await bench.run()
            func readyIDs() -> [String] { bench.ids.values.filter { $0.hasSuffix("-ready") } }
            try await eventually("said in the end") { readyIDs().count == 1 }
            await bench.stop()
            await bench.run()
            try await eventually("said again") { readyIDs().count == 2 }
            #expect(Set(readyIDs()).count == 1)
        }
    }

    // MARK: - Whose pods they are

    private static let widgets = TwinResource("example.com", "v1", "widgets", "Widget", isCustom: true, hasScale: true, hasGeneration: true)
    private static let gadgets = TwinResource("example.com", "v1", "gadgets", "Gadget", isCustom: true, hasGeneration: true)

    private static func pod(_ name: String, _ labels: JSONValue, owner: JSONValue? = nil) -> JSONValue {
        var pod: JSONValue = [
            "metadata": ["name": .string(name), "namespace": "ns", "labels": labels], "spec": ["nodeName": "node-a"],
            "status": ["phase": "Running", "podIP": "10.0.0.9", "conditions": [["type": "Ready", "status": "True"]]],
        ]
        if let owner { pod["metadata"]["ownerReferences"] = [owner] }
        return pod
    }

    private func makeAllReady(_ bench: Bench) { for name in bench.pods { bench.twin.makeReady(pod: name, "ns", node: "node-a") } }

    @Test("only what a target owns is a worker, whatever labels fit; each pool has its own")
    func ownership() async throws {
        try await withBench(replicas: 1) { bench in
            let own = bench.pods[0]
            let labels = bench.twin.object(.pods, "ns", own)?.metadata["labels"] ?? [:]
            bench.twin.seed(.pods, Self.pod("bare-0", labels))
            bench.twin.seed(
                .deployments,
                ["metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "web"]]]])
            bench.twin.seed(
                .deployments,
                [
                    "metadata": ["name": "web-canary", "namespace": "ns"],
                    "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "web", "track": "canary"]]],
                ])
            bench.twin.seed(.pods, Self.pod("bare-1", ["app": "web"]))
            makeAllReady(bench)
            await bench.run([bench.pool, bench.pool("web", "Deployment", "apps/v1")])
            let web = try #require(bench.pods.first { $0.hasPrefix("web-") && !$0.hasPrefix("web-canary") })
            try await bench.says(bench.ready(own, slots: 2))
            try await bench.says(bench.ready(web))
            bench.twin.edit(.pods, "ns", "bare-1") { $0["metadata"]["labels"]["x"] = "1" }
            bench.twin.delete(.pods, "ns", web)
            let next = try #require(bench.pods.first { $0.hasPrefix("web-") && !$0.hasPrefix("web-canary") })
            bench.twin.makeReady(pod: next, "ns", node: "node-a")
            try await bench.says(bench.ready(next))
            #expect(bench.events.values.count { $0.hasPrefix("worker.ready") } == 3, "\(bench.events.values)")
        }
    }

    @Test("owners are followed over kinds that nobody knows beforehand")
    func strangeOwners() async throws {
        try await withBench(replicas: 0, resources: [Self.widgets, Self.gadgets]) { bench in
            bench.twin.seed(
                Self.widgets,
                ["metadata": ["name": "w", "namespace": "ns", "uid": "widget-1"], "spec": ["replicas": 1], "status": ["replicas": 1]])
            bench.twin.seed(
                Self.gadgets,
                [
                    "metadata": [
                        "name": "g", "namespace": "ns", "uid": "gadget-1",
                        "ownerReferences": [
                            ["apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "widget-1", "controller": true]
                        ],
                    ]
                ])
            bench.twin.seed(
                Self.gadgets,
                [
                    "metadata": [
                        "name": "other", "namespace": "ns", "uid": "gadget-2",
                        "ownerReferences": [
                            ["apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "widget-0", "controller": true]
                        ],
                    ]
                ])
            for (pod, gadget, uid) in [("mine", "g", "gadget-1"), ("other", "other", "gadget-2"), ("stale", "g", "gadget-0")] {
                bench.twin.seed(
                    .pods,
                    Self.pod(
                        pod, [:],
                        owner: [
                            "apiVersion": "example.com/v1", "kind": "Gadget", "name": .string(gadget), "uid": .string(uid),
                            "controller": true,
                        ]))
            }
            await bench.run([bench.pool("w", "Widget", "example.com/v1")])
            try await bench.says(bench.ready("mine"))
            try await bench.says(#"pool.observed ns/w {"specReplicas":1,"readyReplicas":1}"#)
            #expect(bench.events.values.count { $0.hasPrefix("worker.ready") } == 1, "\(bench.events.values)")
        }
    }

    @Test("a target whose pods can't be told is told so, with what to do, until they can; workerSelector names them")
    func untold() async throws {
        try await withBench(replicas: 0, resources: [Self.widgets]) { bench in
            bench.twin.seed(
                Self.widgets, ["metadata": ["name": "w", "namespace": "ns"], "spec": ["replicas": 1], "status": ["replicas": 1]])
            bench.twin.seed(.pods, Self.pod("a", ["app": "w"]))
            await bench.run([bench.pool("w", "Widget", "example.com/v1")])
            try await eventually("told: \(bench.events.values)") {
                bench.events.values.contains {
                    $0.contains(#""reason":"PodsNotFound""#) && $0.contains("workerSelector") && $0.contains(#""specReplicas":1"#)
                }
            }
            await bench.follow([bench.pool("w", "Widget", "example.com/v1", selector: WorkerSelector("app=w"))])
            try await bench.says(bench.ready("a"))
            try await bench.says(#"pool.observed ns/w {"specReplicas":1,"readyReplicas":1}"#)
        }
    }

    @Test("a pod that no node takes is told once, and isn't the pool's trouble: a node may be on its way")
    func unschedulable() async throws {
        try await withBench(replicas: 1) { bench in
            let pod = bench.pods[0]
            await bench.run()
            for message in ["0/1 nodes", "0/2 nodes"] {
                bench.twin.edit(.pods, "ns", pod) {
                    $0["status"] = [
                        "phase": "Pending",
                        "conditions": [
                            ["type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": .string(message)]
                        ],
                    ]
                }
            }
            try await eventually("told: \(bench.events.values)") {
                bench.events.values.contains { $0.contains("isn't ready: Unschedulable: no node takes it: 0/") }
            }
            bench.twin.makeReady(pod: pod, "ns", node: "node-a", ip: "10.0.0.9")
            try await bench.says(bench.ready(pod, slots: 2))
            #expect(bench.events.values.count { $0.hasPrefix("scale.failed") } == 1)
            #expect(!bench.events.values.contains { $0.contains("WorkersFailing") })
        }
    }

    @Test("pods that come and don't get ready are told: each once, and as the pool's trouble until one is ready")
    func failing() async throws {
        try await withBench { bench in
            let (one, two) = (bench.pods[0], bench.pods[1])
            await bench.run()
            try await bench.says(#"pool.observed ns/pool {"specReplicas":2,"readyReplicas":0}"#)
            for seconds in [10, 20, 40] {
                bench.twin.edit(.pods, "ns", one) {
                    $0["status"]["containerStatuses"] = [Self.waiting("CrashLoopBackOff", "back-off \(seconds)s")]
                }
            }
            try await eventually("told: \(bench.events.values)") {
                bench.events.values.contains {
                    $0.contains(#""reason":"WorkersFailing""#) && $0.contains("1 of 2 pods") && $0.contains(one)
                        && $0.contains("kubectl describe pod")
                }
            }
            bench.twin.edit(.pods, "ns", two) { $0["status"] = ["phase": "Failed", "reason": "OutOfcpu"] }
            try await eventually("told: \(bench.events.values)") {
                bench.events.values.contains { $0.contains("its pod failed: OutOfcpu") && $0.contains(#""start":"ns/\#(two)""#) }
            }
            #expect(bench.events.values.count { $0.hasPrefix("scale.failed") && $0.contains("CrashLoopBackOff") } == 1)
            bench.twin.makeReady(pod: one, "ns", node: "node-a")
            try await eventually("taken back: \(bench.events.values)") {
                bench.events.values.last { $0.hasPrefix("pool.observed") } == #"pool.observed ns/pool {"specReplicas":2,"readyReplicas":1}"#
            }
        }
    }

    private static func waiting(_ reason: String, _ message: String) -> JSONValue {
        [
            "name": "c", "ready": false, "restartCount": 5, "state": ["waiting": ["reason": .string(reason), "message": .string(message)]],
            "lastState": ["terminated": ["exitCode": 1, "reason": "Error"]],
        ]
    }

    @Test("each pool of one target is told of it, though nothing of the target changed in between")
    func sharedTarget() async throws {
        try await withBench(replicas: 0) { bench in
            let deployment: (String) -> ActuatedPool = { bench.pool($0, "Deployment", "apps/v1", target: "web") }
            bench.twin.seed(
                .deployments,
                [
                    "metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 0, "selector": ["matchLabels": ["app": "web"]]],
                    "status": ["replicas": 0, "readyReplicas": 0],
                ])
            await bench.run([deployment("one")])
            try await bench.says(#"pool.observed ns/one {"specReplicas":0,"readyReplicas":0}"#)
            await bench.follow([deployment("two")])
            try await bench.says(#"pool.observed ns/two {"specReplicas":0,"readyReplicas":0}"#)
            let observed = bench.ids.values.filter { $0.contains("ns/one") || $0.contains("ns/two") }
            #expect(Set(observed).count == observed.count && observed.count >= 2)
        }
    }

    @Test("a ReplicaSet that was orphaned and adopted by a new Deployment is its, though no pod changed")
    func adopted() async throws {
        let clock = ManualClock()
        try await withBench(replicas: 0, clock: clock.clock) { bench in
            func deployment(_ uid: String, _ selector: JSONValue) -> JSONValue {
                [
                    "metadata": ["name": "web", "namespace": "ns", "uid": .string(uid)], "spec": ["replicas": 1, "selector": selector],
                    "status": ["replicas": 1],
                ]
            }
            func owner(_ uid: String) -> JSONValue {
                [["apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": .string(uid), "controller": true]]
            }
            // Without labels to match the twin's controller makes nothing of it: who owns what is written here.
            let selector: JSONValue = ["matchExpressions": [["key": "app", "operator": "Exists"]]]
            bench.twin.seed(.deployments, deployment("web-1", selector))
            bench.twin.seed(
                .pods,
                Self.pod(
                    "web-0-a", ["app": "web"],
                    owner: ["apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-0", "uid": "set-1", "controller": true]))
            bench.twin.seed(
                .replicaSets,
                [
                    "metadata": ["name": "web-0", "namespace": "ns", "uid": "set-1", "ownerReferences": owner("web-1")],
                    "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "web"]]],
                ])
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            let ready = bench.ready("web-0-a")
            try await bench.says(ready)
            bench.events.clear()
            bench.twin.edit(.replicaSets, "ns", "web-0") { $0["metadata"]["ownerReferences"] = .null }
            bench.twin.delete(.deployments, "ns", "web")
            bench.twin.seed(.deployments, deployment("web-2", selector))
            try await eventually("no longer its: \(bench.events.values)") {
                bench.events.values.contains { $0.hasPrefix("worker.draining ns/web-0-a") }
            }
            bench.twin.edit(.replicaSets, "ns", "web-0") { $0["metadata"]["ownerReferences"] = owner("web-2") }
            try await eventually("its again: \(bench.events.values)", within: .seconds(10)) {
                clock.advance(.seconds(1))
                return bench.events.values.contains(ready)
            }
        }
    }

    @Test("with owners that can be told a workerSelector narrows them, and gives nothing else")
    func narrowed() async throws {
        try await withBench(replicas: 2) { bench in
            makeAllReady(bench)
            bench.twin.edit(.pods, "ns", bench.pods[0]) { $0["metadata"]["labels"]["tier"] = "fast" }
            bench.twin.seed(.pods, Self.pod("bare", ["tier": "fast", "ate.dev/worker-pool": "pool"]))
            let fast = bench.pods[0] == "bare" ? bench.pods[1] : bench.pods[0]
            await bench.run([bench.pool("pool", "WorkerPool", "ate.dev/v1alpha1", selector: WorkerSelector("tier=fast"))])
            try await bench.says(bench.ready(fast))
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 3 }
            try await bench.says(#"pool.observed ns/pool {"specReplicas":3,"readyReplicas":1}"#)
            #expect(bench.events.values.count { $0.hasPrefix("worker.ready") } == 1, "\(bench.events.values)")
        }
    }

    @Test("an owner that may not be read hides its pods, and that is told by name")
    func forbiddenOwner() async throws {
        let user = TwinUser("least") { verb, resource, _ in !(verb == "get" && resource == "replicasets") }
        try await withBench(replicas: 1, user: user) { bench in
            makeAllReady(bench)
            await bench.run()
            try await eventually("told: \(bench.events.values)") {
                bench.events.values.contains { $0.contains(#""reason":"PodsNotFound""#) && $0.contains("replicasets.apps") }
            }
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.ready") })
        }
    }

    // MARK: - Several policies and one target

    private func deployment(_ bench: Bench, _ name: String, replicas: Int) throws -> [String] {
        bench.twin.seed(
            .deployments,
            [
                "metadata": ["name": .string(name), "namespace": "ns"],
                "spec": ["replicas": JSONValue(replicas), "selector": ["matchLabels": ["app": .string(name)]]],
            ])
        makeAllReady(bench)
        return bench.pods.filter { $0.hasPrefix("\(name)-") }
    }

    @Test("a policy that only recommends takes no worker of the one that scales the target, and finds its pods all the same")
    func recommendBeside() async throws {
        try await withBench(replicas: 0, resources: [Self.widgets]) { bench in
            let pods = try deployment(bench, "web", replicas: 2)
            let web = bench.pool("web", "Deployment", "apps/v1")
            await bench.run([web])
            for name in pods { try await bench.says(bench.ready(name)) }
            await bench.follow([bench.pool("aaa", "Deployment", "apps/v1", target: "web", isScaled: false), web])
            try await bench.says(#"pool.observed ns/aaa {"specReplicas":2,"readyReplicas":2}"#)
            bench.twin.edit(.pods, "ns", pods[0]) { $0["metadata"]["annotations"][Mark.slots] = "3" }
            try await bench.says(bench.ready(pods[0], slots: 3))
            #expect(Set(bench.homes.values.map { $0.split(separator: " ")[1] }) == ["ns/web"])
            #expect(
                !bench.events.values.contains {
                    $0.hasPrefix("worker.gone") || $0.hasPrefix("worker.draining") || $0.contains("PodsNotFound")
                }, "\(bench.events.values)")
        }
    }

    @Test("workers of a policy that only recommends go over to one that scales their target: idle ones at once, others when they are empty")
    func scaledLater() async throws {
        try await withBench(replicas: 0) { bench in
            let pods = try deployment(bench, "web", replicas: 2)
            let look = bench.pool("aaa", "Deployment", "apps/v1", target: "web", isScaled: false)
            await bench.run([look])
            for name in pods { try await bench.says(bench.ready(name)) }
            bench.busy.set("ns/\(pods[0])", true)
            await bench.follow([look, bench.pool("web", "Deployment", "apps/v1")])
            try await eventually("the idle one moved: \(bench.homes.values)") { bench.homes.values.contains("ns/\(pods[1]) ns/web") }
            #expect(bench.events.values.contains { $0.hasPrefix("worker.draining ns/\(pods[0]) ") })
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.gone ns/\(pods[0]) ") }, "\(bench.events.values)")
            bench.busy.set("ns/\(pods[0])", false)
            try await eventually("so did the other: \(bench.homes.values)", within: .seconds(10)) {
                bench.homes.values.contains("ns/\(pods[0]) ns/web")
            }
        }
    }

    @Test(
        "a policy that is renamed takes over idle workers; a busy one drains where it is, lives, and follows once it is empty",
        arguments: [true, false])
    func renamed(_ isRestarted: Bool) async throws {
        try await withBench(replicas: 0) { bench in
            let pods = try deployment(bench, "web", replicas: 2)
            await bench.run([bench.pool("one", "Deployment", "apps/v1", target: "web")])
            for name in pods { try await bench.says(bench.ready(name)) }
            bench.busy.set("ns/\(pods[0])", true)
            let two = bench.pool("two", "Deployment", "apps/v1", target: "web")
            if isRestarted {
                await bench.stop()
                await bench.run([two], leftOver: ["ns/one": pods.map { "ns/\($0)" }])
            } else {
                await bench.follow([])
                await bench.follow([two])
            }
            func count(_ kind: String, _ pod: String) -> Int { bench.events.values.count { $0.hasPrefix("worker.\(kind) ns/\(pod) ") } }
            try await eventually("the idle one is gone from the one: \(bench.events.values)", within: .seconds(10)) {
                count("gone", pods[1]) == 1 && bench.homes.values.last == "ns/\(pods[1]) ns/two"
            }
            #expect(
                count("draining", pods[1]) == 1 && count("draining", pods[0]) == 1 && count("gone", pods[0]) == 0, "\(bench.events.values)")
            bench.busy.set("ns/\(pods[0])", false)
            try await eventually("so is the other: \(bench.events.values)", within: .seconds(10)) {
                count("gone", pods[0]) == 1 && bench.homes.values.last == "ns/\(pods[0]) ns/two"
            }
            #expect(!bench.events.values.contains { $0.contains("PodsNotFound") })
            let ids = bench.ids.values.filter { $0.hasSuffix("-gone") || $0.hasSuffix("-draining") }
            #expect(Set(ids).count == ids.count)
        }
    }

    @Test(
        "a worker that the policy's workerSelector no longer takes drains, and is none once it is empty; it comes back where it fits again")
    func narrowedBusy() async throws {
        try await withBench(replicas: 0) { bench in
            let pods = try deployment(bench, "web", replicas: 3)
            for name in pods[..<2] { bench.twin.edit(.pods, "ns", name) { $0["metadata"]["labels"]["tier"] = "slow" } }
            bench.twin.edit(.pods, "ns", pods[2]) { $0["metadata"]["labels"]["tier"] = "fast" }
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            for name in pods { try await bench.says(bench.ready(name)) }
            bench.busy.set("ns/\(pods[0])", true)
            await bench.follow([bench.pool("web", "Deployment", "apps/v1", selector: WorkerSelector("tier=fast"))])
            func count(_ kind: String, _ pod: String) -> Int { bench.events.values.count { $0.hasPrefix("worker.\(kind) ns/\(pod) ") } }
            try await eventually("the idle one is none any more: \(bench.events.values)") { count("gone", pods[1]) == 1 }
            #expect(
                count("draining", pods[0]) == 1 && count("gone", pods[0]) == 0 && count("draining", pods[2]) == 0, "\(bench.events.values)")
            bench.twin.edit(.pods, "ns", pods[0]) { $0["metadata"]["labels"]["tier"] = "fast" }
            try await eventually("back: \(bench.events.values)") { count("ready", pods[0]) == 2 }
            #expect(count("gone", pods[0]) == 0)
        }
    }

    @Test(
        "a target that belongs to one that another policy scales is refused by name, and has no workers; it is free once that policy is gone"
    )
    func nested() async throws {
        try await withBench(replicas: 1) { bench in
            makeAllReady(bench)
            let name = bench.pods[0]
            let inner = bench.pool("inner", "Deployment", "apps/v1", target: "pool-deployment")
            // The inner one is there first.
            await bench.run([inner])
            try await eventually("a worker of it: \(bench.homes.values)") { bench.homes.values == ["ns/\(name) ns/inner"] }
            await bench.follow([inner, bench.pool])
            func isRefused() -> Bool {
                bench.events.values.contains {
                    $0.hasPrefix("pool.observed ns/inner ") && $0.contains(#""reason":"TargetNested""#)
                        && $0.contains("belongs to WorkerPool ns/pool, which the policy ns/pool scales")
                }
            }
            try await eventually("refused: \(bench.events.values)") { isRefused() }
            try await eventually("the outer one's: \(bench.homes.values)") { bench.homes.values.last == "ns/\(name) ns/pool" }
            let fault: ActuationFault?
            do throws(ActuationFault) {
                try await bench.targets.actuator.resize(inner, to: 0, fence: Fence(1))
                fault = nil
            } catch { fault = error }
            guard case .refused(let why) = fault else { return #expect(Bool(false), "\(fault as Any)") }
            #expect(
                why.contains("which the policy ns/pool scales")
                    && bench.twin.object(.deployments, "ns", "pool-deployment")?["spec"]["replicas"].int == 1)
            #expect(bench.twin.object(.deployments, "ns", "pool-deployment")?.annotations[Mark.fence] == nil)
            bench.events.clear()
            await bench.follow([inner])
            try await eventually("free: \(bench.events.values)") {
                bench.events.values.contains { $0.hasPrefix("pool.observed ns/inner ") && !$0.contains("problem") }
            }
            try await eventually("its own again: \(bench.homes.values)") { bench.homes.values.last == "ns/\(name) ns/inner" }
        }
    }

    // MARK: - Targets that come, go and come again

    @Test("a kind that isn't served, one without /scale, and a target that isn't there: each is told, and taken back once it is mended")
    func missingTargets() async throws {
        try await withBench(replicas: 0, resources: [Self.widgets, Self.gadgets]) { bench in
            bench.twin.seed(Self.gadgets, ["metadata": ["name": "g", "namespace": "ns"], "spec": ["replicas": 1]])
            await bench.run([
                bench.pool("nokind", "Nothing", "example.com/v1"), bench.pool("nogroup", "X", "nobody.example/v1"),
                bench.pool("g", "Gadget", "example.com/v1"),
                bench.pool("w", "Widget", "example.com/v1"),
            ])
            func tells(_ pool: String, _ reason: String, _ words: String) -> Bool {
                bench.events.values.contains {
                    $0.hasPrefix("pool.observed ns/\(pool) ") && $0.contains(#""reason":"\#(reason)""#) && $0.contains(words)
                }
            }
            try await eventually("no kind") {
                tells("nokind", "TargetNotScalable", "no kind Nothing")
                    && tells("nogroup", "TargetNotScalable", "serves no nobody.example/v1")
            }
            try await eventually("no scale") { tells("g", "TargetNotScalable", "no /scale") }
            try await eventually("no object") { tells("w", "TargetNotFound", "Widget ns/w doesn't exist") }
            bench.twin.seed(
                Self.widgets, ["metadata": ["name": "w", "namespace": "ns"], "spec": ["replicas": 0], "status": ["replicas": 0]])
            try await bench.says(#"pool.observed ns/w {"specReplicas":0,"readyReplicas":0}"#)
            bench.events.clear()
            bench.twin.delete(Self.widgets, "ns", "w")
            try await eventually("gone again") { tells("w", "TargetNotFound", "create it") }
        }
    }

    @Test("what the log says is wrong with a target is taken back by a later run")
    func problemOfOld() async throws {
        try await withBench(replicas: 0) { bench in
            bench.twin.seed(
                .deployments,
                ["metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 0, "selector": ["matchLabels": ["app": "web"]]]])
            await bench.run(problem: TargetProblem(reason: TargetProblem.notFound, text: "x"), [bench.pool("web", "Deployment", "apps/v1")])
            try await bench.says(#"pool.observed ns/web {"specReplicas":0,"readyReplicas":0}"#)
            #expect(bench.ids.values.allSatisfy { $0.hasPrefix("run-1") }, "an id of its own: \(bench.ids.values)")
        }
    }

    /// `4/4` for specReplicas and readyReplicas, with ` updating 3` in events that have it.
    private func observations(_ bench: Bench) throws -> [String] {
        try bench.events.values.filter { $0.hasPrefix("pool.observed ns/pool ") }.map { line in
            let body = try JSONValue(parsing: Array(line.dropFirst("pool.observed ns/pool ".count).utf8))
            let updating = body["updating"].int.map { " updating \($0)" } ?? ""
            return "\(body["specReplicas"].int ?? -1)/\(body["readyReplicas"].int ?? -1)\(updating)"
        }
    }

    @Test("another image of a WorkerPool is a rolling update: how many workers it has to make yet is told, and its end")
    func rollingUpdate() async throws {
        try await withBench(replicas: 4) { bench in
            makeAllReady(bench)
            await bench.run()
            try await eventually("all ready") { try observations(bench).last == "4/4" }
            let old = Set(bench.pods)
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["ateomImage"] = "ateom:2" }
            // One new pod more, and one old one less, as 25 % say: neither is ready in the new one's place yet.
            try await eventually("it begins: \(bench.pods)") { try observations(bench).last == "4/3 updating 4" }
            #expect(Set(bench.pods).intersection(old).count == 3)
            for _ in 0..<8 where !old.isDisjoint(with: bench.pods) { makeAllReady(bench) }
            #expect(old.isDisjoint(with: bench.pods) && bench.pods.count == 4, "all are replaced: \(bench.pods)")
            makeAllReady(bench)
            try await eventually("it is over: \(bench.events.values)") { try observations(bench).last == "4/4 updating 0" }
            // What follows says nothing of it any more.
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 3 }
            try await eventually("scaled") { try observations(bench).last == "3/3" }
        }
    }

    @Test("an update that ended while nobody looked is told to be over; one that goes on isn't, before its pods are counted")
    func updateOfAnEarlierRun() async throws {
        try await withBench(replicas: 2) { bench in
            makeAllReady(bench)
            await bench.run(isUpdating: true)
            try await eventually("it is over") { try observations(bench).last == "2/2 updating 0" }
            #expect(try observations(bench).allSatisfy { !$0.contains("updating") || $0 == "2/2 updating 0" })
        }
    }

    @Test("an update that goes on over a restart isn't told to be over before its pods are counted")
    func updateGoesOn() async throws {
        try await withBench(replicas: 4) { bench in
            makeAllReady(bench)
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["ateomImage"] = "ateom:2" }
            await bench.run(isUpdating: true)
            try await eventually("it is counted: \(bench.events.values)") { try observations(bench).last == "4/3 updating 4" }
            #expect(try observations(bench).allSatisfy { !$0.hasSuffix("updating 0") }, "\(bench.events.values)")
        }
    }

    @Test("a Deployment's rolling update is an Event, and holds nothing")
    func deploymentUpdate() async throws {
        try await withBench(replicas: 0) { bench in
            bench.twin.seed(
                .deployments,
                ["metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 2, "selector": ["matchLabels": ["app": "web"]]]])
            makeAllReady(bench)
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            try await eventually("ready") {
                bench.events.values.contains { $0 == #"pool.observed ns/web {"specReplicas":2,"readyReplicas":2}"# }
            }
            bench.twin.edit(.deployments, "ns", "web") { $0["spec"]["template"] = ["metadata": ["labels": ["v": "2"]]] }
            for _ in 0..<4 { makeAllReady(bench) }
            try await eventually("two others are ready") { bench.events.values.count { $0.hasPrefix("worker.gone") } == 2 }
            #expect(bench.events.values.allSatisfy { !$0.contains("updating") })
        }
    }

    @Test("a target made anew under its name, with another selector, is followed at once", arguments: [true, false])
    func madeAnew(_ isUnseen: Bool) async throws {
        try await withBench(replicas: 0) { bench in
            func seed(_ app: String) {
                bench.twin.seed(
                    .deployments,
                    [
                        "metadata": ["name": "web", "namespace": "ns"],
                        "spec": ["replicas": 1, "selector": ["matchLabels": ["app": .string(app)]]],
                    ])
            }
            seed("one")
            makeAllReady(bench)
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            let old = bench.pods[0]
            let uid = bench.uid(old)
            try await bench.says(bench.ready(old))
            if isUnseen { bench.twin.endWatches(cut: true) }
            bench.twin.delete(.deployments, "ns", "web")
            seed("two")
            makeAllReady(bench)
            let new = try #require(bench.pods.first { $0 != old })
            try await bench.says(bench.gone(old, "its pod was deleted", uid: uid))
            try await bench.says(bench.ready(new))
        }
    }

    @Test("workers of a target that is deleted take no more while their pods are there; their pods' costs go on telling who is busy")
    func deleted() async throws {
        try await withBench(replicas: 0, hasControllers: false) { bench in
            func owner(_ kind: String, _ name: String, _ uid: String) -> JSONValue {
                ["apiVersion": "apps/v1", "kind": .string(kind), "name": .string(name), "uid": .string(uid), "controller": true]
            }
            bench.twin.seed(
                .deployments,
                [
                    "metadata": ["name": "web", "namespace": "ns", "uid": "web-1"],
                    "spec": ["replicas": 2, "selector": ["matchLabels": ["app": "web"]]], "status": ["replicas": 2],
                ])
            bench.twin.seed(
                .replicaSets,
                [
                    "metadata": [
                        "name": "web-0", "namespace": "ns", "uid": "set-1", "ownerReferences": [owner("Deployment", "web", "web-1")],
                    ], "spec": ["replicas": 2],
                ])
            for name in ["a", "b"] { bench.twin.seed(.pods, Self.pod(name, ["app": "web"], owner: owner("ReplicaSet", "web-0", "set-1"))) }
            func load(_ used: Int) {
                bench.loads.withLock {
                    $0 = ["a", "b"].map { WorkerLoadView(namespace: "ns", name: "ns/\($0)", used: $0 == "a" ? used : 0, snapshotBytes: 0) }
                }
            }
            func cost(_ name: String) -> String? { bench.twin.object(.pods, "ns", name)?.annotations[Mark.deletionCost] }
            load(0)
            await bench.run([bench.pool("web", "Deployment", "apps/v1")])
            for name in ["a", "b"] { try await bench.says(bench.ready(name)) }
            try await eventually("ranked") { cost("a") == "-900" && cost("b") == "-900" }
            bench.twin.delete(.deployments, "ns", "web")
            for name in ["a", "b"] {
                try await bench.says(
                    #"worker.draining ns/\#(name) {"reason":"Deployment ns/web, its pool's target, doesn't exist","uid":"\#(bench.uid(name))"}"#
                )
            }
            // One that was promised an actor before.
            load(1)
            try await eventually("busy, of a target that is gone: \(cost("a") ?? "")") { cost("a") == "1001" && cost("b") == "-900" }
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.gone") })
        }
    }

    @Test("a pod that comes again under its name is another worker: the first is gone by its uid, the second is ready by its own")
    func sameName() async throws {
        try await withBench(replicas: 0) { bench in
            bench.twin.seed(
                .statefulSets,
                ["metadata": ["name": "box", "namespace": "ns"], "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "box"]]]])
            makeAllReady(bench)
            await bench.run([bench.pool("box", "StatefulSet", "apps/v1")])
            let (first, uid) = (bench.ready("box-0"), bench.uid("box-0"))
            try await bench.says(first)
            bench.twin.delete(.pods, "ns", "box-0")
            makeAllReady(bench)
            try await bench.says(bench.ready("box-0"))
            #expect(bench.events.values.contains { $0.hasPrefix("worker.gone ns/box-0") && $0.contains(uid) })
            #expect(bench.uid("box-0") != uid)
        }
    }

    @Test("a sandbox that is claimed is no worker of its pool any more, though its pod goes on")
    func claimed() async throws {
        try await withBench(replicas: 0) { bench in
            bench.twin.seed(.sandboxWarmPools, ["metadata": ["name": "warm", "namespace": "ns"], "spec": ["replicas": 1]])
            makeAllReady(bench)
            await bench.run([bench.pool("warm", "SandboxWarmPool", "extensions.agents.x-k8s.io/v1alpha1")])
            let name = bench.pods[0]
            try await bench.says(bench.ready(name))
            bench.twin.edit(.sandboxes, "ns", name) {
                $0["metadata"]["ownerReferences"] = [
                    [
                        "apiVersion": "extensions.agents.x-k8s.io/v1beta1", "kind": "SandboxClaim", "name": "c", "uid": "claim",
                        "controller": true,
                    ]
                ]
                $0["metadata"]["labels"] = [:]
            }
            try await bench.says(bench.gone(name, "its pod no longer belongs to the pool's target", uid: bench.uid(name)))
            #expect(bench.pods.contains(name))
        }
    }

    // MARK: - Workers whose pool nobody asks for

    @Test("a worker is followed to its end when its policy is gone")
    func policyGone() async throws {
        try await withBench(replicas: 2) { bench in
            makeAllReady(bench)
            await bench.run()
            let pods = bench.pods
            for name in pods { try await bench.says(bench.ready(name, slots: 2)) }
            let uids = pods.map { bench.uid($0) }
            await bench.follow([])
            await bench.follow([])
            bench.twin.delete(.workerPools, "ns", "pool")
            for (name, uid) in zip(pods, uids) { try await bench.says(bench.gone(name, "its pod was deleted", uid: uid)) }
            try await eventually("nothing is watched any more") {
                await bench.follow([])
                return bench.twin.watchers == 0
            }
        }
    }

    @Test("a worker whose policy comes back, or gets another target, isn't announced twice, and drains where it isn't the target's")
    func policyBack() async throws {
        try await withBench(replicas: 1) { bench in
            bench.twin.seed(
                .deployments,
                ["metadata": ["name": "web", "namespace": "ns"], "spec": ["replicas": 0, "selector": ["matchLabels": ["app": "web"]]]])
            makeAllReady(bench)
            await bench.run()
            let name = bench.pods[0]
            try await bench.says(bench.ready(name, slots: 2))
            await bench.follow([])
            await bench.follow([bench.pool])
            await bench.follow([bench.pool("pool", "Deployment", "apps/v1", target: "web", slots: 2)])
            try await bench.says(
                #"worker.draining ns/\#(name) {"reason":"its pod doesn't belong to Deployment ns/web","uid":"\#(bench.uid(name))"}"#)
            #expect(bench.events.values.count { $0.hasPrefix("worker.ready") } == 1)
            await bench.follow([bench.pool])
            try await eventually("ready again: \(bench.events.values)") { bench.events.values.count { $0.hasPrefix("worker.ready") } == 2 }
            #expect(Set(bench.ids.values).count == bench.ids.values.count, "\(bench.ids.values)")
        }
    }

    @Test("workers of an earlier run whose policy is gone are told gone where their pods are, and followed where those live")
    func leftOver() async throws {
        try await withBench(replicas: 1) { bench in
            makeAllReady(bench)
            let name = bench.pods[0]
            await bench.run([], leftOver: ["ns/pool": ["ns/\(name)", "ns/dead"]])
            try await bench.says(#"worker.gone ns/dead {"reason":"its pod is gone"}"#)
            let uid = bench.uid(name)
            bench.twin.delete(.workerPools, "ns", "pool")
            try await bench.says(bench.gone(name, "its pod was deleted", uid: uid))
            #expect(!bench.events.values.contains { $0.hasPrefix("worker.ready") })
        }
    }

    // MARK: - What it costs

    @Test("200 pools of a namespace are two watches, over a handful of connections")
    func connections() async throws {
        try await withBench(replicas: 0, hasControllers: false) { bench in
            let names = (1...200).map { "pool-\($0)" }
            for name in names {
                bench.twin.seed(
                    .workerPools,
                    ["metadata": ["name": .string(name), "namespace": "ns"], "spec": ["replicas": 0], "status": ["replicas": 0]])
            }
            await bench.run(names.map { bench.pool($0, "WorkerPool", "ate.dev/v1alpha1") })
            try await eventually("all observed") { bench.events.values.count { $0.hasPrefix("pool.observed") } == 200 }
            try await eventually("two watches") { bench.twin.watchers == 2 }
            #expect(bench.twin.connectionsOpened <= 6, "\(bench.twin.watchers) watches, \(bench.twin.connectionsOpened) connections")
        }
    }

    @Test("busy workers' pods cost more than idle ones', of those the ones with snapshots more; written once, and others' pods never")
    func costs() async throws {
        try await withBench(replicas: 4) { bench in
            makeAllReady(bench)
            let pods = bench.pods
            bench.twin.seed(.pods, Self.pod("bare", bench.twin.object(.pods, "ns", pods[0])?.metadata["labels"] ?? [:]))
            bench.loads.withLock { loads in
                loads =
                    pods.enumerated().map { k, name in
                        WorkerLoadView(
                            namespace: "ns", name: "ns/\(name)", used: k == 0 ? 2 : k == 1 ? 1 : 0, snapshotBytes: k == 2 ? 64 << 30 : 0)
                    } + [WorkerLoadView(namespace: "ns", name: "ns/bare", used: 0, snapshotBytes: 0)]
            }
            await bench.run()
            func cost(_ name: String) -> Int? {
                bench.twin.object(.pods, "ns", name).flatMap { $0.annotations[Mark.deletionCost] }.flatMap { Int($0) }
            }
            try await eventually("ranked: \(pods.map { cost($0) })") { pods.allSatisfy { cost($0) != nil } }
            let costs = pods.compactMap { cost($0) }
            #expect(costs[0] > costs[1] && costs[1] > 0 && 0 > costs[2] && costs[2] > costs[3], "\(costs)")
            #expect(cost("bare") == nil)
            // What somebody else lowers takes the least worth.
            bench.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 2 }
            #expect(bench.pods.filter { $0 != "bare" } == Array(pods[..<2]))
            bench.loads.withLock { $0[0].used = 0 }
            try await eventually("idle again") { cost(pods[0]).map { $0 < 0 } ?? false }
            let patches = bench.twin.requests.count { $0.method == "PATCH" }
            #expect(patches == 5, "each change once")
        }
    }

    @Test("pods that may not be written on don't take the pace of the others")
    func refusedCosts() async throws {
        try await withBench(replicas: DeletionCosts.writesPerLook + 5) { bench in
            makeAllReady(bench)
            let pods = bench.pods
            let allowed = try #require(pods.last)
            bench.loads.withLock { $0 = pods.map { WorkerLoadView(namespace: "ns", name: "ns/\($0)", used: 1, snapshotBytes: 0) } }
            bench.twin.inject(TwinFault(.respond(status: 403), times: nil) { $0.method == "PATCH" && !$0.path.hasSuffix("/\(allowed)") })
            await bench.run()
            try await eventually("ranked though others are refused", within: .seconds(10)) {
                bench.twin.object(.pods, "ns", allowed)?.annotations[Mark.deletionCost] != nil
            }
        }
    }
}
