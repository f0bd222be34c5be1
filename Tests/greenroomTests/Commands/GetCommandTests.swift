import ControlLoop
import Domain
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

@Suite struct GetCommandTests {
    private func command(_ arguments: String...) throws -> GetCommand { try GetCommand.parse(arguments) }

    private func server() -> ServerState {
        ServerState(
            api: TwinAPI([
                "/v1/pools": APIAnswer("{\"items\":[\(Samples.pool)],\"next\":\"demo/chat\"}"),
                "/v1/pools?after=demo%2Fchat": APIAnswer("{\"items\":[\(Samples.idlePool)],\"next\":null}"),
                "/v1/pools/demo/chat": APIAnswer(Samples.pool),
                "/v1/workers?limit=1000": APIAnswer("{\"items\":[\(Samples.worker)]}"),
                "/v1/actors?limit=1000": APIAnswer("{\"items\":[\(Samples.actor)]}"),
                "/v1/policies": APIAnswer("{\"items\":[\(Samples.policy)]}"),
            ]))
    }

    @Test func poolsHaveTheirColumns() async throws {
        let listing = try await command("pools").listing(server())
        #expect(
            listing.table.text == """
                NAMESPACE   NAME   TARGET         MIN   MAX   DESIRED   READY   BUSY   WAITING   OLDEST   READY-COND   ACTIVE   PAUSED   FALLBACK   AGE
                demo        chat   Process/chat     0     6         3       2      2         5   1.3s     True         True     False    False      2m10s
                other       x      <none>           0    10         0       0      0         0   <none>   False        False    True     False      5s

                """)
    }

    @Test func workersAndActorsHaveTheirColumns() async throws {
        #expect(
            try await command("workers").listing(server()).table.text == """
                NAMESPACE   POOL   POD       STATUS    ASSIGNED-ACTOR   NODE   SLOTS   AGE
                demo        chat   chat-w1   PARTIAL   a,b,c,+2         n1     5/8     121m

                """)
        #expect(
            try await command("actors").listing(server()).table.text == """
                NAMESPACE   TEMPLATE   ID         STATUS           POD       IP       VERSION   WAITED   AGE
                demo        chat       chat-001   STATUS_RUNNING   chat-w1   <none>         4   0.3s     61s

                """)
    }

    @Test func whatPodsSayHasColumnsWherePodsAreAsked() throws {
        func worker(_ report: String) throws -> WorkerView { try Samples.view(Samples.worker.dropLast() + #","report":\#(report)}"#) }
        let told = try [
            #"{"state":"busy","tasks":3,"from":"http :1/","seconds":90,"seq":1}"#,
            #"{"state":"idle","tasks":0,"from":"http :1/","seconds":4,"seq":2}"#,
            #"{"state":"unknown","tasks":0,"from":"http :1/","problem":"x","seconds":4,"seq":2}"#,
        ].map { try worker($0) }
        let table = try Listing(workers: told + [try Samples.view(Samples.worker)]).table
        #expect(
            table.rows.map { $0.suffix(2) } == [
                ["busy 3 for 90s", "http :1/"], ["idle for 4s", "http :1/"], ["unknown for 4s, counts as free", "http :1/"],
                ["<none>", "<none>"],
            ])
    }

    @Test func aNamespaceFiltersAndANameIsOne() async throws {
        #expect(try await command("pools", "-n", "other").listing(server()).table.rows.count == 1)
        #expect(try await command("pools", "-n", "nobody").listing(server()).isEmpty)
        let one = try await command("pools", "chat", "-n", "demo").listing(server())
        #expect(one.json["name"] == .string("chat"))
    }

    @Test func whatIsNotThereIsANo() async throws {
        await #expect { try await command("pools", "demo/none").listing(server()) } throws: { ($0 as? Fault)?.status == .no }
        await #expect { try await command("worker", "none").listing(server()) } throws: { ($0 as? Fault)?.status == .no }
    }

    @Test func aPolicyIsShownAsWhatItSays() async throws {
        let json = try await command("policies").listing(server()).json
        #expect(json.elements?.first?["policy"]?["a"] == .number("1"))
        #expect(json.elements?.first?["canonicalJSON"] == nil)
    }

    @Test func decisionsAreTheNewestInOrder() async throws {
        var log = Timeline()
        for k in 0..<5 { log.decide(k == 3 ? "other/x" : "demo/chat", from: k, to: k + 1) }
        let source = TwinEvents(events: log.events)
        let all = try await command("decisions", "--limit", "2").decisions(source)
        #expect(all.table.rows.map { $0[0] } == ["4", "5"])
        let one = try await command("decisions", "demo/chat", "--limit", "2").decisions(source)
        #expect(one.table.rows.map { $0[0] } == ["3", "5"])
        let namespace = try await command("decisions", "-n", "other").decisions(source)
        #expect(namespace.table.rows.map { $0[6] } == ["demand 8 = 1 running + 7 waiting (7 pool_exhausted) → 8 ÷ 2 = 4"])
        #expect(namespace.json.elements?.first?["reason"]?.string?.contains("8 ÷ 2 = 4") == true)
    }
}
