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
    /// Whether the event at a position says what a repeat of its id says.
    typealias SaysTheSame = (_ seq: Position, RepeatCheck, NameTable, _ jsonBytes: inout Int) throws -> Bool
    let isSameInFile: SaysTheSame

    func stage(_ requests: [AppendRequest], after head: Head, at: LogTime) throws -> StagedCommit {
        let (drafts, bytes) = Self.merge(requests)
        var written = Written(after: bytes.count, knownNames: names.countWithNew)
        var commit = StagedCommit(batch: CommittedBatch(at: at, events: [], bytes: bytes), firstSeq: head.seq + 1)
        commit.batch.events.reserveCapacity(drafts.count)
        commit.ids.reserveCapacity(drafts.count)
        dedupe.makeRoom(for: drafts.count)
        let positions = try bytes.withUnsafeBufferPointer { bytes in
            let identified = identify(drafts, bytes)
            written.ownSource = names.ownSource
            return try assign(drafts, identified, bytes, &commit, &written)
        }
        if !written.bytes.isEmpty { commit.batch.bytes.append(contentsOf: written.bytes) }
        commit.receipts = Self.receipts(
            requests, positions, after: head.seq, ambiguous: written.ambiguous, conflicting: written.conflicting, newPools: written.newPools
        )
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
        _ drafts: [DraftEvent], _ identified: Identified, _ bytes: UnsafeBufferPointer<UInt8>, _ commit: inout StagedCommit,
        _ written: inout Written
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
                    if try isConflict(drafts[k], identified.sources[k], with: earlier, bytes, table, commit, &written) {
                        written.conflicting.insert(k)
                    }
                } else {
                    dedupe.add(identified.hashes[k])
                    positions.append(
                        add(drafts[k], identified.ids[k], identified.sources[k], bytes, &table, &subjects, &commit, &memos, &written))
                }
            }
        }
        return positions
    }

    /// Where the event's source and id were first; nil where they are new.
    private func earlierPosition(
        of k: Int, _ identified: Identified, _ candidates: ArraySlice<DedupeIndex.Candidate>, _ bytes: UnsafeBufferPointer<UInt8>,
        _ commit: StagedCommit
    ) throws -> Position? {
        let (source, id) = (identified.sources[k], identified.ids[k])
        return try dedupe.find(identified.hashes[k], in: candidates, store) { seq in
            guard seq >= commit.firstSeq else { return try isInFile(seq, source, id, bytes) }
            let index = Int(seq - commit.firstSeq)
            return commit.batch.events[index].source == source && commit.ids[index].equals(id, bytes, bytes)
        }
    }

    /// Whether a repeat says something else than the event at `seq`. What the loop concludes twice is one event, whichever came first.
    @inline(never)
    private func isConflict(
        _ draft: DraftEvent, _ source: NameID, with seq: Position, _ bytes: UnsafeBufferPointer<UInt8>, _ names: NameTable,
        _ commit: StagedCommit, _ written: inout Written
    ) throws -> Bool {
        guard draft.names == .sent, source != written.ownSource || source.isNone else { return false }
        // So is what a watch tells again after a restart, in the words of that moment.
        if !source.isNone, names.withText(of: source, ReservedSource.isWatch) { return false }
        let check = RepeatCheck(draft: draft, bytes: bytes)
        guard seq >= commit.firstSeq else { return try !isSameInFile(seq, check, names, &written.comparedJSON) }
        let first = commit.batch.events[Int(seq - commit.firstSeq)]
        return !check.isSame(
            as: .init(
                kind: Int64(first.kind.rawValue), pool: first.pool, subject: first.subject, worker: first.worker,
                body: UnsafeBufferPointer(rebasing: bytes[first.body.lower..<first.body.upper])), names, &written.comparedJSON)
    }

    private struct Memos {
        var subject = NameMemo()
        var pool = NameMemo()
        var worker = NameMemo()
    }

    /// What the writer itself has to say of a commit's events.
    private struct Written {
        /// Where `bytes` will lie.
        let start: Int
        var bytes: [UInt8] = []
        var ambiguous: Set<Position> = []
        /// Of the drafts, by their place: repeats that say something else.
        var conflicting: Set<Int> = []
        /// Bytes of JSON that were read to compare repeats.
        var comparedJSON = 0
        var ownSource = NameID.none

        /// Names beyond so many came with this commit.
        let knownNames: Int
        /// Actors' events whose pool nothing in the log named before.
        var newPools: Set<Position> = []

        init(after start: Int, knownNames: Int) {
            self.start = start
            self.knownNames = knownNames
        }
    }

    @inline(__always)
    private func add(
        _ draft: DraftEvent, _ id: StoredID, _ source: NameID, _ bytes: UnsafeBufferPointer<UInt8>, _ table: inout NameTable,
        _ subjects: inout SubjectIndex.State, _ commit: inout StagedCommit, _ memos: inout Memos, _ written: inout Written
    ) -> Position {
        let seq = commit.firstSeq + Int64(commit.batch.events.count)
        let role = SubjectIndex.Role(draft.kind)
        let ownPool = memos.pool.intern(draft.pool, bytes, &table)
        let named = identify(draft, role, ownPool, source, bytes, &table, &subjects, &memos)
        let previous = subjects.lastSeq(of: named.subject)
        subjects.note(
            SubjectIndex.State.Note(
                seq: seq, subject: named.subject, pool: ownPool, worker: named.worker, source: source,
                integerID: id.form == .integer ? id.integer : nil, role: role), &table)
        var event = CommittedEvent(
            seq: seq, kind: draft.kind, pool: ownPool.isNone ? subjects.pool(of: named.subject) : ownPool, subject: named.subject,
            worker: named.worker,
            source: source, id: draft.id, time: draft.time, body: draft.body, extensions: draft.extensions, previous: previous,
            isOurs: source == written.ownSource && !source.isNone)
        if named.isAmbiguous { written.ambiguous.insert(seq) }
        if !ownPool.isNone, Int(ownPool.rawValue) > written.knownNames, role == .actor { written.newPools.insert(seq) }
        let host = subjects.pool(of: named.worker)
        if named.isAmbiguous || (host != event.pool && !host.isNone && draft.names != .stored) {
            remark(&event, named, host, bytes, table, &written)
        }
        commit.batch.events.append(event)
        commit.ids.append(id)
        return seq
    }

    /// The names of an event's subject and worker. Almost always they are its own words, found at once.
    @inline(__always)
    private func identify(
        _ draft: DraftEvent, _ role: SubjectIndex.Role, _ ownPool: NameID, _ source: NameID, _ bytes: UnsafeBufferPointer<UInt8>,
        _ table: inout NameTable,
        _ subjects: inout SubjectIndex.State, _ memos: inout Memos
    ) -> IdentityResolution.Answer {
        guard draft.names == .sent, !role.isEmpty else {
            return .init(
                subject: memos.subject.intern(draft.subject, bytes, &table), worker: memos.worker.intern(draft.worker, bytes, &table))
        }
        let subject = UnsafeBufferPointer(rebasing: bytes[draft.subject.lower..<draft.subject.upper])
        let worker = UnsafeBufferPointer(rebasing: bytes[draft.worker.lower..<draft.worker.upper])
        if let known = memos.subject.find(draft.subject, bytes, &table) {
            let isCertain =
                ownPool.isNone
                ? subjects.isKnown(known, as: role) && table.qualified(subject).isEmpty
                : subjects.pool(of: known) == ownPool && subjects.isKnown(known)
            if isCertain, worker.isEmpty { return .init(subject: known, worker: .none) }
            if isCertain, let host = memos.worker.find(draft.worker, bytes, &table), subjects.isKnown(host, as: .worker),
                table.qualified(worker).isEmpty
            {
                return .init(subject: known, worker: host)
            }
        }
        return IdentityResolution.resolve(
            .init(subject: subject, worker: worker, pool: ownPool, source: source, role: role), &table, subjects)
    }

    /// Says what the names of an event don't.
    private func remark(
        _ event: inout CommittedEvent, _ named: IdentityResolution.Answer, _ host: NameID, _ bytes: UnsafeBufferPointer<UInt8>,
        _ table: NameTable,
        _ written: inout Written
    ) {
        let isForeign =
            !host.isNone && !event.pool.isNone && !IdentityResolution.isAlike(host, event.pool, table)
            && table.withText(of: named.worker) { QualifiedName.slash(in: $0) == nil }
        guard named.isAmbiguous || isForeign else { return }
        var json = JSONWriter(reservingBytes: 64)
        json.openObject()
        if named.isAmbiguous { json.member(CloudEventWriter.Note.ambiguous, true) }
        if isForeign { json.member(CloudEventWriter.Note.workerNamespace, String(decoding: table.namespace(of: host), as: UTF8.self)) }
        json.closeObject()
        var attributes = json.bytes
        if event.extensions.count > 2 {
            attributes[0] = UInt8(ascii: ",")
            attributes.insert(contentsOf: bytes[event.extensions.lower..<(event.extensions.upper - 1)], at: 0)
        }
        event.extensions = ByteRange(start: written.start + written.bytes.count, count: attributes.count)
        written.bytes.append(contentsOf: attributes)
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
    private static func receipts(
        _ requests: [AppendRequest], _ positions: [Position], after head: Position, ambiguous: Set<Position>, conflicting: Set<Int>,
        newPools: Set<Position>
    ) -> [AppendReceipt] {
        var start = 0
        var highest = head
        return requests.map { request in
            let own = Array(positions[start..<(start + request.events)])
            let conflicts = conflicting.isEmpty ? [] : own.indices.filter { conflicting.contains(start + $0) }
            start += request.events
            var accepted = 0
            var warned: [Int] = []
            var inNewPools: [Int] = []
            for (index, position) in own.enumerated() where position > highest {
                accepted += 1
                highest = position
                if !ambiguous.isEmpty, ambiguous.contains(position) { warned.append(index) }
                if !newPools.isEmpty, newPools.contains(position) { inNewPools.append(index) }
            }
            var receipt = AppendReceipt(
                accepted: accepted, duplicates: own.count - accepted, positions: own, ambiguous: warned, conflicts: conflicts)
            receipt.inNewPools = inNewPools
            return receipt
        }
    }
}

/// The last name looked up in one column: neighbours most often share their source, pool and worker.
private struct NameMemo {
    private var range = ByteRange.empty
    private var id = NameID.none

    /// The number of the name at `range`; nil where it has none yet.
    @inline(__always)
    mutating func find(_ range: ByteRange, _ bytes: UnsafeBufferPointer<UInt8>, _ table: inout NameTable) -> NameID? {
        if range.isEmpty { return nil }
        let name = UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper])
        if range.count == self.range.count, !id.isNone, name.elementsEqual(bytes[self.range.lower..<self.range.upper]) { return id }
        guard let id = table.find(name) else { return nil }
        self.range = range
        self.id = id
        return id
    }

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
