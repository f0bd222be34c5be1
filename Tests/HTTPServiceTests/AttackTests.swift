import Domain
import Foundation
import HTTPTestSupport
import HTTPTransport
import HTTPTypes
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import HTTPService

@Suite("Memory and work don't follow a client", .serialized)
struct AttackTests {
    private func isEmpty(_ service: TestService) async throws -> Bool { try await service.server.living() == TransportServer.Living() }

    // MARK: - Answers that nobody takes

    /// Answers of 30 KB, which are written at once.
    private static func plane() -> TwinPlane { TwinPlane { $0.policies = [QuietPlane.policy(bytes: 30_000)] } }

    @Test(arguments: Wire.allCases)
    func pipelinedOrManyRequestsAreAllAnsweredToWhoReads(_ wire: Wire) async throws {
        try await TestService.run(plane: Self.plane(), tls: wire.isSecure) { service in
            let count = 2_000
            if wire.isHTTP2 { return try await manyOverHTTP2(service.client(wire), count, service) }
            let one = "GET /v1/policies HTTP/1.1\r\nhost: localhost\r\n\r\n"
            let expected = try await service.client(wire).get("/v1/policies").body.count
            let received = try await service.client(wire).pipelined(String(repeating: one, count: count), until: count * expected)
            #expect(received >= count * expected)
        }
    }

    /// As many on one connection, a hundred at a time.
    private func manyOverHTTP2(_ client: TestClient, _ count: Int, _ service: TestService) async throws {
        let expected = try await client.get("/v1/policies").body
        let (connection, multiplexer) = try await client.openConnection()
        defer { connection.close(promise: nil) }
        let whole = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    var whole = 0
                    for _ in 0..<(count / 100) {
                        let response = try await client.get("/v1/policies", on: multiplexer)
                        if response.status == 200, response.body == expected { whole += 1 }
                    }
                    return whole
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(whole == count)
        try await eventually("nothing of them is left") {
            let living = try await service.server.living()
            return living.streams == 0 && living.answerBytes == 0
        }
    }

    @Test func answersHaveOneBudget() async throws {
        try await TestService.run(plane: Self.plane()) {
            $0.limits.answerBytes = 100_000
            $0.limits.connectionAnswerBytes = 60_000
        } _: { service in
            var clients: [FrameClient] = []
            for _ in 0..<3 {
                let client = try await FrameClient(port: service.client().port, window: 0)
                for number in 0..<10 { try await client.send(try FrameClient.request(Int32(2 * number + 1), "/v1/policies")) }
                try await eventually("all are answered") { client.frames.compactMap(\.status).count == 10 }
                clients.append(client)
            }
            let living = try await service.server.living()
            #expect(living.answerBytes <= 100_000)
            #expect(clients[0].frames.contains { $0.status == 503 } && clients[2].frames.contains { $0.status == 503 })
            for client in clients { await client.close() }
            try await eventually("nothing is left") { try await isEmpty(service) }
            #expect(try await service.client().get("/v1/policies").status == 200)
        }
    }

    // MARK: - Streams

    @Test func aStreamTooManyIsRefusedAndTheOthersAreAnswered() async throws {
        try await TestService.run {
            $0.limits.streamsPerConnection = 8
        } _: { service in
            service.log.hold()
            let client = try await FrameClient(port: service.client().port)
            let body = Event.json("a")
            for number in 0..<12 {
                var bytes = try FrameClient.request(
                    Int32(2 * number + 1), "/v1/events", [("content-type", Event.structured)], method: "POST", ends: false)
                RawHTTP2.frame(&bytes, type: 0, flags: 1, stream: Int32(2 * number + 1), ByteBuffer(string: body))
                try await client.send(bytes)
            }
            try await eventually("four are refused") { client.frames.filter { $0.type == FrameClient.reset }.count == 4 }
            #expect(client.frames.filter { $0.type == FrameClient.reset }.allSatisfy { $0.errorCode == 7 && $0.stream > 16 })
            try await eventually("eight wait") { service.log.heldCount == 8 }
            service.log.release()
            try await eventually("eight are answered") { client.frames.filter { $0.status == 200 }.count == 8 }
            #expect(!client.isClosed && !client.frames.contains { $0.type == FrameClient.goAway })
            // Whoever is refused may come again.
            try await client.send(try FrameClient.request(101, "/livez"))
            try await eventually("it answers") { client.frames.contains { $0.stream == 101 && $0.status == 200 } }
            await client.close()
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }

    @Test func whoNeverStopsOpeningStreamsIsCutOff() async throws {
        try await TestService.run {
            $0.limits.streamsPerConnection = 4
        } _: { service in
            service.log.hold()
            let client = try await FrameClient(port: service.client().port)
            var bytes = ByteBuffer()
            for number in 0..<4_000 {
                bytes.writeImmutableBuffer(try FrameClient.request(Int32(2 * number + 1), "/v1/events", method: "POST", ends: false))
            }
            try? await client.send(bytes)
            try await eventually("it is cut off") { client.isClosed }
            await client.close()
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }

    // MARK: - Work and its limits

    @Test func aPlaceBelongsToTheWorkAndNotToTheClient() async throws {
        let gate = Barrier()
        let plane = TwinPlane { $0.withdrawalWaits = { await gate.wait() } }
        try await TestService.run(plane: plane) {
            $0.limits.requests = 4
        } _: { service in
            for round in 1...10 {
                let client = try await FrameClient(port: service.client().port)
                try await client.send(try FrameClient.request(1, "/v1/placements/a", method: "DELETE"))
                if round <= 4 {
                    try await eventually("the work has begun") { plane.calls.count == round }
                } else {
                    try await eventually("there is no room") { client.frames.contains { $0.status == 429 } }
                }
                var reset = ByteBuffer()
                RawHTTP2.frame(&reset, type: FrameClient.reset, flags: 0, stream: 1, ByteBuffer(integer: UInt32(8)))
                try await client.send(reset)
                await client.close()
            }
            try await eventually("all connections are gone") { service.server.connectionCount == 0 }
            // The work goes on, so its places are taken; health has none to wait for.
            #expect(try await service.server.living().answers == 4)
            #expect(try await service.client().get("/v1/pools").status == 429)
            #expect(try await service.client().get("/livez").status == 200)
            #expect(try await service.client().get("/readyz").status == 200)
            gate.open()
            try await eventually("the places are free") { try await service.client().get("/v1/pools").status == 200 }
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }

    @Test func whoAsksForMetersTogetherIsAnsweredTogether() async throws {
        let gate = AsyncStream.makeStream(of: Void.self)
        let renderings = Counter()
        try await TestService.run(parts: { parts in
            parts.metricsText = { _ in
                renderings.add(1)
                for await _ in gate.stream {}
                return Array("up 1\n".utf8)
            }
        }) { service in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await service.client().get("/metrics").status } }
                try await eventually("all have asked") { try await service.server.living().answers == 20 }
                gate.continuation.finish()
                for try await status in group { #expect(status == 200) }
            }
            // One for those who came in time, and at most a few for those whose task began afterwards.
            #expect(renderings.value < 20)
        }
    }

    @Test func aCheckThatHangsIsNotReadyAndInTime() async throws {
        let stuck = Mutex<CheckedContinuation<Void, Never>?>(nil)
        defer { stuck.withLock { $0?.resume() } }
        try await TestService.run {
            $0.limits.readinessSeconds = 0.05
        } parts: {
            $0.readiness = [
                ReadinessCheck("fine") { .ok },
                ReadinessCheck("stuck") {
                    await withCheckedContinuation { never in stuck.withLock { $0 = never } }; return .ok
                },
            ]
        } _: { service in
            let response = try await service.client().get("/readyz")
            #expect(
                response.status == 503 && response.text.contains(#""name":"fine","status":"ok""#)
                    && response.text.contains("no answer within"),
                "\(response.text)")
        }
    }

    @Test(arguments: Wire.cleartext)
    func aClientThatGoesAwayEndsItsWait(_ wire: Wire) async throws {
        let plane = TwinPlane()
        try await TestService.run(plane: plane) {
            $0.limits.lingerSeconds = 0.1
        } _: { service in
            let body = #"{"actor":"a","pool":"default/agents","wait":60}"#
            let head =
                "POST /v1/placements HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
            if wire == .http1 {
                // It says no more, and may be gone for all that is known: it is answered that the actor still waits.
                let received = try await service.client(wire).finishing(head + body)
                #expect(received.hasPrefix("HTTP/1.1 202 "), "\(received)")
            } else {
                let client = try await FrameClient(port: service.client().port)
                var bytes = try FrameClient.request(
                    1, "/v1/placements", [("content-type", "application/json")], method: "POST", ends: false)
                RawHTTP2.frame(&bytes, type: 0, flags: 1, stream: 1, ByteBuffer(string: body))
                try await client.send(bytes)
                try await eventually("it waits") { !plane.calls.isEmpty }
                var reset = ByteBuffer()
                RawHTTP2.frame(&reset, type: FrameClient.reset, flags: 0, stream: 1, ByteBuffer(integer: UInt32(8)))
                try await client.send(reset)
                try await eventually("the wait ends") { plane.calls.contains("placement cancelled") }
                await client.close()
            }
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }

    @Test(arguments: Wire.cleartext)
    func waitsEndWhenTheServerStops(_ wire: Wire) async throws {
        let plane = TwinPlane()
        try await TestService.run(plane: plane) {
            $0.limits.drainSeconds = 60
        } _: { service in
            let waiting = Task {
                try await service.client(wire).send(
                    "POST", "/v1/placements", [("content-type", "application/json")],
                    body: Array(#"{"actor":"a","pool":"default/agents","wait":600}"#.utf8))
            }
            try await eventually("it waits") { !plane.calls.isEmpty }
            await service.server.stop()
            #expect(try await waiting.value.status == 202)
        }
    }

    // MARK: - Half a connection

    @Test(arguments: Wire.allCases)
    func whoSaysNoMoreIsStillAnswered(_ wire: Wire) async throws {
        if wire.isSecure { return }
        try await TestService.run { service in
            let event = Event.json("a")
            service.log.hold()
            if wire == .http1 {
                let head =
                    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\ncontent-length: \(event.utf8.count)\r\n\r\n"
                async let received = service.client(wire).finishing(head + event + "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
                try await eventually("it waits for the log") { service.log.heldCount == 1 }
                service.log.release()
                let text = try await received
                #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("\"accepted\":1"), "\(text)")
                #expect(text.components(separatedBy: "HTTP/1.1 200 ").count == 3, "\(text)")
            } else {
                let client = try await FrameClient(port: service.client().port)
                var bytes = try FrameClient.request(1, "/v1/events", [("content-type", Event.structured)], method: "POST", ends: false)
                RawHTTP2.frame(&bytes, type: 0, flags: 1, stream: 1, ByteBuffer(string: event))
                try await client.send(bytes)
                try await client.finish()
                try await eventually("it waits for the log") { service.log.heldCount == 1 }
                service.log.release()
                try await eventually("it is answered") {
                    client.frames.contains { $0.status == 200 } && client.frames.contains { $0.type == 0 && $0.flags & 1 == 1 }
                }
                try await eventually("and the connection ends") { client.isClosed }
            }
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }

    @Test func halfARequestIsNoRequest() async throws {
        try await TestService.run { service in
            let received = try await service.client(.http1).finishing(
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\ncontent-length: 100\r\n\r\n{")
            #expect(received.hasPrefix("HTTP/1.1 400 "), "\(received)")
            #expect(try await service.client(.http1).finishing("") == "")
            try await eventually("nothing is left") { try await isEmpty(service) }
        }
    }
}

/// Whoever waits goes on once it is open, and not before: not when it is cancelled either.
private final class Barrier: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
