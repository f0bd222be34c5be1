// What does one link of the hash chain cover?
//
// SHA-256 over the link before and everything a commit wrote: its time, its range of positions, its new names, every column
// of every row, in one fixed order of little-endian integers and counted bytes. The writer feeds it from memory, `verify`
// from the file; whoever changes one digit in one column changes every link from there on.

import Crypto
import Domain

struct CommitHash {
    static let byteCount = 32
    private static let null = UInt32.max

    private var content: [UInt8] = []

    /// The link before the first.
    static func genesis(logID: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: Array("greenroom log 1".utf8) + logID)) }

    init(reservingBytes count: Int) { content.reserveCapacity(count) }

    mutating func begin(previous: [UInt8], at: LogTime, firstSeq: Position, lastSeq: Position, lastName: Int64) {
        content.removeAll(keepingCapacity: true)
        content.append(contentsOf: previous)
        put(at.microseconds)
        put(firstSeq)
        put(lastSeq)
        put(lastName)
    }

    mutating func add(name: UnsafeBufferPointer<UInt8>) {
        put(UInt32(name.count))
        content.append(contentsOf: name)
    }

    /// One row. `kind` and the names are as the columns hold them.
    @inline(__always)
    mutating func add(
        kind: UInt8, pool: UInt32, subject: UInt32, worker: UInt32, source: UInt32, id: StoredID, lag: Int64?, prev: Int64,
        bytes: UnsafeBufferPointer<UInt8>, body: ByteRange, extensions: ByteRange
    ) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { row in
            row.storeBytes(of: UInt32(kind) | UInt32(id.form.rawValue) << 8 | (lag == nil ? 0 : 1 << 16), toByteOffset: 0, as: UInt32.self)
            row.storeBytes(of: pool, toByteOffset: 4, as: UInt32.self)
            row.storeBytes(of: subject, toByteOffset: 8, as: UInt32.self)
            row.storeBytes(of: worker, toByteOffset: 12, as: UInt32.self)
            row.storeBytes(of: source, toByteOffset: 16, as: UInt32.self)
            row.storeBytes(of: body.isEmpty ? Self.null : body.count, toByteOffset: 20, as: UInt32.self)
            row.storeBytes(of: extensions.isEmpty ? Self.null : extensions.count, toByteOffset: 24, as: UInt32.self)
            row.storeBytes(of: id.text.count, toByteOffset: 28, as: UInt32.self)
            row.storeBytes(of: lag ?? 0, toByteOffset: 32, as: Int64.self)
            row.storeBytes(of: prev, toByteOffset: 40, as: Int64.self)
            row.storeBytes(of: id.high, toByteOffset: 48, as: UInt64.self)
            row.storeBytes(of: id.low, toByteOffset: 56, as: UInt64.self)
            content.append(contentsOf: row)
        }
        add(id.text, bytes)
        add(body, bytes)
        add(extensions, bytes)
    }

    func finish() -> [UInt8] {
        var hash = SHA256()
        content.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    @inline(__always)
    private mutating func add(_ range: ByteRange, _ bytes: UnsafeBufferPointer<UInt8>) {
        if !range.isEmpty { content.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper])) }
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { content.append(contentsOf: $0) }
    }
}
