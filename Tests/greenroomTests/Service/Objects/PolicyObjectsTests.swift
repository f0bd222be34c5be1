import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Testing

@testable import Inspection

@Suite struct PolicyObjectsTests {
    @Test(
        "an object scales its pool and says so; a restart applies nothing again; a spec that can't be read changes nothing; a deleted object takes its policy along"
    )
    func life() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { _ in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2))
                try await stage.settle(at: 2)
                #expect(stage.status["observedGeneration"].int == 1 && stage.status["target"].string == "WorkerPool/pool")
                #expect(stage.status["lastDecision"]["reason"].string?.isEmpty == false && stage.status["lastDecision"]["to"].int == 2)
                try await stage.wait("Events") { stage.events.isSuperset(of: ["Normal PolicyApplied", "Normal ScaledUp"]) }
                let rescale = try #require(stage.twin.objects(.coreEvents, "ns").first { $0["reason"].string == "ScaledUp" })
                #expect(rescale["message"].string?.hasPrefix("0 → 2: ") == true)
            }
            let before = stage.status
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2, extra: ["coolDownPeriod": 5]))
                try await stage.wait("refused") { stage.condition("Ready") == "False Invalid" }
                #expect(stage.message("Ready").contains("spec.coolDownPeriod") && stage.message("Ready").contains("cooldownPeriod"))
                #expect(stage.status["observedGeneration"].int == 2)
                #expect(stage.status["digest"] == before["digest"] && stage.status["seq"] == before["seq"] && stage.replicas == 2)
                try await stage.wait("told") { stage.events.contains("Warning PolicyRefused") }
                stage.twin.delete(.autoscalers, "ns", "pool")
                try await stage.wait("removed") { try await stage.query(url, APIRequest(path: "/v1/policies/ns/pool")).status == 404 }
                #expect(stage.replicas == 2)
            }
            let applied = try await stage.applied()
            #expect(applied == [2, nil])
        }
    }

    /// A name that leads there is found when it is asked: tests of Pollers.
    @Test("an object has the machine itself asked only where the configuration allows it")
    func addresses() async throws {
        func object(_ address: String) -> JSONValue {
            ObjectsStage.object(
                min: 1,
                extra: [
                    "triggers": [
                        ["type": "prometheus", "serverAddress": .string(address), "query": "up", "threshold": 1, "intervalSeconds": 1]
                    ]
                ])
        }
        try await ObjectsStage.run(kubernetes: ", policyAddresses: [127.0.0.2]") { stage in
            try await stage.serve { url in
                for address in ["http://169.254.169.254/latest", "http://127.0.0.1:1", "http://2130706433:1"] {
                    stage.twin.apply(.autoscalers, object(address))
                    try await stage.wait("refused: \(address)") {
                        stage.condition("Ready") == "False Invalid" && stage.message("Ready").contains("spec.triggers[0].serverAddress")
                    }
                }
                stage.twin.apply(.autoscalers, object("http://127.0.0.2:1"))
                try await stage.wait("asked, where nobody listens") {
                    let response = try await stage.query(url, APIRequest(path: "/v1/events?kind=queue.observed&limit=1"))
                    return String(decoding: response.body, as: UTF8.self).contains("the connection was refused")
                }
            }
        }
    }

    @Test("a status that others changed meanwhile is read again and written; a cut watch and a forgotten past lose no change")
    func troubles() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { _ in
                stage.twin.inject(TwinFault(.respond(status: 409), times: 2) { $0.method == "PATCH" && $0.path.hasSuffix("/status") })
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
                try await stage.settle(at: 1)
                #expect(stage.twin.rightsUsed.contains("get greenroom.dev workerpoolautoscalers"))
                stage.twin.endWatches(cut: true)
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2))
                try await stage.settle(at: 2)
                stage.twin.inject(TwinFault(.respond(status: 410)) { $0.isWatch && $0.path.hasSuffix("/workerpoolautoscalers") })
                stage.twin.endWatches(cut: false)
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 3))
                try await stage.settle(at: 3)
                #expect(stage.status["observedGeneration"].int == 3)
            }
            let applied = try await stage.applied()
            #expect(applied == [1, 2, 3])
        }
    }

    @Test("Events tell of replicas that somebody else set, and of a target that refuses a count")
    func warned() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { _ in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2))
                try await stage.settle(at: 2)
                stage.twin.edit(.workerPools, "ns", "pool") { $0["spec"]["replicas"] = 4 }
                try await stage.wait("told of it") {
                    stage.told("ReplicasChanged")?.hasPrefix("Warning somebody else set replicas to 4, which we had left at 2") == true
                }
                // Taken over: by what it was before.
                try await stage.settle(at: 2)
                stage.twin.inject(TwinFault(.respond(status: 403), times: nil) { $0.method == "PUT" && $0.path.hasSuffix("/scale") })
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 3))
                try await stage.wait("told of it") { stage.told("ScaleFailed")?.hasPrefix("Warning attempt 1: the target refused") == true }
                stage.twin.heal()
            }
        }
    }

    @Test("who stands by applies no object and writes no status, and does so once it leads")
    func standby() async throws {
        // Long: a busy machine that misses a renewal must not depose the leader, since that ends this process.
        let election = ", election: {namespace: ns, leaseDurationSeconds: 60, renewDeadlineSeconds: 40, retryPeriodSeconds: 0.2}"
        try await ObjectsStage.run(kubernetes: election) { stage in
            // Somebody else's, for an hour.
            stage.twin.seed(
                .leases,
                [
                    "metadata": ["name": "greenroom", "namespace": "ns"],
                    "spec": ["holderIdentity": "other_1", "leaseDurationSeconds": 3_600, "leaseTransitions": 4],
                ])
            stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
            async let acting: Void = stage.serve { _ in try await stage.settle(at: 1) }
            try await stage.wait("looks at the lease") { stage.twin.requests.count { $0.path.hasSuffix("/leases/greenroom") } >= 5 }
            #expect(stage.twin.requests.allSatisfy { $0.method == "GET" && $0.path.contains("/leases") })
            stage.twin.edit(.leases, "ns", "greenroom") { $0["spec"]["holderIdentity"] = "" }
            try await acting
            let taken = try #require(stage.twin.requests.firstIndex { $0.method == "PUT" && $0.path.contains("/leases") })
            #expect(stage.twin.requests[..<taken].allSatisfy { $0.method == "GET" && $0.path.contains("/leases") })
            #expect(stage.twin.requests[taken...].contains { $0.method == "PATCH" && $0.path.hasSuffix("/status") })
        }
    }

    @Test(
        "an object's policy replaces one that comes another way; a pause by PUT stays; what was deleted meanwhile goes at the next start, and what never was an object stays"
    )
    func others() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
                try await stage.settle(at: 1)
                let paused = try await stage.query(
                    url,
                    APIRequest(
                        method: .put, path: "/v1/pools/ns/pool/pause", contentType: "application/json", body: Array(#"{"in":true}"#.utf8)))
                #expect(paused.status == 200)
                try await stage.wait("paused") { stage.condition("Paused") == "True PausedScaleIn" }
                for (name, min, mode) in [("pool", 4, "auto"), ("other", 0, "recommend")] {
                    var object = ObjectsStage.object(min: min, extra: ["mode": .string(mode)])
                    object["metadata"]["name"] = .string(name)
                    let response = try await stage.query(
                        url, APIRequest(method: .put, path: "/v1/policies/ns/\(name)", contentType: "application/json", body: object.bytes))
                    #expect(response.status == 200)
                }
                try await stage.wait("replaced") { stage.events.contains("Warning PolicyReplaced") }
                #expect(stage.condition("Ready") == "True PolicyApplied")
            }
            stage.twin.delete(.autoscalers, "ns", "pool")
            try await stage.serve { url in
                try await stage.wait("removed") { try await stage.query(url, APIRequest(path: "/v1/policies/ns/pool")).status == 404 }
                #expect(try await stage.query(url, APIRequest(path: "/v1/policies/ns/other")).status == 200)
            }
            let applied = try await stage.applied()
            // Applied, by PUT, again; taken away at the next start. The other one is of mode recommend. A pause is no policy.
            #expect(applied == [1, 4, 0, 1, nil] || applied == [1, 4, 1, 0, nil])
        }
    }

    @Test("of two policies for one target the second is refused by the name of the first, and takes effect once that is gone")
    func oneTarget() async throws {
        try await ObjectsStage.run { stage in
            func second() -> JSONValue {
                var object = ObjectsStage.object(min: 3)
                object["metadata"]["name"] = "second"
                return object
            }
            func ready() -> String {
                let found =
                    stage.twin.object(.autoscalers, "ns", "second")?["status"]["conditions"].array.first { $0["type"].string == "Ready" }
                    ?? .null
                return "\(found["status"].string ?? "-") \(found["reason"].string ?? "-") \(found["message"].string ?? "-")"
            }
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 1))
                try await stage.settle(at: 1)
                stage.twin.apply(.autoscalers, second())
                try await stage.wait("refused; \(ready())") {
                    ready().hasPrefix("False Refused WorkerPool ns/pool is scaled by the policy ns/pool already")
                }
                let put = try await stage.query(
                    url, APIRequest(method: .put, path: "/v1/policies/ns/third", contentType: "application/json", body: second().bytes))
                #expect(put.status == 409 || put.status == 400, "\(put.status)")
                #expect(stage.replicas == 1)
                stage.twin.delete(.autoscalers, "ns", "pool")
                try await stage.wait("in effect; \(ready())") { ready().hasPrefix("True PolicyApplied") && stage.replicas == 3 }
            }
            let applied = try await stage.applied()
            #expect(applied == [1, nil, 3])
        }
    }

    @Test("the ClusterRole allows what the service asks for but for the fence, and nothing else")
    func rights() async throws {
        try await ObjectsStage.run { stage in
            try await stage.serve { _ in
                stage.twin.inject(TwinFault(.respond(status: 409)) { $0.method == "PATCH" && $0.path.hasSuffix("/status") })
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2))
                try await stage.settle(at: 2)
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 0))
                try await stage.settle(at: 0)
                try await stage.wait("told") { stage.events.contains("Normal ScaledDown") }
            }
            let used = stage.twin.rightsUsed.flatMap(Self.forEachKind)
            #expect(
                Set(used).subtracting(Self.fence).union(Self.elsewhere).sorted()
                    == (try ManifestRights.of("deploy/base/rbac.yaml", "greenroom").sorted()))
        }
    }

    /// Other kinds are asked the same as a WorkerPool.
    private static func forEachKind(_ right: String) -> [String] {
        guard right.contains(" ate.dev workerpools") else { return [right] }
        return ["ate.dev workerpools", "apps deployments", "apps statefulsets", "extensions.agents.x-k8s.io sandboxwarmpools"].map {
            right.replacingOccurrences(of: "ate.dev workerpools", with: $0)
        }
    }

    /// What this life of a pool doesn't come to.
    private static let elsewhere: Set<String> = [
        // Sandboxes and claims of SandboxWarmPools.
        "get agents.x-k8s.io sandboxes", "list agents.x-k8s.io sandboxes", "watch agents.x-k8s.io sandboxes",
        "list extensions.agents.x-k8s.io sandboxclaims", "watch extensions.agents.x-k8s.io sandboxclaims",
        "patch  events",  // the same reason again
        "delete  pods",  // a marked pod where the count may not fall
        "create authentication.k8s.io tokenreviews", "create authorization.k8s.io subjectaccessreviews",  // the external metrics API
    ]

    /// What deploy/fence allows, by name.
    private static let fence = Set(
        ["ate.dev workerpools", "apps deployments", "apps statefulsets", "extensions.agents.x-k8s.io sandboxwarmpools"].map {
            "patch \($0)"
        })

    @Test("with the rights of the ClusterRole alone a pool is scaled, and no Event warns of a fence where nobody stands by")
    func withoutFence() async throws {
        try await ObjectsStage.run { stage in
            stage.twin.inject(
                TwinFault(.respond(status: 403), times: nil) { $0.method == "PATCH" && $0.path.hasSuffix("/workerpools/pool") })
            try await stage.serve { _ in
                stage.twin.apply(.autoscalers, ObjectsStage.object(min: 2))
                try await stage.settle(at: 2)
                try await stage.wait("told") { stage.events.contains("Normal ScaledUp") }
                #expect(!stage.events.contains("Warning FenceNotCarried"))
            }
        }
    }
}
