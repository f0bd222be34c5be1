import Benchmarks
import Domain
import Logging
import NIOCore
import Synchronization
import Testing

@testable import ServiceClient

@Suite("The client against a server that does what the test says")
struct ClientTests {
    private func client(_ server: ScriptedServer, _ edit: (inout ClientConfiguration) -> Void = { _ in }) -> ServiceClient {
        var configuration = ClientConfiguration(url: server.url)
        configuration.limits.backoffFirstSeconds = 0.001
        configuration.limits.backoffLastSeconds = 0.005
        edit(&configuration)
        return ServiceClient(configuration, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    @Test func aRequestIsSentWholeAndItsAnswerComesBack() async throws {
        try await ScriptedServer.run { request in
            .init(
                status: 200, headers: [("x-seen", "\(request.method) \(request.path) \(request.header("authorization") ?? "")")],
                body: request.body + Array("!".utf8))
        } _: { server in
            let client = client(server) { $0.token = "secret-token-0123456789" }
            let response = try await client.request(
                ClientRequest(
                    "POST", "/v1/x?y=1", headers: [("content-type", "text/plain")], body: Array("hello".utf8), isIdempotent: false))
            #expect(response.status == 200)
            #expect(response.body == Array("hello!".utf8))
            #expect(response.header("x-seen") == "POST /v1/x?y=1 Bearer secret-token-0123456789")
            await client.close()
        }
    }

    @Test func manyRequestsShareOneConnection() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200)
        } _: { server in
            let client = client(server) { $0.limits.inFlight = 10 }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 { group.addTask { _ = try await client.request(.get("/\(number)")) } }
                try await group.waitForAll()
            }
            #expect(server.requestCount == 100)
            #expect(server.connectionCount == 1)
            await client.close()
        }
    }

    @Test func aRefusalCarriesTheServersReason() async throws {
        try await ScriptedServer.run { _ in
            .init(
                status: 400,
                body: Array(#"{"type":"https://greenroom.dev/problems/invalid-event","detail":"id: missing","index":4,"field":"id"}"#.utf8))
        } _: { server in
            let client = client(server)
            let error = await #expect(throws: ClientError.self) { try await client.request(.events([], isBatch: true)) }
            #expect(
                error == .refused(status: 400, problem: ServerProblem(kind: "invalid-event", detail: "id: missing", index: 4, field: "id")))
            #expect(server.requestCount == 1)
            await client.close()
        }
    }

    @Test func whatMayBeSentTwiceIsTriedAgain() async throws {
        let failures = Atomic<Int>(3)
        try await ScriptedServer.run { _ in
            failures.subtract(1, ordering: .relaxed).newValue >= 0
                ? .init(status: 503, headers: [("retry-after", "0")]) : .init(status: 200)
        } _: { server in
            let client = client(server)
            let response = try await client.request(.get("/"))
            #expect(response.status == 200)
            #expect(server.requestCount == 4)
            await client.close()
        }
    }

    @Test func whatMayNotBeSentTwiceIsNot() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 503)
        } _: { server in
            let client = client(server)
            await #expect(throws: ClientError.self) {
                try await client.request(ClientRequest("POST", "/v1/placements", isIdempotent: false))
            }
            #expect(server.requestCount == 1)
            await client.close()
        }
    }

    @Test func triesEnd() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 503)
        } _: { server in
            let client = client(server) { $0.limits.attempts = 3 }
            await #expect(throws: ClientError.self) { try await client.request(.get("/")) }
            #expect(server.requestCount == 3)
            await client.close()
        }
    }

    @Test func aConnectionThatBreaksIsOpenedAgain() async throws {
        let breaks = Atomic<Int>(1)
        try await ScriptedServer.run { _ in
            breaks.subtract(1, ordering: .relaxed).newValue >= 0 ? .breaking : .init(status: 200)
        } _: { server in
            let client = client(server)
            let response = try await client.request(.get("/"))
            #expect(response.status == 200)
            #expect(server.connectionCount == 2)
            await client.close()
        }
    }

    @Test func whereNobodyListensTheAddressAndTheReasonAreNamed() async throws {
        var configuration = ClientConfiguration(url: BaseURL(host: "127.0.0.1", port: 1))
        configuration.limits.attempts = 1
        let client = ServiceClient(configuration, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let error = await #expect(throws: ClientError.self) { try await client.request(.get("/")) }
        guard case .unreachable(let url, let reason) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(url == "http://127.0.0.1:1")
        #expect(reason.contains("refused"))
    }

    @Test func anAnswerBeyondTheLimitIsNotTaken() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200, body: Array(repeating: 0x20, count: 100_000))
        } _: { server in
            let client = client(server) { $0.limits.answerBytes = 50_000 }
            let error = await #expect(throws: ClientError.self) { try await client.request(.get("/")) }
            guard case .unexpected = error else { return #expect(Bool(false), "\(String(describing: error))") }
            await client.close()
        }
    }

    @Test func aServerThatSaysNothingIsGivenUp() async throws {
        try await ScriptedServer.run { _ in
            .silent
        } _: { server in
            let client = client(server) {
                $0.limits.answerSeconds = 0.1
                $0.limits.attempts = 1
            }
            let error = await #expect(throws: ClientError.self) { try await client.request(.get("/")) }
            guard case .unreachable = error else { return #expect(Bool(false), "\(String(describing: error))") }
            await client.close()
        }
    }

    @Test func linesComeAsTheyAreSentWithoutTheEmptyOnes() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200, parts: ["{\"seq\":1}\n{\"se", "q\":2}\n\n", "\n{\"seq\":3}"])
        } _: { server in
            let client = client(server)
            let lines = try await client.withLines(.get("/v1/events")) { lines throws(ClientError) in
                var seen: [String] = []
                while let line = try await lines.next() { seen.append(String(decoding: line, as: UTF8.self)) }
                return seen
            }
            #expect(lines == ["{\"seq\":1}", "{\"seq\":2}", "{\"seq\":3}"])
            await client.close()
        }
    }

    @Test func followingGoesOnAfterABreakWhereItWas() async throws {
        try await ScriptedServer.run { request in
            switch request.path {
            case "/v1/events?follow=true&after=0&pool=a": .init(status: 200, parts: ["{\"seq\":1}\n{\"seq\":2}\n"], breaks: true)
            case "/v1/events?follow=true&after=2&pool=a": .init(status: 200, parts: ["{\"seq\":3}\n{\"seq\":7}\n"], breaks: true)
            case "/v1/events?follow=true&after=7&pool=a": .init(status: 200, parts: ["{\"seq\":8}\n"])
            default: .init(status: 400)
            }
        } _: { server in
            let client = client(server)
            let seen = Mutex<[Position]>([])
            try await client.follow(after: 0, query: "pool=a") { seq, _ in
                seen.withLock { $0.append(seq) }
                return seq < 8
            }
            #expect(seen.withLock { $0 } == [1, 2, 3, 7, 8])
            await client.close()
        }
    }

    @Test func followingEndsWhereTheServerRefuses() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 403)
        } _: { server in
            let client = client(server)
            await #expect(throws: ClientError.self) { try await client.follow(after: 0) { _, _ in true } }
            #expect(server.requestCount == 1)
            await client.close()
        }
    }

    // MARK: - Load

    @Test func aLoadSendsWhatItWasToldToAndCountsTheAnswers() async throws {
        try await ScriptedServer.run { request in
            .init(status: String(decoding: request.body, as: UTF8.self).hasSuffix("7") ? 429 : 200, body: Array("{}".utf8))
        } _: { server in
            var plan = LoadPlan(url: server.url) { _, number, body in body.writeString("event \(number)") }
            plan.connections = 3
            plan.inFlightPerConnection = 5
            plan.requests = 100
            plan.token = "secret-token-0123456789"
            let report = try await LoadDriver.run(plan)
            #expect(report.requests == 100)
            #expect(report.fault == nil)
            #expect(report.latency.count == 100)
            #expect(server.connectionCount == 3)
            let numbers = Set(server.bodies.map { String(decoding: $0, as: UTF8.self) })
            #expect(numbers.count == 100)
            #expect((report.statuses[429] ?? 0) == numbers.count { $0.hasSuffix("7") })
            #expect((report.statuses[200] ?? 0) + (report.statuses[429] ?? 0) == 100)
        }
    }

    @Test func aLoadOfLargeBodiesKeepsToTheServersWindows() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200)
        } _: { server in
            var plan = LoadPlan(url: server.url) { _, _, body in body.writeRepeatingByte(0x20, count: 50_000) }
            plan.connections = 2
            plan.inFlightPerConnection = 8
            plan.requests = 60
            let report = try await LoadDriver.run(plan)
            #expect(report.statuses == [200: 60])
            #expect(server.bodies.allSatisfy { $0.count == 50_000 })
        }
    }

    @Test func aLoadEndsWhenItsTimeIsUpOrItsServerIsGone() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200)
        } _: { server in
            var plan = LoadPlan(url: server.url) { _, _, _ in }
            plan.method = "GET"
            plan.seconds = 0.1
            let report = try await LoadDriver.run(plan)
            #expect(report.requests > 0)
            #expect(report.fault == nil)
        }
        try await ScriptedServer.run { _ in
            .breaking
        } _: { server in
            var plan = LoadPlan(url: server.url) { _, _, _ in }
            plan.requests = 10
            let report = try await LoadDriver.run(plan)
            #expect(report.fault != nil)
        }
        await #expect(throws: ClientError.self) {
            try await LoadDriver.run(LoadPlan(url: BaseURL(host: "127.0.0.1", port: 1)) { _, _, _ in })
        }
    }

    @Test func aRateIsKept() async throws {
        try await ScriptedServer.run { _ in
            .init(status: 200)
        } _: { server in
            var plan = LoadPlan(url: server.url) { _, _, _ in }
            plan.connections = 2
            plan.ratePerSecond = 200
            plan.seconds = 0.5
            let report = try await LoadDriver.run(plan)
            // Never faster; how much slower is the machine's business.
            #expect(report.requests <= 102)
            #expect(report.requests > 0)
        }
    }
}
