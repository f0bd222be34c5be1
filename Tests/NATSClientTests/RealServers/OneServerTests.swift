import NATSServers
import Testing
import TestSupport

@testable import NATSClient

// Against one real server, 2.14.

@Suite(.serialized) struct OneServerTests {
    @Test(.timeLimit(.minutes(2)))
    func messagesRequestsAndRefusals() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                guard case .connected(let info, _) = client.state else {
                    Issue.record("not connected")
                    return
                }
                #expect(info.version == "2.14.0")
                #expect(info.hasJetStream == true)
                // A service: it hears requests and answers them.
                let service = try client.subscribe("echo.*", queue: "echoes")
                let answering = Task {
                    while let message = try? await service.next(), let reply = message.reply {
                        try client.publish(reply, headers: message.headers, payload: message.payload)
                    }
                }
                let answer = try await client.request(
                    "echo.1", headers: [.init("A", "b"), .init("A", "c")], payload: Array("hello".utf8), timeout: .seconds(5))
                #expect(answer.payload == Array("hello".utf8))
                #expect(answer.headers.fields == [.init("A", "b"), .init("A", "c")])
                service.cancel()
                await _ = answering.result
                await #expect(throws: NATSError.noResponders(subject: "nobody.home")) {
                    try await client.request("nobody.home", timeout: .seconds(5))
                }
                let silent = try client.subscribe("silent")
                await #expect(throws: NATSError.timeout(.milliseconds(50))) {
                    try await client.request("silent", timeout: .milliseconds(50))
                }
                #expect(try await silent.next().subject == "silent")
                #expect(client.load.requests == 0)
                await #expect(throws: NATSError.payloadTooLarge(bytes: (1 << 20) + 1, most: 1 << 20)) {
                    try await client.request("silent", payload: [UInt8](repeating: 1, count: (1 << 20) + 1), timeout: .seconds(1))
                }
                #expect(throws: NATSError.self) { try client.publish("a b") }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func streamsArePublishedToAndRead() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let js = JetStream(client)
                #expect(try await js.account().apiLevel == 4)
                var wanted = StreamConfiguration(name: "L", subjects: ["l.>"])
                wanted.replicas = 1
                wanted.storage = .file
                wanted.duplicateWindow = 120_000_000_000
                wanted.deniesDelete = true
                let info = try await js.createStream(wanted)
                #expect(try await js.createStream(wanted).created == info.created)
                var other = wanted
                other.duplicateWindow = 60_000_000_000
                await #expect(throws: JetStreamError.self) { try await js.createStream(other) }
                #expect(try await js.updateStream(other).configuration.duplicateWindow == 60_000_000_000)

                // Twenty at once, each expecting the one before.
                let outcomes = await withTaskGroup(of: (UInt64, PublishOutcome).self) { group in
                    for number in UInt64(0)..<20 {
                        let (stream, continuation) = AsyncStream.makeStream(of: PublishOutcome.self)
                        js.publish(
                            StreamPublish(
                                subject: "l.a", payload: Array("m\(number)".utf8), stream: "L", id: "id-\(number)", expectedLast: number),
                            timeout: .seconds(5)
                        ) {
                            continuation.yield($0)
                            continuation.finish()
                        }
                        group.addTask {
                            for await outcome in stream { return (number, outcome) }
                            return (number, .inProcess)
                        }
                    }
                    var all: [UInt64: PublishOutcome] = [:]
                    for await (number, outcome) in group { all[number] = outcome }
                    return all
                }
                for number in UInt64(0)..<20 { #expect(outcomes[number] == .stored(sequence: number + 1)) }
                #expect(await js.publish(StreamPublish(subject: "l.a", payload: [], id: "id-3")) == .duplicate(sequence: 4))
                #expect(await js.publish(StreamPublish(subject: "l.a", payload: [], expectedLast: 7)) == .wrongLastSequence(actual: 20))
                // One replica says this of a retry of what is stored.
                #expect(
                    await js.publish(StreamPublish(subject: "l.a", payload: [], id: "id-3", expectedLast: 3))
                        == .wrongLastSequence(actual: 20))
                #expect(await js.publish(StreamPublish(subject: "nowhere", payload: [])) == .noResponders)
                guard case .refused(let problem) = await js.publish(StreamPublish(subject: "l.a", payload: [], stream: "M")) else {
                    Issue.record("another stream's message was taken")
                    return
                }
                #expect(problem.errorCode == 10_060)

                let stored = try #require(try await js.message("L", at: 4))
                #expect(stored.payload == Array("m3".utf8))
                #expect(stored.headers[StreamPublish.Header.id] == "id-3")
                #expect(stored.nanoseconds > 1_500_000_000_000_000_000)
                #expect(try await js.message("L", at: 99) == nil)
                #expect(try await js.lastMessage("L", subject: "l.a")?.sequence == 20)
                await #expect(throws: JetStreamError.noStream("M")) { try await js.streamInfo("M") }

                let reader = OrderedReader(js, stream: "L", from: 5)
                for sequence in UInt64(5)...20 {
                    let message = try await reader.next()
                    #expect(message.sequence == sequence)
                    #expect(message.payload == Array("m\(sequence - 1)".utf8))
                }
                // The tail is live.
                async let live = reader.next()
                #expect(await js.publish(StreamPublish(subject: "l.b", payload: [7], expectedLast: 20)) == .stored(sequence: 21))
                #expect(try await live.payload == [7])
                await reader.stop()
                await #expect(throws: JetStreamError.self) { try await reader.next() }

                #expect(try await js.purge("L", below: 12) == 11)
                let late = OrderedReader(js, stream: "L", from: 5)
                await #expect(throws: JetStreamError.purgedPast("L", next: 5, first: 12)) { try await late.next() }
                let any = OrderedReader(js, stream: "L", from: 0)
                #expect(try await any.next().sequence == 12)
                await any.stop()
            }
        }
    }

    @Test("a stream that was deleted and made again isn't read on", .timeLimit(.minutes(2)))
    func replacedStream() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let js = JetStream(client)
                let wanted = StreamConfiguration(name: "L", subjects: ["l"])
                let first = try await js.createStream(wanted)
                for _ in 0..<3 { _ = await js.publish(StreamPublish(subject: "l", payload: [1])) }
                let reader = OrderedReader(js, stream: "L", from: 1)
                for sequence in UInt64(1)...3 { #expect(try await reader.next().sequence == sequence) }
                try await js.deleteStream("L")
                let second = try await js.createStream(wanted)
                for _ in 0..<5 { _ = await js.publish(StreamPublish(subject: "l", payload: [2])) }
                await #expect(throws: JetStreamError.streamReplaced("L", was: first.created, now: second.created)) {
                    try await reader.next()
                }
                await reader.stop()
            }
        }
    }

    @Test("a server that is killed and comes back: what was under way isn't known, subscriptions go on", .timeLimit(.minutes(2)))
    func reconnects() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let subscription = try client.subscribe("news")
                let silent = try client.subscribe("silent")
                async let answer = client.request("silent", timeout: .seconds(60))
                _ = try await silent.next()
                server.kill()
                do {
                    _ = try await answer
                    Issue.record("it was answered")
                } catch let error as NATSError {
                    guard case .connectionLost = error, !error.leftNothing else {
                        Issue.record("it failed otherwise: \(error)")
                        return
                    }
                }
                do {
                    _ = try await client.request("silent", timeout: .seconds(60))
                    Issue.record("it was sent")
                } catch let error as NATSError {
                    guard case .notConnected = error, error.leftNothing else {
                        Issue.record("it failed otherwise: \(error)")
                        return
                    }
                }
                let late = try client.subscribe("late")
                try await server.start()
                try await client.waitUntilConnected(within: .seconds(20))
                for (subject, heard) in [("news", subscription), ("late", late)] {
                    try client.publish(subject, payload: [1])
                    #expect(try await heard.next().subject == subject)
                }
            }
        }
    }
}
