import NIOPosix
import Testing

@testable import NATSClient

// Which server is next, how long the pause is, and what a reader's mailbox holds.

@Suite struct PoolTests {
    private func addresses(_ texts: String...) -> [NATSAddress] { texts.compactMap { try? NATSAddress($0) } }

    private func round(_ pool: inout ServerPool, leaving: NATSAddress? = nil) -> [String] {
        pool.beginRound(leaving: leaving)
        var found: [String] = []
        while let next = pool.next() { found.append("\(next)") }
        return found
    }

    @Test func aRoundTriesEachServerOnce() {
        var pool = ServerPool(addresses("a", "b"), seed: 1)
        #expect(pool.next() == nil)
        pool.learn(["10.0.0.1:4222", "a:4222", "10.0.0.1:4222", "nonsense:x", "b:5"], from: addresses("a")[0])
        let known: Set = ["a:4222", "b:4222", "10.0.0.1:4222", "b:5"]
        var orders: Set<[String]> = []
        for _ in 0..<50 {
            let order = round(&pool)
            #expect(order.count == 4 && Set(order) == known)
            orders.insert(order)
        }
        #expect(orders.count > 5)
        for _ in 0..<20 { #expect(round(&pool, leaving: addresses("b:5")[0]).last == "b:5") }
        // What is told later replaces what was told; what was configured stays.
        pool.learn([], from: addresses("a")[0])
        #expect(Set(round(&pool)) == ["a:4222", "b:4222"])
    }

    @Test func learnedServersKeepTheNameAndTheTLSOfTheirTeller() throws {
        var pool = ServerPool([try NATSAddress("tls://nats.example.com")], seed: 1)
        pool.learn(["10.0.0.1:4222", "other.example.com:4222"], from: try NATSAddress("tls://nats.example.com"))
        let learned = pool.all.dropFirst()
        #expect(learned.map(\.tlsName) == ["nats.example.com", nil])
        #expect(learned.filter(\.requiresTLS).count == 2)
    }

    @Test func pausesAreSpreadOverABoundThatDoubles() {
        var bounds: [Duration] = Array(repeating: .zero, count: 6)
        var least: [Duration] = Array(repeating: .seconds(9), count: 6)
        for seed in UInt64(0)..<400 {
            var jitter = FullJitter(first: .milliseconds(100), longest: .seconds(1), seed: seed)
            for step in 0..<6 {
                let pause = jitter.next()
                bounds[step] = max(bounds[step], pause)
                least[step] = min(least[step], pause)
            }
        }
        for (step, bound) in [100, 200, 400, 800, 1_000, 1_000].enumerated() {
            #expect(bounds[step] <= .milliseconds(bound) && bounds[step] > .milliseconds(bound * 9 / 10))
            #expect(least[step] < .milliseconds(bound / 10))
        }
    }

    private func message(_ bytes: Int) -> Mailbox.Item { .message(NATSMessage(subject: "s", payload: [UInt8](repeating: 1, count: bytes))) }

    private func text(_ taken: Mailbox.Taken?) -> String {
        switch taken {
        case .item(.message(let message)): "\(message.payload.count)"
        case .item(.interrupted): "interrupted"
        case .nothingInTime: "nothing"
        case .ended(let error): "\(error)"
        case nil: "nil"
        }
    }

    @Test func aMailboxIsBoundedAndSaysSo() async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let few = Mailbox(messagesMost: 2, bytesMost: 1 << 20, on: loop)
        #expect(few.put(message(1)) && few.put(message(2)))
        #expect(!few.put(message(3)) && !few.put(message(4)))
        #expect(text(await few.take(within: nil)) == "1")
        #expect(text(await few.take(within: nil)) == "2")
        #expect(text(await few.take(within: nil)) == "\(NATSError.slowReader(limit: 2))")
        let small = Mailbox(messagesMost: 100, bytesMost: 1_000, on: loop)
        // One that is larger than the bound is taken alone: its size was bounded when it was read.
        #expect(small.put(message(2_000)) && !small.put(message(1)))
        let freed = Mailbox(messagesMost: 100, bytesMost: 1_000, on: loop)
        for _ in 0..<10 {
            #expect(freed.put(message(500)))
            #expect(text(freed.takeNow()) == "500")
        }
    }

    @Test func aReaderWaitsUntilSomethingComes() async {
        let mailbox = Mailbox(messagesMost: 2, bytesMost: 1 << 20, on: MultiThreadedEventLoopGroup.singleton.next())
        #expect(text(await mailbox.take(within: .milliseconds(5))) == "nothing")
        // Its time may be over before it waits.
        for _ in 0..<200 { #expect(text(await mailbox.take(within: .zero)) == "nothing") }
        async let waiting = mailbox.take(within: .seconds(30))
        #expect(mailbox.put(message(7)))
        #expect(text(await waiting) == "7")
        let reader = Task { await mailbox.take(within: nil) }
        reader.cancel()
        #expect(text(await reader.value) == "\(NATSError.cancelled)")
        async let ended = mailbox.take(within: nil)
        mailbox.end(.closed)
        #expect(text(await ended) == "\(NATSError.closed)")
    }
}
