import Foundation
import HTTPTestSupport
import NIOCore
import TestSupport
import Testing

@testable import HTTPService

@Suite("A server stops in good order")
struct StopTests {
    @Test(arguments: Wire.cleartext)
    func requestsInFlightAreAnswered(_ wire: Wire) async throws {
        try await TestService.run { service in
            service.log.hold()
            let response = Task { try await service.client(wire).post(Event.structured, Event.json("a")) }
            try await eventually("it waits for the log") { service.log.heldCount == 1 }
            let stop = Task { await service.server.stop() }
            // The port is closed first; the request is still there.
            try await eventually("nobody gets in") {
                do {
                    _ = try await service.client(wire).get("/healthz")
                    return false
                } catch { return true }
            }
            service.log.release()
            #expect(try await response.value.status == 200)
            await stop.value
            #expect(service.server.connectionCount == 0)
        }
    }

    @Test(arguments: Wire.cleartext)
    func whatDoesNotEndIsCutOffInTime(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.drainSeconds = 0.1
        } _: { service in
            service.log.hold()
            let response = Task { try await service.client(wire).post(Event.structured, Event.json("a")) }
            try await eventually("it waits for the log") { service.log.heldCount == 1 }
            await service.server.stop()
            let result = await response.result
            #expect(throws: (any Error).self) { try result.get() }
        }
    }

    @Test func idleConnectionsDoNotHoldItUp() async throws {
        try await TestService.run {
            $0.limits.drainSeconds = 60
        } _: { service in
            let (_, multiplexer) = try await service.client().openConnection()
            let (_, second) = try await service.client(.http1).open()
            _ = multiplexer
            try await second.executeThenClose { inbound, outbound in
                try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "x", path: "/healthz")))
                try await outbound.write(.end(nil))
                var parts = inbound.makeAsyncIterator()
                _ = try await TestClient.response(&parts)
                let began = ContinuousClock.now
                await service.server.stop()
                #expect(ContinuousClock.now - began < .seconds(30))
            }
        }
    }

    @Test(arguments: [
        "content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n",
        "content-type: \(Event.structured)\r\ncontent-length: 5000\r\n",
    ])
    func requestsThatStandHalfWayDoNotHoldItUp(_ fields: String) async throws {
        try await TestService.run {
            $0.limits.drainSeconds = 60
            $0.limits.lingerSeconds = 0.1
        } _: { service in
            let part = Event.ndjson(["a"]) + "{\"specver"
            let body = fields.contains("chunked") ? String(part.utf8.count, radix: 16) + "\r\n" + part + "\r\n" : part
            let response = Task {
                try await service.client(.http1).raw("POST /v1/events HTTP/1.1\r\nhost: localhost\r\n\(fields)\r\n\(body)")
            }
            try await eventually("it is being received") { try await service.server.bodyBytes() + service.log.eventCount > 0 }
            let began = ContinuousClock.now
            await service.server.stop()
            #expect(ContinuousClock.now - began < .seconds(30))
            let received = try await response.value
            #expect(received.hasPrefix("HTTP/1.1 503 ") && received.contains("the server is stopping"), "\(received)")
            if fields.contains("chunked") { #expect(received.contains("1 events before it are durable"), "\(received)") }
        }
    }
}
