import Basics
import NIOCore
import Testing

@testable import NATSClient

// The frames of what was recorded, however it is cut; and what is refused.

@Suite struct ParserTests {
    @Test func everyRecordingIsReadTheSameHoweverItIsCut() throws {
        #expect(Recording.all.count > 150)
        var count = 0
        for recording in Recording.all {
            let bytes = recording.fromServer
            let whole = try frames(bytes, piece: .max)
            count += whole.count
            for piece in [1, 7, 997] {
                #expect(try frames(bytes, piece: piece) == whole, "\(recording.scenario), \(recording.version), pieces of \(piece)")
            }
        }
        #expect(count > 700)
    }

    @Test func recordingsOneBehindTheOtherAreOneStream() throws {
        var apart: [NATSParser.Frame] = []
        for recording in Recording.all { apart += try frames(recording.fromServer, piece: .max) }
        #expect(try frames(Recording.all.flatMap(\.fromServer), piece: 997) == apart)
    }

    private static let table: [(String, NATSParser.Frame)] = [
        ("PING\r\n", .ping), ("ping\n", .ping), ("PONG\r\n", .pong), ("+OK\r\n", .ok),
        ("-ERR 'Unknown Protocol Operation'\r\n", .error("Unknown Protocol Operation")),
        ("-ERR  'Stale Connection'  \r\n", .error("Stale Connection")),
        ("MSG a.b 1 5\r\nhello\r\n", .message(NATSMessage(subject: "a.b", subscription: 1, payload: Array("hello".utf8)))),
        // 2.9 leaves two blanks where a reply subject is empty.
        ("MSG _INBOX.x 5  2\r\nok\r\n", .message(NATSMessage(subject: "_INBOX.x", subscription: 5, payload: Array("ok".utf8)))),
        ("msg\ta.b   1\tr.x 0\r\n\r\n", .message(NATSMessage(subject: "a.b", subscription: 1, reply: "r.x"))),
        (
            "HMSG a 1 23 28\r\nNATS/1.0\r\nA: b\r\nC:d\r\n\r\nhello\r\n",
            .message(NATSMessage(subject: "a", subscription: 1, headers: [.init("A", "b"), .init("C", "d")], payload: Array("hello".utf8)))
        ),
        (
            "HMSG x 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
            .message(NATSMessage(subject: "x", subscription: 1, status: NATSStatus(503)))
        ),
        (
            "HMSG x 500 76 76\r\nNATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 3\r\nNats-Last-Stream: 12\r\n\r\n\r\n",
            .message(
                NATSMessage(
                    subject: "x", subscription: 500, headers: [.init("Nats-Last-Consumer", "3"), .init("Nats-Last-Stream", "12")],
                    status: NATSStatus(100, "Idle Heartbeat")))
        ),
    ]

    @Test(arguments: table) func frame(_ text: String, _ expected: NATSParser.Frame) throws {
        for piece in [1, 2, 5, 1_000] { #expect(try frames(Array(text.utf8), piece: piece) == [expected]) }
    }

    @Test func headersThatAreNoneAreNoFault() throws {
        let message = try #require(try messages(Array("HMSG a 1 9 10\r\ngarbage\r\nx\r\n".utf8)).first)
        #expect(message.headers.isMalformed && message.headers.isEmpty && message.payload == [120])
    }

    private static let faults = [
        "FOO bar\r\n", "MSG a 1\r\n", "MSG a 1 r x 5\r\n", "MSG a x 5\r\n", "MSG a 1 -5\r\n", "MSG a 1 99999999999999999999\r\n",
        "HMSG a 1 9 5\r\n", "MSG a 1 2\r\nabcd\r\n", "INFO {\r\n", "INFO []\r\n", "INFO {\"max_payload\":\"x\"}\r\n", "\r\n",
        "MSG a 1 2000\r\n",
        String(repeating: "x", count: 300), "INFO " + String(repeating: "x", count: 300) + "\r\n",
    ]

    @Test(arguments: faults) func fault(_ text: String) throws {
        var limits = NATSParser.Limits()
        limits.lineBytes = 200
        limits.messageBytes = 1_000
        for piece in [1, 7, 10_000] {
            #expect(throws: NATSProtocolFault.self) { try frames(Array((text + "PING\r\n").utf8), piece: piece, limits: limits) }
        }
    }

    @Test func afterAFaultNothingIsRead() throws {
        var parser = NATSParser()
        parser.append(ByteBuffer(string: "FOO\r\nPING\r\n"))
        #expect(throws: NATSProtocolFault.self) { try parser.next() }
        parser.append(ByteBuffer(string: "PING\r\n"))
        #expect(throws: NATSProtocolFault.self) { try parser.next() }
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<200 {
            var out = ByteBuffer()
            let payload = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let fields = (0..<Int.random(in: 0...4, using: &random)).map { NATSHeaders.Field("Name-\($0)", "value \($0)") }
            let reply = Bool.random(using: &random) ? "_INBOX.abc.7" : nil
            NATSWriter.publish("a.b", reply: reply, head: NATSHeaders(fields).encoded, payload: payload, into: &out)
            #expect(out.readableBytes <= NATSWriter.bytes("a.b", reply: reply, head: NATSHeaders(fields).encoded, payload: payload))
            // A server sends the same with MSG for PUB and the subscription's number behind the subject.
            let text = Array(out.readableBytesView)
            let verb = fields.isEmpty ? "PUB a.b" : "HPUB a.b"
            let delivered = Array((fields.isEmpty ? "MSG a.b 9" : "HMSG a.b 9").utf8) + text.dropFirst(verb.utf8.count)
            #expect(
                try messages(delivered) == [
                    NATSMessage(subject: "a.b", subscription: 9, reply: reply, headers: NATSHeaders(fields), payload: payload)
                ])
        }
    }
}
