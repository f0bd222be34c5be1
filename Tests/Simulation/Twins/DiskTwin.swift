package import Basics
import State
import Domain
import Foundation
import Synchronization

// What does the disk hold, and what of it would a power cut leave?
//
// Files lie on the real file system; this twin sits between SQLite and them (`DiskVFS`). It keeps what was written since the
// last sync, and fails when it is told to. After a power cut each write since the sync is there, or isn't, or half of it is.
// Always: what was synced stays.

package enum DiskFault: Hashable, Sendable {
    case full, writesFail, syncsFail, readsFail
    /// It says that it has synced, and hasn't.
    case lies
    /// After so many more writes nothing works any more.
    case unpluggedAfter(writes: Int)
}

package final class DiskTwin: Sendable {
    private struct Write: Sendable {
        var offset: Int
        var old: [UInt8]
        var oldSize: Int
        /// nil: the file was cut to `offset`.
        var new: [UInt8]?
    }

    private struct State: Sendable {
        var fault: DiskFault?
        var unsynced: [String: [Write]] = [:]
        var writes = 0
        var failures = 0
        /// Files whose last sync failed.
        var unsafe: Set<String> = []
    }

    package let folder: String
    private let state = Mutex(State())

    package init(folder: String) {
        self.folder = folder
        DiskVFS.install()
        DiskVFS.add(self)
    }

    package func remove() { DiskVFS.remove(self) }

    package func set(_ fault: DiskFault?) { state.withLock { $0.fault = fault } }
    package var fault: DiskFault? { state.withLock { $0.fault } }
    /// Writes seen, and calls that failed.
    package var counts: (writes: Int, failures: Int) { state.withLock { ($0.writes, $0.failures) } }

    // MARK: - Asked by the VFS

    enum Operation { case read, write, sync, truncate }
    enum Refusal: Sendable { case full, broken }

    func refusal(of operation: Operation) -> Refusal? {
        state.withLock { state in
            let refusal: Refusal? =
                switch (state.fault, operation) {
                case (nil, _), (.lies, _): nil
                case (.full, .write): .full
                case (.writesFail, .write), (.writesFail, .truncate), (.syncsFail, .sync), (.readsFail, .read): .broken
                case (.unpluggedAfter(let left), _):
                    if left <= 0 { .broken } else { nil }
                default: nil
                }
            if operation == .write, refusal == nil {
                state.writes += 1
                if case .unpluggedAfter(let left) = state.fault { state.fault = .unpluggedAfter(writes: left - 1) }
            }
            if refusal != nil { state.failures += 1 }
            return refusal
        }
    }

    func noteWrite(_ path: String, offset: Int, old: [UInt8], oldSize: Int, new: [UInt8]) {
        state.withLock { $0.unsynced[path, default: []].append(Write(offset: offset, old: old, oldSize: oldSize, new: new)) }
    }

    func noteCut(_ path: String, to size: Int, old: [UInt8], oldSize: Int) {
        state.withLock { $0.unsynced[path, default: []].append(Write(offset: size, old: old, oldSize: oldSize, new: nil)) }
    }

    func noteSync(_ path: String) {
        state.withLock { state in
            if state.fault != .lies { state.unsynced[path] = nil }
            state.unsafe.remove(path)
        }
    }

    func noteFailedSync(_ path: String) { state.withLock { _ = $0.unsafe.insert(path) } }
    /// A file was given up or used on after its sync failed: whoever reads it after a power cut can't know what was there.
    package var hasFailedSync: Bool { state.withLock { !$0.unsafe.isEmpty } }

    func noteDeleted(_ path: String) { state.withLock { $0.unsynced[path] = nil } }

    // MARK: - What is left

    /// Leaves in the copies of its files what a power cut would have left.
    /// - Parameter copy: where the copy of a file lies.
    package func cutPower(copy: (String) -> String, draws: inout SplitMix64) throws {
        let unsynced = state.withLock { $0.unsynced }
        for (path, writes) in unsynced.sorted(by: { $0.key < $1.key }) where !writes.isEmpty {
            let file = URL(fileURLWithPath: copy(path))
            guard var bytes = try? Array(Data(contentsOf: file)) else { continue }
            for write in writes.reversed() { undo(write, &bytes) }
            for write in writes { try redo(write, &bytes, &draws) }
            try Data(bytes).write(to: file)
        }
    }

    private func undo(_ write: Write, _ bytes: inout [UInt8]) {
        if bytes.count < write.oldSize { bytes += Array(repeating: 0, count: write.oldSize - bytes.count) }
        bytes.removeLast(bytes.count - write.oldSize)
        for (k, byte) in write.old.enumerated() where write.offset + k < bytes.count { bytes[write.offset + k] = byte }
    }

    private func redo(_ write: Write, _ bytes: inout [UInt8], _ draws: inout SplitMix64) throws {
        let lot = Int.random(in: 0..<4, using: &draws)
        guard let new = write.new else {
            // Cutting a file is one step of the file system.
            if lot < 2, bytes.count > write.offset { bytes.removeLast(bytes.count - write.offset) }
            return
        }
        // There, not there, or some sectors of it.
        let sector = 512
        let kept = lot < 2 ? new.count : lot == 2 ? 0 : Int.random(in: 0...(new.count / sector), using: &draws) * sector
        guard kept > 0 else { return }
        let end = write.offset + kept
        if bytes.count < end { bytes += Array(repeating: 0, count: end - bytes.count) }
        bytes.replaceSubrange(write.offset..<end, with: new[..<kept])
    }
}
