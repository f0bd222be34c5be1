// Do two logs say the same, and from where on don't they?
//
// A commit's link covers all before it, so two logs whose commits around one position are the same are the same up to there. The last
// such position is found by halving, however long they are. The links are believed: `verify` is what checks them.

package import Domain
import GRDB

package enum LogComparison: Hashable, Sendable {
    /// The same commits up to the same end.
    case same(through: Position)
    /// One of them ends there; the other goes on.
    case isBehind(through: Position, of: Position)
    case isAhead(through: Position, of: Position)
    /// The first position of the first commit that isn't the same in both.
    case differs(at: Position)
    /// Of two logs that have nothing to do with each other.
    case otherLog

    /// Of the two logs at these paths, which may be in use.
    package static func of(_ path: String, and other: String) throws(LogError) -> LogComparison {
        let (mine, theirs) = (try EventLog.openReadOnly(path: path), try EventLog.openReadOnly(path: other))
        defer {
            mine.close()
            theirs.close()
        }
        guard mine.id == theirs.id else { return .otherLog }
        let (own, their) = (mine.head.seq, theirs.head.seq)
        let shared = min(own, their)
        var (low, high): (Position, Position) = (0, shared)
        // Up to `low` they are the same.
        while low < high {
            let middle = low + (high - low + 1) / 2
            let (commit, same) = (try mine.reader.commit(with: middle), try theirs.reader.commit(with: middle))
            if let commit, commit == same {
                low = max(low, commit.last)
            } else {
                high = max(low, (commit?.first ?? middle) - 1)
            }
        }
        if low < shared { return .differs(at: low + 1) }
        return own == their ? .same(through: low) : own < their ? .isBehind(through: own, of: their) : .isAhead(through: own, of: their)
    }

    /// Nil where neither has anything that the other contradicts.
    package var problem: String? {
        switch self {
        case .same, .isBehind, .isAhead: nil
        case .differs(let position): "the commit at position \(position) isn't the same in both"
        case .otherLog: "they are two logs: their ids differ"
        }
    }
}

/// A row of `commits`.
struct CommitRow: Hashable {
    var first: Position
    var last: Position
    var at: Int64
    var lastName: Int64
    var hash: [UInt8]
}

extension LogReader {
    /// The commit that holds `position`; nil where there is none.
    func commit(with position: Position) throws(LogError) -> CommitRow? {
        try catalog.read("compare") { db in
            let rows = try RawStatement(
                cached: "SELECT first_seq, last_seq, at, last_name, hash FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
                db)
            rows.bind(1, position)
            defer { rows.reset() }
            guard try rows.step() else { return nil }
            return CommitRow(
                first: rows.integer(0), last: rows.integer(1), at: rows.integer(2), lastName: rows.integer(3), hash: Array(rows.bytes(4)))
        }
    }
}
