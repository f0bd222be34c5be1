import Domain
import HTTPTestSupport
import HTTPTransport
import HTTPTypes
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import HTTPService

@Suite("Followers share one reading")
struct FanOutTests {
    /// Counts what is asked of a log.
    private final class CountedLog: EventReading {
        let log = MemoryLog()
        let reads = Counter()
        /// Times that somebody began to wait for the next event.
        let waits = Counter()
        var lastPosition: Position { get async { log.lastPosition } }
        func read(_ query: EventPageQuery) async throws -> EventPage {
            reads.add(1)
            return try await log.read(query)
        }
        func waitForEvents(after position: Position) async {
            waits.add(1)
            await log.waitForEvents(after: position)
        }

        func write(_ ids: [String], pool: String = "default/agents") async {
            var batch = EventBatch()
            for id in ids { batch.append(.actorRequested, source: "t", id: id, subject: "actor-\(id)", pool: pool, body: Array("{}".utf8)) }
            await log.write(batch)
        }
    }

    private func subject(pool: String? = nil) -> EventFanOut.Subject { .init(EventPageQuery(after: 0, limit: .max, pool: pool), .lines) }

    /// Follows from `start` until `count` events came; the positions' bytes.
    private func follow(_ fanOut: EventFanOut, _ log: CountedLog, _ subject: EventFanOut.Subject, from start: Position, _ count: Int)
        async throws -> Int
    {
        fanOut.join(subject)
        defer { fanOut.leave(subject) }
        var position = start
        var seen = 0
        while seen < count {
            switch await fanOut.next(subject, after: position) {
            case .part(let part):
                #expect(part.readTo > position)
                seen += part.events
                position = part.readTo
            case .behind:
                var query = subject.query
                query.after = position
                query.limit = 100
                let page = try await log.read(query)
                seen += page.batches.reduce(0) { $0 + $1.events.count }
                position = max(position, page.readTo)
            case .over: return seen
            }
        }
        return seen
    }

    @Test func aHundredFollowersCostOneReading() async throws {
        let log = CountedLog()
        let fanOut = EventFanOut(log: log, sliceEvents: 512)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                let asked = subject(pool: number % 2 == 0 ? "default/agents" : nil)
                group.addTask { try await follow(fanOut, log, asked, from: 0, 20) }
            }
            try await eventually("all follow") { fanOut.followerCount == 100 }
            // Each waits at the head before the first event comes: none has a reading of its own.
            try await eventually("all wait") { fanOut.waitingCount == 100 }
            // Followers of a reader that begins after an event read that one for themselves.
            try await eventually("the reader waits") { log.waits.value > 0 }
            // The next event comes once all wait again: a follower that lags behind reads for itself, which is right, but not this test's.
            for number in 0..<20 {
                try await eventually("all wait again") { fanOut.waitingCount == 100 }
                await log.write(["\(number)"])
            }
            for try await seen in group { #expect(seen == 20) }
        }
        #expect(log.reads.value <= 40)
        #expect(fanOut.followerCount == 0 && fanOut.keptBytes == 0)
    }

    @Test func whoAsksForSomethingElseIsNotWoken() async throws {
        let log = CountedLog()
        let fanOut = EventFanOut(log: log, sliceEvents: 512)
        let other = subject(pool: "default/other")
        let waiting = Task { try await follow(fanOut, log, other, from: 0, 1) }
        let all = Task { try await follow(fanOut, log, subject(), from: 0, 31) }
        try await eventually("both wait") { fanOut.waitingCount == 2 }
        let woken = fanOut.wakeCount
        for number in 0..<30 { await log.write(["\(number)"]) }
        await log.write(["of the other"], pool: "default/other")
        #expect(try await waiting.value == 1)
        #expect(try await all.value == 31)
        // One wake for the one event of interest; the other follower at most one a commit.
        #expect(fanOut.wakeCount - woken <= 32)
    }

    @Test func whoComesLateCatchesUpAndGoesOn() async throws {
        let log = CountedLog()
        let fanOut = EventFanOut(log: log, sliceEvents: 7)
        for number in 0..<50 { await log.write(["\(number)"]) }
        async let early = follow(fanOut, log, subject(), from: 20, 60)
        async let late = follow(fanOut, log, subject(), from: 3, 77)
        async let far = follow(fanOut, log, subject(), from: 70, 10)
        try await eventually("all follow") { fanOut.followerCount == 3 }
        for number in 50..<80 { await log.write(["\(number)"]) }
        #expect(try await early == 60)
        #expect(try await late == 77)
        #expect(try await far == 10)
    }

    @Test func whoIsCancelledLeaves() async throws {
        let log = CountedLog()
        let fanOut = EventFanOut(log: log, sliceEvents: 7)
        let waiting = Task { try await follow(fanOut, log, subject(), from: 0, 1) }
        try await eventually("it waits") { fanOut.waitingCount == 1 }
        waiting.cancel()
        #expect(try await waiting.value == 0)
        #expect(fanOut.followerCount == 0)
        // The next one starts a reader of its own.
        async let next = follow(fanOut, log, subject(), from: 0, 1)
        await log.write(["a"])
        #expect(try await next == 1)
    }

    @Test func manyFollowersOverHTTPSeeEverythingInOrderWhileTheServiceStaysAlive() async throws {
        try await TestService.run {
            $0.limits.streamsPerConnection = 128
        } _: { service in
            let followers = 60
            let events = 200
            try await withThrowingTaskGroup(of: [Int].self) { group in
                for number in 0..<followers {
                    group.addTask {
                        let query = number % 2 == 0 ? "&pool=default%2Fagents" : "&kind=actor.requested"
                        return try await service.client(number % 3 == 0 ? .http1 : .http2).exchange("GET", "/v1/events?follow=true\(query)")
                        { parts, writer in
                            try await writer.write(.end(nil))
                            _ = try await TestClient.head(&parts)
                            var lines = FollowTests.Lines(parts: parts)
                            var seen: [Int] = []
                            while seen.count < events, let line = try await lines.next() {
                                guard let start = line.range(of: "{\"seq\":"), let end = line.range(of: ",") else { continue }
                                seen.append(Int(line[start.upperBound..<end.lowerBound]) ?? -1)
                            }
                            return seen
                        }
                    }
                }
                try await eventually("all follow") { try await service.server.living().answers == followers }
                for number in 0..<events {
                    _ = try await service.client().post(Event.structured, Event.json("id-\(number)"))
                    if number % 50 == 0 { #expect(try await service.client(.http1).get("/livez").status == 200) }
                }
                for try await seen in group { #expect(seen == Array(1...events)) }
            }
            try await eventually("nothing is left") { try await service.server.living() == TransportServer.Living() }
        }
    }
}
