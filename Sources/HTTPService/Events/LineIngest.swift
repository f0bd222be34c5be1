import Domain
import EventLog

// Which lines of a stream are events, what goes to the log next, and what is the producer told in the end?
//
//     bytes → lines → events of the next chunk → (the log, one chunk at a time) → totals
//
// Pure: it is given bytes and the log's answers, and says what to do. While a chunk is at the log, the next one gathers;
// once that holds `streamBytesAwaitingLog`, reading pauses. A bad line ends the stream: the lines before it are appended
// first, so that the answer can say exactly how many are durable. Empty lines are skipped and not counted.

struct LineIngest {
    private let limits: ServerLimits
    private var reader = CloudEventReader()
    private var partial: [UInt8] = []
    private var chunkBytes = 0
    /// Events read so far, and lines, for faults to point at.
    private var events = 0
    private var lines = 0

    /// Repeats that say something else, also those that the totals don't name.
    private var conflictCount = 0
    /// Without `positions`, which are as many as the stream has events.
    private var totals = AppendReceipt(accepted: 0, duplicates: 0, positions: [])
    private var problem: Problem?
    private var hasEnded = false
    /// Of one stream.
    private static let warningsLimit = 1_000

    init(limits: ServerLimits) { self.limits = limits }

    // MARK: - Events

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while problem == nil, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            takeEnding(UnsafeRawBufferPointer(rebasing: rest[..<end]))
            rest = rest[(end + 1)...]
        }
        guard problem == nil, !rest.isEmpty else { return }
        guard partial.count + rest.count <= limits.lineBytes else { return lineTooLong() }
        partial.append(contentsOf: rest)
    }

    mutating func end() {
        hasEnded = true
        if problem == nil, !partial.isEmpty { takeEnding(UnsafeRawBufferPointer(start: nil, count: 0)) }
        partial = []
    }

    mutating func note(_ receipt: AppendReceipt) {
        // Chunks are answered in the order in which they were handed on.
        let before = totals.accepted + totals.duplicates
        let room = max(0, Self.warningsLimit - totals.ambiguous.count)
        totals.ambiguous += receipt.ambiguous.prefix(room).map { before + $0 }
        let roomForPools = max(0, Self.warningsLimit - totals.inNewPools.count)
        totals.inNewPools += receipt.inNewPools.prefix(roomForPools).map { before + $0 }
        let left = max(0, Self.warningsLimit - totals.conflicts.count)
        for conflict in receipt.conflictPositions.prefix(left) {
            totals.conflicts.append(before + conflict.index)
            totals.conflictSeqs.append(conflict.seq)
        }
        conflictCount += receipt.conflicts.count
        totals.accepted += receipt.accepted
        totals.duplicates += receipt.duplicates
        guard receipt.accepted + receipt.duplicates > 0 else { return }
        totals.firstSeq = totals.firstSeq == 0 ? receipt.firstSeq : min(totals.firstSeq, receipt.firstSeq)
        totals.lastSeq = max(totals.lastSeq, receipt.lastSeq)
    }

    /// Nothing more is read; what was read before is still appended.
    mutating func stop(_ problem: Problem) {
        if self.problem == nil { self.problem = problem }
    }

    /// A chunk could not be appended: neither may be what came after it, or there would be a gap.
    mutating func fail(_ problem: Problem) {
        self.problem = problem
        // Of a chunk; the producer counts from the stream's beginning.
        if let index = problem.index { self.problem?.index = totals.accepted + totals.duplicates + index }
        _ = takeChunk()
    }

    // MARK: - What to do

    var isChunkFull: Bool { reader.batch.count >= limits.streamChunkEvents || chunkBytes >= limits.streamBytesAwaitingLog }
    var mustPause: Bool { isChunkFull && problem == nil }

    /// What gathered since the last chunk; nil where that is nothing.
    mutating func takeChunk() -> (batch: EventBatch, bytes: Int)? {
        guard !reader.batch.isEmpty else { return nil }
        defer { chunkBytes = 0 }
        return (reader.takeBatch(), chunkBytes)
    }

    /// With no chunk at the log: what went wrong, and how many events are durable all the same.
    var problemToReport: Problem? {
        guard var problem, reader.batch.isEmpty else { return nil }
        problem.detail +=
            "; \(totals.accepted + totals.duplicates) events before it are durable (\(totals.accepted) new, \(totals.duplicates) known)"
        for (name, value) in [("accepted", Int64(totals.accepted)), ("duplicates", Int64(totals.duplicates)), ("lastSeq", totals.lastSeq)] {
            problem.members.append(Problem.Member(name: name, json: Array(String(value).utf8)))
        }
        return problem
    }

    /// With no chunk at the log: the totals, once the stream has ended well.
    /// Nothing of the stream is in the log as it was sent.
    var isAllConflicts: Bool { conflictCount > 0 && conflictCount == totals.accepted + totals.duplicates }

    var finalTotals: AppendReceipt? { hasEnded && problem == nil && reader.batch.isEmpty ? totals : nil }

    // MARK: - Lines

    /// A line's end was found: `tail` is what stands before it, after what came earlier.
    private mutating func takeEnding(_ tail: UnsafeRawBufferPointer) {
        guard partial.count + tail.count <= limits.lineBytes else { return lineTooLong() }
        guard !partial.isEmpty else { return takeLine(tail) }
        partial.append(contentsOf: tail)
        let line = partial
        partial.removeAll(keepingCapacity: true)
        line.withUnsafeBytes { takeLine($0) }
    }

    private mutating func takeLine(_ line: UnsafeRawBufferPointer) {
        lines += 1
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        do throws(EventFault) {
            try reader.readEvent(line.assumingMemoryBound(to: UInt8.self))
            events += 1
            chunkBytes += line.count
        } catch {
            var fault = error
            fault.index = events
            var problem = Problem(fault)
            problem.detail = "line \(lines): \(problem.detail)"
            self.problem = problem
            partial = []
        }
    }

    private mutating func lineTooLong() {
        problem = Problem(.tooLarge, "line \(lines + 1): longer than \(limits.lineBytes) bytes", index: events)
        partial = []
    }
}
