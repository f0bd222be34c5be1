import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import Machine
import Synchronization
import TestSupport
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

// A Deployment whose agents report nothing: the whole service, a twin of the cluster, and pods that are HTTP servers of this machine.

@Suite struct BusyPodsServedTests {
    /// The pods' servers, and what each of them says.
    private final class Fleet: Sendable {
        let stage: ObjectsStage
        private let servers = Mutex<[String: PodServer]>([:])
        private let says = Mutex<[String: PodServer.Response]>([:])
        /// Pods that turn busy as soon as they are marked to be removed, once each.
        private let lateOnes = Mutex<Set<String>>([])

        init(_ stage: ObjectsStage) { self.stage = stage }

        func say(_ pod: String, _ response: PodServer.Response) { says.withLock { $0[pod] = response } }
        func turnBusyAtTheLastMoment(_ pod: String) { _ = lateOnes.withLock { $0.insert(pod) } }

        private func response(_ pod: String) -> PodServer.Response {
            let isMarked = stage.twin.object(.pods, "ns", pod)?.annotations[Mark.removing] != nil
            if isMarked, lateOnes.withLock({ $0.remove(pod) != nil }) {
                say(pod, .text("1"))
            }
            return says.withLock { $0[pod] ?? .text("0") }
        }

        /// Starts what isn't started yet.
        func start() throws {
            for pod in stage.twin.objects(.pods, "ns") where !PodView(pod).isReady {
                let name = pod.name
                let server = try PodServer { self.response(name) }
                servers.withLock { $0[name] = server }
                stage.twin.edit(.pods, "ns", name) { pod in
                    pod["spec"]["containers"] = [
                        ["name": "agent", "image": "agent", "ports": [["name": "busy", "containerPort": JSONValue(server.port)]]]
                    ]
                }
                stage.twin.makeReady(pod: name, "ns", node: "node-a", ip: "127.0.0.1")
            }
        }

        func stop() { for server in servers.withLock({ $0.values.map { $0 } }) { server.stop() } }

        var names: Set<String> { Set(stage.twin.objects(.pods, "ns").map(\.name)) }
        func cost(_ pod: String) -> String { stage.twin.object(.pods, "ns", pod)?.annotations[Mark.deletionCost] ?? "" }
    }

    private static func policy(min: Int, busy: JSONValue = ["http": ["port": "busy", "path": "/busy"], "intervalSeconds": 1])
        -> JSONValue
    {
        ObjectsStage.object(
            min: min,
            extra: ["scaleTargetRef": ["apiVersion": "apps/v1", "kind": "Deployment", "name": "agents"], "workers": ["busy": busy]])
    }

    /// A Deployment of no replicas, and its pods' servers.
    private func run(_ body: (ObjectsStage, Fleet) async throws -> Void) async throws {
        try await ObjectsStage.run(kubernetes: ", policyAddresses: [127.0.0.1]", makesReady: false) { stage in
            stage.twin.seed(
                .deployments,
                [
                    "metadata": ["name": "agents", "namespace": "ns"],
                    "spec": [
                        "replicas": 0, "selector": ["matchLabels": ["app": "agents"]],
                        "template": [
                            "metadata": ["labels": ["app": "agents"]], "spec": ["containers": [["name": "agent", "image": "agent"]]],
                        ],
                    ],
                ])
            let fleet = Fleet(stage)
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(stage, fleet)) } catch { outcome = .failure(error) }
            fleet.stop()
            try outcome.get()
        }
    }

    private func replicas(_ stage: ObjectsStage) -> Int { stage.twin.object(.deployments, "ns", "agents")?["spec"]["replicas"].int ?? -1 }

    private func grow(_ stage: ObjectsStage, _ fleet: Fleet, to count: Int, _ url: String) async throws {
        stage.twin.apply(.autoscalers, Self.policy(min: count))
        try await stage.wait("\(count) replicas") { replicas(stage) == count && fleet.names.count == count }
        try fleet.start()
        try await stage.wait("\(count) workers that were asked") {
            let workers = try await stage.workers(url)
            return workers.count == count && workers.allSatisfy { $0["report"] != nil }
        }
    }

    @Test("busy pods stay, one that turns busy at the last moment is spared, and each goes once it is idle; the log says why")
    func life() async throws {
        try await run { stage, fleet in
            try await stage.serve { url in
                try await grow(stage, fleet, to: 4, url)
                let names = fleet.names.sorted()
                let (busy, hung, late) = (names[0], names[1], names[2])
                fleet.say(busy, .text(#"{"busy": 2}"#))
                fleet.say(hung, .silence)
                fleet.turnBusyAtTheLastMoment(late)
                fleet.turnBusyAtTheLastMoment(names[3])
                try await stage.wait("two are busy") {
                    try await stage.workers(url).count { $0["status"].string == "BUSY" } == 2
                }
                try await stage.wait("their pods cost most") { fleet.cost(busy) == "1001" && fleet.cost(hung) == "1001" }
                stage.twin.apply(.autoscalers, Self.policy(min: 0))
                // Both others are asked to go, turn busy, and stay.
                try await stage.wait("the last word was heard") {
                    let workers = try await stage.workers(url)
                    return workers.count { $0["report"]["state"].string == "busy" } == 3
                        && workers.allSatisfy { $0["status"].string == "BUSY" }
                }
                #expect(fleet.names == Set(names) && replicas(stage) == 4)
                let pool = try JSONValue(parsing: try await stage.query(url, APIRequest(path: "/v1/pools/ns/pool")).body)
                #expect(pool["busyReports"]["from"].string == "http :busy/busy")
                #expect(pool["busyReports"]["busy"].integer == 3 && pool["busyReports"]["unknown"].integer == 1)
                fleet.say(late, .text("0"))
                try await stage.wait("one goes") { fleet.names == Set(names).subtracting([late]) && replicas(stage) == 3 }
                for name in [busy, hung, names[3]] { fleet.say(name, .text("0")) }
                try await stage.wait("all go") { fleet.names.isEmpty && replicas(stage) == 0 }
            }
            let rights = try Self.rights()
            #expect(
                stage.twin.rightsUsed.subtracting(["patch apps deployments"]).subtracting(rights).sorted() == [],
                "deploy/deployments allows the rest")
            let told = try await reports(stage)
            #expect(told.contains { $0.contains(#""state":"unknown""#) && $0.contains("no answer") })
            #expect(told.contains { $0.contains(#""state":"busy""#) && $0.contains(#""from":"http :busy/busy""#) })
        }
    }

    @Test("a pod that doesn't answer for unknownSeconds counts as the policy says; rubbish, redirects and errors are no answer")
    func unknown() async throws {
        try await run { stage, fleet in
            try await stage.serve { url in
                try await grow(stage, fleet, to: 3, url)
                for (name, response) in zip(fleet.names.sorted(), [PodServer.Response.text("lots"), .status(302), .silence]) {
                    fleet.say(name, response)
                }
                try await stage.wait("all unknown") {
                    try await stage.workers(url).allSatisfy {
                        $0["report"]["state"].string == "unknown" && $0["status"].string == "BUSY"
                    }
                }
                stage.twin.apply(
                    .autoscalers,
                    Self.policy(
                        min: 0,
                        busy: [
                            "http": ["port": "busy", "path": "/busy"], "intervalSeconds": 1, "timeoutSeconds": 1, "unknownSeconds": 3,
                            "unknown": "free",
                        ]))
                try await stage.wait("all go") { fleet.names.isEmpty && replicas(stage) == 0 }
            }
        }
    }

    @Test("what pods annotate themselves with is read from their watch, and after a restart")
    func annotated() async throws {
        try await run { stage, fleet in
            let busy: JSONValue = ["annotation": "example.com/tasks"]
            func annotate(_ pod: String, _ value: String) {
                stage.twin.edit(.pods, "ns", pod) { $0["metadata"]["annotations"]["example.com/tasks"] = .string(value) }
            }
            var kept = ""
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, Self.policy(min: 2, busy: busy))
                try await stage.wait("two pods") { fleet.names.count == 2 }
                try fleet.start()
                let names = fleet.names.sorted()
                kept = names[0]
                annotate(names[0], "1")
                annotate(names[1], "0")
                try await stage.wait("one is busy") {
                    try await stage.workers(url).compactMap { $0["report"]["state"].string }.sorted() == ["busy", "idle"]
                }
            }
            try await stage.serve { url in
                stage.twin.apply(.autoscalers, Self.policy(min: 0, busy: busy))
                try await stage.wait("the idle one goes") { fleet.names == [kept] && replicas(stage) == 1 }
                annotate(kept, "0")
                try await stage.wait("and the other") { fleet.names.isEmpty }
            }
        }
    }

    /// What deploy/deployments allows: `VERB GROUP RESOURCE`.
    private static func rights() throws -> Set<String> {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 1...4 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent("deploy/deployments/kustomization.yaml"), encoding: .utf8)
        var rights: Set<String> = []
        for rule in text.matches(of: /- \{apiGroups: \[([^\]]*)\], resources: \[([^\]]*)\], verbs: \[([^\]]*)\]\}/) {
            let (groups, resources, verbs) = (words(rule.1), words(rule.2), words(rule.3))
            for group in groups { for resource in resources { for verb in verbs { rights.insert("\(verb) \(group) \(resource)") } } }
        }
        #expect(rights.count > 15)
        return rights
    }

    private static func words(_ list: Substring) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { !" '".contains($0) } }
    }

    private func reports(_ stage: ObjectsStage) async throws -> [String] {
        var found: [String] = []
        let source = try await LogFile.events(path: "\(stage.folder)/greenroom.db")
        try await source.forEachEvent(EventQuery(kind: .workerObserved)) { event in
            found.append(event.data.compact)
            return true
        }
        return found
    }
}
