import Autoscaling
import Domain
import Testing

@testable import Commands
@testable import Demo
@testable import Inspection
@testable import Output

/// What each write sends, and what it says of the answer.
@Suite struct WriteCommandsTests {
    private let decision = APIResponse(#"{"pool":"demo/chat","seq":9,"at":"","from":3,"to":5,"direction":"up","reason":"demand 9 = …"}"#)

    private func writer(_ api: TwinAPI, _ command: String = "x", _ role: ServiceWriter.Role = .admin) -> ServiceWriter {
        ServiceWriter(api: api, command: command, role: role)
    }

    private func policy() throws -> Policy {
        let text = DemoPool(name: "chat", slots: 2, maxReplicas: 6, spare: 1).policyYAML
        let check = PolicyCheck(text: Array(text.utf8), name: "p", now: LogTime(rfc3339: "2026-11-21T08:00:00Z")!)
        #expect(check.problems == [])
        return try PolicyFixture.policy(text)
    }

    @Test(arguments: [
        (
            Pause(scaleIn: true, scaleOut: true, hold: nil), #"{"in":true,"out":true,"hold":null}"#,
            "is paused: it neither grows nor shrinks"
        ),
        (Pause(scaleIn: true, scaleOut: false, hold: nil), #"{"in":true,"out":false,"hold":null}"#, "is paused: it doesn't shrink"),
        (Pause(scaleIn: false, scaleOut: true, hold: nil), #"{"in":false,"out":true,"hold":null}"#, "is paused: it doesn't grow"),
        (Pause(scaleIn: false, scaleOut: false, hold: 12), #"{"in":false,"out":false,"hold":12}"#, "is held at 12 workers"),
        (Pause(), #"{"in":false,"out":false,"hold":null}"#, "scales again"),
    ])
    func pausesAreSentWhole(pause: Pause, body: String, words: String) async throws {
        let api = TwinAPI(["/v1/pools/demo/chat/pause": decision])
        let line = try await PauseOptions.set(pause, of: "demo/chat", writer(api))
        #expect(line == "pool demo/chat \(words): 3 → 5 workers: demand 9 = …")
        let request = try #require(await api.requests.first)
        #expect(request.method == .put && String(decoding: request.body, as: UTF8.self) == body)
    }

    @Test func anAppliedPolicyIsReadAgainAsItIs() async throws {
        let policy = try policy()
        let api = TwinAPI(["/v1/policies/demo/chat": decision, "/v1/policies/demo/chat?dryRun=true": decision])
        for (arguments, line) in [
            (["-f", "-"], "policy demo/chat applied: 3 → 5 workers: demand 9 = …"),
            (["-f", "-", "--dry-run"], "policy demo/chat would be applied (dry run): 3 → 5 workers: demand 9 = …"),
        ] {
            var said: [String] = []
            #expect(try await ApplyCommand.parse(arguments).apply([policy], writer(api)) { said.append($0) })
            #expect(said == [line])
        }
        for request in await api.requests { #expect(try PolicyFixture.policy(String(decoding: request.body, as: UTF8.self)) == policy) }
    }

    @Test func aRefusedPolicyKeepsNoneOfTheOthersBack() async throws {
        var other = try policy()
        other.pool = "demo/other"
        let api = TwinAPI([
            "/v1/policies/demo/chat": APIResponse(409, #"{"detail":"the name is taken"}"#), "/v1/policies/demo/other": decision,
        ])
        var said: [String] = []
        let isGood = try await ApplyCommand.parse(["-f", "-"]).apply([policy(), other], writer(api)) { said.append($0) }
        #expect(!isGood && said.count == 1)
    }

    @Test(
        arguments: [
            (
                401, Output.ExitStatus.unreachable,
                "needs a token with the role admin: name its file with --token-file, or set GREENROOM_TOKEN"
            ),
            (403, .unreachable, "`greenroom pause` needs a token with the role admin"), (404, .no, "there is no pool"),
            (409, .no, "there is no pool"), (503, .unreachable, "answered 503: there is no pool"),
        ] as [(Int, Output.ExitStatus, String)])
    func aRefusalSaysWhichRoleIsMissing(status: Int, exit: Output.ExitStatus, words: String) async throws {
        let api = TwinAPI(["/v1/pools/a/b/pause": APIResponse(status, #"{"detail":"there is no pool a/b"}"#)])
        await #expect {
            _ = try await PauseOptions.set(Pause(), of: "a/b", writer(api, "pause"))
        } throws: { error in
            guard let fault = error as? Fault else { return false }
            return fault.status == exit && fault.line.contains(words)
        }
    }

    @Test(arguments: [
        (["--max", "40"], "maxReplicaCount 6 → 40"), (["--min", "2", "--max", "40"], "minReplicaCount 0 → 2, maxReplicaCount 6 → 40"),
        (["--quota", "acme=12"], "quota of acme none → 12"),
    ])
    func scaleChangesWhatWasNamedAndNothingElse(arguments: [String], words: String) async throws {
        let policy = try policy()
        let view = JSONValue.object([
            .init(key: "namespace", value: .string("demo")), .init(key: "name", value: .string("chat")),
            .init(key: "mode", value: .string("auto")),
            .init(key: "digest", value: .string("d")), .init(key: "seq", value: .number("1")),
            .init(key: "appliedAt", value: .string("2026-11-21T08:00:00Z")),
            .init(key: "canonicalJSON", value: .string(String(decoding: policy.canonicalJSON, as: UTF8.self))),
        ])
        let command = try ScaleCommand.parse(["demo/chat"] + arguments)
        #expect(try command.changed(policy) != policy)
        let api = TwinAPI(["/v1/policies/demo/chat": APIResponse(view.compact)])
        #expect(try await command.change("demo/chat", writer(api)) == "policy demo/chat changed, \(words)")
        let put = try #require(await api.requests.last)
        #expect(put.method == .put)
        #expect(try PolicyFixture.policy(String(decoding: put.body, as: UTF8.self)) == command.changed(policy))
    }

    @Test(arguments: [
        (["actor.requested", "a1", "pool=ns/p", "priority=5"], #"{"pool":"ns/p","priority":5}"#),
        (["dev.greenroom.actor.requested", "a1", "pool=ns/p", "reason=5"], #"{"pool":"ns/p","reason":"5"}"#),
        (
            ["actor.created", "a1", "pool=ns/p", "template=t", "labels.tier=gold", "labels.n=1"],
            #"{"pool":"ns/p","template":"t","labels":{"tier":"gold","n":"1"}}"#
        ),
        (
            ["queue.observed", "ns/p", "pool=ns/p", "metric=m", "value=null", "error=away"],
            #"{"pool":"ns/p","metric":"m","value":null,"error":"away"}"#
        ),
    ])
    func wordsBecomeWhatTheFieldAsksFor(arguments: [String], data: String) throws {
        let event = try JSONValue(parsing: SendCommand.parse(arguments).event(id: "1"))
        #expect(event["data"].compact == data)
        #expect(event["id"] == .string("1"))
    }

    @Test(arguments: [
        (["actor.requested", "a1"], "pool"), (["actor.requested", "a1", "pool=ns/p", "priority=high"], "priority"),
        (["worker.ready", "w1", "pool=ns/p", "node=n", "slots=-1"], "slots"), (["actor.requested", "a1", "pool"], "write KEY=VALUE"),
        (["actor.requested", "a1", "pool=a/b", "pool=a/c"], "given twice"),
    ])
    func whatTheServiceWouldRefuseIsRefusedHere(arguments: [String], words: String) {
        #expect {
            _ = try SendCommand.parse(arguments).event(id: "1")
        } throws: { ($0 as? Fault)?.line.contains(words) == true }
    }

    @Test(arguments: [
        (["actor.requested", "a", "pool=n/p", "priority=1", "version=2"], []),
        (
            ["actor.requested", "a", "pool=n/p", "prority=1"],
            ["prority is no field of actor.requested and changes nothing; did you mean priority?"]
        ),
        (["actor.created", "a", "pool=n/p", "template=t", "labels.x=1", "tenant=acme"], []),
        (
            ["actor.requested", "a", "pool=n/p", "tenant=acme"],
            [
                "tenant is no field of actor.requested and changes nothing; known here: pool, priority, deadline, selector, reason, template, expectedMillis, version"
            ]
        ),
    ])
    func aFieldThatTheKindDoesntHaveIsSaid(arguments: [String], lines: [String]) throws {
        #expect(try SendCommand.parse(arguments).strangeFields() == lines)
    }

    @Test func aSentEventIsToldByItsPosition() async throws {
        let command = try SendCommand.parse(["actor.idle", "a1"])
        let first = TwinAPI(["/v1/events": APIResponse(#"{"accepted":1,"duplicates":0,"firstSeq":41,"lastSeq":41}"#)])
        #expect(try await command.send(command.event(id: "1"), writer(first, "send", .ingest)) == "logged at seq 41")
        let second = TwinAPI(["/v1/events": APIResponse(#"{"accepted":0,"duplicates":1,"firstSeq":41,"lastSeq":41,"positions":[41]}"#)])
        #expect(try await command.send(command.event(id: "1"), writer(second, "send", .ingest)).hasSuffix("at seq 41: nothing was added"))
    }
}

enum PolicyFixture {
    static func policy(_ text: String) throws -> Policy {
        try ApplyCommand.parse(["-f", "x"]).policies(in: Array(text.utf8), "x", now: LogTime(rfc3339: "2026-11-21T08:00:00Z")!)[0]
    }
}
