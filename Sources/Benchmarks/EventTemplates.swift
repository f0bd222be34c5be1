package import NIOCore
import Basics
import Domain

// What does the load consist of?
//
// Lifecycle events as agents send them: an actor is requested, runs, and is suspended, in one of many pools. Each event is
// a fixed run of bytes in which a few fields are overwritten, so making one costs far less than reading it. All of it is a
// function of the event's number: sending a number again sends the same event again.

package struct EventTemplates: Sendable {
    package enum Ids: String, Sendable, CaseIterable {
        /// Decimal numbers that rise with each event of a source.
        case rising
        /// 32 hexadecimal digits without order.
        case random
    }

    private struct Template: Sendable {
        var bytes: [UInt8]
        /// Where the fields of fixed width begin.
        var source: Int
        var id: Int
        var subject: Int
        var pool: Int?
    }

    private let templates: [Template]
    private let ids: Ids
    private let pools: Int
    private let actors: Int
    private let seed: UInt64

    private static let risingBase = 1_000_000_000_000
    private static let actorDigits = 8
    private static let poolDigits = 4
    private static let sourceDigits = 3

    package init(ids: Ids, pools: Int, actors: Int, seed: UInt64) {
        self.ids = ids
        self.pools = pools
        self.actors = actors
        self.seed = seed
        let id = String(repeating: "0", count: ids == .rising ? 13 : 32)
        templates = [
            Self.template(.actorRequested, id, #"{"pool":"bench/pool-0000"}"#),
            Self.template(.actorRunning, id, #"{"worker":"bench-worker"}"#),
            Self.template(.actorSuspended, id, #"{"worker":"bench-worker"}"#),
        ]
    }

    private static func template(_ kind: EventKind, _ id: String, _ data: String) -> Template {
        let head = #"{"specversion":"1.0","type":"\#(EventKind.typePrefix)\#(kind.name)","source":"/greenroom/bench/"#
        let source = "000"
        let beforeID = #"","id":""#
        let beforeSubject = #"","subject":"bench-"#
        let subject = "00000000"
        let beforeData = #"","data":"#
        let text = head + source + beforeID + id + beforeSubject + subject + beforeData + data + "}"
        let idAt = head.utf8.count + source.utf8.count + beforeID.utf8.count
        let subjectAt = idAt + id.utf8.count + beforeSubject.utf8.count
        let dataAt = subjectAt + subject.utf8.count + beforeData.utf8.count
        let poolAt = kind == .actorRequested ? dataAt + #"{"pool":"bench/pool-"#.utf8.count : nil
        return Template(bytes: Array(text.utf8), source: head.utf8.count, id: idAt, subject: subjectAt, pool: poolAt)
    }

    /// Writes event `number` of the source `source`.
    package func write(_ number: Int, source: Int, into buffer: inout ByteBuffer) {
        let template = templates[number % templates.count]
        let start = buffer.readableBytes
        buffer.writeBytes(template.bytes)
        let actor = number / templates.count % actors
        buffer.withUnsafeMutableReadableBytes { raw in
            let event = UnsafeMutableRawBufferPointer(rebasing: raw[start...])
            Self.digits(source, Self.sourceDigits, at: template.source, event)
            Self.digits(actor, Self.actorDigits, at: template.subject, event)
            if let pool = template.pool { Self.digits(actor % pools, Self.poolDigits, at: pool, event) }
            switch ids {
            case .rising: Self.digits(Self.risingBase + number, 13, at: template.id, event)
            case .random:
                Self.hex(ByteHash.mix(seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15), at: template.id, event)
                Self.hex(ByteHash.mix(~seed &+ UInt64(number)), at: template.id + 16, event)
            }
        }
    }

    /// Within the namespace `bench`.
    static func poolName(_ pool: Int) -> String {
        let digits = String(pool)
        return "pool-" + String(repeating: "0", count: max(0, poolDigits - digits.count)) + digits
    }

    /// Bytes of one event, the largest of them.
    package var eventBytes: Int { templates.map(\.bytes.count).max() ?? 0 }

    private static func digits(_ value: Int, _ width: Int, at offset: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        var rest = value
        for k in stride(from: offset + width - 1, through: offset, by: -1) {
            bytes[k] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }

    private static func hex(_ value: UInt64, at offset: Int, _ bytes: UnsafeMutableRawBufferPointer) {
        for k in 0..<16 {
            bytes[offset + k] = Hex.digit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * k)) & 15)
        }
    }
}
