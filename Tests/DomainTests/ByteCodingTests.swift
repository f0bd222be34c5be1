import Domain
import Testing

@Suite struct ByteCodingTests {
    /// One of everything that can be written.
    private struct Sample: Hashable {
        var small: UInt8 = 0xA5
        var wide: Int64 = -2
        var flag = true
        var ratio = 1.1
        var at = LogTime(microseconds: 1_795_246_320_000_125)
        var name = "kagent/defäult"
        var absent: Int32?
        var present: Int32? = -7
        var blob: [UInt8] = [0, 255, 7]
        var numbers: [UInt16] = [1, 2, 40_000]
        var words = ["", "a", "bc"]
        var last: UInt32 = .max

        func write() -> [UInt8] {
            var writer = ByteWriter(reservingBytes: 64)
            writer.integer(small)
            writer.integer(wide)
            writer.bool(flag)
            writer.double(ratio)
            writer.time(at)
            writer.string(name)
            writer.optional(absent) { $0.integer($1) }
            writer.optional(present) { $0.integer($1) }
            writer.data(blob)
            writer.list(numbers) { $0.integer($1) }
            writer.list(words) { $0.string($1) }
            writer.integer(last)
            return writer.bytes
        }

        init() {}

        init(_ reader: inout ByteReader) throws(ByteFault) {
            small = try reader.integer()
            wide = try reader.integer()
            flag = try reader.bool()
            ratio = try reader.double()
            at = try reader.time()
            name = try reader.string()
            absent = try reader.optional { (reader: inout ByteReader) throws(ByteFault) -> Int32 in try reader.integer() }
            present = try reader.optional { (reader: inout ByteReader) throws(ByteFault) -> Int32 in try reader.integer() }
            blob = try reader.data()
            numbers = try reader.list(bytesEach: 2) { (reader: inout ByteReader) throws(ByteFault) -> UInt16 in try reader.integer() }
            words = try reader.list(bytesEach: 4) { (reader: inout ByteReader) throws(ByteFault) -> String in try reader.string() }
            last = try reader.integer()
        }
    }

    private func read(_ bytes: [UInt8]) -> Result<(Sample, remaining: Int), ByteFault> {
        bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            do throws(ByteFault) { return .success((try Sample(&reader), reader.remaining)) } catch { return .failure(error) }
        }
    }

    @Test("what was written is read back, to the last byte")
    func roundTrip() throws {
        let (sample, remaining) = try read(Sample().write()).get()
        #expect(sample == Sample())
        #expect(remaining == 0)
    }

    @Test("integers are little-endian, whatever the machine")
    func layout() {
        var writer = ByteWriter()
        writer.integer(UInt32(0x0102_0304))
        writer.string("ab")
        #expect(writer.bytes == [4, 3, 2, 1, 2, 0, 0, 0, 0x61, 0x62])
    }

    @Test("numbers at the ends of their types come back")
    func extremes() throws {
        var writer = ByteWriter()
        writer.integer(Int64.min)
        writer.integer(UInt64.max)
        writer.double(-0.0)
        writer.double(.nan)
        writer.double(.infinity)
        writer.time(.distantFuture)
        try writer.bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            let (least, most) = (try reader.integer(Int64.self), try reader.integer(UInt64.self))
            let (zero, nan, infinity) = (try reader.double(), try reader.double(), try reader.double())
            let time = try reader.time()
            #expect(least == .min && most == .max && time == .distantFuture)
            #expect(zero == 0 && zero.sign == .minus && nan.isNaN && infinity == .infinity)
        }
    }

    @Test("every shorter text is a fault that lies within it")
    func prefixes() {
        let whole = Sample().write()
        for length in 0..<whole.count {
            switch read(Array(whole.prefix(length))) {
            case .success: Issue.record("\(length) of \(whole.count) bytes were taken for all of it")
            case .failure(let fault): #expect(fault.offset <= length && !fault.problem.isEmpty)
            }
        }
    }

    @Test("any flipped bit gives another value or a fault, never a trap")
    func flippedBits() {
        let whole = Sample().write()
        for at in whole.indices {
            for bit in 0..<8 {
                var damaged = whole
                damaged[at] ^= 1 << UInt8(bit)
                if case .success(let (sample, _)) = read(damaged) { #expect(sample != Sample() || sample.ratio.isNaN) }
            }
        }
    }

    @Test("a count beyond what is there is refused before anything is made", arguments: [1, 4, 24])
    func counts(bytesEach: Int) {
        var writer = ByteWriter()
        writer.integer(UInt32.max)
        writer.integer(UInt64(0))
        writer.bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            #expect(throws: ByteFault.self) { try reader.count(bytesEach: bytesEach) }
        }
    }

    @Test("a byte that is neither 0 nor 1 is no truth value")
    func truth() {
        [UInt8(2)].withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            #expect(throws: ByteFault(offset: 0, problem: "neither true nor false")) { try reader.bool() }
        }
    }
}
