import HTTPTransport
import TestSupport
import Testing

@testable import ExternalMetrics

@Suite struct LimitTests {
    private static let metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/greenroom_demand"
    private static let remote = [("X-Remote-User", "admin")]

    private func expectStatus(_ response: PeerResponse, _ code: Int, _ reason: String) {
        #expect(response.status == code)
        #expect(Seen(response.body)["reason"].text == reason, "\(response.body)")
    }

    @Test("a header with too many fields or bytes is 431, and the next connection is served")
    func header() async throws {
        try await Stage.run { (stage) async throws in
            let many = (0..<120).map { ("X-Number-\($0)", "1") }
            let large = [("X-Large", String(repeating: "x", count: 17 << 10))]
            for headers in [many, large] {
                let response = try await stage.proxied(Self.metric, headers)
                expectStatus(response, 431, "RequestHeaderFieldsTooLarge")
                #expect(response.headers.first(name: "connection") == "close")
                expectStatus(try await stage.proxied(Self.metric, headers, over: .http2), 431, "RequestHeaderFieldsTooLarge")
            }
            #expect(try await stage.proxied(Self.metric).status == 200)
        }
    }

    @Test("a body is read past; one that is too large is 413", arguments: Wire.allCases)
    func body(_ wire: Wire) async throws {
        try await Stage.run { (stage) async throws in
            let connection = try await stage.open(stage.proxy, wire)
            #expect(try await connection.send(.GET, Self.metric, Self.remote, body: "{}").status == 200)
            #expect(try await connection.send(.GET, Self.metric, Self.remote).status == 200)
            expectStatus(
                try await connection.send(.GET, Self.metric, Self.remote, body: String(repeating: "x", count: 70 << 10)), 413,
                "RequestEntityTooLarge")
            await connection.close()
        }
    }

    @Test("a connection more than allowed is closed while none is idle; when one goes there is room again")
    func connections() async throws {
        let source = FixedSource(nil)
        try await Stage.run(source: source, edit: { $0.limits.connections = 2 }) { (stage) async throws in
            let (first, second) = (try await stage.open(stage.proxy), try await stage.open(stage.proxy, .http2))
            let answers = [first, second].map { connection in Task { try await connection.send(.GET, Self.metric, Self.remote).status } }
            try await eventually("both wait") { stage.server.waitingRequestCount == 2 }
            await #expect(throws: (any Error).self) { try await stage.open(stage.proxy) }
            source.give(Sample.snapshot)
            for response in answers { #expect(try await response.value == 200) }
            await first.close()
            try await eventually("room") { stage.server.connectionCount == 1 }
            #expect(try await stage.proxied(Self.metric).status == 200)
            await second.close()
        }
    }

    @Test("a place belongs to the work and not to the client", arguments: Wire.allCases)
    func places(_ wire: Wire) async throws {
        let source = StuckSource()
        try await Stage.run(source: source, edit: { $0.limits.waitingRequests = 2 }) { (stage) async throws in
            for round in 1...2 {
                let connection = try await stage.open(stage.proxy, wire)
                let response = Task { try await connection.send(.GET, Self.metric, Self.remote) }
                try await eventually("the work has begun") { stage.server.waitingRequestCount == round }
                await connection.close()
                _ = await response.result
            }
            try await eventually("all connections are gone") { stage.server.connectionCount == 0 }
            #expect(stage.server.waitingRequestCount == 2)
            expectStatus(try await stage.proxied(Self.metric, over: wire), 429, "TooManyRequests")
            source.release()
            try await eventually("the places are free") { stage.server.waitingRequestCount == 0 }
            try await eventually("nothing is left") { try await stage.server.living() == TransportServer.Living() }
        }
    }

    @Test("a connection without a request is closed, one with requests isn't", arguments: Wire.allCases)
    func idle(_ wire: Wire) async throws {
        try await Stage.run(edit: { $0.limits.idleSeconds = 0.3 }) { (stage) async throws in
            let connection = try await stage.open(stage.proxy, wire)
            let deadline = ContinuousClock.now + .seconds(0.8)
            while ContinuousClock.now < deadline {
                #expect(try await connection.send(.GET, Self.metric, Self.remote).status == 200)
                try await Task.sleep(for: .milliseconds(20))
            }
            try await connection.waitUntilClosed()
        }
    }

    @Test("a request that stops half way is 408", arguments: Wire.allCases)
    func slowBody(_ wire: Wire) async throws {
        try await Stage.run(edit: { $0.limits.requestSeconds = 0.3 }) { (stage) async throws in
            let connection = try await stage.open(stage.proxy, wire)
            expectStatus(
                try await connection.send(.GET, Self.metric, Self.remote + [("content-length", "100")], body: "{", ends: false), 408,
                "Timeout")
            await connection.close()
        }
    }

    @Test("an answer that can't be found in time is 503, and requests beyond those that may wait are 429", arguments: Wire.allCases)
    func waiting(_ wire: Wire) async throws {
        let source = FixedSource(nil)
        try await Stage.run(
            source: source,
            edit: {
                $0.limits.answerSeconds = 1; $0.limits.waitingRequests = 1
            }
        ) { (stage) async throws in
            let slow = Task { try await stage.proxied(Self.metric, over: wire) }
            try await eventually("the request waits") { stage.server.waitingRequestCount == 1 }
            expectStatus(try await stage.proxied(Self.metric, over: wire), 429, "TooManyRequests")
            #expect(try await stage.proxied("/apis/external.metrics.k8s.io/v1beta1", over: wire).status == 200)
            expectStatus(try await slow.value, 503, "ServiceUnavailable")
            source.give(Sample.snapshot)
            try await eventually("room") { stage.server.waitingRequestCount == 0 }
            #expect(try await stage.proxied(Self.metric, over: wire).status == 200)
        }
    }

    @Test(
        "what could be read two ways is 400",
        arguments: [
            [("host", "localhost"), ("host", "evil.example")], [("host", "")], [("host", "me@localhost")],
            [("authorization", "Bearer a"), ("authorization", "Bearer b")],
            [("transfer-encoding", "gzip, chunked")],
        ])
    func rules(_ fields: [(String, String)]) async throws {
        try await Stage.run { (stage) async throws in
            let connection = try await stage.open(stage.proxy)
            expectStatus(try await connection.send(.GET, Self.metric, Self.remote + fields), 400, "BadRequest")
            try await connection.waitUntilClosed()
        }
    }

    @Test("a bad chunk is told so, once")
    func badChunk() async throws {
        try await Stage.run { (stage) async throws in
            let connection = try await stage.open(stage.proxy)
            async let response = connection.send(.GET, Self.metric, Self.remote + [("transfer-encoding", "chunked")], ends: false)
            try await eventually("the head is there") { stage.server.connectionCount == 1 }
            try await connection.write(raw: "zz\r\n")
            expectStatus(try await response, 400, "BadRequest")
            try await connection.waitUntilClosed()
        }
    }

    @Test("answers that nobody takes are bounded")
    func answerBytes() async throws {
        try await Stage.run(edit: { $0.limits.answerBytesInFlight = 10 }) { (stage) async throws in
            expectStatus(try await stage.proxied("/openapi/v2"), 503, "ServiceUnavailable")
        }
    }

    @Test("a stopping server answers what it has begun and then closes", arguments: Wire.allCases)
    func stopping(_ wire: Wire) async throws {
        let source = FixedSource(nil)
        try await Stage.run(source: source) { (stage) async throws in
            let idle = try await stage.open(stage.proxy, wire)
            let busy = try await stage.open(stage.proxy, wire)
            let response = Task { try await busy.send(.GET, Self.metric, Self.remote) }
            try await eventually("the request waits") { stage.server.waitingRequestCount == 1 }
            let stop = Task { await stage.server.stop() }
            try await idle.waitUntilClosed()
            source.give(Sample.snapshot)
            #expect(try await response.value.status == 200)
            await stop.value
        }
    }
}
