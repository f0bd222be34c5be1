// How does state become bytes and come back?
//
// A checkpoint is a run of little-endian integers and counted byte strings, written and read in one fixed order. Reading
// checks every length against what is left: damaged bytes are an error, never a trap.

public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reservingBytes count: Int = 0) { bytes.reserveCapacity(count) }

    public mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }
    public mutating func double(_ value: Double) { integer(value.bitPattern) }
    public mutating func time(_ value: LogTime) { integer(value.microseconds) }
    public mutating func count(_ value: Int) { integer(UInt32(value)) }

    public mutating func optional<Value>(_ value: Value?, _ write: (inout ByteWriter, Value) -> Void) {
        bool(value != nil)
        if let value { write(&self, value) }
    }

    public mutating func string(_ value: String) {
        count(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    public mutating func data(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    public mutating func list<Element>(_ values: some Collection<Element>, _ write: (inout ByteWriter, Element) -> Void) {
        count(values.count)
        for value in values { write(&self, value) }
    }
}

/// Bytes that are not what was written.
public struct ByteFault: Error, Hashable, Sendable {
    public var offset: Int
    public var problem: String
    public init(offset: Int, problem: String) { self.offset = offset; self.problem = problem }
}

public struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    public private(set) var offset = 0

    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    public var remaining: Int { bytes.count - offset }

    public mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(ByteFault) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw ByteFault(offset: offset, problem: "ends inside a number") }
        defer { offset += size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    public mutating func bool() throws(ByteFault) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw ByteFault(offset: offset - 1, problem: "neither true nor false")
        }
    }

    public mutating func double() throws(ByteFault) -> Double { Double(bitPattern: try integer(UInt64.self)) }
    public mutating func time() throws(ByteFault) -> LogTime { LogTime(microseconds: try integer(Int64.self)) }

    /// A count of things of at least `bytesEach` bytes: refused where they can't all be there.
    public mutating func count(bytesEach: Int = 1) throws(ByteFault) -> Int {
        let value = Int(try integer(UInt32.self))
        guard value <= remaining / max(bytesEach, 1) else { throw ByteFault(offset: offset, problem: "counts more than is there") }
        return value
    }

    public mutating func optional<Value>(_ read: (inout ByteReader) throws(ByteFault) -> Value) throws(ByteFault) -> Value? {
        try bool() ? try read(&self) : nil
    }

    public mutating func string() throws(ByteFault) -> String { String(decoding: try data(), as: UTF8.self) }

    public mutating func data() throws(ByteFault) -> [UInt8] {
        let length = try count()
        defer { offset += length }
        return Array(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
    }

    public mutating func list<Element>(
        bytesEach: Int = 1, _ read: (inout ByteReader) throws(ByteFault) -> Element
    ) throws(ByteFault) -> [Element] {
        let length = try count(bytesEach: bytesEach)
        var values: [Element] = []
        values.reserveCapacity(length)
        for _ in 0..<length { values.append(try read(&self)) }
        return values
    }
}
