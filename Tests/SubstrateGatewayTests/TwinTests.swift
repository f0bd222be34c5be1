import Foundation
import SubstrateTwin
import SwiftProtobuf
import Testing

@testable import SubstrateGateway

// Does the twin answer as the real one was heard to?
//
// The recorded exchanges of one run, in their order. What happened between them (pods that came and went, faults of the node's agent) is done
// to the twin at the same places. Codes and texts must be the same, and of each actor its status, version, worker, pool and kind of snapshot.

@Suite("The twin of ateapi answers as the real one did")
struct TwinTests {

    private struct Recorded {
        var code: String
        var text: String
        var request: String
        var response: String
    }

    private static func recorded() throws -> [String: Recorded] {
        let url = try #require(Bundle.module.url(forResource: "ateapi-exchanges", withExtension: "json", subdirectory: "Fixtures"))
        let list = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [[String: Any]])
        var found: [String: Recorded] = [:]
        for exchange in list {
            guard let name = exchange["name"] as? String, let status = exchange["status"] as? [String: String] else { continue }
            func text(_ key: String) throws -> String {
                guard let object = exchange[key] as? [String: Any] else { return "{}" }
                return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
            }
            found[name] = Recorded(
                code: status["code"] ?? "", text: status["message"] ?? "", request: try text("request"), response: try text("response"))
        }
        return found
    }

    private static let codes = [
        0: "OK", 1: "CANCELLED", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND", 6: "ALREADY_EXISTS",
        8: "RESOURCE_EXHAUSTED",
        9: "FAILED_PRECONDITION", 10: "ABORTED", 13: "INTERNAL", 14: "UNAVAILABLE",
    ]

    /// What is the same in every run of the real one.
    private struct Facts: Equatable {
        var status: Ateapi_Actor.Status
        var version: Int64
        var worker: String
        var pool: String
        var snapshot: SwiftProtobufKind
        var node: String

        enum SwiftProtobufKind: Equatable { case none, local, external }

        init(_ actor: Ateapi_Actor) {
            status = actor.status
            version = actor.version
            worker = actor.hasWorker ? actor.workerName : ""
            pool = actor.workerPoolName
            switch actor.latestSnapshotInfo.data {
            case .local?: snapshot = .local
            case .external?: snapshot = .external
            case nil: snapshot = .none
            }
            node = actor.latestSnapshotInfo.local.nodeVmsWithLocalSnapshots.joined()
        }
    }

    private func check(_ name: String, _ recorded: [String: Recorded], _ answer: () throws -> Ateapi_Actor?) throws {
        let expected = try #require(recorded[name], "\(name) was recorded")
        do {
            let actor = try answer()
            #expect(expected.code == "OK", "\(name): \(expected.code) \(expected.text)")
            guard let actor else { return }
            let heard = try Ateapi_GetActorResponse(jsonString: expected.response).actor
            #expect(Facts(actor) == Facts(heard), "\(name)")
        } catch let fault as AteapiStore.Fault {
            #expect(Self.codes[fault.code] == expected.code && fault.text == expected.text, "\(name): \(fault.code) \(fault.text)")
        }
    }

    @Test("states, versions, codes and texts of the recorded run")
    func functional() throws {
        let recorded = try Self.recorded()
        var store = AteapiStore()
        store.templates["demo/counter"] = .init(sandboxClass: "gvisor", selector: ["tier": "cpu"])
        func ref(_ id: String) -> Ateapi_ActorRef {
            .with {
                $0.atespace = "team-a"
                $0.name = id
            }
        }
        func create(_ json: String) throws -> Ateapi_Actor { try store.create(try Ateapi_CreateActorRequest(jsonString: json)) }
        func resume(_ id: String, fault: AteapiStore.Fault? = nil) throws -> Ateapi_Actor {
            switch try store.beginResume(ref(id)) {
            case .done(let actor): actor
            case .underWay(let actor): try store.endResume(ActorKey(actor), fault: fault)
            }
        }
        func release(_ id: String, pauses: Bool) throws -> Ateapi_Actor {
            switch try store.beginRelease(ref(id), pauses: pauses) {
            case .done(let actor): actor
            case .underWay(let actor): try store.endRelease(ActorKey(actor), pauses: pauses, fault: nil)
            }
        }
        _ = try store.createAtespace("team-a")
        for name in ["create-actor-wrong-template", "create-actor-wrong-atespace", "create-actor"] {
            let request = try #require(recorded[name]?.request)
            try check(name, recorded) { try create(request) }
        }
        try check("get-actor", recorded) { try store.actor(ref("a1")) }
        try check("resume-no-pool", recorded) { try resume("a1") }
        store.pools["demo/pool-a"] = .init(name: "demo/pool-a", sandboxClass: "gvisor", labels: ["tier": "cpu"])
        try check("resume-no-free-worker-empty-pool", recorded) { try resume("a1") }
        try check("get-actor-after-refused-resume", recorded) { try store.actor(ref("a1")) }
        store.register(pod: "w-a1", namespace: "demo", pool: "pool-a", node: "node-a", ip: "127.20.0.14", uid: "5b15")
        guard case .underWay = try store.beginResume(ref("a1")) else { return #expect(Bool(false)) }
        try check("get-actor-while-resuming", recorded) { try store.actor(ref("a1")) }
        try check("resume-while-resuming", recorded) { try resume("a1") }
        #expect(store.workers["demo/w-a1"]?.version == 2 && store.workers["demo/w-a1"]?.actorID == "a1")
        try check("resume-boot", recorded) { try store.endResume(ActorKey(atespace: "team-a", id: "a1"), fault: nil) }
        try check("resume-already-running", recorded) { try resume("a1") }
        _ = try store.create(
            .with {
                $0.actorRef = ref("a2")
                $0.actorTemplateNamespace = "demo"
                $0.actorTemplateName = "counter"
            })
        try check("resume-no-free-worker", recorded) { try resume("a2") }
        try check("delete-running", recorded) {
            try store.delete(ref("a1"))
            return nil
        }
        guard case .underWay = try store.beginRelease(ref("a1"), pauses: false) else { return #expect(Bool(false)) }
        try check("get-actor-while-suspending", recorded) { try store.actor(ref("a1")) }
        try check("resume-while-suspending", recorded) { try resume("a1") }
        try check("suspend", recorded) { try store.endRelease(ActorKey(atespace: "team-a", id: "a1"), pauses: false, fault: nil) }
        #expect(store.workers["demo/w-a1"]?.version == 3 && store.freeWorkers == 1)
        try check("resume-from-snapshot", recorded) { try resume("a1") }
        guard case .underWay = try store.beginRelease(ref("a1"), pauses: true) else { return #expect(Bool(false)) }
        try check("get-actor-while-pausing", recorded) { try store.actor(ref("a1")) }
        try check("pause", recorded) { try store.endRelease(ActorKey(atespace: "team-a", id: "a1"), pauses: true, fault: nil) }
        try check("get-actor-paused", recorded) { try store.actor(ref("a1")) }
        _ = try release("a1", pauses: true)
    }

    @Test("a resume that fails leaves its actor RESUMING and its worker taken; suspending it doesn't help, resuming does")
    func stuck() throws {
        let recorded = try Self.recorded()
        var store = AteapiStore()
        store.templates["demo/counter"] = .init(sandboxClass: "gvisor", selector: [:])
        store.pools["demo/pool-a"] = .init(name: "demo/pool-a", sandboxClass: "gvisor", labels: [:])
        _ = try store.createAtespace("team-a")
        let ref = Ateapi_ActorRef.with {
            $0.atespace = "team-a"
            $0.name = "a3"
        }
        _ = try store.create(
            .with {
                $0.actorRef = ref
                $0.actorTemplateNamespace = "demo"
                $0.actorTemplateName = "counter"
            })
        store.register(pod: "w-a3", namespace: "demo", pool: "pool-a", node: "node-a", ip: "127.20.0.18", uid: "156d")
        let key = ActorKey(atespace: "team-a", id: "a3")
        func fail(_ fault: AteapiStore.Fault) throws -> Ateapi_Actor {
            _ = try store.beginResume(ref)
            return try store.endResume(key, fault: fault)
        }
        try check("resume-atelet-unavailable", recorded) { try fail(.init(14, "runsc exploded")) }
        try check("get-actor-after-atelet-failure", recorded) { try store.actor(ref) }
        try check("resume-atelet-lookalike", recorded) { try fail(.noFreeWorker) }
        try check("suspend-resuming", recorded) {
            _ = try store.beginRelease(ref, pauses: false)
            return nil
        }
        #expect(store.actors[key]?.status == .resuming && store.freeWorkers == 0)
        _ = try store.beginResume(ref)
        #expect(try store.endResume(key, fault: nil).status == .running)
        store.remove(pod: "demo/w-a3")
        #expect(store.actors[key]?.status == .suspended && store.workers.isEmpty)
    }
}
