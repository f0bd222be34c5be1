import HTTPTestSupport
import HTTPTransport
import NIOCore
import TestSupport
import Testing

@Suite("Limits hold, on any port")
struct LimitTests {
    // MARK: - Time

    @Test(arguments: Port.allCases)
    func aHeaderThatStopsHalfWayIsAnswered408(_ port: Port) async throws {
        try await port.run {
            $0.requestSeconds = 0.2
        } _: { running in
            let received = try await running.http1.raw("GET \(port.small) HTTP/1.1\r\nhost: localhost\r\n")
            #expect(received.hasPrefix("HTTP/1.1 408 "), "\(received)")
        }
    }

    @Test(arguments: Port.allCases)
    func aBodyThatStopsHalfWayIsAnswered408(_ port: Port) async throws {
        try await port.run {
            $0.requestSeconds = 0.2
        } _: { running in
            for wire in port.wires {
                let response = try await running.client(wire).exchange("GET", port.small, length: 1_000) { parts, writer in
                    try await writer.write(.body(.init(string: "{")))
                    return try await TestClient.response(&parts)
                }
                #expect(response.status == 408, "\(wire)")
            }
        }
    }

    @Test(arguments: Port.allCases)
    func aBodyThatDripsForEverIsAnswered408(_ port: Port) async throws {
        try await port.run {
            $0.requestSeconds = 0.3
        } _: { running in
            for wire in port.wires {
                let response = try await running.client(wire).exchange("GET", port.small, length: 10_000) { parts, writer in
                    let dripping = Task {
                        while !Task.isCancelled {
                            try await writer.write(.body(.init(string: " ")))
                            try await Task.sleep(for: .milliseconds(10))
                        }
                    }
                    defer { dripping.cancel() }
                    return try await TestClient.response(&parts)
                }
                #expect(response.status == 408, "\(wire)")
            }
        }
    }

    @Test(arguments: Port.allCases)
    func aConnectionThatSaysNothingIsClosed(_ port: Port) async throws {
        try await port.run {
            $0.idleSeconds = 0.3
        } _: { running in
            #expect(try await running.http1.raw("") == "")
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func aConnectionBecomesIdleAfterItsLastRequest(_ port: Port) async throws {
        try await port.run {
            $0.idleSeconds = 3
        } _: { running in
            for wire in port.wires {
                let (connection, stream) = try await running.client(wire).open()
                try await stream.executeThenClose { inbound, outbound in
                    try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "localhost", path: port.small)))
                    try await outbound.write(.end(nil))
                    var parts = inbound.makeAsyncIterator()
                    #expect(try await TestClient.response(&parts).status == 200)
                    try await connection.closeFuture.get()
                }
            }
        }
    }

    // MARK: - Size

    @Test(arguments: Port.allCases)
    func aBodyThatIsTooLargeIsAnswered413(_ port: Port) async throws {
        try await port.run {
            $0.bodyBytes = 10_000
        } _: { running in
            for wire in port.wires {
                let announced = try await running.client(wire).send("GET", port.small, body: Array(repeating: 0x20, count: 20_000))
                #expect(announced.status == 413, "\(wire)")
                let fits = try await running.client(wire).send("GET", port.small, body: Array(repeating: 0x20, count: 10_000))
                #expect(fits.status == 200, "\(wire)")
            }
            // One that doesn't say how long it is.
            let response = try await running.http2.exchange("GET", port.small) { parts, writer in
                for _ in 0..<3 { try? await writer.write(.body(.init(repeating: 0x20, count: 5_000))) }
                try? await writer.write(.end(nil))
                return try await TestClient.response(&parts)
            }
            #expect(response.status == 413)
        }
    }

    @Test(arguments: Port.allCases)
    func aHeaderThatIsTooLargeIsAnswered431(_ port: Port) async throws {
        try await port.run { running in
            let many = (0..<120).map { ("x-number-\($0)", "1") }
            let large = [("x-large", String(repeating: "x", count: 17 << 10))]
            for fields in [many, large] {
                let lines = fields.map { "\($0.0): \($0.1)\r\n" }.joined()
                let received = try await running.http1.raw("GET \(port.small) HTTP/1.1\r\nhost: localhost\r\n\(lines)\r\n")
                #expect(received.hasPrefix("HTTP/1.1 431 ") && received.lowercased().contains("connection: close"), "\(received)")
                // In the first request, before the server's settings are known.
                #expect(
                    try await RawHTTP2.firstStatus(port: running.number, isSecure: port.isSecure, path: port.small, fields: fields) == 431)
            }
        }
    }

    @Test(arguments: Port.allCases)
    func whatCanNotBeMetIsNotExpected(_ port: Port) async throws {
        try await port.run { running in
            let head = "GET \(port.small) HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nexpect: "
            let met = try await running.http1.raw(head + "100-continue\r\n\r\n{}", until: "HTTP/1.1 200 ")
            #expect(met.hasPrefix("HTTP/1.1 100 ") && met.contains("HTTP/1.1 200 "), "\(met)")
            let unmet = try await running.http1.raw(head + "tea\r\n\r\n{}")
            #expect(unmet.hasPrefix(port == .externalMetrics ? "HTTP/1.1 400 " : "HTTP/1.1 417 "), "\(unmet)")
        }
    }

    // MARK: - The end

    @Test(arguments: Port.allCases)
    func idleConnectionsDoNotHoldAStopUp(_ port: Port) async throws {
        try await port.run {
            $0.drainSeconds = 60
        } _: { running in
            let (connection, multiplexer) = try await running.http2.openConnection()
            _ = multiplexer
            let (second, stream) = try await running.http1.open()
            try await stream.executeThenClose { inbound, outbound in
                try await outbound.write(.head(.init(method: .get, scheme: "http", authority: "localhost", path: port.small)))
                try await outbound.write(.end(nil))
                var parts = inbound.makeAsyncIterator()
                _ = try await TestClient.response(&parts)
                let began = ContinuousClock.now
                await running.stop()
                #expect(ContinuousClock.now - began < .seconds(30))
            }
            try await connection.closeFuture.get()
            try await second.closeFuture.get()
        }
    }

    @Test(arguments: Port.allCases)
    func aRequestThatStandsHalfWayDoesNotHoldAStopUp(_ port: Port) async throws {
        try await port.run {
            $0.drainSeconds = 60
            $0.lingerSeconds = 0.1
        } _: { running in
            for wire in port.wires where !wire.isHTTP2 {
                let response = Task {
                    try await running.client(wire).raw("GET \(port.small) HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000\r\n\r\n{")
                }
                try await eventually("it is there") { running.connectionCount() == 1 }
                let began = ContinuousClock.now
                await running.stop()
                #expect(ContinuousClock.now - began < .seconds(30))
                let received = try await response.value
                // It may not have been heard of yet, as only its connection was.
                #expect(received.isEmpty || received.hasPrefix("HTTP/1.1 503 "), "\(received)")
            }
        }
    }
}
