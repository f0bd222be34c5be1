import Domain
import Foundation
import TestSupport
import Testing

@testable import Inspection
@testable import Output

// The built program's commands against a built service, as an operator types them.

@Suite(.serialized)
struct CommandsServedTests {
    private struct Operator {
        let served: Served
        let folder: URL
        var token: String?

        func run(_ words: String...) async throws -> (status: Int32, output: String) { try await run(words) }

        func run(_ words: [String], isAsking: Bool = true) async throws -> (status: Int32, output: String) {
            let tokenFile = token.map { ["--token-file", folder.appendingPathComponent($0).path] } ?? []
            return try await BuiltProgram.run(words + (isAsking ? ["--server", served.url] + tokenFile : []))
        }
    }

    private func start(_ more: String = "") async throws -> Operator {
        let served = try Served { _ in more }
        try Served.chatPolicy.write(to: served.folder.appendingPathComponent("chat.yaml"), atomically: true, encoding: .utf8)
        try await served.start()
        return Operator(served: served, folder: served.folder)
    }

    @Test("a policy is applied, scaled, paused, held, resumed, exported and deleted, and each answer says what came of it")
    func writes() async throws {
        let person = try await start()
        let file = person.folder.appendingPathComponent("chat.yaml").path
        let rows: [([String], Int32, String)] = [
            (["apply", "-f", file, "--dry-run"], 0, "policy demo/chat would be applied (dry run): "),
            (["get", "policies", "demo/chat"], 1, "no policy named demo/chat"),
            (["apply", "-f", file], 0, "policy demo/chat applied: stays at 0 workers"),
            (["send", "actor.requested", "a1", "pool=demo/chat"], 0, "logged at seq "),
            (["get", "actors", "--pool", "demo/chat", "--status", "waiting"], 0, "STATUS_WAITING"),
            (["pause", "demo/chat", "--out"], 0, "pool demo/chat is paused: it doesn't grow"),
            (["get", "pools"], 0, "Paused"),
            (["explain", "pool", "demo/chat"], 0, "greenroom resume demo/chat"),
            (["hold", "chat", "2", "-n", "demo"], 0, "pool demo/chat is held at 2 workers"),
            (["resume", "demo/chat"], 0, "pool demo/chat scales again"),
            (["scale", "demo/chat", "--max", "40", "--quota", "acme=2"], 0, "maxReplicaCount 3 → 40, quota of acme none → 2"),
            (["policy", "export", "demo/chat"], 0, "maxReplicaCount: 40"),
            (["history", "pool", "demo/chat", "--since", "5m"], 0, "pool.paused"),
            (["events", "--since", "5m", "--until", "1s", "--limit", "1"], 0, "TIME ("),
            (["explain", "pool", "demo/chat", "-o", "json"], 0, "\"commands\""),
            (["send", "actor.withdrawn", "a1"], 0, "logged at seq "),
            (["delete", "policy", "demo/chat"], 0, "policy demo/chat deleted"),
            (["delete", "policy", "demo/chat"], 1, "demo/chat"),
            (["pause", "demo/chat"], 1, "demo/chat"),
            (["explain", "pool", "demo/chat"], 0, "pool demo/chat"),
        ]
        for (words, status, part) in rows {
            let said = try await person.run(words)
            #expect(said.status == status && said.output.contains(part), "\(words): \(said.status) \(said.output)")
        }
    }

    @Test("what was exported is applied again without a change")
    func exported() async throws {
        let person = try await start()
        _ = try await person.run("apply", "-f", person.folder.appendingPathComponent("chat.yaml").path)
        let copy = person.folder.appendingPathComponent("copy.yaml")
        try await person.run("policy", "export", "demo/chat").output.write(to: copy, atomically: true, encoding: .utf8)
        let digest = try await person.run("get", "policies", "demo/chat", "-o", "json").output
        #expect(try await person.run("apply", "-f", copy.path).status == 0)
        let after = try await person.run("get", "policies", "demo/chat", "-o", "json").output
        #expect(try JSONValue(parsing: digest)["digest"] == JSONValue(parsing: after)["digest"])
    }

    @Test("a command whose token lacks the role says which role it needs")
    func roles() async throws {
        let served = try Served { folder in
            let tokens = folder.appendingPathComponent("tokens")
            try "reader-reader-reader read eyes\nwriter-writer-writer ingest,read,admin ops\n".write(
                to: tokens, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tokens.path)
            for name in ["reader", "writer"] {
                try "\(name)-\(name)-\(name)".write(to: folder.appendingPathComponent("\(name)"), atomically: true, encoding: .utf8)
            }
            return "tokens: tokens"
        }
        try Served.chatPolicy.write(to: served.folder.appendingPathComponent("chat.yaml"), atomically: true, encoding: .utf8)
        try await served.start()
        let file = served.folder.appendingPathComponent("chat.yaml").path
        for (words, role) in [
            (["apply", "-f", file], "admin"), (["pause", "demo/chat"], "admin"), (["delete", "policy", "demo/chat"], "admin"),
            (["send", "actor.idle", "a1"], "ingest"),
        ] {
            let nobody = try await Operator(served: served, folder: served.folder).run(words)
            #expect(nobody.status == 3 && nobody.output.contains("needs a token with the role \(role)"), "\(nobody.output)")
            let reader = try await Operator(served: served, folder: served.folder, token: "reader").run(words)
            #expect(reader.status == 3 && reader.output.contains("the token of eyes has the role read"), "\(reader.output)")
            #expect(reader.output.contains("needs a token with the role \(role)"), "\(reader.output)")
            #expect(reader.output.split(separator: "\n").count == 1, "\(reader.output)")
        }
        let ops = Operator(served: served, folder: served.folder, token: "writer")
        #expect(try await ops.run(["apply", "-f", file]).status == 0)
        #expect(try await ops.run("pause", "demo/chat").status == 0)
        #expect(try await ops.run("explain", "pool", "demo/chat").output.contains("Who paused it\n  scale-in and scale-out, by ops"))
    }

    @Test("serve: a folder that isn't there is refused in words; options overrule the configuration")
    func serveOptions() async throws {
        let served = try Served()
        let missing = served.folder.appendingPathComponent("unmounted/greenroom.db").path
        let refused = try await BuiltProgram.run(["serve", "--listen", "127.0.0.1:0", "--db", missing])
        #expect(refused.status == 3 && refused.output.contains("there is no folder") && refused.output.contains("mount its volume"))
        #expect(!FileManager.default.fileExists(atPath: missing))
        try await served.start()
        let taken = try await BuiltProgram.run([
            "serve", "--listen", String(served.url.dropFirst("http://".count)), "--db",
            served.folder.appendingPathComponent("data/b.db").path,
        ])
        #expect(taken.status == 3 && taken.output.contains("something else listens there already"), "\(taken.output)")
        #expect(!taken.output.contains("notice greenroom: ready"), "\(taken.output)")
    }

    @Test("serve: the last line is JSON where the log is")
    func lastLine() async throws {
        let served = try Served { _ in "logging: {format: json}" }
        try await served.start()
        let second = try await BuiltProgram.run(["serve", "--config", served.folder.appendingPathComponent("config.yaml").path])
        #expect(second.status == 3)
        let last = try JSONValue(parsing: String(second.output.split(separator: "\n").last ?? ""))
        #expect(last["level"] == .string("critical") && last["message"].string?.contains("can't open") == true, "\(second.output)")
        let faulty = served.folder.appendingPathComponent("faulty.yaml")
        for (text, part) in [
            ("logging: {format: json}\ndatabse: a.db", "did you mean database?"),
            ("logging: {format: json}\nlisten: none", "name at least one"),
            ("logging: {format: json}\nlisten: 203.0.113.9:80", "listen: 203.0.113.9 is reachable from other machines"),
        ] {
            try text.write(to: faulty, atomically: true, encoding: .utf8)
            let third = try await BuiltProgram.run(["serve", "--config", faulty.path])
            let line = try JSONValue(parsing: third.output.trimmingCharacters(in: .whitespacesAndNewlines))
            #expect(third.status == 2 && line["message"].string?.contains(part) == true, "\(third.output)")
        }
        try "databse: a.db".write(to: faulty, atomically: true, encoding: .utf8)
        let plain = try await BuiltProgram.run(["serve", "--config", faulty.path])
        #expect(plain.status == 2 && plain.output.hasPrefix("greenroom: ") && plain.output.contains("did you mean database?"))
    }

    @Test(
        "what can't be used is said in one line, with what to do",
        arguments: [
            (["apply", "-f", "/nowhere/a.yaml"], 3, "there is no policy at /nowhere/a.yaml: check the path"),
            (["get", "pools", "--db", "/proc/version"], 3, "give the path of a log"),
            (["get", "pools", "--server", "https://127.0.0.1:9", "--ca-file", "/nowhere.pem"], 3, "check --ca-file and GREENROOM_CA_FILE"),
            (["get", "pools", "--server", "http://127.0.0.1:9"], 3, "start it with `greenroom serve`"),
            (["bench", "ingest", "--ca-file", "/nowhere.pem"], 2, "--ca-file is for --server"),
        ])
    func inOneLine(words: [String], status: Int32, part: String) async throws {
        let said = try await BuiltProgram.run(words)
        #expect(said.status == status && said.output.contains(part), "\(said.status) \(said.output)")
        #expect(said.output.split(separator: "\n").count == 1, "\(said.output)")
    }

    @Test("serve: SIGHUP reads the policies again, and a faulty file changes nothing; SIGTERM says what it waits for")
    func signals() async throws {
        let person = try await start("policies: [chat.yaml]")
        let served = person.served
        let file = person.folder.appendingPathComponent("chat.yaml")
        #expect(try await person.run("policy", "export").output.contains("maxReplicaCount: 3"))
        try Served.chatPolicy.replacing("maxReplicaCount: 3", with: "maxReplicaCount: 7").write(to: file, atomically: true, encoding: .utf8)
        served.signal(SIGHUP)
        try await eventually("it is read again: \(served.log)") { served.log.contains("policies were read again") }
        #expect(try await person.run("policy", "export").output.contains("maxReplicaCount: 7"))
        try "nonsense".write(to: file, atomically: true, encoding: .utf8)
        served.signal(SIGHUP)
        try await eventually("the fault is said: \(served.log)") { served.log.contains("SIGHUP: the policies stay as they are") }
        #expect(try await person.run("policy", "export").output.contains("maxReplicaCount: 7"))
        served.signal(SIGTERM)
        try await served.ended()
        for part in ["local workers", "the loop to save its checkpoint", "requests in flight"] {
            #expect(served.log.contains("stopping: waiting for \(part)"), "\(served.log)")
        }
        let lines = served.log.split(separator: "\n")
        let listening = lines.firstIndex { $0.contains("listening") } ?? .max
        let ready = lines.firstIndex { $0.contains("notice greenroom: ready") } ?? .min
        #expect(listening < ready, "ready is said once it listens: \(served.log)")
    }
}
