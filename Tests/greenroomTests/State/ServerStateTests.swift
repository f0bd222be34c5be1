import ControlLoop
import Domain
import Testing

@testable import Inspection
@testable import Output

@Suite struct ServerStateTests {
    private func lines(_ range: ClosedRange<Int>) -> [String] {
        var log = Timeline()
        for _ in 1...range.upperBound { log.add("worker.gone", "w", #"{"reason":"x"}"#) }
        return log.events[(range.lowerBound - 1)...].map { String(decoding: $0.line, as: UTF8.self) }
    }

    @Test func eventsAreReadPageByPageAndThenFollowed() async throws {
        let api = TwinAPI(lines: [
            "/v1/events?after=0&limit=1000": lines(1...2), "/v1/events?after=2&limit=1000": lines(3...3),
            "/v1/events?after=3&follow=true": ["", lines(4...4)[0]],
        ])
        var seen: [Position] = []
        try await ServerState(api: api).forEachEvent(EventQuery(follows: true)) {
            seen.append($0.seq); return true
        }
        #expect(seen == [1, 2, 3, 4])
        #expect(
            await api.paths == [
                "/v1/events?after=0&limit=1000", "/v1/events?after=2&limit=1000", "/v1/events?after=3&limit=1000",
                "/v1/events?after=3&follow=true",
            ])
    }

    @Test func aLimitEndsTheReading() async throws {
        let api = TwinAPI(lines: ["/v1/events?after=0&pool=a%2Fb&subject=s&kind=worker.gone&limit=2": lines(1...2)])
        var seen = 0
        let query = EventQuery(pool: "a/b", subject: "s", kind: .workerGone, limit: 2)
        try await ServerState(api: api).forEachEvent(query) { _ in
            seen += 1; return true
        }
        #expect(seen == 2)
        #expect(await api.paths.count == 1)
    }

    @Test func whoHasSeenEnoughEndsIt() async throws {
        let api = TwinAPI(lines: ["/v1/events?after=0&limit=1000": lines(1...5)])
        var seen = 0
        try await ServerState(api: api).forEachEvent(EventQuery(follows: true)) { _ in
            seen += 1; return seen < 3
        }
        #expect(seen == 3)
    }

    @Test func whatIsNoServiceIsSaid() async throws {
        let state = ServerState(
            api: TwinAPI(["/v1/pools": APIResponse("<html>"), "/v1/policies": APIResponse(#"{"items":[{"other":1}]}"#)]))
        await #expect { try await state.pools() } throws: { ($0 as? Fault)?.status == .unreachable }
        await #expect { try await state.policies() } throws: { ($0 as? Fault)?.what.contains("another shape") == true }
    }

    @Test(arguments: [(401, Output.ExitStatus.unreachable), (400, .no), (500, .unreachable)])
    func refusalsCarryTheServicesWords(status: Int, exit: Output.ExitStatus) async throws {
        let state = ServerState(api: TwinAPI(["/v1/pools": APIResponse(status, #"{"title":"T","detail":"because"}"#)]))
        await #expect { try await state.pools() } throws: { error in
            let fault = error as? Fault
            return fault?.status == exit && fault?.what == "http://twin answered \(status) to GET /v1/pools: because"
        }
    }

    @Test func pathsAreEscaped() {
        #expect(APIPath("/v1/actors", id: "a/b c?ü").text == "/v1/actors/a%2Fb%20c%3F%C3%BC")
        #expect(APIPath("/v1/pools", "ns/na me").text == "/v1/pools/ns/na%20me")
    }

    @Test func actorsAreCollectedOverPages() async throws {
        // A full page asks for the next one after its last actor.
        func actors(_ range: Range<Int>) throws -> String {
            let sample = try JSONValue(parsing: Samples.actor)
            return "{\"items\":" + JSONValue.array(range.map { sample.setting("id", .string("a\($0)")) }).compact + "}"
        }
        let api = TwinAPI([
            "/v1/actors?limit=1000": APIResponse(try actors(0..<1_000)),
            "/v1/actors?after=demo%2Fa999&limit=1000": APIResponse(try actors(1_000..<1_010)),
        ])
        let state = ServerState(api: api)
        #expect(try await state.actors(namespace: nil, limit: 5_000).rows.count == 1_010)
        #expect(try await state.actors(namespace: "demo", limit: 7).rows.count == 7)
        #expect(try await state.actors(namespace: "else", limit: 7).rows.isEmpty)
    }
}

@Suite struct EventSourceTests {
    @Test(
        arguments: [(3, 5, [3, 4, 5], 2), (5, 5, [1, 2, 3, 4, 5], 0), (9, 2, [1, 2], 0), (1, 4, [4], 3)] as [(Int, Int, [Position], Int)])
    func theLastAreKeptInOrder(count: Int, total: Int, kept: [Position], leftOut: Int) async throws {
        var log = Timeline()
        for _ in 0..<total { log.add("worker.gone", "w") }
        let found = try await TwinEvents(events: log.events).newest(count, EventQuery())
        #expect(found.events.map(\.seq) == kept)
        #expect(found.hasOlder == (leftOut > 0))
    }
}
