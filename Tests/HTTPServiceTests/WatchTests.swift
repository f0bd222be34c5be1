import Domain
import Foundation
import HTTPTestSupport
import NIOCore
import Synchronization
import TestSupport
import Testing
import Views

@testable import HTTPService

@Suite("What moves is told as it moves", .timeLimit(.minutes(2)))
struct WatchTests {
    struct Message {
        var id: Int64
        var topic: String
        var data: JSONValue

        var names: [String] { data["items"].array.map { ($0["name"].string ?? $0["id"].string ?? "") } }
    }

    /// Messages as they come; comments are skipped.
    struct Messages {
        var texts: FollowTests.Lines

        init(_ parts: TestClient.Parts) { texts = FollowTests.Lines(parts: parts, separator: "\n\n") }

        mutating func next() async throws -> Message? {
            while let text = try await texts.next() {
                guard !text.hasPrefix(":") else { continue }
                let lines = text.split(separator: "\n").map(String.init)
                guard lines.count == 3 else { throw TestClient.Closed() }
                return Message(
                    id: Int64(lines[0].dropFirst(4)) ?? -1, topic: String(lines[1].dropFirst(7)),
                    data: try JSONValue(parsing: String(lines[2].dropFirst(6))))
            }
            return nil
        }

        mutating func must() async throws -> Message {
            guard let message = try await next() else { throw TestClient.Closed() }
            return message
        }
    }

    private func plane() -> TwinPlane {
        TwinPlane { script in
            script.pools = ["a", "agents"].map(TwinPlane.pool)
            script.workers = [TwinPlane.worker("w-1"), TwinPlane.worker("w-2", pool: "a")]
            script.actors = [TwinPlane.actor("actor-1"), TwinPlane.actor("actor-2")]
        }
    }

    private func watch(
        _ service: TestService, _ query: String, _ headers: [(String, String)] = [], wire: Wire = .http2,
        _ body: @Sendable @escaping (inout Messages) async throws -> Void
    ) async throws {
        try await service.client(wire).exchange("GET", "/v1/watch?\(query)", headers) { parts, writer in
            try await writer.write(.end(nil))
            let head = try await TestClient.head(&parts)
            #expect(head.status == .ok && head.headerFields[.contentType] == "text/event-stream")
            var messages = Messages(parts)
            try await body(&messages)
        }
    }

    private func run(
        _ plane: TwinPlane, _ configure: (inout ServerConfiguration) -> Void = { _ in }, _ body: (TestService) async throws -> Void
    )
        async throws
    {
        try await TestService.run(
            plane: plane,
            configure: {
                $0.limits.watchSeconds = 0.01
                configure(&$0)
            }, body)
    }

    @Test(arguments: Wire.cleartext)
    func theBoardBeginsWithEverythingAndTellsWhatChanged(_ wire: Wire) async throws {
        let plane = plane()
        try await run(plane) { service in
            try await watch(service, "topics=board", wire: wire) { messages in
                let first = try await messages.must()
                #expect(first.topic == "board" && first.data["full"] == .bool(true) && first.names == ["a", "agents"])
                // What time alone changes is no change; what a commit changed is.
                plane.edit { script in
                    script.pools[0].ageSeconds = 99
                    script.pools[1].desired = 7
                    script.pools.append(TwinPlane.pool("new"))
                }
                _ = try await service.client().post(Event.structured, Event.json("x"))
                let second = try await messages.must()
                #expect(second.id == 1 && second.data["full"] == .bool(false) && second.names == ["agents", "new"])
                #expect(second.data["items"].array[0]["desired"].integer == 7)
                plane.edit { $0.pools.removeFirst() }
                _ = try await service.client().post(Event.structured, Event.json("y"))
                let third = try await messages.must()
                #expect(third.names.isEmpty && third.data["removed"].array.map(\.string) == ["default/a"])
            }
        }
    }

    @Test func onePoolIsToldWithItsWorkersAndActors() async throws {
        let plane = plane()
        try await run(plane) { service in
            try await watch(service, "topics=pool,workers,actors&pool=default/agents") { messages in
                let pool = try await messages.must()
                let workers = try await messages.must()
                #expect(pool.topic == "pool" && pool.data["pool"]["name"].string == "agents")
                #expect(workers.topic == "workers" && workers.names == ["w-1"])
                // Nothing changed but an actor.
                _ = try await service.client().post(Event.structured, Event.json("x", actor: "actor-2"))
                let actors = try await messages.must()
                #expect(actors.topic == "actors" && actors.names == ["actor-2"] && actors.data["seq"].integer == 1)
                plane.edit { $0.workers.removeFirst() }
                _ = try await service.client().post(Event.structured, Event.json("y", data: #"{"pool":"default/other"}"#))
                let gone = try await messages.must()
                #expect(gone.topic == "workers" && gone.names.isEmpty)
            }
        }
    }

    @Test func whoComesBackGetsWhatWasLoggedMeanwhile() async throws {
        try await run(plane()) { service in
            for number in 1...4 { _ = try await service.client().post(Event.structured, Event.json("\(number)")) }
            await service.log.write(Batches.decision("d"))
            try await watch(service, "topics=events,decisions&after=1", [("last-event-id", "3")]) { messages in
                let events = try await messages.must()
                #expect(events.topic == "events" && events.data["items"].array.compactMap { $0["seq"].integer } == [4, 5])
                let decisions = try await messages.must()
                #expect(
                    decisions.topic == "decisions" && decisions.data["items"].array.map { $0["to"].integer } == [5] && decisions.id == 5)
            }
        }
    }

    /// A client that fell too far behind learns that, and continues with what is new.
    @Test func whatDoesNotFitIsSaidToBeSkipped() async throws {
        try await run(plane()) { service in
            for part in 0..<6 { await service.log.write(Batches.large(part)) }
            try await watch(service, "topics=events,actors&pool=default/agents&after=0") { messages in
                let events = try await messages.must()
                let actors = try await messages.must()
                #expect(events.data["skipped"] == .bool(true) && actors.data["reset"] == .bool(true) && events.id == 600)
                _ = try await service.client().post(Event.structured, Event.json("z"))
                let next = try await messages.must()
                #expect(next.data["items"].array.map { $0["seq"].integer } == [601])
            }
        }
    }

    @Test func watchesAreLimitedInAllAndForEach() async throws {
        for (all, each, words) in [(1, 9, "watches are in flight"), (9, 1, "watches are open for this token")] {
            try await run(plane()) {
                $0.limits.watches = all
                $0.limits.watchesOfOne = each
            } _: { service in
                try await watch(service, "topics=board") { messages in
                    _ = try await messages.next()
                    let refused = try await service.client().get("/v1/watch?topics=board")
                    #expect(refused.status == 429 && refused.text.contains(words) && refused.field("retry-after") != nil, "\(refused.text)")
                }
                try await eventually("the place is free") {
                    try await service.client().exchange("GET", "/v1/watch?topics=board") { parts, writer in
                        try await writer.write(.end(nil))
                        return try await TestClient.head(&parts).status == .ok
                    }
                }
            }
        }
    }

    @Test(arguments: [
        ("topics=", "topics must be"), ("", "topics must be"), ("topics=weather", "unknown topic"), ("topics=pool", "give pool="),
        ("topics=events&after=-1", "after must be"),
    ])
    func whatCantBeWatchedSaysWhy(_ query: String, _ words: String) async throws {
        try await run(plane()) { service in
            let response = try await service.client().get("/v1/watch?\(query)")
            #expect(response.status == 400 && response.text.contains(words), "\(response.text)")
        }
    }

    @Test func aWatchEndsWellWhenTheServerStops() async throws {
        try await run(plane()) { service in
            let ended = try await service.client().exchange("GET", "/v1/watch?topics=board") { parts, writer in
                try await writer.write(.end(nil))
                _ = try await TestClient.head(&parts)
                var messages = Messages(parts)
                _ = try await messages.next()
                async let stop: Void = service.server.stop()
                let next = try await messages.next()
                await stop
                return next == nil
            }
            #expect(ended)
        }
    }

    /// Who comes later gets ages of the last look, and when that was; not those of when each pool changed.
    @Test func aLaterClientGetsTheAgesOfTheLastLook() async throws {
        let plane = plane()
        let clock = Mutex(LogTime(microseconds: 1_000_000))
        let feed = BoardFeed(plane: plane, now: { clock.withLock { $0 } })
        _ = try await feed.look(atLeast: 0)
        plane.edit { $0.pools[0].ageSeconds = 99 }
        clock.withLock { $0 = LogTime(microseconds: 60_000_000) }
        let look = try await feed.look(atLeast: 1)
        #expect(look.at == LogTime(microseconds: 60_000_000) && look.items[0].view.ageSeconds == 99 && look.items[0].changed == 1)
        try await run(plane) { service in
            try await watch(service, "topics=board") { messages in
                let first = try await messages.must()
                #expect(first.data["items"].array[0]["ageSeconds"].double == 99)
                #expect(first.data["at"].string != nil && first.data["now"].string != nil)
            }
        }
    }

    /// A hundred that watch ask the loop once.
    @Test func oneLookServesAll() async throws {
        let plane = plane()
        let feed = BoardFeed(plane: plane, now: { .zero })
        await withTaskGroup(of: UInt64.self) { group in
            for _ in 0..<100 { group.addTask { (try? await feed.look(atLeast: 0).number) ?? 0 } }
            for await number in group { #expect(number == 1) }
        }
        #expect(plane.calls.filter { $0 == "pools" }.count == 1)
    }
}
