// How does a row become an event again?
//
// Reads rows of `events` in order and appends each to a batch: its columns to the event, its texts to the batch's bytes.
// What a row can't be (a kind that isn't one) is an error that names the position, never a guess.

import Basics
import Domain
import GRDB

struct EventRows {
    static let columns = "seq, kind, pool, subject, worker, source, id, lag, prev, body, ext"

    private let rows: RawStatement
    private let path: String
    private let ownSource: NameID

    /// `sql` selects `columns`, then whatever else the caller wants.
    init(_ rows: RawStatement, path: String, ownSource: NameID) {
        self.rows = rows
        self.path = path
        self.ownSource = ownSource
    }

    /// The current row, added to `batch`.
    @inline(__always)
    func append(to batch: inout CommittedBatch, isSuperseded: (Position) -> Bool) throws {
        let seq = rows.integer(0)
        guard let kind = EventKind(rawValue: UInt8(truncatingIfNeeded: rows.integer(1))), rows.integer(1) == Int64(kind.rawValue) else {
            throw damaged(seq, "kind \(rows.integer(1)) is none")
        }
        let (id, text) = rows.storedID(6)
        let start = batch.bytes.count
        id.appendText(from: text, to: &batch.bytes)
        let idRange = ByteRange(start: start, count: batch.bytes.count - start)
        let body = appendText(9, to: &batch.bytes)
        let extensions = appendText(10, to: &batch.bytes)
        let prev = rows.integer(8)
        let source = name(5)
        batch.events.append(
            CommittedEvent(
                seq: seq, kind: kind, pool: name(2), subject: name(3), worker: name(4), source: source, id: idRange,
                time: rows.isNull(7) ? nil : batch.at.adding(microseconds: 0 &- rows.integer(7)), body: body, extensions: extensions,
                previous: prev == 0 ? 0 : seq.subtractingClamped(prev), superseded: isSuperseded(seq),
                isOurs: !source.isNone && source == ownSource))
    }

    private func name(_ column: Int32) -> NameID { NameID(UInt32(truncatingIfNeeded: rows.integer(column))) }

    private func appendText(_ column: Int32, to bytes: inout [UInt8]) -> ByteRange {
        let text = rows.bytes(column)
        guard !text.isEmpty else { return .empty }
        defer { bytes.append(contentsOf: text) }
        return ByteRange(start: bytes.count, count: text.count)
    }

    private func damaged(_ seq: Position, _ problem: String) -> LogError {
        LogError(
            .damaged, operation: "read", path: path, problem: "at position \(seq): \(problem)",
            hint: "run `log verify`; restore the file from a copy")
    }
}
