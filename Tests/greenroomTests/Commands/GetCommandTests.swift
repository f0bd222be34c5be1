import Views
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
                "/v1/pools": APIResponse("{\"items\":[\(Samples.pool)],\"next\":\"demo/chat\"}"),
                "/v1/pools?after=demo%2Fchat": APIResponse("{\"items\":[\(Samples.idlePool)],\"next\":null}"),
                "/v1/pools/demo/chat": APIResponse(Samples.pool),
                "/v1/workers?limit=1000": APIResponse("{\"items\":[\(Samples.worker)]}"),
                "/v1/actors?limit=1000": APIResponse("{\"items\":[\(Samples.actor)]}"),
                "/v1/policies": APIResponse("{\"items\":[\(Samples.policy)]}"),
            ]))
    }

    @Test func poolsHaveTheirColumns() async throws {
        let listing = try await command("pools").listing(server())
        #expect(
            listing.table.text == """
                NAMESPACE  NAME  MAX  DESIRED  READY  BUSY  WAITING  OLDEST  STATUS           AGE
                demo       chat    6        3      2     2        5  1.3s    Active           2m10s
                other      x      10        0      0     0        0  <none>  NoPolicy,Paused  5s

                """)
        let wide = try await command("pools", "-o", "wide").listing(server())
        #expect(
            wide.table.text == """
                NAMESPACE   NAME   TARGET         MODE   MIN   MAX   DESIRED   READY   BUSY   STARTING   DRAINING   WAITING   OLDEST   READY-COND   ACTIVE   PAUSED   FALLBACK   AGE     REASON
                demo        chat   Process/chat   auto     0     6         3       2      2          1          0         5   1.3s     True         True     False    False      2m10s   <none>
                other       x      <none>         auto     0    10         0       0      0          0          0         0   <none>   False        False    True     False      5s      <none>

                """)
    }

    /// What an operator's pools are called, at the counts they have.
    @Test func poolsFitAHundredColumns() throws {
        var pool: PoolView = try Samples.view(Samples.pool)
        (pool.namespace, pool.name, pool.readyCondition) = ("kagent-system", "research-agents-large", false)
        (pool.max, pool.desired, pool.ready, pool.busy) = (20_000, 12_345, 12_340, 12_339)
        (pool.demand.waiting, pool.oldestWaitSeconds, pool.ageSeconds) = (123_456, 600, 1e7)
        let lines = try Listing(pools: [pool]).table.text.split(separator: "\n")
        for line in lines { #expect(DisplayText.width(String(line)) <= 100, "\(line)") }
    }

    @Test(arguments: [
        (#"{"readyCondition":false}"#, "NotReady"), (#"{"fallback":true}"#, "Fallback"), (#"{"active":false}"#, "Idle"),
        (#"{"paused":true,"pause":{"in":false,"out":false,"hold":3,"at":"2026-11-21T08:00:00Z","seq":1}}"#, "Held"),
        (#"{"demand":{"total":2,"resident":1,"waiting":1,"blocked":{"quota":1}}}"#, "Quota"), (#"{"target":""}"#, "NoPolicy"),
        (#"{"rollingUpdate":{"since":"2026-11-21T08:00:00Z","left":3,"heldUntil":"2026-11-21T08:10:00Z"}}"#, "Updating"),
    ])
    func theStatusSaysWhatAnOperatorShouldKnowFirst(change: String, words: String) throws {
        var json = try JSONValue(parsing: Samples.pool)
        for member in try JSONValue(parsing: change).fields { json = json.setting(member.key, member.value) }
        #expect(try json.decode(PoolView.self).statusWords == words)
    }

    @Test("-o ate is kubectl-ate's table, with the atespace and names in full")
    func ate() async throws {
        let actors = #"""
            {"items":[
            {"namespace":"demo","pool":"pool-a","template":"demo/counter","id":"team-b/a1","status":"STATUS_WAITING","version":1,"seq":2,"ageSeconds":6},
            {"namespace":"demo","pool":"pool-a","template":"demo/counter","id":"team-a/a2","status":"STATUS_CRASHED","version":4,"seq":8,"ageSeconds":6},
            {"namespace":"demo","pool":"pool-a","template":"demo/counter","id":"team-a/a1","status":"STATUS_RUNNING","worker":"w-0","ip":"10.0.0.7","version":3,"seq":9,"ageSeconds":6}
            ]}
            """#
        let workers = #"""
            {"items":[
            {"namespace":"demo","pool":"pool-a","name":"w-1","status":"FREE","actors":[],"node":"n","slots":1,"used":0,"ageSeconds":7},
            {"namespace":"demo","pool":"pool-a","name":"w-0","status":"BUSY","actors":["team-a/a1"],"node":"n","slots":1,"used":1,"ageSeconds":7}
            ]}
            """#
        let source = ServerState(
            api: TwinAPI([
                "/v1/actors?limit=1000": APIResponse(actors), "/v1/actors?pool=demo%2Fpool-a&limit=1000": APIResponse(actors),
                "/v1/workers?limit=1000": APIResponse(workers),
            ]))
        #expect(
            try await command("actors", "-o", "ate").listing(source).table.text == """
                ATESPACE   TEMPLATE NS   TEMPLATE   ID   STATUS             ATEOM POD   ATEOM IP   VERSION
                team-a     demo          counter    a1   STATUS_RUNNING     demo/w-0    10.0.0.7   3
                team-a     demo          counter    a2   STATUS_SUSPENDED   <none>                 4
                team-b     demo          counter    a1   STATUS_WAITING     <none>                 1

                """)
        #expect(
            try await command("workers", "-o", "ate").listing(source).table.text == """
                NAMESPACE   POOL     POD   STATUS     ASSIGNED ACTOR
                demo        pool-a   w-0   ASSIGNED   demo/counter/a1
                demo        pool-a   w-1   FREE       <none>

                """)
        #expect(throws: (any Error).self) { try command("pools", "-o", "ate") }
    }

    @Test("a listing of actors of other namespaces than their pool's goes on where its page ended")
    func pages() async throws {
        func page(_ numbers: Range<Int>) -> APIResponse {
            let rows = numbers.map {
                #"{"namespace":"demo","pool":"p","template":"t","id":"team-a/a\#($0)","status":"STATUS_SUSPENDED","version":1,"seq":\#($0),"ageSeconds":6}"#
            }
            return APIResponse("{\"items\":[\(rows.joined(separator: ","))]}")
        }
        let source = ServerState(
            api: TwinAPI(["/v1/actors?limit=1000": page(1..<1_001), "/v1/actors?after=team-a%2Fa1000&limit=1000": page(1_001..<1_004)]))
        let rows = try await command("actors", "--limit", "5000").listing(source).table.rows
        #expect(rows.count == 1_003 && rows.last?[2] == "team-a/a1003")
    }

    @Test func aCutListingSaysSo() async throws {
        #expect(try await command("pools", "--limit", "1").listing(server()).isCut)
        #expect(try await !command("pools", "--limit", "2").listing(server()).isCut)
        #expect(try await !command("workers").listing(server()).isCut)
    }

    @Test func filtersNarrowWorkersAndActors() async throws {
        let api = TwinAPI([
            "/v1/workers?pool=demo%2Fchat&limit=1000": APIResponse("{\"items\":[\(Samples.worker)]}"),
            "/v1/actors?status=STATUS_WAITING&limit=1000": APIResponse("{\"items\":[\(Samples.actor)]}"),
        ])
        let source = ServerState(api: api)
        for (arguments, count) in [
            (["workers", "--pool", "demo/chat", "--status", "partial", "--node", "n1"], 1),
            (["workers", "--pool", "demo/chat", "--status", "free"], 0), (["workers", "--pool", "demo/chat", "--node", "n2"], 0),
            (["actors", "--status", "waiting"], 1), (["actors", "--status", "waiting", "--node", "n9"], 0),
        ] { #expect(try await GetCommand.parse(arguments).listing(source).table.rows.count == count, "\(arguments)") }
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
        #expect(json.array.first?["policy"]["a"] == .number("1"))
        #expect(json.array.first?["canonicalJSON"].isNull == true)
    }

    @Test func decisionsAreTheNewestInOrder() async throws {
        var log = Timeline()
        for k in 0..<5 {
            log.decide(k == 3 ? "other/x" : "demo/chat", from: k, to: k + 1)
            log.wait(1)
        }
        let source = TwinEvents(events: log.events)
        let all = try await command("decisions", "--limit", "2").decisions(source)
        #expect(all.table.rows.map { $0[0] } == ["4", "5"])
        let one = try await command("decisions", "demo/chat", "--limit", "2").decisions(source)
        #expect(one.table.rows.map { $0[0] } == ["3", "5"])
        let namespace = try await command("decisions", "-n", "other").decisions(source)
        #expect(namespace.table.rows.map { $0[6] } == ["demand 8 = 1 running + 7 waiting (7 pool_exhausted) → 8 ÷ 2 = 4"])
        #expect(try await command("decisions", "--since", "2026-11-21T08:00:03Z").decisions(source).table.rows.map { $0[0] } == ["4", "5"])
        #expect(try await command("decisions", "--until", "2026-11-21T08:00:01Z").decisions(source).table.rows.map { $0[0] } == ["1", "2"])
        #expect(namespace.json.array.first?["reason"].string?.contains("8 ÷ 2 = 4") == true)
    }
}
