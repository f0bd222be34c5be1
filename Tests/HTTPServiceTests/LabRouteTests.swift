import Domain
import Foundation
import HTTPTestSupport
import Synchronization
import TestSupport
import Testing
import Views

@testable import HTTPService

// Is a policy tried, and the log verified, with the progress, the refusals and the end that a client counts on?

@Suite("What takes a while tells how far it is", .timeLimit(.minutes(2)))
struct LabRouteTests {
    private static let path = "/v1/pools/default/agents/whatif"

    /// What the twin was asked for, and whether it was told to stop.
    private final class Seen: Sendable {
        let queries = Mutex<[WhatIfQuery]>([])
        let wasCancelled = Mutex(false)
    }

    private func run(_ seen: Seen = Seen(), hangs: Bool = false, _ body: (TestService) async throws -> Void) async throws {
        try await TestService.run(
            parts: {
                $0.whatIf = { query, progress async throws(ControlFault) in
                    seen.queries.withLock { $0.append(query) }
                    if query.seed == 404 { throw .notFound(what: "pool", name: query.pool) }
                    progress.note("reading", 5, of: 10)
                    if hangs {
                        // As long as somebody listens.
                        try? await Task.sleep(for: .seconds(60))
                        seen.wasCancelled.withLock { $0 = Task.isCancelled }
                    }
                    return Array(#"{"turns":3}"#.utf8)
                }
                $0.verify = { recomputes, _ async throws(ControlFault) in Array(#"{"sound":\#(recomputes)}"#.utf8) }
            }, body)
    }

    private func post(_ service: TestService, _ path: String, _ headers: [(String, String)] = [], body: String = "policy") async throws
        -> TestResponse
    {
        let type = body == "{}" ? "application/json" : "application/yaml"
        return try await service.client().send("POST", path, [("content-type", type)] + headers, body: Array(body.utf8))
    }

    @Test func theResultIsTheResponse() async throws {
        let seen = Seen()
        try await run(seen) { service in
            let response = try await post(service, Self.path + "?from=7&to=2026-11-21T08:00:00Z&seed=9")
            #expect(response.status == 200 && response.text == #"{"turns":3}"# && response.field("content-type") == "application/json")
            let query = try #require(seen.queries.withLock { $0.first })
            #expect(query.pool == "default/agents" && query.policy.pool == "default/agents" && query.seed == 9)
            #expect(query.from == .position(7) && query.to == .time(LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero))
            #expect(try await post(service, "/v1/log/verify", body: "{}").text == #"{"sound":true}"#)
            #expect(try await post(service, "/v1/log/verify?skipDecisions=true", body: "{}").text == #"{"sound":false}"#)
        }
    }

    @Test func aStreamTellsItsResultOrItsProblem() async throws {
        try await run { service in
            let events = ("accept", "text/event-stream")
            let result = try await post(service, Self.path, [events])
            #expect(result.status == 200 && result.field("content-type") == "text/event-stream")
            #expect(result.text.hasSuffix("event: result\ndata: {\"turns\":3}\n\n"))
            let problem = try await post(service, Self.path + "?seed=404", [events])
            #expect(problem.status == 200 && problem.text.contains("event: problem\ndata: {\"type\":"))
            #expect(problem.text.contains("there is no pool"))
            #expect(try await post(service, Self.path + "?seed=404").status == 404)
        }
    }

    @Test func whoeverLeavesEndsTheWork() async throws {
        let seen = Seen()
        try await run(seen, hangs: true) { service in
            try await service.client(.http1).exchange(
                "POST", Self.path, [("accept", "text/event-stream"), ("content-type", "application/yaml"), ("content-length", "6")]
            ) { parts, writer in
                try await writer.write(.body(.init(string: "policy")))
                try await writer.write(.end(nil))
                _ = try await TestClient.head(&parts)
                var texts = FollowTests.Lines(parts: parts, separator: "\n\n")
                #expect(try await texts.next() == "event: progress\ndata: {\"stage\":\"reading\",\"done\":5,\"total\":10}")
            }
            try await eventually("the work was cancelled") { seen.wasCancelled.withLock { $0 } }
        }
    }

    @Test(arguments: [
        ("/v1/pools/other/agents/whatif", "policy", 400, "the policy is for pool default/agents"), (path, "broken", 400, "unknown field"),
        (path + "?from=yesterday", "policy", 400, "from must be"), (path + "?until=1", "policy", 400, "unknown query parameter"),
        (path + "?seed=-1", "policy", 400, "seed must be"), ("/v1/log/verify?skipDecisions=2", "{}", 400, "skipDecisions must be"),
    ])
    func whatIsWrongIsSaidBeforeTheWorkBegins(_ path: String, _ body: String, _ status: Int, _ words: String) async throws {
        let seen = Seen()
        try await run(seen) { service in
            let response = try await post(service, path, [("accept", "text/event-stream")], body: body)
            #expect(response.status == status && response.text.contains(words), "\(response.text)")
            #expect(seen.queries.withLock { $0.isEmpty })
        }
    }

    @Test func aServerWithoutHistoryNamesTheCommand() async throws {
        try await TestService.run { service in
            let whatIf = try await post(service, Self.path)
            #expect(whatIf.status == 404 && whatIf.text.contains("greenroom replay"))
            let verify = try await post(service, "/v1/log/verify", body: "{}")
            #expect(verify.status == 404 && verify.text.contains("greenroom log verify"))
        }
    }
}
