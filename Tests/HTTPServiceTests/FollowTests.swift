import Domain
import Foundation
import HTTPTestSupport
import NIOCore
import TestSupport
import Testing

@testable import HTTPService

@Suite("Events are read and followed")
struct FollowTests {
    /// Reads whole lines, or whole server-sent events, as they come.
    struct Lines {
        var parts: TestClient.Parts
        var separator = "\n"
        var pending = ""

        mutating func next() async throws -> String? {
            while true {
                if let end = pending.range(of: separator) {
                    let line = String(pending[..<end.lowerBound])
                    pending = String(pending[end.upperBound...])
                    return line
                }
                switch try await parts.next() {
                case .body(let bytes): pending += String(buffer: bytes)
                case .end: return nil
                default: throw TestClient.Closed()
                }
            }
        }
    }

    private func seqs(_ text: String) -> [Int] {
        text.split(separator: "\n").compactMap { line in
            struct Line: Decodable { var seq: Int }
            return try? JSONDecoder().decode(Line.self, from: Data(line.utf8)).seq
        }
    }

    private func fill(_ service: TestService) async throws {
        let client = service.client()
        _ = try await client.post(
            Event.batched,
            "[\(Event.json("a")),\(Event.json("b", actor: "actor-2")),\(Event.json("c", data: #"{"pool":"default/other"}"#))]")
        _ = try await client.post(Event.structured, Event.json("d", kind: "actor.running", data: #"{"worker":"w-1"}"#))
        _ = try await client.post(
            Event.structured, Event.json("e", actor: "w-1", kind: "worker.ready", data: #"{"pool":"default/agents","node":"n"}"#))
    }

    @Test(arguments: [
        ("", [1, 2, 3, 4, 5]), ("?after=3", [4, 5]), ("?after=5", []), ("?after=99", []), ("?limit=2", [1, 2]),
        ("?after=1&limit=2", [2, 3]),
        ("?pool=default%2Fagents", [1, 2, 5]), ("?pool=default/other", [3]), ("?subject=actor-2", [2]), ("?worker=w-1", [4, 5]),
        ("?kind=worker.ready", [5]), ("?kind=worker.ready,dev.greenroom.actor.running", [4, 5]), ("?subject=nobody", []),
        ("?after=latest", []),
        ("?subject=actor-1&kind=actor.requested", [1, 3]),
    ])
    func aListingTakesWhatItIsAskedFor(_ query: String, _ expected: [Int]) async throws {
        try await TestService.run { service in
            try await fill(service)
            for wire in Wire.cleartext {
                let response = try await service.client(wire).get("/v1/events\(query)")
                #expect(response.status == 200)
                #expect(response.field("content-type") == "application/x-ndjson")
                #expect(seqs(response.text) == expected)
            }
        }
    }

    @Test func aLineIsTheEventWithItsPositionAndTime() async throws {
        try await TestService.run { service in
            _ = try await service.client().post(Event.structured, Event.json("a", time: "2026-11-21T08:00:00+02:00"))
            let line = try await service.client().get("/v1/events").text
            #expect(line.hasPrefix(#"{"seq":1,"at":"2026-"#))
            #expect(
                line.hasSuffix(
                    #""subject":"actor-1","id":"a","time":"2026-11-21T06:00:00.000000Z","data":{"pool":"default/agents"}}"# + "\n"))
        }
    }

    @Test(arguments: Wire.cleartext)
    func followingGoesOnWithNewEventsAndResumes(_ wire: Wire) async throws {
        try await TestService.run { service in
            try await fill(service)
            let seen = try await service.client(wire).exchange("GET", "/v1/events?follow=true&after=3") { parts, writer in
                try await writer.write(.end(nil))
                #expect(try await TestClient.head(&parts).status == .ok)
                var lines = Lines(parts: parts)
                var seen: [String] = []
                while seen.count < 2, let line = try await lines.next() { seen.append(line) }
                _ = try await service.client().post(Event.structured, Event.json("f"))
                if let line = try await lines.next() { seen.append(line) }
                return seen.joined(separator: "\n")
            }
            #expect(seqs(seen) == [4, 5, 6])
            // A new stream after the break goes on right behind the last line.
            _ = try await service.client().post(Event.structured, Event.json("g"))
            let resumed = try await service.client(wire).get("/v1/events?follow=true&after=6&limit=1")
            #expect(seqs(resumed.text) == [7])
        }
    }

    @Test func serverSentEventsCarryTheirIdAndResumeByIt() async throws {
        try await TestService.run { service in
            try await fill(service)
            let headers = [("accept", "text/event-stream"), ("last-event-id", "4")]
            let event = try await service.client(.http1).exchange("GET", "/v1/events?follow=true&after=1", headers) { parts, writer in
                try await writer.write(.end(nil))
                let head = try await TestClient.head(&parts)
                #expect(head.headerFields[.contentType] == "text/event-stream")
                var events = Lines(parts: parts, separator: "\n\n")
                return try await events.next() ?? ""
            }
            #expect(event.hasPrefix("id: 5\ndata: {\"seq\":5,"))
        }
    }

    @Test(arguments: ["application/x-ndjson", "text/event-stream"])
    func anIdleStreamSaysThatItIsThere(_ type: String) async throws {
        try await TestService.run {
            $0.limits.heartbeatSeconds = 0.05
        } _: { service in
            let first = try await service.client().exchange("GET", "/v1/events?follow=true", [("accept", type)]) { parts, writer in
                try await writer.write(.end(nil))
                _ = try await TestClient.head(&parts)
                guard case .body(let bytes) = try await parts.next() else { throw TestClient.Closed() }
                return String(buffer: bytes)
            }
            #expect(first == (type == "text/event-stream" ? ": still here\n\n" : "\n"))
        }
    }

    @Test func followersAreLimitedAndTheirPlaceIsFreeAfterwards() async throws {
        try await TestService.run {
            $0.limits.followStreams = 1
        } _: { service in
            try await service.client().exchange("GET", "/v1/events?follow=true") { parts, writer in
                try await writer.write(.end(nil))
                _ = try await TestClient.head(&parts)
                #expect(try await service.client().get("/v1/events?follow=true").status == 429)
                // A listing is no follower.
                #expect(try await service.client().get("/v1/events").status == 200)
            }
            try await fill(service)
            try await eventually("the place is free") { try await service.client().get("/v1/events?follow=true&limit=1").status == 200 }
        }
    }

    @Test func aFollowerThatReadsSlowlyGetsEverything() async throws {
        try await TestService.run { service in
            await service.log.write(Batches.large(0))
            let count = try await service.client().exchange("GET", "/v1/events?follow=true&limit=100") { parts, writer in
                try await writer.write(.end(nil))
                _ = try await TestClient.head(&parts)
                var lines = 0
                while case .body(let bytes) = try await parts.next() {
                    lines += String(buffer: bytes).split(separator: "\n", omittingEmptySubsequences: false).count - 1
                }
                return lines
            }
            #expect(count == 100)
        }
    }

    @Test func aFollowerEndsWellWhenTheServerStops() async throws {
        for wire in Wire.cleartext {
            try await TestService.run { service in
                let stopped = try await service.client(wire).exchange("GET", "/v1/events?follow=true") { parts, writer in
                    try await writer.write(.end(nil))
                    _ = try await TestClient.head(&parts)
                    async let stop: Void = service.server.stop()
                    guard case .end = try await parts.next() else { return false }
                    await stop
                    return true
                }
                #expect(stopped)
            }
        }
    }
}
