import Basics
import Domain
import Kubernetes
import Testing

@testable import Kubernetes

// Worked numbers. A pod is written as its name and what it is: b busy, r ready, n not ready, d draining, x removing, - going.

@Suite struct ScalePlanTests {
    private func pod(_ text: Substring) -> PodView {
        let parts = text.split(separator: ":")
        let what = parts.count > 1 ? String(parts[1]) : "r"
        var pod = PodView(name: String(parts[0]), uid: String(parts[0]), resourceVersion: "1", isReady: !what.contains("n"))
        if what.contains("d") || what.contains("x") { pod.drainingReason = "scale-down" }
        pod.isRemoving = what.contains("x")
        pod.isBeingDeleted = what.contains("-")
        return pod
    }

    private func plan(_ wanted: Int, of current: Int, _ pods: String, ordinals: Bool = false) -> ScalePlan {
        let texts = pods.split(separator: " ")
        let busy = Set(
            texts.filter { $0.contains("b") && $0.contains(":") && $0.split(separator: ":")[1].contains("b") }.map {
                String($0.split(separator: ":")[0])
            })
        return ScalePlan(wanted: wanted, current: current, pods: texts.map(pod), busy: busy, removesHighestOrdinal: ordinals)
    }

    @Test(
        "replicas and pods to mark: wanted, current, pods, replicas, marked",
        arguments: [
            // Raising is free; those that drain come on top.
            (5, 3, "p1 p2 p3", 5, [String]()),
            (3, 3, "p1:d p2 p3", 4, []),
            (0, 0, "", 0, []),
            // Ready pods are never taken by a count.
            (3, 5, "p1:b p2:b p3:b p4 p5", 5, []),
            (0, 2, "p1 p2", 2, []),
            // Drained, but not found idle yet; then found idle, one after the other.
            (3, 5, "p1:b p2:b p3:b p4:d p5:d", 5, []),
            (3, 5, "p1:b p2:b p3:b p4:d p5:x", 4, []),
            (3, 5, "p1:b p2:b p3:b p4:x p5:x", 3, []),
            (3, 4, "p1:b p2:b p3:b p4:x p5:x", 3, []),
            // The count is lower already, the pod still there: nothing more.
            (3, 4, "p1:b p2:b p3:b p4:d p5:x", 4, []),
            (3, 4, "p1:b p2:b p3:b p4:d p5:-x", 4, []),
            // Marked, and busy all the same: kept.
            (2, 3, "p1:b p2:b p3:bx", 3, []),
            // Not ready goes first, the newest of them, and only as many as need to.
            (2, 4, "p1:b p2:b p3:n p4:n", 2, ["p4", "p3"]),
            (3, 4, "p1:b p2:b p3:n p4:n", 3, ["p4"]),
            (2, 4, "p1:b p2:b p3:bn p4:n", 3, ["p4"]),
            // Pods that were never made needn't be marked.
            (1, 6, "p1:b p2:n", 1, ["p2"]),
            (2, 6, "p1:b p2:n", 2, []),
            (1, 6, "p1:b p2 p3:d", 3, []),
            (3, 6, "a:b b:b c:b d:d e:x f:n", 4, ["f"]),
        ])
    func table(_ wanted: Int, _ current: Int, _ pods: String, _ replicas: Int, _ marked: [String]) {
        let plan = plan(wanted, of: current, pods)
        #expect(plan.replicas == replicas && plan.toMark == marked, "\(plan)")
    }

    @Test(
        "a StatefulSet is lowered only down to its highest kept ordinal",
        arguments: [
            (1, 3, "s-0:b s-1:x s-2:b", 3), (1, 3, "s-0:b s-1:x s-2:x", 1), (1, 3, "s-0:x s-1:b s-2:x", 2), (0, 3, "s-0:x s-1:x s-2:x", 0),
            (1, 12, "s-0:b s-9:x s-10:b s-11:x", 11),
        ])
    func ordinals(_ wanted: Int, _ current: Int, _ pods: String, _ replicas: Int) {
        #expect(plan(wanted, of: current, pods, ordinals: true).replicas == replicas)
    }

    @Test("replicas that can't be told stay, so a pod that isn't ready is marked in their place")
    func untold() {
        let plan = ScalePlan(wanted: 1, current: 3, pods: [pod("p1:b"), pod("p2:n")], unknown: 1, busy: ["p1"])
        #expect(plan.replicas == 2 && plan.toMark == ["p2"], "\(plan)")
    }

    @Test("whatever the pods, a busy or merely ready pod is never beyond the count")
    func property() {
        var lots = SplitMix64(seed: 11)
        for _ in 0..<20_000 {
            let kinds = ["b", "r", "n", "d", "x", "bn", "bx", "bd", "-"]
            let pods = (0..<Int.random(in: 0...8, using: &lots)).map { "p\($0):\(kinds[Int.random(in: 0..<kinds.count, using: &lots)])" }
            let current = Int.random(in: 0...9, using: &lots)
            let plan = plan(Int.random(in: 0...9, using: &lots), of: current, pods.joined(separator: " "))
            guard plan.replicas < current else { continue }
            let mustStay = pods.count { ["b", "r", "d", "bn", "bx", "bd"].contains($0.split(separator: ":")[1]) }
            #expect(plan.replicas >= mustStay, "\(pods) of \(current): \(plan)")
        }
    }

    @Test(
        "replicas of a custom resource may be any number: spec → read",
        arguments: [
            (Int64.min, 0), (-1, 0), (0, 0), (3, 3), (1 << 31 - 1, 1 << 31 - 1), (1 << 31, 1 << 31 - 1), (.max, 1 << 31 - 1),
        ] as [(Int64, Int)])
    func anyReplicas(_ told: Int64, _ read: Int) throws {
        let number = try JSONValue(parsing: "\(told)")
        let scale = Scale(KubernetesObject(["spec": ["replicas": number], "status": ["replicas": number]]))
        #expect(scale.specReplicas == read && scale.statusReplicas == read)
        #expect(number.replicas == read)
        #expect(LeaseRecord(KubernetesObject(["spec": ["leaseDurationSeconds": number, "leaseTransitions": number]])).transitions == read)
        _ = ScalePlan(
            wanted: read, current: read, pods: [pod("p-9223372036854775807:b"), pod("p2:d")], busy: [], removesHighestOrdinal: true)
        _ = ScalePlan(
            wanted: .max, current: read, pods: [pod("p-9223372036854775807:b"), pod("p2:d")], busy: [], removesHighestOrdinal: true)
    }
}
