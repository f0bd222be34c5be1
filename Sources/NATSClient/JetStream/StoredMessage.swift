import Basics
import Foundation

// What is stored in the stream at this sequence?

package struct StoredMessage: Hashable, Sendable {
    package var sequence: UInt64
    package var subject: String
    package var headers: NATSHeaders
    package var payload: [UInt8]
    /// When the leader of the moment took it, since 1970. It isn't an order: nothing promises that it never goes back.
    package var nanoseconds: Int64
    /// How many messages the reader still has before it, where it was delivered.
    package var left: UInt64?

    package init(
        sequence: UInt64, subject: String, headers: NATSHeaders = [], payload: [UInt8], nanoseconds: Int64 = 0, left: UInt64? = nil
    ) {
        self.sequence = sequence
        self.subject = subject
        self.headers = headers
        self.payload = payload
        self.nanoseconds = nanoseconds
        self.left = left
    }

    /// What a message that was delivered says of itself in its reply subject:
    /// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<ns>.<left>`; with a domain there are two tokens
    /// more behind `ACK`, and perhaps one at the end.
    struct Delivery: Hashable {
        var stream: String
        var consumer: String
        var sequence: UInt64
        var consumerSequence: UInt64
        var nanoseconds: Int64
        var left: UInt64

        init?(reply: String) {
            let tokens = reply.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Substring($0) }
            guard tokens.count >= 9, tokens[0] == "$JS", tokens[1] == "ACK" else { return nil }
            let at = tokens.count == 9 ? 2 : 4
            guard tokens.count == 9 || tokens.count == 11 || tokens.count == 12 else { return nil }
            guard let sequence = UInt64(tokens[at + 3]), let consumerSequence = UInt64(tokens[at + 4]), let time = Int64(tokens[at + 5]),
                let left = UInt64(tokens[at + 6])
            else { return nil }
            stream = String(tokens[at])
            consumer = String(tokens[at + 1])
            self.sequence = sequence
            self.consumerSequence = consumerSequence
            nanoseconds = time
            self.left = left
        }
    }

    init(_ message: NATSMessage, _ delivery: Delivery) {
        self.init(
            sequence: delivery.sequence, subject: message.subject, headers: message.headers, payload: message.payload,
            nanoseconds: delivery.nanoseconds, left: delivery.left)
    }

    /// As `STREAM.MSG.GET` answers it.
    struct Wire: Decodable {
        var subject: String
        var seq: UInt64
        var hdrs: String?
        var data: String?
        var time: String?
    }

    init?(_ wire: Wire) {
        guard let payload = Self.bytes(wire.data), let head = Self.bytes(wire.hdrs) else { return nil }
        self.init(
            sequence: wire.seq, subject: wire.subject, headers: head.isEmpty ? [] : NATSHeaders.read(head).headers, payload: payload,
            nanoseconds: wire.time.flatMap(Self.nanoseconds) ?? 0)
    }

    private static func bytes(_ text: String?) -> [UInt8]? {
        guard var text else { return [] }
        return text.withUTF8 { Base64.decode($0) }
    }

    /// RFC 3339 in UTC with up to nine digits of a second, as the server writes times.
    static func nanoseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard (20...30).contains(bytes.count), bytes.last == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            bytes[range].reduce(Int64?(0)) { value, byte in
                guard let value, (48...57).contains(byte) else { return nil }
                return value * 10 + Int64(byte - 48)
            }
        }
        for (index, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] where bytes[index] != mark.utf8.first { return nil }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month), (1...31).contains(day), hour < 24,
            minute < 60, second < 60, (1_678...2_261).contains(year)
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), bytes.count > 21, let digits = number(20..<bytes.count - 1) else { return nil }
            fraction = (bytes.count - 21..<9).reduce(digits) { value, _ in value * 10 }
        }
        // Days since 1970 by the calendar whose year begins in March.
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let ofEra = y - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        return ((days * 24 + hour) * 60 + minute) * 60 * 1_000_000_000 + second * 1_000_000_000 + fraction
    }
}
