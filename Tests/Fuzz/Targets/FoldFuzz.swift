import ControlLoop
import State
import Domain

// Does the state hold for any log, and do checkpoints?
//
// The input is a log as `greenroom log export` writes it, a line an event. Lines that can't be read are passed over. A line that begins
// with `~N ` has its N-th byte damaged after it was taken, as a file's bytes may be. Events of one `commit` number are one commit. The
// state must survive being written and read, at the end and on the way.

enum FoldFuzz {
    static func fold(_ input: [UInt8]) throws {
        let (commits, names) = commits(input)
        var state = State()
        var restored: State?
        for (k, commit) in commits.enumerated() {
            _ = state.fold(commit, names: names)
            if restored != nil { _ = restored?.fold(commit, names: names) }
            if k == commits.count / 2 { restored = try reread(state) }
        }
        let bytes = try reread(state).encoded()
        if let restored {
            try hold(restored.encoded() == bytes, "folded from a checkpoint the state is another than folded from the start")
        }
    }

    /// What can be read as a checkpoint at all can be gone on with.
    static func checkpoint(_ input: [UInt8]) throws {
        guard var state = try? State(decoding: input) else { return }
        _ = try reread(state)
        // A log isn't that long; its positions would end.
        guard state.position >= 0, state.position < 1 << 40 else { return }
        let (commits, names) = commits(Array(following.utf8), after: state.position, at: state.at)
        for commit in commits { _ = state.fold(commit, names: names) }
        _ = state.encoded()
    }

    static func checkpoint(ofLog input: [UInt8]) -> [UInt8] {
        let (commits, names) = commits(input)
        var state = State()
        for commit in commits { _ = state.fold(commit, names: names) }
        return state.encoded()
    }

    private static func reread(_ state: State) throws -> State {
        let bytes = state.encoded()
        switch Result(catching: { try State(decoding: bytes) }) {
        case .success(let again):
            try hold(again.encoded() == bytes, "a checkpoint that is read and written again has other bytes")
            return again
        case .failure(let fault): throw FuzzFinding("a checkpoint that was just written is refused: \(fault)")
        }
    }

    private static let following = """
        {"specversion":"1.0","type":"dev.greenroom.worker.ready","source":"/w","id":"1","subject":"demo/w1","data":{"pool":"demo/chat","node":"n1","slots":2}}
        {"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/a","id":"2","subject":"demo/a1","data":{"pool":"demo/chat"}}
        {"specversion":"1.0","type":"dev.greenroom.actor.placed","source":"/g","id":"3","subject":"demo/a1","data":{"worker":"demo/w1","tier":"cold"}}
        {"specversion":"1.0","type":"dev.greenroom.actor.running","source":"/a","id":"4","subject":"demo/a1","data":{"worker":"demo/w1"}}
        {"specversion":"1.0","type":"dev.greenroom.worker.gone","source":"/w","id":"5","subject":"demo/w1","data":{"reason":"killed"}}
        """

    // MARK: - The log's part

    private static func commits(_ input: [UInt8], after position: Position = 0, at start: LogTime = .zero) -> ([CommittedBatch], NameTable)
    {
        var log = LinesAsLog(position: position, at: start)
        for line in input.split(separator: UInt8(ascii: "\n")) { log.take(Array(line)) }
        return (log.commits, log.names)
    }
}

/// Positions, names for numbers, and a time that never goes back.
private struct LinesAsLog {
    private(set) var commits: [CommittedBatch] = []
    private(set) var names = NameTable()
    private var position: Position
    private var at: LogTime
    private var pools: [NameID: NameID] = [:]
    private var lastCommit: Int64?

    init(position: Position, at: LogTime) { (self.position, self.at) = (position, at) }

    mutating func take(_ line: [UInt8]) {
        var (text, damaged) = (line, Int?.none)
        if line.first == UInt8(ascii: "~"), let space = line.firstIndex(of: UInt8(ascii: " ")) {
            damaged = Int(String(decoding: line[1..<space], as: UTF8.self))
            text = Array(line[(space + 1)...])
        }
        var reader = CloudEventReader(acceptsOwnKinds: true)
        reader.isExact = true
        guard text.withUnsafeBufferPointer({ bytes in (try? reader.readEvent(bytes)) != nil }) else { return }
        let drafts = reader.takeBatch()
        var bytes = drafts.bytes
        if let damaged, !bytes.isEmpty { bytes[Int(damaged.magnitude % UInt(bytes.count))] ^= 0x15 }
        let (commit, time) = place(text)
        for draft in drafts.events { append(draft, drafts, bytes, commit, time) }
    }

    /// What the log said of the event: in which commit it was, and when.
    private func place(_ text: [UInt8]) -> (commit: Int64?, at: LogTime?) {
        var found: (commit: Int64?, at: LogTime?) = (nil, nil)
        text.withUnsafeBufferPointer { bytes in
            let event = EventBody(bytes, ByteRange(start: 0, count: bytes.count))
            event.forEachMember { key, value in
                if key == "commit" { found.commit = event.integer(value) }
                if key == "at" { found.at = event.time(value) }
            }
        }
        return found
    }

    private mutating func append(_ draft: DraftEvent, _ drafts: EventBatch, _ bytes: [UInt8], _ commit: Int64?, _ time: LogTime?) {
        func number(_ range: ByteRange) -> NameID { range.isEmpty ? .none : names.intern(drafts.text(range)) ?? .none }
        let subject = number(draft.subject)
        var pool = number(draft.pool)
        if draft.kind.isNamespaced { if pool.isNone { pool = pools[subject] ?? .none } else { pools[subject] = pool } }
        position += 1
        var event = CommittedEvent(
            seq: position, kind: draft.kind, pool: pool, subject: subject, worker: number(draft.worker), source: number(draft.source),
            id: draft.id,
            time: draft.time, body: draft.body, extensions: draft.extensions, previous: 0)
        if let commit, commit == lastCommit, var batch = commits.popLast() {
            let shift = UInt32(batch.bytes.count)
            for part in [\CommittedEvent.id, \.body, \.extensions] { event[keyPath: part].start += shift }
            batch.bytes += bytes
            batch.events.append(event)
            commits.append(batch)
        } else {
            at = max(at, time ?? at.adding(seconds: 1))
            commits.append(CommittedBatch(at: at, events: [event], bytes: bytes))
        }
        lastCommit = commit
    }
}
