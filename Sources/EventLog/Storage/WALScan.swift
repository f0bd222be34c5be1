// Does the write-ahead log lose anything that was acknowledged?
//
// SQLite reads its write-ahead log up to the first frame with a wrong checksum. What a power cut left of the last commit ends
// there. So does everything behind a flipped bit. The two can be told apart. A commit is synced before the next one is written, so
// nothing follows a commit that a power cut left. Each frame's checksum covers the one before, so a frame behind the bad one can be
// recognized, and so can the frame that it was written after. A commit behind the bad frame that another frame was written after
// was acknowledged.
//
// One doubt is left. The next process finds a commit whose sync failed whole, and writes behind it. If the power is cut before a sync
// succeeds, that commit looks acknowledged: then the log asks before it goes on without it.
//
// To be read while no connection has the log open for writing. Nothing is changed.

import Domain
import Foundation

struct WALScan {
    /// Frames that can't be reached: SQLite would drop them in silence.
    struct Loss: Hashable, Sendable {
        /// From 1; 0 where the file's own header is damaged.
        var badFrame: Int
        /// Frames behind it that are as they were written, and commits among them.
        var frames: Int
        var commits: Int
        /// The last position that they speak of; nil where none of them tells.
        var lastSeq: Position?
    }

    private static let headerBytes = 32
    private static let frameHeaderBytes = 24
    private static let magic: UInt32 = 0x377F_0682

    private let bytes: Data
    private let pageBytes: Int
    private let isBigEndian: Bool

    /// What the file at `path` loses; nil where it loses nothing, or isn't there.
    static func loss(inFileAt path: String) throws(LogError) -> Loss? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
            guard bytes.count > headerBytes + frameHeaderBytes else { return nil }
            return WALScan(bytes).loss()
        } catch {
            throw LogError(.unreachable, operation: "read", path: path, problem: "\(error)", hint: "check that the file may be read")
        }
    }

    private init(_ bytes: Data) {
        self.bytes = bytes
        let magic = Self.word(bytes, 0)
        // Where the header is damaged: pages of this size and the machine's own order are all that this program writes.
        let isKnown = magic & ~1 == Self.magic
        isBigEndian = isKnown && magic & 1 == 1
        let size = Int(Self.word(bytes, 8))
        pageBytes = isKnown && size >= 512 && size <= 65_536 && size & (size - 1) == 0 ? size : WALCheckpointer.pageBytes
    }

    // MARK: - The scan

    private struct Sum: Hashable {
        var first: UInt32
        var second: UInt32
    }

    private var frameBytes: Int { Self.frameHeaderBytes + pageBytes }
    private var frames: Int { (bytes.count - Self.headerBytes) / frameBytes }
    private func start(_ frame: Int) -> Int { Self.headerBytes + (frame - 1) * frameBytes }

    private func loss() -> Loss? {
        let header = Sum(first: word(24), second: word(28))
        var bad = 0
        var salts = Self.Salts(first: word(16), second: word(20))
        if sum(0..<24, Sum(first: 0, second: 0)) == header {
            var before = header
            bad = 1
            while bad <= frames, isSound(bad, after: before, salts) {
                before = storedSum(bad)
                bad += 1
            }
        } else if frames > 0 {
            salts = self.salts(1)
        }
        guard bad <= frames else { return nil }
        return loss(behind: bad, salts)
    }

    private struct Salts: Hashable {
        var first: UInt32
        var second: UInt32
    }

    private func loss(behind bad: Int, _ salts: Salts) -> Loss? {
        var loss = Loss(badFrame: bad, frames: 0, commits: 0)
        // A commit was synced where the next frame was written right after it. Where syncs failed, each try has overwritten the one
        // before it: then pieces of several tries stand behind each other, and none of them follows a commit.
        var hasSyncedCommit = false
        for frame in (bad + 1)..<max(frames + 1, bad + 1) {
            // The first frame's sum rests on the header's, which is damaged where the bad frame is none.
            guard frame > 1, isSound(frame, after: storedSum(frame - 1), salts) else { continue }
            if self.salts(frame - 1) == salts, isCommit(frame - 1) { hasSyncedCommit = true }
            loss.frames += 1
            if isCommit(frame) { loss.commits += 1 }
            if let seq = lastSeq(inPageOf: frame) { loss.lastSeq = max(loss.lastSeq ?? 0, seq) }
        }
        return hasSyncedCommit ? loss : nil
    }

    private func isSound(_ frame: Int, after before: Sum, _ salts: Salts) -> Bool {
        let start = start(frame)
        guard word(start) > 0, self.salts(frame) == salts else { return false }
        let header = sum(start..<(start + 8), before)
        return sum((start + Self.frameHeaderBytes)..<(start + frameBytes), header) == storedSum(frame)
    }

    private func salts(_ frame: Int) -> Salts { Salts(first: word(start(frame) + 8), second: word(start(frame) + 12)) }
    private func storedSum(_ frame: Int) -> Sum { Sum(first: word(start(frame) + 16), second: word(start(frame) + 20)) }
    private func isCommit(_ frame: Int) -> Bool { word(start(frame) + 4) > 0 }

    /// SQLite's checksum of a run of bytes, begun with that of what comes before.
    private func sum(_ range: Range<Int>, _ before: Sum) -> Sum {
        bytes.withUnsafeBytes { raw in
            var (a, b) = (before.first, before.second)
            var offset = range.lowerBound
            while offset < range.upperBound {
                let (x, y) = (
                    raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self),
                    raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                )
                a = a &+ (isBigEndian ? UInt32(bigEndian: x) : UInt32(littleEndian: x)) &+ b
                b = b &+ (isBigEndian ? UInt32(bigEndian: y) : UInt32(littleEndian: y)) &+ a
                offset += 8
            }
            return Sum(first: a, second: b)
        }
    }

    private func word(_ offset: Int) -> UInt32 { Self.word(bytes, offset) }

    private static func word(_ bytes: Data, _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    // MARK: - Pages

    /// The highest `last_seq` of rows of `commits` in the frame's page; nil where it is another page. A row is known by its
    /// columns: four whole numbers, of which the first is the row's own number and stored as NULL, and 32 bytes.
    private func lastSeq(inPageOf frame: Int) -> Position? {
        let page = start(frame) + Self.frameHeaderBytes
        let end = page + pageBytes
        return bytes.withUnsafeBytes { raw -> Position? in
            guard raw[page] == 0x0D else { return nil }
            let cells = Int(raw[page + 3]) << 8 | Int(raw[page + 4])
            guard page + 8 + cells * 2 <= end else { return nil }
            var highest: Position?
            for cell in 0..<cells {
                let pointer = page + 8 + cell * 2
                var reader = RecordReader(raw, at: page + (Int(raw[pointer]) << 8 | Int(raw[pointer + 1])), end: end)
                guard let seq = reader.lastSeqOfCommit() else { continue }
                highest = max(highest ?? 0, seq)
            }
            return highest
        }
    }
}

/// One cell of a leaf page, as the file format says (https://sqlite.org/fileformat2.html): its size, its row, the columns'
/// types, the columns.
private struct RecordReader {
    private let raw: UnsafeRawBufferPointer
    private var offset: Int
    private let end: Int

    private static let hashType: Int64 = 12 + 2 * Int64(CommitHash.byteCount)

    init(_ raw: UnsafeRawBufferPointer, at offset: Int, end: Int) {
        self.raw = raw
        self.offset = offset
        self.end = min(end, raw.count)
    }

    mutating func lastSeqOfCommit() -> Position? {
        guard number() != nil, let first = number(), first > 0 else { return nil }
        let header = offset
        guard let headerBytes = number(), headerBytes > 0, headerBytes < 64 else { return nil }
        var types: [Int64] = []
        while offset < header + Int(headerBytes) {
            guard let type = number() else { return nil }
            types.append(type)
        }
        guard types.count == 5, types[0] == 0, types[1...3].allSatisfy({ (1...9).contains($0) && $0 != 7 }), types[4] == Self.hashType
        else { return nil }
        guard let last = integer(types[1]), last >= first else { return nil }
        return last
    }

    private mutating func number() -> Int64? {
        var value: UInt64 = 0
        for k in 0..<9 {
            guard offset < end else { return nil }
            let byte = raw[offset]
            offset += 1
            if k == 8 { return Int64(bitPattern: value << 8 | UInt64(byte)) }
            value = value << 7 | UInt64(byte & 0x7F)
            if byte & 0x80 == 0 { return Int64(bitPattern: value) }
        }
        return nil
    }

    private mutating func integer(_ type: Int64) -> Int64? {
        let sizes = [1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8] as [Int64: Int]
        if type == 8 || type == 9 { return type - 8 }
        guard let size = sizes[type], offset + size <= end else { return nil }
        var value = Int64(Int8(bitPattern: raw[offset]))
        for k in 1..<max(size, 1) { value = value << 8 | Int64(raw[offset + k]) }
        offset += size
        return value
    }
}
