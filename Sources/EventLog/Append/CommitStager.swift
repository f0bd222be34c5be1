// What will this commit write?
//
// Takes the batches of one commit, in order, and works out everything in memory: which events are new, their positions,
// their names' numbers, their pool and the position before. Nothing is written here; the file is asked only about ids that
// seem to have been there before. What changes in the names, subjects and ids is kept or taken back with the commit.

import Domain

struct StagedCommit {
    var batch: CommittedBatch
    var firstSeq: Position
    /// The ids of `batch.events`, in the same order.
    var ids: [StoredID] = []
    /// One a request.
    var receipts: [AppendReceipt] = []

    var at: LogTime { batch.at }
    var lastSeq: Position { firstSeq + Int64(batch.events.count) - 1 }
    var isEmpty: Bool { batch.events.isEmpty }
}

/// Belongs to the writer; used only inside its access.
struct CommitStager {
    /// The source and id of an event in the file, as far as they are needed to compare them.
    typealias IsSame = (_ seq: Position, _ source: NameID, _ id: StoredID, _ bytes: UnsafeBufferPointer<UInt8>) throws -> Bool

    let names: NameDictionary
    let subjects: SubjectIndex
    let dedupe: DedupeIndex
    let store: DedupeStore
    let hashKey: UInt64
    let isInFile: IsSame

    func stage(_ requests: [AppendRequest], after head: Head, at: LogTime) throws -> StagedCommit {
        let (drafts, bytes) = Self.merge(requests)
        var commit = StagedCommit(batch: CommittedBatch(at: at, events: [], bytes: bytes), firstSeq: head.seq + 1)
        commit.batch.events.reserveCapacity(drafts.count)
        commit.ids.reserveCapacity(drafts.count)
        dedupe.makeRoom(for: drafts.count)
        let positions = try bytes.withUnsafeBufferPointer { bytes in
            let identified = identify(drafts, bytes)
            return try assign(drafts, identified, bytes, &commit)
        }
        commit.receipts = Self.receipts(requests, positions, after: head.seq)
        return commit
    }

    // MARK: - Who is each event?

    private struct Identified {
        var sources: [NameID] = []
        var ids: [StoredID] = []
        var hashes: [UInt64] = []
        /// Certainly in no earlier commit: the id is a number above all its source has used.
        var isNew: [Bool] = []
    }

    private func identify(_ drafts: [DraftEvent], _ bytes: UnsafeBufferPointer<UInt8>) -> Identified {
        var found = Identified()
        found.sources.reserveCapacity(drafts.count)
        found.ids.reserveCapacity(drafts.count)
        found.hashes.reserveCapacity(drafts.count)
        found.isNew.reserveCapacity(drafts.count)
        var lastSource = NameMemo()
        inStretches(drafts) { stretch, table, subjects in
            for draft in stretch {
                let source = lastSource.intern(draft.source, bytes, &table)
                let id = StoredID(bytes, draft.id)
                found.sources.append(source)
                found.ids.append(id)
                found.hashes.append(id.hash(source: source, key: hashKey, bytes))
                found.isNew.append(id.form == .integer && id.integer > subjects.highestID(of: source))
            }
        }
        return found
    }

    /// Events a stretch: so many names are looked up under one lock. Readers of names wait for no more.
    private static let stretchEvents = 128

    private func inStretches(
        _ drafts: [DraftEvent], _ body: (ArraySlice<DraftEvent>, inout NameTable, inout SubjectIndex.State) throws -> Void
    ) rethrows {
        var start = 0
        while start < drafts.count {
            let end = min(start + Self.stretchEvents, drafts.count)
            try names.withTable { table in try subjects.withState { subjects in try body(drafts[start..<end], &table, &subjects) } }
            start = end
        }
    }

    // MARK: - Where does each go?

    private func assign(
        _ drafts: [DraftEvent], _ identified: Identified, _ bytes: UnsafeBufferPointer<UInt8>, _ commit: inout StagedCommit
    ) throws -> [Position] {
        let candidates = dedupe.candidates(identified.hashes, skipping: identified.isNew)
        var nextCandidate = 0
        var positions: [Position] = []
        positions.reserveCapacity(drafts.count)
        var memos = Memos()
        try inStretches(drafts) { stretch, table, subjects in
            dedupe.warm(identified.hashes[stretch.indices])
            for k in stretch.indices {
                let start = nextCandidate
                while nextCandidate < candidates.count, candidates[nextCandidate].event == k { nextCandidate += 1 }
                let mayBeThere = start < nextCandidate || dedupe.mayBeInTable(identified.hashes[k])
                if mayBeThere, let earlier = try earlierPosition(of: k, identified, candidates[start..<nextCandidate], bytes, commit) {
                    positions.append(earlier)
                } else {
                    dedupe.add(identified.hashes[k])
                    positions.append(add(drafts[k], identified.ids[k], identified.sources[k], bytes, &table, &subjects, &commit, &memos))
                }
            }
        }
        return positions
    }

    /// Where the event's source and id were first; nil where they are new.
    private func earlierPosition(
        of k: Int, _ identified: Identified, _ candidates: ArraySlice<DedupeIndex.Candidate>, _ bytes: UnsafeBufferPointer<UInt8>, _ commit: StagedCommit
    ) throws -> Position? {
        let (source, id) = (identified.sources[k], identified.ids[k])
        return try dedupe.find(identified.hashes[k], in: candidates, store) { seq in
            guard seq >= commit.firstSeq else { return try isInFile(seq, source, id, bytes) }
            let index = Int(seq - commit.firstSeq)
            return commit.batch.events[index].source == source && commit.ids[index].equals(id, bytes, bytes)
        }
    }

    private struct Memos {
        var subject = NameMemo()
        var pool = NameMemo()
        var worker = NameMemo()
    }

    @inline(__always)
    private func add(
        _ draft: DraftEvent, _ id: StoredID, _ source: NameID, _ bytes: UnsafeBufferPointer<UInt8>, _ table: inout NameTable,
        _ subjects: inout SubjectIndex.State, _ commit: inout StagedCommit, _ memos: inout Memos
    ) -> Position {
        let seq = commit.firstSeq + Int64(commit.batch.events.count)
        let subject = memos.subject.intern(draft.subject, bytes, &table)
        let ownPool = memos.pool.intern(draft.pool, bytes, &table)
        let worker = memos.worker.intern(draft.worker, bytes, &table)
        let previous = subjects.lastSeq(of: subject)
        let pool = ownPool.isNone ? subjects.pool(of: subject) : ownPool
        subjects.note(
            seq, subject: subject, pool: ownPool.isNone ? nil : ownPool, source: source, integerID: id.form == .integer ? id.integer : nil)
        commit.batch.events.append(CommittedEvent(
            seq: seq, kind: draft.kind, pool: pool, subject: subject, worker: worker, source: source, id: draft.id, time: draft.time,
            body: draft.body, extensions: draft.extensions, previous: previous))
        commit.ids.append(id)
        return seq
    }

    // MARK: - Many batches as one

    /// All events, pointing into one run of bytes.
    private static func merge(_ requests: [AppendRequest]) -> ([DraftEvent], [UInt8]) {
        if requests.count == 1 { return (requests[0].batch.events, requests[0].batch.bytes) }
        var events: [DraftEvent] = []
        var bytes: [UInt8] = []
        events.reserveCapacity(requests.reduce(0) { $0 + $1.events })
        bytes.reserveCapacity(requests.reduce(0) { $0 + $1.bytes })
        for request in requests {
            let shift = UInt32(bytes.count)
            bytes.append(contentsOf: request.batch.bytes)
            for event in request.batch.events { events.append(event.shifted(by: shift)) }
        }
        return (events, bytes)
    }

    /// Each request's share of the positions. A position is new where it lies behind the head and wasn't given before.
    private static func receipts(_ requests: [AppendRequest], _ positions: [Position], after head: Position) -> [AppendReceipt] {
        var start = 0
        var highest = head
        return requests.map { request in
            let own = Array(positions[start..<(start + request.events)])
            start += request.events
            var accepted = 0
            for position in own where position > highest {
                accepted += 1
                highest = position
            }
            return AppendReceipt(accepted: accepted, duplicates: own.count - accepted, positions: own)
        }
    }
}

/// The last name looked up in one column: neighbours most often share their source, pool and worker.
private struct NameMemo {
    private var range = ByteRange.empty
    private var id = NameID.none

    /// The number of the name at `range`, which is given one where it has none; `none` for an empty range.
    @inline(__always)
    mutating func intern(_ range: ByteRange, _ bytes: UnsafeBufferPointer<UInt8>, _ table: inout NameTable) -> NameID {
        if range.isEmpty { return .none }
        let name = UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper])
        if range.count == self.range.count, !id.isNone, name.elementsEqual(bytes[self.range.lower..<self.range.upper]) { return id }
        // Room was asked for before the batch was taken.
        guard let (id, _) = table.intern(name) else { preconditionFailure("the dictionary of names is full at \(table.count)") }
        self.range = range
        self.id = id
        return id
    }
}
