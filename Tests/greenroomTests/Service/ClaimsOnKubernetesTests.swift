import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Output
import Testing
import TestSupport

@testable import Inspection

// A pool of Agent Sandbox' on a cluster, over real TLS: claims are the demand, and the pool is what is kept for those to come.

@Suite struct ClaimsOnKubernetesTests {
    private static func policy(_ extra: JSONValue = [:]) -> JSONValue {
        let spec: JSONValue = [
            "scaleTargetRef": ["apiVersion": "extensions.agents.x-k8s.io/v1alpha1", "kind": "SandboxWarmPool", "name": "warm"],
            "buffer": ["spare": 2],
        ]
        return ObjectsStage.object(min: 0, extra: .object(spec.members.merging(extra.members) { $1 }))
    }

    private static func claim(_ name: String, env: Bool = false) -> JSONValue {
        var spec: JSONValue = ["warmPoolRef": ["name": "warm"]]
        if env { spec["env"] = [["name": "A", "value": "1"]] }
        return ["metadata": ["name": .string(name), "namespace": "ns"], "spec": spec]
    }

    private static func seedPool(_ stage: ObjectsStage, replicas: Int) {
        stage.twin.seed(
            .sandboxWarmPools, ["metadata": ["name": "warm", "namespace": "ns"], "spec": ["replicas": JSONValue(replicas)]])
    }

    private static func replicas(_ stage: ObjectsStage) -> Int? {
        stage.twin.object(.sandboxWarmPools, "ns", "warm")?["spec"]["replicas"].int
    }

    private static func pool(_ stage: ObjectsStage, _ url: String) async throws -> JSONValue {
        try JSONValue(parsing: try await stage.query(url, APIRequest(path: "/v1/pools/ns/pool")).body)
    }

    @Test("three claims run warm, and the pool keeps two and not five; a claim that brings its environment asks for no room")
    func claims() async throws {
        try await ObjectsStage.run { stage in
            Self.seedPool(stage, replicas: 0)
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, Self.policy(["forceActivation": true]))
                try await stage.wait("two unclaimed") { Self.replicas(stage) == 2 }
                for name in ["a", "b", "c"] { stage.twin.apply(.sandboxClaims, Self.claim(name)) }
                stage.twin.apply(.sandboxClaims, Self.claim("own", env: true))
                try await stage.wait("four claimed") {
                    try await stage.workers(url).count { $0["status"].string == "CLAIMED" } == 4
                }
                try await stage.wait("two unclaimed beside them") {
                    try await stage.workers(url).count { $0["status"].string == "FREE" } == 2
                }
                #expect(Self.replicas(stage) == 2)
                let pool = try await Self.pool(stage, url)
                #expect(pool["claims"]["warm"].integer == 3)
                #expect(pool["claims"]["forced"].integer == 1)
                #expect(pool["claims"]["cold"].integer == 0)
                #expect(pool["demand"]["resident"].integer == 4)
                stage.twin.delete(.sandboxClaims, "ns", "a")
                try await stage.wait("three claimed") {
                    try await stage.workers(url).count { $0["status"].string == "CLAIMED" } == 3
                }
                #expect(stage.twin.objects(.sandboxes, "ns").count == 5)
                let used = stage.twin.rightsUsed.filter { $0.contains("agents.x-k8s.io sandbox") }
                #expect(used.isSuperset(of: ["list agents.x-k8s.io sandboxes", "watch extensions.agents.x-k8s.io sandboxclaims"]))
                let more = used.subtracting(try ManifestRights.of("deploy/base/rbac.yaml", "greenroom"))
                #expect(more.subtracting(["patch extensions.agents.x-k8s.io sandboxwarmpools"]).isEmpty, "\(more.sorted())")
            }
            // What went on meanwhile is told at the next start, and what was told isn't again.
            stage.twin.delete(.sandboxClaims, "ns", "b")
            try await stage.serve { url in
                try await stage.wait("two claimed") {
                    try await stage.workers(url).count { $0["status"].string == "CLAIMED" } == 2
                }
                let pool = try await Self.pool(stage, url)
                #expect(pool["claims"]["warm"].integer == 3)
                #expect(pool["demand"]["resident"].integer == 2)
                #expect(Self.replicas(stage) == 2)
            }
        }
    }

    @Test("a pool at zero: the first claims go cold, and say why; once none comes any more it goes back")
    func cold() async throws {
        try await ObjectsStage.run { stage in
            Self.seedPool(stage, replicas: 0)
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, Self.policy(["cooldownPeriod": 1]))
                try await stage.wait("in effect") { stage.condition("Ready") == "True PolicyApplied" }
                stage.twin.apply(.sandboxClaims, Self.claim("first"))
                try await stage.wait("made for it") { try await Self.pool(stage, url)["claims"]["cold"].integer == 1 }
                #expect(try await Self.pool(stage, url)["claims"]["misses"]["pool_empty"].integer == 1)
                try await stage.wait("room for more") { Self.replicas(stage) ?? 0 >= 2 }
            }
        }
    }
}
