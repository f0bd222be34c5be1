import Foundation
import TestSupport
import Testing

@testable import Machine

// The six incidents of docs/command-line.md, in a whole service: does the command named there say what is wrong, and does the other one
// end it?

@Suite(.serialized)
struct IncidentsServedTests {
    private struct Desk {
        let served: Served

        static let tokens = [("ops", "admin,read,ingest"), ("worker", "ingest,read"), ("half-worker", "ingest")]

        static func token(_ name: String) -> String { Array(repeating: name, count: 6).joined(separator: "-") }

        func file(_ name: String) -> String { served.folder.appendingPathComponent(name).path }

        @discardableResult
        func run(_ words: String...) async throws -> (status: Int32, output: String) {
            try await BuiltProgram.run(words + ["--server", served.url, "--token-file", file("ops")])
        }

        /// The part of what the command says after it says it; runs it until it does.
        func says(_ part: String, _ words: String...) async throws {
            var last = ""
            do {
                try await eventually("\(words) says: \(part)") {
                    last = try await BuiltProgram.run(words + ["--server", served.url, "--token-file", file("ops")]).output
                    return last.contains(part)
                }
            } catch { Issue.record("\(error); it says: \(last); the service: \(served.log)") }
        }

        func apply(_ name: String, _ spec: String) async throws {
            let policy = """
                apiVersion: greenroom.dev/v1
                kind: WorkerPoolAutoscaler
                metadata: {name: \(name), namespace: demo}
                spec: \(spec)
                """
            try policy.write(toFile: file("\(name).yaml"), atomically: true, encoding: .utf8)
            let said = try await run("apply", "-f", file("\(name).yaml"))
            #expect(said.status == 0, "\(said.output)")
        }

        func request(_ actor: String, _ pool: String, tenant: String? = nil) async throws {
            if let tenant { try await run("send", "actor.created", actor, "pool=\(pool)", "template=t", "tenant=\(tenant)") }
            #expect(try await run("send", "actor.requested", actor, "pool=\(pool)").status == 0)
        }
    }

    private func start(workersHaveToken: Bool = true) async throws -> Desk {
        let served = try Served { folder in
            let tokens = folder.appendingPathComponent("tokens")
            try Desk.tokens.map { "\(Desk.token($0.0)) \($0.1) \($0.0)\n" }.joined().write(to: tokens, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tokens.path)
            for (name, _) in Desk.tokens {
                try Desk.token(name).write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            }
            return "tokens: tokens\n" + (workersHaveToken ? "workers: {tokenFile: worker}" : "")
        }
        try await served.start()
        return Desk(served: served)
    }

    private static func process(_ name: String, _ command: String, max: Int = 2) -> String {
        "{scaleTargetRef: {kind: Process, name: \(name), command: \(command)}, maxReplicaCount: \(max), triggers: [{type: demand, threshold: 1}]}"
    }

    @Test func `paused: explain pool says by whom, resume ends it`() async throws {
        let desk = try await start()
        try await desk.apply("chat", Self.process("chat", #"["true"]"#))
        try await desk.run("pause", "demo/chat", "--out")
        try await desk.request("a1", "demo/chat")
        try await desk.says("Who paused it\n  scale-out, by ops, since ", "explain", "pool", "demo/chat")
        try await desk.says("greenroom resume demo/chat", "explain", "pool", "demo/chat")
        #expect(try await desk.run("resume", "demo/chat").status == 0)
        try await desk.says("STATUS_SUSPENDED", "get", "actors", "--pool", "demo/chat")
    }

    @Test func `a worker's token that lacks a role: its own last line says which`() async throws {
        let desk = try await start()
        let said = try await BuiltProgram.run([
            "worker", "--server", desk.served.url, "--pool", "demo/hand", "--token-file", desk.file("half-worker"), "--", "true",
        ])
        #expect(said.status == 3)
        let last = said.output.split(separator: "\n").last ?? ""
        #expect(last.contains("the token of half-worker has the role ingest") && last.contains("in the tokens file"), "\(said.output)")
    }

    @Test func `the maximum is reached: explain pool says how many are wanted, scale raises it`() async throws {
        let desk = try await start()
        try await desk.apply("chat", Self.process("chat", #"["sleep", "600"]"#, max: 1))
        for actor in ["a1", "a2"] { try await desk.request(actor, "demo/chat") }
        try await desk.says("What limits it\n  maxReplicaCount 1 → 1", "explain", "pool", "demo/chat")
        try await desk.says("raise the maximum:  greenroom scale demo/chat --max 2", "explain", "pool", "demo/chat")
        // No new decision follows, as the count stays.
        try await desk.request("a3", "demo/chat")
        try await desk.says("(2 are wanted); time alone changes nothing\n  by now its triggers want 3", "explain", "pool", "demo/chat")
        try await desk.says("raise the maximum:  greenroom scale demo/chat --max 3", "explain", "pool", "demo/chat")
        #expect(try await desk.run("scale", "demo/chat", "--max", "3").status == 0)
        try await eventually("all run: \(desk.served.log)") {
            try await desk.run("get", "actors", "--pool", "demo/chat", "--status", "running").output.split(separator: "\n").count == 4
        }
        try await desk.says("nothing: it is what the triggers want", "explain", "pool", "demo/chat")
    }

    @Test func `a pool of processes without a token: explain pool shows the worker's last line, which says what to write`() async throws {
        let desk = try await start(workersHaveToken: false)
        try await desk.apply("chat", Self.process("chat", #"["true"]"#))
        try await desk.request("a1", "demo/chat")
        try await desk.says("has the role read or worker", "explain", "pool", "demo/chat")
        try await desk.says("workers.tokenFile in the service's configuration", "explain", "pool", "demo/chat")
    }

    @Test func `the command isn't there: explain pool shows the crash and its reason`() async throws {
        let desk = try await start()
        try await desk.apply("chat", Self.process("chat", #"["/nowhere/turn"]"#))
        try await desk.request("a1", "demo/chat")
        try await desk.says("can't run /nowhere/turn", "explain", "pool", "demo/chat")
        try await desk.apply("chat", Self.process("chat", #"["true"]"#))
        try await eventually("it runs: \(desk.served.log)") {
            try await desk.request("a1", "demo/chat")
            return try await desk.run("get", "actors", "--pool", "demo/chat").output.contains("STATUS_SUSPENDED")
        }
    }

    @Test func `prometheus is down: explain pool names trigger and error, hold sets the count meanwhile`() async throws {
        let desk = try await start()
        let nobody = try LocalPort.free()
        try await desk.apply(
            "chat",
            "{mode: recommend, scaleTargetRef: {kind: Deployment, name: chat}, triggers: [{type: prometheus, serverAddress: \"http://127.0.0.1:\(nobody)\", query: up, threshold: 1}]}"
        )
        try await desk.says("trigger prometheus fails", "explain", "pool", "demo/chat")
        try await desk.says("the connection was refused", "events", "--pool", "demo/chat", "--kind", "queue.observed", "--since", "10m")
        try await desk.says("greenroom hold demo/chat 1", "explain", "pool", "demo/chat")
        try await desk.says("is held at 2 workers: 0 → 2 workers", "hold", "demo/chat", "2")
    }

    @Test func `a tenant's quota: explain actor names tenant and limit, scale raises it`() async throws {
        let desk = try await start()
        try await desk.apply("chat", Self.process("chat", #"["sleep", "600"]"#, max: 3))
        #expect(try await desk.run("scale", "demo/chat", "--quota", "acme=1", "--min", "2").status == 0)
        try await desk.request("a1", "demo/chat", tenant: "acme")
        try await desk.says("STATUS_RUNNING", "get", "actors", "--pool", "demo/chat")
        try await desk.request("a2", "demo/chat", tenant: "acme")
        try await desk.says("quota: its tenant acme runs 1 of at most 1", "explain", "actor", "a2")
        try await desk.says("greenroom scale demo/chat --quota acme=N", "explain", "actor", "a2")
        try await desk.says("acme", "get", "actors", "--pool", "demo/chat", "--status", "waiting", "-o", "wide")
        #expect(try await desk.run("scale", "demo/chat", "--quota", "acme=2").status == 0)
        try await desk.says("STATUS_RUNNING", "get", "actors", "a2")
    }
}
