// How is an event's id kept?
//
// Producers send decimal numbers and UUIDs far more often than anything else. A canonical decimal below 2^63 is stored as
// an INTEGER, a canonical lower-case UUID as a 16-byte BLOB, everything else as TEXT. The three can't be confused, and each
// gives back exactly the text that came in: "007" and an upper-case UUID stay TEXT.

import Basics
import Domain

struct StoredID {
    enum Form: UInt8 { case integer = 0, uuid = 1, text = 2 }

    var form: Form
    /// A UUID's first eight bytes, big-endian.
    var high: UInt64 = 0
    /// The number, or a UUID's last eight bytes, big-endian.
    var low: UInt64 = 0
    /// Where the text lies; empty for the other forms.
    var text = ByteRange.empty

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange) {
        let content = UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper])
        if content.count == 36, let (high, low) = Self.uuid(content) {
            form = .uuid
            self.high = high
            self.low = low
        } else if content.count <= 19, let number = Self.decimal(content) {
            form = .integer
            low = number
        } else {
            form = .text
            text = range
        }
    }

    init(integer: Int64) { form = .integer; low = UInt64(bitPattern: integer) }
    init(high: UInt64, low: UInt64) { form = .uuid; self.high = high; self.low = low }
    init(text: ByteRange) { form = .text; self.text = text }

    var integer: Int64 { Int64(bitPattern: low) }

    /// The id as the producer wrote it. `bytes` holds the text of a text id.
    func appendText(from bytes: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
        switch form {
        case .integer: out.append(contentsOf: String(integer).utf8)
        case .uuid: Self.appendUUID(high, low, to: &out)
        case .text: out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[text.lower..<text.upper]))
        }
    }

    /// Sixty-four bits that are the same for the same source and id. `key` differs from log to log, so that nobody can
    /// prepare ids which collide.
    @inline(__always)
    func hash(source: NameID, key: UInt64, _ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        let seed = ByteHash.mix(key &+ UInt64(source.rawValue) &* 0x9E37_79B9_7F4A_7C15)
        let hash: UInt64
        switch form {
        case .integer: hash = ByteHash.mix(low ^ seed)
        case .uuid: hash = ByteHash.mix(ByteHash.mix(high ^ seed) ^ low)
        case .text: hash = ByteHash.of(UnsafeBufferPointer(rebasing: bytes[text.lower..<text.upper]), seed: seed)
        }
        return min(hash, DedupeEntry.highestHash)
    }

    @inline(__always)
    func equals(_ other: StoredID, _ bytes: UnsafeBufferPointer<UInt8>, _ otherBytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard form == other.form, high == other.high, low == other.low, text.count == other.text.count else { return false }
        guard form == .text else { return true }
        return bytes[text.lower..<text.upper].elementsEqual(otherBytes[other.text.lower..<other.text.upper])
    }

    // MARK: - Forms

    private static func decimal(_ content: UnsafeBufferPointer<UInt8>) -> UInt64? {
        guard let first = content.first, first != UInt8(ascii: "0") || content.count == 1 else { return nil }
        var value: UInt64 = 0
        for byte in content {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        // Nineteen digits stay below 10^19, which is below 2^64: nothing wrapped.
        return value <= UInt64(Int64.max) ? value : nil
    }

    private static func uuid(_ content: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64)? {
        let dash = UInt8(ascii: "-")
        guard content[8] == dash, content[13] == dash, content[18] == dash, content[23] == dash else { return nil }
        var bad: UInt8 = 0
        @inline(__always) func digits(_ range: Range<Int>) -> UInt64 {
            var value: UInt64 = 0
            for k in range {
                let digit = hexDigits[Int(content[k])]
                bad |= digit
                value = value << 4 | UInt64(digit & 15)
            }
            return value
        }
        let high = digits(0..<8) << 32 | digits(9..<13) << 16 | digits(14..<18)
        let low = digits(19..<23) << 48 | digits(24..<36)
        return bad & 0x80 == 0 ? (high, low) : nil
    }

    /// The value of each lower-case hexadecimal digit; 0x80 for every other byte.
    private static let hexDigits: [UInt8] = {
        var table = [UInt8](repeating: 0x80, count: 256)
        for (value, digit) in "0123456789abcdef".utf8.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    private static func appendUUID(_ high: UInt64, _ low: UInt64, to out: inout [UInt8]) {
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 { out.append(UInt8(ascii: "-")) }
            let word = nibble < 16 ? high : low
            out.append(Hex.digit(UInt8(truncatingIfNeeded: word >> UInt64(60 - nibble % 16 * 4) & 15)))
        }
    }
}

extension RawStatement {
    /// The id in a column of the current row. A text id's bytes lie in the row; they are gone with the next step.
    @inline(__always)
    func storedID(_ column: Int32) -> (id: StoredID, text: UnsafeBufferPointer<UInt8>) {
        switch type(column) {
        case Self.integerType: return (StoredID(integer: integer(column)), UnsafeBufferPointer(start: nil, count: 0))
        case Self.blobType:
            let raw = UnsafeRawBufferPointer(bytes(column))
            guard raw.count == 16 else { return (StoredID(high: 0, low: 0), UnsafeBufferPointer(start: nil, count: 0)) }
            let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
            let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            return (StoredID(high: high, low: low), UnsafeBufferPointer(start: nil, count: 0))
        default:
            let text = bytes(column)
            return (StoredID(text: ByteRange(start: 0, count: text.count)), text)
        }
    }
}
