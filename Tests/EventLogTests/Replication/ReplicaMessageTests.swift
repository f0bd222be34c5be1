import Basics
import Domain
import Testing

@testable import EventLog

/// What travels between instances: the same message is the same bytes, and other bytes are refused in words.
@Suite("Messages of a replicated log")
struct ReplicaMessageTests {
    static let logID = (0..<16).map { UInt8($0) }
    static let link = [UInt8](repeating: 0xAB, count: 32)

    private static func small() -> ReplicaMessage {
        let bytes = Array("turn-1{\"a\":1}42".utf8)
        var staged = StagedCommit(batch: CommittedBatch(at: LogTime(microseconds: 1_000_000), events: [], bytes: bytes), firstSeq: 300)
        staged.batch.events = [
            CommittedEvent(
                seq: 300, kind: .actorRequested, pool: NameID(2), subject: NameID(3), worker: .none, source: NameID(1),
                id: ByteRange(start: 0, count: 6), time: LogTime(microseconds: 999_999), body: ByteRange(start: 6, count: 7),
                extensions: .empty,
                previous: 0),
            CommittedEvent(
                seq: 301, kind: .actorIdle, pool: NameID(2), subject: NameID(3), worker: .none, source: NameID(1),
                id: ByteRange(start: 13, count: 2), time: nil, body: .empty, extensions: .empty, previous: 300),
        ]
        staged.ids = [StoredID(text: ByteRange(start: 0, count: 6)), StoredID(integer: 42)]
        return ReplicaMessage(
            logID: logID, previous: [UInt8](repeating: 1, count: 32),
            content: .commit(
                CommitContent(fence: 7, link: link, namesBefore: 2, newNames: [Array("s".utf8)], staged: staged)))
    }

    @Test("the bytes of version 1 stay what they are")
    func golden() throws {
        let head = "47524d01" + "01" + "000102030405060708090a0b0c0d0e0f" + String(repeating: "01", count: 32)
        let rows =
            "02" + "0256030102" + "067475726e2d31" + "02" + "077b2261223a317d"  // actor.requested: pool, lag, body; text id
            + "0624030102" + "2a" + "01"  // actor.idle: pool, distance; number
        let commit = "07" + String(repeating: "ab", count: 32) + "80897a" + "ac02" + "02" + "01" + "0173" + rows
        #expect(Hex.text(try Self.small().encoded()) == head + commit)
        let election = ReplicaMessage(
            logID: Self.logID, previous: [UInt8](repeating: 1, count: 32), content: .election(instance: "a", session: 0x0102))
        #expect(
            Hex.text(try election.encoded())
                == "47524d01" + "02" + "000102030405060708090a0b0c0d0e0f" + String(repeating: "01", count: 32) + "0000000000000102" + "0161"
        )
        let heartbeat = ReplicaMessage(logID: Self.logID, previous: [UInt8](repeating: 1, count: 32), content: .heartbeat(fence: 300))
        #expect(Hex.text(try heartbeat.encoded()).hasSuffix("ac02"))
    }

    @Test("every commit of a log comes back as it was written", arguments: [1, 2, 3] as [UInt64])
    func roundTrip(seed: UInt64) throws {
        let replicas = try Replicas()
        let log = try replicas.open("a")
        var events = RandomEvents(seed: seed)
        for _ in 0..<60 { try log.appendNow(events.batch()) }
        var commits = 0
        for sequence in 1...replicas.twin.last {
            let bytes = try #require(replicas.twin.bytes(at: sequence))
            let message = try ReplicaMessage(bytes)
            #expect(try message.encoded() == bytes)
            guard case .commit(let content) = message.content else { continue }
            commits += 1
            let read = try #require(try log.read(after: content.firstSeq - 1, limitEvents: 1).first)
            #expect(read.events.map(\.time) == content.batch.events.map(\.time))
            #expect(read.events.map { read.text($0.id) } == content.batch.events.map { content.batch.text($0.id) })
            #expect(read.events.map { read.text($0.body) } == content.batch.events.map { content.batch.text($0.body) })
        }
        #expect(commits > 40)
    }

    @Test(
        "a message that was cut off, or changed, is refused or means what its bytes say: never a trap", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let whole = try Self.small().encoded()
        for length in 0..<whole.count { #expect(throws: ReplicaMessageFault.self) { try ReplicaMessage(Array(whole[..<length])) } }
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert([0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0, at: index)
                }
            }
            guard let message = try? ReplicaMessage(bytes) else { continue }
            #expect(try message.encoded() == bytes)
        }
    }

    struct Refusal: Sendable, CustomStringConvertible {
        var description: String
        var words: String
        var change: @Sendable (inout [UInt8]) -> Void
    }

    static let refusals = [
        Refusal(description: "another program's", words: "at byte 0: not a message of a log") { $0[0] = 0x7B },
        Refusal(description: "a newer format", words: "format 2, where 1 is known: a newer version wrote it") { $0[3] = 2 },
        Refusal(description: "a newer kind of message", words: "kind of message 9: a newer version wrote it") { $0[4] = 9 },
        Refusal(description: "a newer kind of event", words: "kind of event 200: a newer version wrote it") { bytes in
            if let at = bytes.lastIndex(of: 0x24) { bytes[at - 1] = 200 }
        },
        Refusal(description: "bytes after the end", words: "there are bytes after its end") { $0.append(0) },
        Refusal(description: "more rows than it has room for", words: "it counts 127 things, more than it has room for") { bytes in
            if let at = bytes.firstIndex(of: 0x73) { bytes[at + 1] = 0x7F }
        },
        Refusal(description: "a name without a number", words: "the number of a name is 9; at most 3 is possible") { bytes in
            if let at = bytes.firstIndex(of: 0x56) { bytes[at + 1] = 9 }
        },
        Refusal(description: "a number in more bytes than it needs", words: "a number isn't in its shortest form") { bytes in
            bytes.replaceSubrange((bytes.count - 1)..., with: [0x81, 0x00])
        },
        Refusal(description: "a number that was sent as text", words: "its id isn't in its shortest form") { bytes in
            if let at = bytes.firstIndex(of: 0x74) { bytes.replaceSubrange(at..<(at + 6), with: Array("123456".utf8)) }
        },
    ]

    @Test("what isn't a message of this version is refused in words", arguments: refusals)
    func refuses(_ refusal: Refusal) throws {
        var bytes = try Self.small().encoded()
        refusal.change(&bytes)
        let fault = #expect(throws: ReplicaMessageFault.self) { try ReplicaMessage(bytes) }
        #expect(fault?.description.contains(refusal.words) == true, "\(fault?.description ?? "none")")
    }

    @Test("a message larger than the server takes is refused with both numbers")
    func tooLarge() throws {
        let bytes = try Self.small().encoded().count
        #expect(try Self.small().encoded(limit: bytes).count == bytes)
        #expect(throws: ReplicaMessageFault.tooLarge(bytes: bytes, limit: bytes - 1)) { try Self.small().encoded(limit: bytes - 1) }
    }
}
