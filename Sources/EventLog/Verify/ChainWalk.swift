// Is each commit, from here on, what was written?
//
// Goes through commits, names and events together, commit by commit, and recomputes each link of the chain. From the
// beginning of the log it believes nothing; from a later position it believes the link that stands before it. Whoever wants
// more of the rows (`LogVerifier`) is shown each on the way.

import Domain
import GRDB

struct ChainWalk {
    /// One row of `events`, and what was made of it.
    struct Row {
        var seq: Position
        var subject: UInt32
        var source: UInt32
        /// Where the row says its subject's event before is; 0 for none.
        var previous: Position
        var id: StoredID
        var idText: UnsafeBufferPointer<UInt8>
    }

    private let commits: RawStatement
    private let names: RawStatement
    private let events: RawStatement
    private var hash = CommitHash(reservingBytes: 1 << 20)

    /// The end of the last commit that was found sound.
    private(set) var head: Head
    private(set) var nameCount: Int64
    /// Its link.
    private(set) var link: [UInt8]

    init(_ db: Database, logID: [UInt8], after position: Position = 0) throws {
        (head, nameCount, link) = (.empty, 0, CommitHash.genesis(logID: logID))
        commits = try RawStatement(
            db, "SELECT first_seq, last_seq, at, last_name, hash FROM commits WHERE first_seq > ? ORDER BY first_seq")
        names = try RawStatement(db, "SELECT id, text FROM names WHERE id > ? ORDER BY id")
        events = try RawStatement(db, "SELECT \(EventRows.columns) FROM events WHERE seq > ? ORDER BY seq")
        if position > 0 { try believe(db, position) }
        commits.bind(1, position)
        names.bind(1, nameCount)
        events.bind(1, position)
    }

    private mutating func believe(_ db: Database, _ position: Position) throws {
        let before = try RawStatement(
            db, "SELECT last_seq, at, last_name, hash FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1")
        before.bind(1, position)
        guard try before.step(), before.integer(0) == position else { throw chain(position, "no commit ends here") }
        head = Head(seq: position, at: LogTime(microseconds: before.integer(1)))
        nameCount = before.integer(2)
        link = Array(before.bytes(3))
        before.reset()
    }

    /// The next commit, if there is one that begins at `last` or before; throws `LogVerifier.Found` where it is not sound.
    mutating func next(through last: Position = .max, _ visit: (Row) throws -> Void) throws -> Bool {
        let expected = head.seq + 1
        guard expected <= last, try commits.step() else { return false }
        let (first, end) = (commits.integer(0), commits.integer(1))
        guard first == expected else { throw chain(expected, "a commit begins at \(first), the one before ended at \(expected - 1)") }
        guard end >= first else { throw chain(first, "its commit ends before it begins") }
        let at = LogTime(microseconds: commits.integer(2))
        guard at >= head.at else { throw chain(first, "its commit's time lies before that of the commit before") }
        hash.begin(previous: link, at: at, firstSeq: first, lastSeq: end, lastName: commits.integer(3))
        try addNames(upTo: commits.integer(3), at: first)
        for seq in first...end { try addEvent(seq, visit) }
        link = hash.finish()
        guard link.elementsEqual(commits.bytes(4)) else {
            throw chain(first, "the commit of \(first) to \(end) is not what was written: its hash differs")
        }
        head = Head(seq: end, at: at)
        return true
    }

    /// After the last commit nothing may follow.
    func expectEnd() throws {
        guard try !events.step() else { throw chain(head.seq + 1, "there are events after the last commit") }
        guard try !names.step() else { throw chain(head.seq + 1, "there are names after the last commit's") }
    }

    private mutating func addNames(upTo last: Int64, at seq: Position) throws {
        guard last >= nameCount else { throw chain(seq, "its commit counts fewer names than the one before") }
        while nameCount < last {
            let expected = nameCount + 1
            guard try names.step(), names.integer(0) == expected, !names.bytes(1).isEmpty else {
                throw chain(seq, "name \(expected) is missing")
            }
            hash.add(name: names.bytes(1))
            nameCount = expected
        }
    }

    private mutating func addEvent(_ seq: Position, _ visit: (Row) throws -> Void) throws {
        guard try events.step(), events.integer(0) == seq else { throw chain(seq, "the event is missing") }
        let kind = events.integer(1)
        guard EventKind(rawValue: UInt8(truncatingIfNeeded: kind)) != nil, kind == Int64(UInt8(truncatingIfNeeded: kind)) else {
            throw chain(seq, "kind \(kind) is none")
        }
        let (pool, subject, worker, source) = (try name(2, seq), try name(3, seq), try name(4, seq), try name(5, seq))
        guard subject != 0, source != 0 else { throw chain(seq, "it has no subject or no source") }
        // The texts are added one after another into one run of bytes, as the writer has them.
        let (id, text) = events.storedID(6)
        let (body, extensions) = (events.bytes(9), events.bytes(10))
        var bytes = Array(text)
        bytes.append(contentsOf: body)
        bytes.append(contentsOf: extensions)
        bytes.withUnsafeBufferPointer { bytes in
            hash.add(
                kind: UInt8(truncatingIfNeeded: kind), pool: pool, subject: subject, worker: worker, source: source, id: id,
                lag: events.isNull(7) ? nil : events.integer(7), prev: events.integer(8), bytes: bytes,
                body: ByteRange(start: text.count, count: body.count),
                extensions: ByteRange(start: text.count + body.count, count: extensions.count))
        }
        let before = events.integer(8) == 0 ? 0 : seq - events.integer(8)
        try visit(Row(seq: seq, subject: subject, source: source, previous: before, id: id, idText: text))
    }

    private func name(_ column: Int32, _ seq: Position) throws -> UInt32 {
        let id = events.integer(column)
        guard id >= 0, id <= nameCount else { throw chain(seq, "name \(id) is none") }
        return UInt32(id)
    }

    private func chain(_ seq: Position, _ problem: String) -> LogVerifier.Found {
        LogVerifier.Found(fault: .init(part: .chain, position: seq, problem: problem))
    }
}
