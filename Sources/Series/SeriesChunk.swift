import Domain
import State

// How are the buckets of a pool written down?
//
// In chunks of a fixed length of time; only buckets in which something happened are there. Each is written as what differs from the
// one before: a pool of which one figure moves takes some twenty bytes a bucket. What can't be read is an error, never a guess.

struct ChunkFault: Error, Hashable {}

struct SeriesChunk: Hashable, Sendable {
    /// Buckets of one chunk's time.
    static let buckets: Int64 = 128

    static func number(ofBucket bucket: Int64) -> Int64 { SeriesLevel.floored(bucket, by: buckets) }

    private(set) var bytes: [UInt8] = []
    private var previous = PoolSample.Counts.zero
    private var previousNumber: Int64

    init(number: Int64) { previousNumber = number.multipliedReportingOverflow(by: Self.buckets).partialValue }

    /// The next one in order.
    mutating func append(_ bucket: SeriesBucket, _ level: SeriesLevel) {
        append(UInt64(bitPattern: bucket.number &- previousNumber))
        var mask: UInt8 = 0
        for lane in 0..<8
        where bucket.last.counts[lane] != previous[lane] || bucket.low[lane] != previous[lane] || bucket.high[lane] != previous[lane] {
            mask |= 1 << UInt8(lane)
        }
        bytes.append(mask)
        for lane in 0..<8 where mask & (1 << UInt8(lane)) != 0 {
            for value in [bucket.last.counts[lane], bucket.low[lane], bucket.high[lane]] {
                appendSigned(Int64(value) - Int64(previous[lane]))
            }
        }
        let hasWaits = bucket.waitHigh != 0
        bytes.append((bucket.last.oldestRequestedAt == nil ? 0 : 1) | (hasWaits ? 2 : 0))
        if hasWaits {
            append(UInt64(bitPattern: bucket.waitLow))
            append(UInt64(bitPattern: bucket.waitHigh))
        }
        if let oldest = bucket.last.oldestRequestedAt { appendSigned(oldest.microseconds(since: level.start(of: bucket.number))) }
        bytes.append(bucket.bands.rawValue)
        bytes.append(bucket.last.bands.rawValue)
        previous = bucket.last.counts
        previousNumber = bucket.number
    }

    private mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func appendSigned(_ value: Int64) { append(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }
}

/// Reads a chunk from its beginning.
struct ChunkReader {
    private let bytes: UnsafeRawBufferPointer
    private let level: SeriesLevel
    private var place = 0
    private var previous = PoolSample.Counts.zero
    private var previousNumber: Int64

    init(_ bytes: UnsafeRawBufferPointer, number: Int64, _ level: SeriesLevel) {
        self.bytes = bytes
        self.level = level
        previousNumber = number.multipliedReportingOverflow(by: SeriesChunk.buckets).partialValue
    }

    static func all(_ bytes: [UInt8], number: Int64, _ level: SeriesLevel) throws(ChunkFault) -> [SeriesBucket] {
        let read = bytes.withUnsafeBytes { buffer -> Result<[SeriesBucket], ChunkFault> in
            var reader = ChunkReader(buffer, number: number, level)
            var buckets: [SeriesBucket] = []
            do throws(ChunkFault) {
                while let bucket = try reader.next() { buckets.append(bucket) }
            } catch { return .failure(error) }
            return .success(buckets)
        }
        return try read.get()
    }

    mutating func next() throws(ChunkFault) -> SeriesBucket? {
        guard place < bytes.count else { return nil }
        let number = previousNumber &+ Int64(bitPattern: try integer())
        let mask = try byte()
        var (last, low, high) = (previous, previous, previous)
        for lane in 0..<8 where mask & (1 << UInt8(lane)) != 0 {
            last[lane] = try count(lane)
            low[lane] = try count(lane)
            high[lane] = try count(lane)
        }
        let flags = try byte()
        var (waitLow, waitHigh): (Int64, Int64) = (0, 0)
        if flags & 2 != 0 { (waitLow, waitHigh) = (Int64(bitPattern: try integer()), Int64(bitPattern: try integer())) }
        let oldest = flags & 1 != 0 ? level.start(of: number).adding(microseconds: try signed()) : nil
        let bands = PoolBands(rawValue: try byte())
        let lastBands = PoolBands(rawValue: try byte())
        (previous, previousNumber) = (last, number)
        return SeriesBucket(
            number: number, low: low, high: high, waitLow: waitLow, waitHigh: waitHigh, bands: bands,
            last: PoolSample(counts: last, oldestRequestedAt: oldest, bands: lastBands))
    }

    private mutating func byte() throws(ChunkFault) -> UInt8 {
        guard place < bytes.count else { throw ChunkFault() }
        defer { place += 1 }
        return bytes[place]
    }

    private mutating func integer() throws(ChunkFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let part = try byte()
            value |= UInt64(part & 0x7F) << shift
            if part & 0x80 == 0 { return value }
        }
        throw ChunkFault()
    }

    private mutating func signed() throws(ChunkFault) -> Int64 {
        let value = try integer()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private mutating func count(_ lane: Int) throws(ChunkFault) -> Int32 {
        Int32(truncatingIfNeeded: Int64(previous[lane]) &+ (try signed()))
    }
}
