// How far did the log go, kept outside of the log?
//
// SQLite stops reading its write-ahead log at the first page that is damaged and says nothing of what stood behind it. So the
// position, time and chain link of the last commit are written to `FILE-head` too. They are written after the commit was synced and
// before it is acknowledged, and aren't synced themselves. After a crash of the process the mark is exact. After a power cut it may
// be behind. It is never ahead. A mark that claims more than the log holds means that acknowledged events are missing
// (`docs/decisions/0016-head-mark.md`).
//
// Two slots are written in turn, a sector each, with a checksum: a write that a power cut broke off leaves the other.

import Basics
import Domain
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct HeadMark: Hashable, Sendable {
    var logID: [UInt8]
    var head: Head
    var link: [UInt8]

    static func path(of log: String) -> String { log + "-head" }

    // MARK: - Bytes

    private static let magic = Array("greenhd1".utf8)
    /// magic, log id, position, time, link, checksum.
    private static let bytes = 8 + 16 + 8 + 8 + 32 + 8
    fileprivate static let slotBytes = 4_096
    fileprivate static let slots = 2

    fileprivate var encoded: [UInt8] {
        var out = Self.magic
        out.reserveCapacity(Self.bytes)
        out += logID
        withUnsafeBytes(of: head.seq.littleEndian) { out += $0 }
        withUnsafeBytes(of: head.at.microseconds.littleEndian) { out += $0 }
        out += link
        withUnsafeBytes(of: Self.checksum(out).littleEndian) { out += $0 }
        return out
    }

    private init?(slot: ArraySlice<UInt8>) {
        let bytes = Array(slot)
        guard bytes.count == Self.bytes, bytes.starts(with: Self.magic) else { return nil }
        func integer(_ offset: Int) -> Int64 {
            bytes.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Int64.self)) }
        }
        guard UInt64(bitPattern: integer(72)) == Self.checksum(Array(bytes[..<72])) else { return nil }
        logID = Array(bytes[8..<24])
        head = Head(seq: integer(24), at: LogTime(microseconds: integer(32)))
        link = Array(bytes[40..<72])
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { ByteHash.of($0) } }

    init(logID: [UInt8], head: Head, link: [UInt8]) {
        (self.logID, self.head, self.link) = (logID, head, link)
    }

    // MARK: - Reading

    enum Found: Hashable, Sendable {
        case none
        /// There is a file, and no slot of it can be read.
        case unreadable
        case mark(HeadMark)
    }

    /// The mark beside the log at `path`: the later of its slots.
    static func read(of path: String) -> Found {
        // Without waiting: what lies there may be a pipe, which nobody writes.
        let descriptor = open(self.path(of: path), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == ENOENT ? .none : .unreadable }
        defer { close(descriptor) }
        var found = stat()
        guard fstat(descriptor, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return .unreadable }
        var bytes = [UInt8](repeating: 0, count: slotBytes * slots)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { return .unreadable }
        bytes.removeLast(bytes.count - count)
        let marks = (0..<slots).compactMap { slot -> HeadMark? in
            let start = slot * slotBytes
            guard bytes.count >= start + Self.bytes else { return nil }
            return HeadMark(slot: bytes[start..<(start + Self.bytes)])
        }
        guard let mark = marks.max(by: { $0.head.seq < $1.head.seq }) else { return bytes.isEmpty ? .none : .unreadable }
        return .mark(mark)
    }
}

/// Writes the mark. Used by the log's writer alone; the lock is for who closes it.
final class HeadMarkWriter: Sendable {
    private struct State: Sendable {
        var descriptor: Int32 = -1
        var identity: FileIdentity?
        var writes = 0
        var last: HeadMark?
    }

    private let path: String
    private let logID: [UInt8]
    /// Nothing is noted before this position: where losses are being accepted, until they are.
    private let first: Position
    private let state = Mutex(State())

    init(logPath: String, logID: [UInt8], from first: Position) {
        path = HeadMark.path(of: logPath)
        self.logID = logID
        self.first = first
    }

    deinit { state.withLock { Self.letGo(&$0) } }

    /// Notes a commit that is synced. Answers what went wrong, which stops nothing: the mark is then behind.
    func note(_ head: Head, link: [UInt8]) -> String? {
        guard head.seq >= first else { return nil }
        let mark = HeadMark(logID: logID, head: head, link: link)
        return state.withLock { state in
            state.last = mark
            return write(mark, &state)
        }
    }

    /// Makes the file anew where somebody took it away. Now and then, not with each commit.
    func tend() -> String? {
        state.withLock { state in
            guard let last = state.last, state.descriptor >= 0, FileIdentity(path: path) != state.identity else { return nil }
            Self.letGo(&state)
            return write(last, &state)
        }
    }

    /// Makes what was noted outlast a power cut too.
    func sync() { state.withLock { state in if state.descriptor >= 0 { fsync(state.descriptor) } } }

    private func write(_ mark: HeadMark, _ state: inout State) -> String? {
        if state.descriptor < 0 {
            state.descriptor = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0o644)
            guard state.descriptor >= 0 else { return problem("made") }
            state.identity = FileIdentity(path: path)
            // Both slots: what an earlier log of this path left must not be taken for later.
            state.writes = 0
            for slot in 0..<HeadMark.slots { guard put(mark, slot, state) else { return problem("written") } }
            return nil
        }
        state.writes += 1
        return put(mark, state.writes % HeadMark.slots, state) ? nil : problem("written")
    }

    private func put(_ mark: HeadMark, _ slot: Int, _ state: State) -> Bool {
        let bytes = mark.encoded
        return pwrite(state.descriptor, bytes, bytes.count, off_t(slot * HeadMark.slotBytes)) == bytes.count
    }

    private func problem(_ what: String) -> String {
        "\(path) can't be \(what): \(String(cString: strerror(errno))); until it can, events that a damaged file loses may not be missed"
    }

    private static func letGo(_ state: inout State) {
        guard state.descriptor >= 0 else { return }
        close(state.descriptor)
        state.descriptor = -1
    }
}
