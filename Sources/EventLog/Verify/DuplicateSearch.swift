// Is any (source, id) in the log twice?
//
// A filter over all ids, filled as they go by, says of each whether it may have been there before: nearly always no. What
// it says yes to (a false yes in a few hundred) is looked at in a second pass, id by id.

import Domain
import GRDB

struct DuplicateSearch {
    let key: UInt64
    private let seen: DedupeFilter
    private var suspects: Set<UInt64> = []

    init(events: Int, key: UInt64) {
        self.key = key
        seen = DedupeFilter(events: max(events, 1))
    }

    @inline(__always)
    mutating func add(_ hash: UInt64) {
        if seen.mayContain(hash) { suspects.insert(hash) }
        seen.insert(hash)
    }

    /// Compares the events up to `end` whose hashes are suspect.
    func finish(upTo end: Position, _ read: ReadStretch) throws {
        guard !suspects.isEmpty else { return }
        var firsts: [UInt64: [Position]] = [:]
        var seq: Position = 0
        while seq < end {
            let last = min(seq + LogVerifier.stretchEvents, end)
            try read { db in try compare(after: seq, through: last, &firsts, db) }
            seq = last
        }
    }

    private func compare(after start: Position, through last: Position, _ firsts: inout [UInt64: [Position]], _ db: Database) throws {
        let rows = try RawStatement(db, "SELECT seq, source, id FROM events WHERE seq > ? AND seq <= ? ORDER BY seq")
        rows.bind(1, start)
        rows.bind(2, last)
        let compare = try RawStatement(
            db, "SELECT 1 FROM events AS a, events AS b WHERE a.seq = ? AND b.seq = ? AND a.source = b.source AND a.id IS b.id")
        while try rows.step() {
            let source = NameID(UInt32(truncatingIfNeeded: rows.integer(1)))
            let (id, text) = rows.storedID(2)
            let hash = id.hash(source: source, key: key, text)
            guard suspects.contains(hash) else { continue }
            let seq = rows.integer(0)
            for first in firsts[hash] ?? [] {
                compare.bind(1, first)
                compare.bind(2, seq)
                let isSame = try compare.step()
                compare.reset()
                if isSame {
                    throw LogVerifier.Found(
                        fault: .init(part: .duplicate, position: seq, problem: "its source and id are those of position \(first)"))
                }
            }
            firsts[hash, default: []].append(seq)
        }
    }
}
