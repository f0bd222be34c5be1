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

    /// The commands of the first block of docs/agent-sandbox.md, without their numbers.
    private static func documented(_ root: URL) throws -> [[String]] {
        let text = try String(contentsOf: root.appendingPathComponent("docs/agent-sandbox.md"), encoding: .utf8)
        let block = text.components(separatedBy: "```sh\n").dropFirst().first?.components(separatedBy: "```").first ?? ""
        return block.split(separator: "\n").map { line in
            (line.split(separator: "#").first ?? "").split(separator: " ").map(String.init)
        }
    }

    @Test("the ten commands of docs/agent-sandbox.md: kubectl makes template, pool, policy and claim, and Greenroom says what came of them")
    func tenCommands() async throws {
        guard let kubectl = Tool.find("kubectl") else { return Tool.skip("the ten commands of docs/agent-sandbox.md: no kubectl") }
        let resources = [TwinResource("extensions.agents.x-k8s.io", "v1beta1", "sandboxtemplates", "SandboxTemplate", isCustom: true)]
        var root = URL(fileURLWithPath: #filePath)
        for _ in 1...4 { root.deleteLastPathComponent() }
        let commands = try Self.documented(root)
        #expect(commands.count == 11, "ten, and an alias")
        try await ObjectsStage.run(resources: resources) { stage in
            // The twin serves the pools in their older version.
            for name in ["template", "pool", "policy", "claim"] {
                let text = try String(contentsOf: root.appendingPathComponent("deploy/agent-sandbox/\(name).yaml"), encoding: .utf8)
                let older = text.replacing("v1beta1\nkind: SandboxWarmPool", with: "v1alpha1\nkind: SandboxWarmPool")
                    .replacing("v1beta1, kind: SandboxWarmPool", with: "v1alpha1, kind: SandboxWarmPool")
                try older.write(toFile: "\(stage.folder)/\(name).yaml", atomically: true, encoding: .utf8)
            }
            try await stage.serve { url in
                var outputs: [String] = []
                for command in commands where command.first != "alias" {
                    // kubectl writes a namespace as protobuf, which the twin doesn't read; and the twin's namespaces need no object.
                    if command.contains("namespace") {
                        outputs.append("")
                        continue
                    }
                    var words = Array(command.dropFirst())
                    let isKubectl = command[0] == "kubectl"
                    if isKubectl {
                        words = words.map {
                            $0 == "wpa" ? "workerpoolautoscalers" : $0.replacing("deploy/agent-sandbox/", with: "\(stage.folder)/")
                        }
                        // It has no schemas to check against.
                        if words.contains("apply") { words.append("--validate=false") }
                        words += ["--kubeconfig", "\(stage.folder)/kubeconfig"]
                    } else {
                        #expect(command[0] == "gr")
                        words += ["--server", url]
                    }
                    let (status, output) = try await Tool.run(isKubectl ? kubectl : try BuiltProgram.path(), words)
                    #expect(status == 0, "\(words.joined(separator: " ")): \(output)")
                    outputs.append(output)
                    if words.contains("claim.yaml") || words.contains("\(stage.folder)/claim.yaml"), words.contains("apply") {
                        try await stage.wait("it is served") {
                            try await stage.workers(url).count { $0["status"].string == "CLAIMED" } == 1
                        }
                    }
                    if words.contains("\(stage.folder)/policy.yaml") {
                        try await stage.wait("in effect") {
                            let status = stage.twin.object(.autoscalers, "agents", "sandboxes")?["status"] ?? .null
                            return status["conditions"].array.contains { $0["reason"].string == "PolicyApplied" }
                        }
                    }
                }
                #expect(outputs[6].contains("my-agent") && outputs[6].contains("sandboxes-"), "\(outputs[6])")
                #expect(outputs[7].contains("my-agent") && outputs[7].contains("sandboxes-"), "\(outputs[7])")
                #expect(outputs[8].contains("unclaimed sandboxes for the claims that come"), "\(outputs[8])")
                #expect(outputs[8].contains("100.0 % of 1 claims warm"), "\(outputs[8])")
                try await stage.wait("its sandbox is gone") {
                    try await stage.workers(url).allSatisfy { $0["status"].string != "CLAIMED" }
                }
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
