import Basics
import Testing

@testable import NATSClient

// What the reader gives and does, message by message: by the recordings, and by a consumer that loses messages.

@Suite struct PullStateTests {
    private func delivered(_ sequence: UInt64, consumer: UInt64, payload: [UInt8] = [1]) -> NATSMessage {
        NATSMessage(subject: "l.a", subscription: 1, reply: "$JS.ACK.L.c.1.\(sequence).\(consumer).1796031736274893098.2", payload: payload)
    }

    private func status(_ code: Int, _ text: String = "", _ headers: NATSHeaders = []) -> NATSMessage {
        NATSMessage(subject: "_INBOX.x", subscription: 1, headers: headers, status: NATSStatus(code, text))
    }

    @Test func recordedPulls() throws {
        for version in ["2.9.10", "2.14.0"] {
            var state = PullState(next: 4)
            state.pulled(100)
            let found = try messages(try Recording.named("consumer: pull, ack none", version).fromServer).filter { $0.reply != nil }
            let steps = found.map { state.received($0) }
            #expect(steps.compactMap(\.message?.sequence) == Array(4...8))
            #expect(steps.allSatisfy { $0.action == .none })
            #expect(steps.first?.message?.headers["Nats-Msg-Id"] == "e4" && steps.first?.message?.left == 8)
            if version == "2.14.0" { #expect(steps.first?.message?.nanoseconds == 1_796_031_736_010_841_161) }
            #expect(state.next == 9)
        }
    }

    @Test func recordedStatuses() throws {
        let found = try messages(try Recording.named("consumer: pull statuses").fromServer)
        func action(_ text: String, cameBefore: Bool = false) throws -> PullState.Step.Action {
            let message = try #require(found.first { $0.status?.description.contains(text) == true }, "\(text)")
            var state = PullState(next: 1)
            state.pulled(100)
            if cameBefore { _ = state.received(delivered(1, consumer: 1)) }
            return state.received(message).action
        }
        #expect(try action("408 Request Timeout") == .pull)
        #expect(try action("404 No Messages") == .pull)
        #expect(try action("409 Message Size Exceeds", cameBefore: true) == .pull)
        guard case .fail = try action("409 Message Size Exceeds") else {
            Issue.record("a message that never fits is asked for again and again")
            return
        }
        guard case .fail = try action("400 Bad Request") else {
            Issue.record("a bad request is sent again and again")
            return
        }
        for text in ["409 Consumer Deleted", "503", "409 Exceeded MaxWaiting"] {
            guard case .remake = try action(text) else {
                Issue.record("\(text) is taken for well")
                continue
            }
        }
    }

    @Test func aHeartbeatNamesTheLastMessage() {
        var state = PullState(next: 1)
        state.pulled(10)
        #expect(state.received(status(100, "Idle Heartbeat", [.init("Nats-Last-Consumer", "0")])).action == .none)
        _ = state.received(delivered(1, consumer: 1))
        #expect(state.received(status(100, "Idle Heartbeat", [.init("Nats-Last-Consumer", "1")])).action == .none)
        guard case .remake = state.received(status(100, "Idle Heartbeat", [.init("Nats-Last-Consumer", "2")])).action else {
            Issue.record("a lost message isn't noticed")
            return
        }
    }

    @Test func aBatchThatIsFullLeadsToTheNextPull() {
        var state = PullState(next: 7)
        state.pulled(2)
        #expect(state.received(delivered(7, consumer: 1)).action == .none)
        let step = state.received(delivered(9, consumer: 2))
        #expect(step.action == .pull && step.message?.sequence == 9)
    }

    private static let replies: [(String, UInt64?)] = [
        ("$JS.ACK.L.g8C4lV8P.1.10.1.1796031736274893098.2", 10), ("$JS.ACK.dom.hash.L.c.1.10.1.1796031736274893098.2", 10),
        ("$JS.ACK.dom.hash.L.c.1.10.1.1796031736274893098.2.token", 10), ("$JS.ACK.L.c.1.10.1.1796031736274893098", nil),
        ("$JS.ACK.L.c.1.x.1.2.3", nil), ("$JS.ACK.L.c.1.10.1.99999999999999999999.2", nil), ("", nil), ("........", nil),
        ("a.b.c.1.1.1.1.1.1", nil),
    ]
    @Test(arguments: replies) func reply(_ text: String, _ sequence: UInt64?) {
        #expect(StoredMessage.Delivery(reply: text)?.sequence == sequence)
    }

    /// A stream of 200 messages with holes, and a consumer that loses, repeats and interrupts at random: each message of the stream comes
    /// once, in order, whatever happens.
    @Test(arguments: 1...50) func anyConsumer(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let stream = (UInt64(1)...200).filter { $0 == 200 || UInt64.random(in: 0..<10, using: &random) > 0 }
        let start = UInt64.random(in: 0...50, using: &random)
        var state = PullState(next: start)
        var given: [UInt64] = []
        var rounds = 0
        consumers: while given.last != 200 {
            rounds += 1
            guard rounds < 5_000 else {
                Issue.record("it doesn't come to an end")
                return
            }
            state.remade()
            let rest = stream.filter { $0 >= state.next }
            var left = Int.random(in: 1...40, using: &random)
            state.pulled(left)
            var consumer: UInt64 = 0
            for sequence in rest {
                consumer += 1
                if UInt64.random(in: 0..<20, using: &random) == 0 { continue }
                let step = state.received(delivered(sequence, consumer: consumer))
                if let message = step.message { given.append(message.sequence) }
                if case .remake = step.action { continue consumers }
                if step.action == .pull {
                    left = Int.random(in: 1...40, using: &random)
                    state.pulled(left)
                }
            }
        }
        #expect(given == stream.filter { $0 >= start })
    }

    private static let times: [(String, Int64?)] = [
        ("2026-11-30T09:42:17.030873403Z", 1_796_031_737_030_873_403), ("2026-11-30T09:43:46.10492899Z", 1_796_031_826_104_928_990),
        ("1970-01-01T00:00:00Z", 0), ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000_000), ("2026-11-30T09:42:17", nil), ("", nil),
        ("0001-01-01T00:00:00Z", nil), ("2026-13-30T09:42:17Z", nil), ("2026-11-30T09:42:17.Z", nil),
        ("2026-11-30T09:42:17.1234567890Z", nil),
    ]
    @Test(arguments: times) func time(_ text: String, _ expected: Int64?) { #expect(StoredMessage.nanoseconds(text) == expected) }
}
