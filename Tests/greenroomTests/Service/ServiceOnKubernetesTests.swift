import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import Testing
import TestSupport

@testable import Inspection

// The whole service on a cluster, over real TLS.

@Suite struct ServiceOnKubernetesTests {
    @Test func `a policy raises a WorkerPool's replicas, and after a restart another lowers them, pod by pod`() async throws {
        try await ObjectsStage.run { stage in
            for replicas in [2, 0] {
                try await stage.serve { _ in
                    stage.twin.apply(.autoscalers, ObjectsStage.object(min: replicas))
                    try await stage.settle(at: replicas)
                    try await stage.wait("\(replicas) pods") { stage.twin.objects(.pods, "ns").count == replicas }
                }
            }
        }
    }

    @Test(
        "a WorkerPool at 0 gets three workers for three actors, and goes back to 0 once they left; a bare pod that looks like its own is never touched"
    )
    func fromZeroAndBack() async throws {
        try await ObjectsStage.run { stage in
            let bare: JSONValue = [
                "metadata": ["name": "bare-0", "namespace": "ns", "labels": ["ate.dev/worker-pool": "pool"]],
                "spec": ["nodeName": "node-a"],
                "status": ["phase": "Running", "podIP": "10.9.9.9", "conditions": [["type": "Ready", "status": "True"]]],
            ]
            stage.twin.seed(.pods, bare)
            let version = stage.twin.object(.pods, "ns", "bare-0")?.resourceVersion
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 0))
                try await stage.wait("in effect") { stage.condition("Ready") == "True PolicyApplied" }
                for actor in ["a", "b", "c"] { try await stage.send(url, "actor.requested", actor, #"{"pool":"ns/pool"}"#) }
                try await stage.wait("three workers, all busy") {
                    try await stage.workers(url).count { $0["status"].string == "BUSY" } == 3
                }
                #expect(stage.replicas == 3)
                let workers = try await stage.workers(url)
                #expect(!workers.contains { $0["name"].string?.contains("bare-0") == true })
                for worker in workers {
                    let actor = worker["actors"].array.first?.string ?? ""
                    try await stage.send(url, "actor.suspended", actor, #"{"worker":"\#(worker["name"].string ?? "")"}"#)
                }
                try await stage.settle(at: 0)
                try await stage.wait("no pods left") { stage.twin.objects(.pods, "ns").map(\.name) == ["bare-0"] }
            }
            #expect(stage.twin.object(.pods, "ns", "bare-0")?.resourceVersion == version)
        }
    }

    @Test(
        "a worker that is free when its policy goes is gone with its pod, also where that ends while the service is away",
        arguments: [false, true])
    func policyGone(_ isAway: Bool) async throws {
        try await ObjectsStage.run { stage in
            func isEmpty(_ url: String) async throws -> Bool { try await stage.workers(url).isEmpty }
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
                try await stage.settle(at: 1)
                stage.twin.delete(.autoscalers, "ns", "pool")
                try await stage.wait("removed") { try await stage.query(url, APIRequest(path: "/v1/policies/ns/pool")).status == 404 }
                #expect(try await !isEmpty(url))
                guard !isAway else { return }
                stage.twin.delete(.workerPools, "ns", "pool")
                try await stage.wait("gone") { try await isEmpty(url) }
            }
            guard isAway else { return }
            stage.twin.delete(.workerPools, "ns", "pool")
            try await stage.serve { url in try await stage.wait("gone") { try await isEmpty(url) } }
        }
    }

    @Test(
        "a target of an unknown kind, one without /scale, one that isn't there and one whose pods can't be told are Ready=False with the reason; any kind with /scale is scaled"
    )
    func kinds() async throws {
        let widgets = TwinResource("example.com", "v1", "widgets", "Widget", isCustom: true, hasScale: true, hasGeneration: true)
        try await ObjectsStage.run(resources: [widgets]) { stage in
            func target(_ apiVersion: String, _ kind: String, _ name: String, min: Int = 1) -> JSONValue {
                ObjectsStage.object(
                    min: min, extra: ["scaleTargetRef": ["apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name)]])
            }
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, target("example.com/v1", "Gizmo", "x"))
                try await stage.wait("unknown kind") {
                    stage.condition("Ready") == "False TargetNotScalable" && stage.message("Ready").contains("no kind Gizmo")
                }
                stage.twin.apply(.autoscalers, target("v1", "ConfigMap", "x"))
                try await stage.wait("no /scale") {
                    stage.condition("Ready") == "False TargetNotScalable" && stage.message("Ready").contains("no /scale")
                }
                stage.twin.apply(.autoscalers, target("apps/v1", "Deployment", "x"))
                try await stage.wait("no such object") { stage.condition("Ready") == "False TargetNotFound" }
                let pool = try await stage.query(url, APIRequest(path: "/v1/pools/ns/pool"))
                #expect(String(decoding: pool.body, as: UTF8.self).contains("Deployment ns/x doesn't exist"))
                stage.twin.seed(
                    widgets, ["metadata": ["name": "w", "namespace": "ns"], "spec": ["replicas": 0], "status": ["replicas": 0]])
                stage.twin.apply(.autoscalers, target("example.com/v1", "Widget", "w"))
                try await stage.wait("scaled") {
                    stage.twin.object(widgets, "ns", "w")?["spec"]["replicas"].int == 1 && stage.condition("Ready") == "True PolicyApplied"
                }
                stage.twin.edit(widgets, "ns", "w") { $0["status"]["replicas"] = 1 }
                try await stage.wait("pods can't be told") {
                    stage.condition("Ready") == "False PodsNotFound" && stage.message("Ready").contains("workerSelector")
                }
            }
        }
    }

    @Test("while somebody else scales, busy pods stay")
    func recommended() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { url in
                stage.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 4 }
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 0, extra: ["mode": "recommend"]))
                try await stage.wait("four workers") { try await stage.workers(url).count == 4 }
                for actor in ["a", "b"] { try await stage.send(url, "actor.requested", actor, #"{"pool":"ns/pool"}"#) }
                try await stage.wait("two are busy") { try await stage.workers(url).count { $0["status"].string == "BUSY" } == 2 }
                let busy = Set(try await stage.workers(url).filter { $0["status"].string == "BUSY" }.compactMap { $0["name"].string })
                func cost(_ pod: KubernetesObject) -> Int { Int(pod.annotations[Mark.deletionCost] ?? "") ?? 0 }
                func isBusy(_ pod: KubernetesObject) -> Bool { busy.contains("ns/\(pod.name)") || busy.contains(pod.name) }
                try await stage.wait("ranked") { stage.twin.objects(.pods, "ns").allSatisfy { isBusy($0) ? cost($0) > 0 : cost($0) < 0 } }
                stage.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 2 }
                #expect(stage.twin.objects(.pods, "ns").allSatisfy(isBusy) && stage.twin.objects(.pods, "ns").count == 2)
            }
        }
    }

    @Test("a worker process of an earlier run whose policy is gone is gone too; a worker of somebody else's stays")
    func processPolicyGone() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { url in
                for name in ["chat-0k3xz-1", "laptop"] {
                    try await stage.send(url, "worker.ready", name, #"{"pool":"demo/chat","node":"n"}"#)
                }
                try await stage.wait("known") { try await stage.workers(url).count == 2 }
            }
            try await stage.serve { url in
                try await stage.wait("the process is gone") {
                    try await stage.workers(url).compactMap { $0["name"].string?.split(separator: "/").last } == ["laptop"]
                }
            }
        }
    }

    @Test("a rolling update is told by an Event")
    func rollingUpdate() async throws {
        try await ObjectsStage.run(makesReady: false) { stage in
            func makeReady() {
                for pod in stage.twin.objects(.pods, "ns") where !PodView(pod).isReady {
                    stage.twin.makeReady(pod: pod.name, "ns", node: "node-a")
                }
            }
            stage.twin.seed(
                .statefulSets,
                [
                    "metadata": ["name": "box", "namespace": "ns"],
                    "spec": [
                        "replicas": 2, "selector": ["matchLabels": ["app": "box"]], "updateStrategy": ["rollingUpdate": ["partition": 1]],
                    ],
                ])
            try await stage.serve { url in
                makeReady()
                stage.twin.apply(
                    .autoscalers,
                    ObjectsStage.object(min: 2, extra: ["scaleTargetRef": ["apiVersion": "apps/v1", "kind": "StatefulSet", "name": "box"]]))
                try await stage.wait("two workers") { try await stage.workers(url).count == 2 }
                stage.twin.edit(.statefulSets, "ns", "box") { $0["spec"]["template"] = ["metadata": ["labels": ["v": "2"]]] }
                makeReady()
                try await stage.wait("told") { stage.told("RollingUpdate")?.contains("StatefulSet ns/box replaces 1 of 2 pods") == true }
            }
        }
    }

    @Test("a WorkerPool's size is held while another image replaces its workers, and its status says so")
    func imageChange() async throws {
        try await ObjectsStage.run(makesReady: false) { stage in
            func makeReady() {
                for pod in stage.twin.objects(.pods, "ns") where !PodView(pod).isReady {
                    stage.twin.makeReady(pod: pod.name, "ns", node: "node-a")
                }
            }
            stage.twin.apply(.autoscalers, ObjectsStage.object(min: 4))
            try await stage.serve { url in
                try await stage.wait("four are made") {
                    makeReady()
                    return stage.replicas == 4 && stage.status["ready"].int == 4
                }
                stage.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["ateomImage"] = "ateom:2" }
                try await stage.wait("it is held") { stage.condition("ScalingLimited") == "True HeldThroughUpdate" }
                #expect(
                    stage.message("ScalingLimited")
                        == "a rolling update replaces the workers: the count is held until it is over, at most 10 minutes")
                try await stage.wait("told") { stage.told("RollingUpdate")?.contains("the pool's size is held until it is over") == true }
                // What would be one worker at once stays four.
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
                try await stage.wait("applied") { stage.status["observedGeneration"].int == 2 }
                #expect(stage.replicas == 4 && stage.condition("ScalingLimited") == "True HeldThroughUpdate")
                try await stage.wait("over, and one is left") {
                    makeReady()
                    return stage.replicas == 1 && stage.status["ready"].int == 1
                }
                #expect(stage.condition("ScalingLimited") != "True HeldThroughUpdate")
                let decisions = String(decoding: try await stage.query(url, APIRequest(path: "/v1/decisions?limit=50")).body, as: UTF8.self)
                #expect(decisions.contains("a rolling update replaces the workers (4 left): held until it is over"), "\(decisions)")
            }
        }
    }

    @Test("pods of one name in two namespaces are two workers, each busy for itself")
    func sameName() async throws {
        try await ObjectsStage.run { stage in
            for namespace in ["a", "b"] {
                stage.twin.seed(
                    .statefulSets,
                    [
                        "metadata": ["name": "box", "namespace": .string(namespace)],
                        "spec": ["replicas": 1, "selector": ["matchLabels": ["app": "box"]]],
                    ])
                var object = ObjectsStage.object(
                    min: 1, extra: ["scaleTargetRef": ["apiVersion": "apps/v1", "kind": "StatefulSet", "name": "box"]])
                object["metadata"] = ["name": "box", "namespace": .string(namespace)]
                stage.twin.apply(.autoscalers, object)
            }
            try await stage.serve { url in
                try await stage.wait("two workers") { try await stage.workers(url).count == 2 }
                try await stage.send(url, "actor.requested", "session-1", #"{"pool":"a/box"}"#)
                try await stage.wait("one is busy") { try await stage.workers(url).contains { $0["status"].string == "BUSY" } }
                let standings = try await stage.workers(url).map { "\($0["namespace"].string ?? "") \($0["status"].string ?? "")" }
                    .sorted()
                #expect(standings == ["a BUSY", "b FREE"])
            }
        }
    }
}
