import Foundation
import HTTPTestSupport
import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import HTTPService

@Suite("Limits hold")
struct LimitTests {
    @Test(arguments: Wire.cleartext)
    func aBodyThatStopsHalfWayIsAnswered408(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.stallSeconds = 0.1
        } _: { service in
            let response = try await service.client(wire).exchange(
                "POST", "/v1/events", [("content-type", Event.structured)], length: 1_000
            ) { parts, writer in
                try await writer.write(.body(.init(string: "{\"specversion\":")))
                return try await TestClient.response(&parts)
            }
            #expect(response.status == 408)
            #expect(try Problems.read(response).detail.contains("half way"))
        }
    }

    @Test func aHeaderThatStopsHalfWayIsAnswered408() async throws {
        try await TestService.run {
            $0.limits.stallSeconds = 0.1
        } _: { service in
            let received = try await service.client(.http1).raw("POST /v1/events HTTP/1.1\r\nhost: localhost\r\n")
            #expect(received.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func aHeaderThatStopsHalfWayOnAConnectionFoundIdleIsClosedWithoutAWord() async throws {
        try await TestService.run {
            $0.limits.stallSeconds = 60
            $0.limits.idleSeconds = 0.1
        } _: { service in
            // Closing makes the parser give up on what it has: nothing may be answered then.
            let received = try await service.client(.http1).raw("GET /healthz HTTP/1.1\r\nhost")
            #expect(received == "")
            let response = try await insisting { try await service.client(.http1).get("/healthz") }
            #expect(response.status == 200)
        }
    }

    @Test(arguments: Wire.cleartext)
    func aBodyThatDripsForEverIsAnswered408(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.requestSeconds = 0.3
        } _: { service in
            let response = try await service.client(wire).exchange(
                "POST", "/v1/events", [("content-type", Event.structured)], length: 10_000
            ) { parts, writer in
                let dripping = Task {
                    while !Task.isCancelled {
                        try await writer.write(.body(.init(string: " ")))
                        try await Task.sleep(for: .milliseconds(10))
                    }
                }
                defer { dripping.cancel() }
                return try await TestClient.response(&parts)
            }
            #expect(response.status == 408)
        }
    }

    @Test(arguments: Wire.cleartext)
    func aStreamOfLinesThatFallsSilentIsAnswered408WithWhatIsDurable(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.idleSeconds = 0.5
        } _: { service in
            let response = try await insisting {
                try await service.client(wire).exchange("POST", "/v1/events", [("content-type", Event.lines)]) { parts, writer in
                    try await writer.write(.body(.init(string: Event.ndjson(["a", "b"]) + "{\"spec")))
                    return try await TestClient.response(&parts)
                }
            }
            let problem = try Problems.read(response)
            #expect(response.status == 408)
            #expect((problem.accepted ?? 0) + (problem.duplicates ?? 0) == 2)
        }
    }

    @Test(arguments: Wire.cleartext)
    func anIdleConnectionIsClosed(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.idleSeconds = 0.5
        } _: { service in
            try await insisting {
                let (connection, stream) = try await service.client(wire).open()
                try await stream.executeThenClose { inbound, outbound in
                    try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "localhost", path: "/healthz")))
                    try await outbound.write(.end(nil))
                    var parts = inbound.makeAsyncIterator()
                    #expect(try await TestClient.response(&parts).status == 200)
                    try await connection.closeFuture.get()
                }
            }
        }
    }

    @Test func aConnectionThatSaysNothingIsClosed() async throws {
        try await TestService.run {
            $0.limits.idleSeconds = 0.5
        } _: { service in
            let received = try await service.client(.http1).raw("")
            #expect(received == "")
        }
    }

    @Test func requestsThatWaitForTheLogAreLimited() async throws {
        try await TestService.run {
            $0.limits.requestsAwaitingLog = 3
        } _: { service in
            service.log.hold()
            let waiting = (0..<3).map { number in Task { try await service.client().post(Event.structured, Event.json("id-\(number)")) } }
            try await eventually("three wait") { service.log.heldCount == 3 }
            let refused = try await service.client().post(Event.structured, Event.json("one too many"))
            #expect(refused.status == 429)
            #expect(refused.field("retry-after") == "1")
            service.log.release()
            for task in waiting { #expect(try await task.value.status == 200) }
            #expect(try await service.client().post(Event.structured, Event.json("one too many")).status == 200)
        }
    }

    @Test func bytesThatWaitForTheLogAreLimited() async throws {
        let body = Event.batch((0..<40).map { "id-\($0)" })
        try await TestService.run {
            $0.limits.bodyBytes = body.utf8.count
            $0.limits.bytesAwaitingLog = body.utf8.count + 10
        } _: { service in
            service.log.hold()
            let first = Task { try await service.client().post(Event.batched, body) }
            try await eventually("one waits") { service.log.heldCount == 1 }
            #expect(try await service.client().post(Event.batched, body).status == 429)
            service.log.release()
            #expect(try await first.value.status == 200)
        }
    }

    @Test(arguments: Wire.cleartext)
    func bodiesBeingReceivedShareAMemoryLimit(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.bodyBytes = 10_000
            $0.limits.bodyMemoryBytes = 15_000
        } _: { service in
            let headers = [("content-type", Event.batched)]
            let status = try await service.client(wire).exchange("POST", "/v1/events", headers, length: 10_000) { _, writer in
                try await writer.write(.body(.init(bytes: Array(repeating: 0x20, count: 9_999))))
                try await eventually("the first body lies there") { try await service.server.bodyBytes() == 9_999 }
                return try await service.client(wire).send("POST", "/v1/events", headers, body: Array(repeating: 0x20, count: 9_000)).status
            }
            #expect(status == 429)
            // What a client leaves behind is given back.
            try await eventually("the room is free again") {
                try await service.client(wire).send("POST", "/v1/events", headers, body: Array(repeating: 0x20, count: 9_000)).status == 400
            }
        }
    }

    @Test func whoIsIdleLongestGivesWayToAnother() async throws {
        try await TestService.run {
            $0.limits.connections = 2
        } _: { service in
            let first = try await service.client().openConnection().0
            try await eventually("one is in") { service.server.connectionCount == 1 }
            let second = try await service.client().openConnection().0
            try await eventually("both are in") { service.server.connectionCount == 2 }
            #expect(try await service.client(.http1).get("/v1/pools").status == 200)
            try await first.closeFuture.get()
            #expect(second.isActive)
            #expect(service.server.connectionCount <= 2)
            try await second.close()
        }
    }

    @Test(arguments: Wire.cleartext)
    func connectionsAreLimitedAndHealthHasAReserve(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.connections = 2
            $0.limits.reservedConnections = 1
        } _: { service in
            service.log.hold()
            let busy = (0..<2).map { number in Task { try await service.client(wire).post(Event.structured, Event.json("id-\(number)")) } }
            try await eventually("both are busy") { service.log.heldCount == 2 }
            for path in ["/livez", "/healthz", "/readyz"] {
                // The one before may still be closing.
                let response = try await insisting { try await service.client(wire).get(path) }
                #expect(response.status == 200, "\(path): \(response.text)")
            }
            let refused = try await insisting { try await service.client(wire).get("/v1/pools") }
            #expect(refused.status == 429 && refused.text.contains("all 2 connections are taken"))
            service.log.release()
            for task in busy { #expect(try await task.value.status == 200) }
            try await eventually("there is room again") { try await service.client(wire).get("/v1/pools").status == 200 }
        }
    }

    @Test func placementsThatWaitAreLimitedAndEndWithTheirClient() async throws {
        let plane = TwinPlane()
        try await TestService.run(plane: plane) {
            $0.limits.waitingPlacements = 1
        } _: { service in
            let body = Array(#"{"actor":"a","pool":"default/agents","wait":60}"#.utf8)
            let (connection, stream) = try await service.client().open()
            try await stream.executeThenClose { _, outbound in
                try await outbound.write(
                    .head(
                        .init(
                            method: .post, scheme: "http", authority: "localhost", path: "/v1/placements",
                            headerFields: [.contentType: "application/json"])))
                try await outbound.write(.body(.init(bytes: body)))
                try await outbound.write(.end(nil))
                try await eventually("it waits") { !plane.calls.isEmpty }
                #expect(
                    try await service.client().send("POST", "/v1/placements", [("content-type", "application/json")], body: body).status
                        == 429)
                try await connection.close()
            }
            try await eventually("nobody waits any more") { plane.calls.contains("placement cancelled") }
        }
    }

    @Test func streamsOfAConnectionAreLimited() async throws {
        try await TestService.run {
            $0.limits.streamsPerConnection = 4
        } _: { service in
            let (connection, multiplexer) = try await service.client().openConnection()
            defer { connection.close(promise: nil) }
            // After a first answer the client knows the server's settings.
            let first = try await TestClient.openStream(multiplexer)
            try await first.executeThenClose { inbound, outbound in
                try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "localhost", path: "/healthz")))
                try await outbound.write(.end(nil))
                var parts = inbound.makeAsyncIterator()
                _ = try await TestClient.response(&parts)
            }
            service.log.hold()
            // The client holds the fifth stream back until one of four is done, since the server's settings say so.
            let answers = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let stream = try await TestClient.openStream(multiplexer)
                        try await stream.executeThenClose { inbound, outbound in
                            try await outbound.write(
                                .head(
                                    .init(
                                        method: .post, scheme: "http", authority: "localhost", path: "/v1/events",
                                        headerFields: [.contentType: Event.structured])))
                            try await outbound.write(.body(.init(string: Event.json("id-\(number)"))))
                            try await outbound.write(.end(nil))
                            var parts = inbound.makeAsyncIterator()
                            if try await TestClient.response(&parts).status == 200 { answers.add(1) }
                        }
                    }
                }
                try await eventually("four are in") { service.log.heldCount == 4 }
                service.log.release()
                try await group.waitForAll()
            }
            #expect(answers.value == 6)
        }
    }

    @Test(arguments: Wire.cleartext)
    func aReaderThatTakesNothingIsCutOffAndHoldsNoMemory(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.writeStallSeconds = 0.2
        } _: { service in
            for part in 0..<2 { await service.log.write(Batches.large(part)) }
            let (connection, stream) = try await service.client(wire).open()
            try await stream.executeThenClose { inbound, outbound in
                try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "localhost", path: "/v1/events?limit=10000")))
                try await outbound.write(.end(nil))
                var parts = inbound.makeAsyncIterator()
                #expect(try await TestClient.head(&parts).status == .ok)
                // Nothing more is read: the connection or the stream must end from the other side.
                try await eventually("the server lets go") { service.server.connectionCount == 0 || !stream.channel.isActive }
            }
            try? await connection.close()
        }
    }
}
