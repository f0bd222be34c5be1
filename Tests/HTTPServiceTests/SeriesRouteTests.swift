import Domain
import Foundation
import HTTPTestSupport
import State
import Testing
import Views

@testable import HTTPService

@Suite("What was over time is answered")
struct SeriesRouteTests {
    /// Answers with what it was asked for, in numbers.
    private struct Twin: SeriesReading {
        static let start = LogTime(microseconds: 1_790_000_000_000_000)

        func series(of pool: String, _ query: SeriesQuery) async throws(ControlFault) -> SeriesView? {
            if pool == "ns/busy" { throw .unavailable("the series of pools is being opened") }
            guard pool.hasPrefix("ns/p") else { return nil }
            var view = SeriesView(
                pool: pool, from: query.from, to: query.to, stepSeconds: Int64(query.points), seq: 7, through: query.to)
            var low = PoolSample.Counts.zero
            for lane in 0..<8 { low[lane] = Int32(lane) }
            view.rows = [.init(seconds: 0, low: low, high: low &+ 10, waitLowMicroseconds: 500_000, waitHighMicroseconds: 1_250_000)]
            view.bands = [.init(kind: "cooldown", fromSeconds: 0, toSeconds: 60)]
            view.marks = [.init(kind: "policy", seq: 3, at: query.from.adding(microseconds: 1_500_000), count: 2, text: "policy abc")]
            return view
        }

        func series(_ query: SeriesQuery, after: String?, limit: Int) async throws(ControlFault) -> [SeriesView] {
            var views: [SeriesView] = []
            for number in 1...3 where after.map({ "ns/p\(number)" > $0 }) ?? true {
                if views.count < limit, let view = try await series(of: "ns/p\(number)", query) { views.append(view) }
            }
            return views
        }

        func newest(_ condition: WhenCondition, of pool: String, before: Position) async throws(ControlFault) -> WhenView? {
            guard pool == "ns/p1" else { return nil }
            guard condition.text != "crash" else { throw .overloaded(retryAfterSeconds: 1) }
            return WhenView(found: before > 5 ? .init(seq: 4, at: Self.start) : nil, searchedTo: before > 5 ? 4 : 2)
        }
    }

    private func run(_ body: (TestService) async throws -> Void) async throws {
        try await TestService.run(
            parts: {
                $0.series = Twin()
                $0.now = { Twin.start }
            }, body)
    }

    @Test func rowsHaveTheColumnsThatWereAskedFor() async throws {
        try await run { service in
            let path = "/v1/pools/ns/p1/series?from=2026-09-21T13:00:00Z&to=2026-09-21T14:00:00Z&columns=waiting,oldestWait,max&points=9"
            let text = try await service.client().get(path).text
            #expect(
                text
                    == #"{"pool":"ns/p1","from":"2026-09-21T13:00:00.000000Z","to":"2026-09-21T14:00:00.000000Z","stepSeconds":9,"seq":7,"through":"2026-09-21T14:00:00.000000Z","columns":["waiting","oldestWait","max"],"rows":[[0,5,15,0.5,1.25,7,17]],"bands":[{"kind":"cooldown","from":0,"to":60}],"marks":[{"kind":"policy","seq":3,"at":"2026-09-21T13:00:01.500000Z","seconds":1.5,"count":2,"text":"policy abc"}],"marksLeftOut":0}"#
            )
        }
    }

    @Test func anHourUntilNowIsWhatIsMeant() async throws {
        try await run { service in
            let value = try JSONValue(parsing: try await service.client().get("/v1/pools/ns/p1/series").body)
            #expect(value["to"].string == Twin.start.rfc3339)
            #expect(value["from"].string == Twin.start.adding(seconds: -3_600).rfc3339)
            #expect(value["columns"].array.count == 9 && value["rows"].array[0].array.count == 19)
        }
    }

    @Test(arguments: [
        ("/v1/pools/ns/none/series", 404, "there is no pool ns/none"), ("/v1/pools/ns/busy/series", 503, "being opened"),
        ("/v1/pools/ns/p1/series?points=2001", 400, "points must be"), ("/v1/pools/ns/p1/series?points=1", 400, "points must be"),
        ("/v1/pools/ns/p1/series?columns=demand,demand", 400, "each once"), ("/v1/pools/ns/p1/series?columns=x", 400, "columns must be"),
        ("/v1/pools/ns/p1/series?from=2026-09-22T00:00:00Z&to=2026-09-21T00:00:00Z", 400, "not after to"),
        ("/v1/pools/ns/p1/series?from=yesterday", 400, "from must be"), ("/v1/pools/ns/p1/series?step=1", 400, "unknown query parameter"),
        ("/v1/series?limit=1001", 400, "limit must be"), ("/v1/pools/ns/p1/when", 400, "condition must be"),
        ("/v1/pools/ns/p1/when?condition=desired%3E", 400, "condition must be"), ("/v1/pools/ns/p2/when?condition=policy", 404, "no pool"),
        ("/v1/pools/ns/p1/when?condition=crash", 429, "too many states of the past"),
    ])
    func whatCantBeAnsweredSaysWhy(_ path: String, _ status: Int, _ words: String) async throws {
        try await run { service in
            let response = try await service.client().get(path)
            #expect(response.status == status && response.text.contains(words), "\(response.text)")
        }
    }

    @Test func manyPoolsComeInPages() async throws {
        try await run { service in
            let first = try JSONValue(parsing: try await service.client().get("/v1/series?limit=2").body)
            #expect(first["items"].array.map { $0["pool"].string } == ["ns/p1", "ns/p2"] && first["next"].string == "ns/p2")
            let second = try JSONValue(parsing: try await service.client().get("/v1/series?limit=2&after=ns/p2").body)
            #expect(second["items"].array.map { $0["pool"].string } == ["ns/p3"] && second["next"].isNull)
            #expect(second["items"].array[0]["marks"].isNull)
        }
    }

    @Test func aConditionIsAnsweredWithItsMoment() async throws {
        try await run { service in
            let found = try await service.client().get("/v1/pools/ns/p1/when?condition=desired%3C5").text
            #expect(found == #"{"condition":"desired<5","found":{"seq":4,"at":"\#(Twin.start.rfc3339)"},"searchedTo":4}"#)
            let none = try await service.client().get("/v1/pools/ns/p1/when?condition=desired%3C5&before=5").text
            #expect(none == #"{"condition":"desired<5","found":null,"searchedTo":2}"#)
        }
    }

    @Test(arguments: [
        ("desired<5", true), ("ready >= 3", true), ("waiting=0", true), ("oldestWait>1.5", true), ("policy", true), ("paused", true),
        ("crash", true), ("oldestWait<1", false), ("min<3", false), ("desired", false), ("desired<", false), ("<5", false),
        ("desired<x", false),
        ("", false), ("oldestWait>-1", false), ("oldestWait>1e300", false),
    ])
    func conditionsAreAClosedList(_ text: String, _ isOne: Bool) {
        #expect((WhenCondition(text) != nil) == isOne)
    }

    @Test func aServerWithoutSeriesSaysSo() async throws {
        try await TestService.run { service in
            let response = try await service.client().get("/v1/pools/ns/p1/series")
            #expect(response.status == 503 && response.text.contains("keeps no series"))
        }
    }
}
