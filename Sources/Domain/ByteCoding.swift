// How does state become bytes and come back?
//
// A checkpoint is a run of little-endian integers and counted byte strings, written and read in one fixed order. Reading
// checks every length against what is left: damaged bytes are an error, never a trap.

package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reservingBytes count: Int = 0) { bytes.reserveCapacity(count) }

    package mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }
    package mutating func double(_ value: Double) { integer(value.bitPattern) }
    package mutating func time(_ value: LogTime) { integer(value.microseconds) }
    package mutating func count(_ value: Int) { integer(UInt32(value)) }

    package mutating func optional<Value>(_ value: Value?, _ write: (inout ByteWriter, Value) -> Void) {
        bool(value != nil)
        if let value { write(&self, value) }
    }

    package mutating func string(_ value: String) {
        count(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func data(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    package mutating func list<Element>(_ values: some Collection<Element>, _ write: (inout ByteWriter, Element) -> Void) {
        count(values.count)
        for value in values { write(&self, value) }
    }
}

/// Bytes that are not what was written.
package struct ByteFault: Error, Hashable, Sendable {
    package var offset: Int
    package var problem: String
    package init(offset: Int, problem: String) { self.offset = offset; self.problem = problem }
}

package struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    package private(set) var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package var remaining: Int { bytes.count - offset }

    package mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(ByteFault) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw ByteFault(offset: offset, problem: "ends inside a number") }
        defer { offset += size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    package mutating func bool() throws(ByteFault) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw ByteFault(offset: offset - 1, problem: "neither true nor false")
        }
    }

    package mutating func double() throws(ByteFault) -> Double { Double(bitPattern: try integer(UInt64.self)) }
    package mutating func time() throws(ByteFault) -> LogTime { LogTime(microseconds: try integer(Int64.self)) }

    /// A count of things of at least `bytesEach` bytes: refused where they can't all be there.
    package mutating func count(bytesEach: Int = 1) throws(ByteFault) -> Int {
        let value = Int(try integer(UInt32.self))
        guard value <= remaining / max(bytesEach, 1) else { throw ByteFault(offset: offset, problem: "counts more than is there") }
        return value
    }

    package mutating func optional<Value>(_ read: (inout ByteReader) throws(ByteFault) -> Value) throws(ByteFault) -> Value? {
        try bool() ? try read(&self) : nil
    }

    package mutating func string() throws(ByteFault) -> String { String(decoding: try data(), as: UTF8.self) }

    package mutating func data() throws(ByteFault) -> [UInt8] {
        let length = try count()
        defer { offset += length }
        return Array(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
    }

    package mutating func list<Element>(
        bytesEach: Int = 1, _ read: (inout ByteReader) throws(ByteFault) -> Element
    ) throws(ByteFault) -> [Element] {
        let length = try count(bytesEach: bytesEach)
        var values: [Element] = []
        values.reserveCapacity(length)
        for _ in 0..<length { values.append(try read(&self)) }
        return values
    }
}
