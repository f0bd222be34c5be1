import Domain
import Kubernetes
import Testing

// Timelines of one pod, step by step: what it is, and what is said of its worker. A step is written as words:
// pending, running (not ready), ready, done, failed, lost; and ip=, node=, slots=, uid=, drain, deleting, reason=. `-` is no pod.

@Suite struct PodEventsTests {
    private func pod(_ text: String) -> PodView? {
        guard text != "-" else { return nil }
        var pod = PodView(name: "w", uid: "1", resourceVersion: "1", phase: .running, isReady: false, node: "n", ip: "10.0.0.1")
        for word in text.split(separator: " ") {
            let sides = word.split(separator: "=").map(String.init)
            switch sides[0] {
            case "pending": (pod.phase, pod.node, pod.ip) = (.pending, nil, nil)
            case "ready": pod.isReady = true
            case "done": pod.phase = .succeeded
            case "failed": pod.phase = .failed
            case "lost": pod.isNodeLost = true
            case "deleting": pod.isBeingDeleted = true
            case "drain": pod.drainingReason = sides.count > 1 ? sides[1] : ""
            case "crashing": pod.startProblem = "container c: CrashLoopBackOff"
            case "ip": pod.ip = sides[1]
            case "node": pod.node = sides[1]
            case "slots": pod.slots = Int(sides[1])
            case "uid": pod.uid = sides[1]
            case "reason": pod.reason = sides[1]
            default: break
            }
        }
        return pod
    }

    private func words(_ event: WorkerEvent) -> String {
        switch event {
        case .ready(let node, let ip, let slots): "ready \(node) \(ip ?? "-")\(slots.map { " \($0)" } ?? "")"
        case .draining(let reason): "draining: \(reason)"
        case .gone(let reason): "gone: \(reason)"
        }
    }

    @Test(
        "a pod's timeline gives its worker's",
        arguments: [
            // From birth to deletion.
            (
                ["pending", "running", "ready", "ready deleting", "-"],
                ["", "", "ready n 10.0.0.1", "draining: its pod is being deleted", "gone: its pod was deleted"]
            ),
            // First seen ready; nothing new is said of what didn't change.
            (
                ["ready", "ready", "ready ip=10.0.0.2", "ready ip=10.0.0.2 slots=4"],
                ["ready n 10.0.0.1", "", "ready n 10.0.0.2", "ready n 10.0.0.2 4"]
            ),
            // Readiness that goes: its actors are still there, and no other may come until it is back. Deleted while it wasn't ready, it is gone all the same.
            (
                ["ready", "running", "running ip=10.0.0.2", "ready", "running", "-"],
                [
                    "ready n 10.0.0.1", "draining: its pod isn't ready", "", "ready n 10.0.0.1", "draining: its pod isn't ready",
                    "gone: its pod was deleted",
                ]
            ),
            (
                ["ready", "running crashing", "ready"],
                ["ready n 10.0.0.1", "draining: its pod isn't ready: container c: CrashLoopBackOff", "ready n 10.0.0.1"]
            ),
            (["running crashing", "running crashing"], ["", ""]),
            // Marked before it stopped being ready: the mark's own end brings it back, not readiness.
            (
                ["ready drain=x", "running drain=x", "ready drain=x", "ready"],
                ["ready n 10.0.0.1; draining: x", "", "", "ready n 10.0.0.1"]
            ),
            // Marked, and the mark taken off again.
            (
                ["ready", "ready drain=scale-down", "ready drain=scale-down", "ready"],
                ["ready n 10.0.0.1", "draining: scale-down", "", "ready n 10.0.0.1"]
            ),
            // First seen draining: who it is, then that it drains.
            (["ready drain=x", "-"], ["ready n 10.0.0.1; draining: x", "gone: its pod was deleted"]),
            (["ready drain", "ready deleting drain"], ["ready n 10.0.0.1; draining: marked greenroom.dev/draining", ""]),
            // Never more than pending: nobody knows it as a worker.
            (["pending", "-"], ["", ""]), (["pending deleting", "-"], ["", ""]),
            (["pending drain", "ready drain"], ["", "ready n 10.0.0.1; draining: marked greenroom.dev/draining"]),
            // Never ready, but running: it may have reported itself.
            (["running", "-"], ["", "gone: its pod was deleted"]),
            // Over.
            (
                ["ready", "failed reason=Evicted", "failed reason=Evicted", "-"],
                ["ready n 10.0.0.1", "gone: its pod failed: Evicted", "", ""]
            ),
            (["ready", "done", "-"], ["ready n 10.0.0.1", "gone: its pod ended", ""]),
            (["failed"], ["gone: its pod failed"]),
            // The node goes, and perhaps comes back.
            (["ready", "lost", "lost deleting", "-"], ["ready n 10.0.0.1", "gone: its node n is lost", "", ""]),
            (
                ["ready", "lost reason=DeletionByTaintManager", "ready"],
                ["ready n 10.0.0.1", "gone: its node n is lost: DeletionByTaintManager", "ready n 10.0.0.1"]
            ),
            (["pending lost", "-"], ["", ""]),
            // Another pod of the same name, as StatefulSets make it, before anybody saw the first one go.
            (
                ["ready", "ready uid=2 node=m"],
                ["ready n 10.0.0.1", "gone: its pod was replaced by another of its name; ready m 10.0.0.1"]
            ),
            (
                ["ready", "pending uid=2", "ready uid=2"],
                ["ready n 10.0.0.1", "gone: its pod was replaced by another of its name", "ready n 10.0.0.1"]
            ),
            (["pending", "pending uid=2"], ["", ""]),
        ])
    func timelines(_ steps: [String], _ expected: [String]) {
        var record: PodRecord?
        for (step, wanted) in zip(steps, expected) {
            let (after, events) = PodEvents.change(from: record, to: pod(step))
            #expect(events.map(words).joined(separator: "; ") == wanted, "at \(step) of \(steps)")
            record = after
        }
    }

    @Test(
        "why a pod's containers don't run is read in words that stay the same while it does",
        arguments: [
            (
                #"[{"name":"c","ready":false,"restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]"#,
                "container c: CrashLoopBackOff, last ended with exit code 1 (Error)"
            ),
            // Between two crashes.
            (
                #"[{"name":"c","ready":false,"restartCount":6,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]"#,
                "container c: CrashLoopBackOff, last ended with exit code 1 (Error)"
            ),
            (
                #"[{"name":"c","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ErrImagePull"}}}]"#,
                "container c: ImagePullBackOff"
            ),
            (
                #"[{"name":"c","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff"}}}]"#,
                "container c: ImagePullBackOff"
            ),
            (
                #"[{"name":"c","ready":false,"restartCount":0,"state":{"waiting":{"reason":"CreateContainerConfigError"}}}]"#,
                "container c: CreateContainerConfigError"
            ),
            (#"[{"name":"c","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ContainerCreating"}}}]"#, nil),
            (#"[{"name":"c","ready":false,"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]"#, nil),
            (#"[{"name":"c","ready":true,"restartCount":9,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]"#, nil),
            (#"[{"name":"c","restartCount":-9223372036854775808,"state":7,"lastState":[]}]"#, nil), ("7", nil),
        ] as [(String, String?)])
    func startProblem(_ containers: String, _ expected: String?) throws {
        for list in ["containerStatuses", "initContainerStatuses"] {
            let pod = PodView(
                KubernetesObject(
                    try JSONValue(parsing: #"{"metadata":{"name":"w"},"status":{"phase":"Pending","\#(list)":\#(containers)}}"#)))
            #expect(pod.startProblem == expected)
        }
    }

    @Test("a pod is read from its JSON: conditions, marks, reasons")
    func reading() throws {
        let json = try JSONValue(
            parsing: """
                {"metadata":{"name":"w-1","uid":"u","resourceVersion":"7","annotations":{"greenroom.dev/slots":"4","controller.kubernetes.io/pod-deletion-cost":"-5"},"labels":{"greenroom.dev/draining":"true"},"deletionTimestamp":"2026-11-21T06:56:42Z"},
                 "spec":{"nodeName":"n1"},"status":{"phase":"Running","podIP":"10.1.2.3","conditions":[{"type":"Ready","status":"True"},{"type":"DisruptionTarget","status":"True","reason":"DeletionByTaintManager"}]}}
                """)
        let pod = PodView(KubernetesObject(json))
        #expect(
            pod.name == "w-1" && pod.isReady && pod.isBeingDeleted && pod.node == "n1" && pod.ip == "10.1.2.3" && pod.slots == 4
                && pod.deletionCost == "-5")
        #expect(pod.drainingReason != nil && pod.isNodeLost && pod.reason == "DeletionByTaintManager")
        let bare = PodView(KubernetesObject(["metadata": ["name": "x"]]))
        #expect(bare.phase == .pending && !bare.isReady && bare.isLive && bare.slots == nil)
    }
}
