import Foundation
import Machine
import NATSServers
import Testing
import TestSupport

@testable import NATSClient

// A thread that waits: it sends many, waits for each, and takes what has arrived.

@Suite(.serialized) struct WaitingTests {
    @Test(.timeLimit(.minutes(2)))
    func aThreadAppendsAndReads() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let js = JetStream(client)
                _ = try await js.createStream(StreamConfiguration(name: "L", subjects: ["l"]))
                let arrivals = Locked(0)
                // Room for ten at a time: the rest waits at the server.
                let tail = StreamTail(js, stream: "L", from: 1, messagesMost: 10) { arrivals.withValue { $0 += 1 } }
                tail.start()
                let outcomes = await onThread { () -> [PublishOutcome] in
                    let tickets = (UInt64(0)..<200).map { js.send(StreamPublish(subject: "l", payload: [UInt8($0)], expectedLast: $0)) }
                    return tickets.map { $0.wait() }
                }
                #expect(outcomes == (UInt64(1)...200).map { .stored(sequence: $0) })
                let last = await onThread {
                    Result { () throws(JetStreamError) in try js.waiting { js throws(JetStreamError) in try await js.message("L", at: 200) }
                    }
                }
                #expect(try last.get()?.payload == [199])

                try await eventually("ten have arrived") { arrivals.value == 10 }
                var found: [StoredMessage] = []
                try await eventually("all are taken") {
                    found += try tail.take(atMost: 7)
                    #expect(arrivals.value <= found.count + 10)
                    return found.count >= 200
                }
                #expect(found.map(\.sequence) == Array(1...200))
                #expect(try tail.take(atMost: 7).isEmpty)

                // Deleted: who reads ahead is told.
                try await js.deleteStream("L")
                var failure: JetStreamError?
                try await eventually("it is told") {
                    do { _ = try tail.take(atMost: 7) } catch { failure = error as? JetStreamError }
                    return failure != nil
                }
                #expect(failure == .noStream("L"))
                await tail.stop()
            }
        }
    }

    @Test("a tail that is full is stopped all the same", .timeLimit(.minutes(2)))
    func stopped() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let js = JetStream(client)
                _ = try await js.createStream(StreamConfiguration(name: "L", subjects: ["l"]))
                for _ in 0..<5 { _ = await js.publish(StreamPublish(subject: "l", payload: [1])) }
                let arrivals = Locked(0)
                let tail = StreamTail(js, stream: "L", from: 1, messagesMost: 2) { arrivals.withValue { $0 += 1 } }
                tail.start()
                try await eventually("it is full") { arrivals.value == 2 }
                await tail.stop()
                #expect(try tail.take(atMost: 10).count >= 2)
            }
        }
    }

    private func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: work()) }
        }
    }
}
