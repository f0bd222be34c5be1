// How does an export become a log again?
//
//   add(line) … add(line) ──commit changes──▶ one commit at its recorded time ──▶ … ──▶ finish()
//
// Only into an empty log: positions, commits and times must come out as they were. Nothing is synced on the way, so a
// machine that dies leaves a log to be made again; `finish` syncs all of it before it returns.

package import Domain

/// Which line can't be imported, and why.
package struct LogImportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    package var line: Int
    package var problem: String
    package var description: String { "line \(line): \(problem)" }
}

package struct LogImport: ~Copyable {
    private let log: EventLog
    private let writer: LogWriter
    private var reader = CloudEventReader(acceptsOwnKinds: true)
    private var line = 0
    private var pending: Pending?
    private var marks: [Position] = []

    private struct Pending {
        var commit: Position
        var at: LogTime
        var events = 0
    }

    /// The attributes of a line that are the log's.
    private struct Place {
        var seq: Position?
        var commit: Position?
        var at: LogTime?
        var superseded = false
    }

    private var isFinished = false

    private static let marksPerFlush = 1_024

    package init(into log: EventLog) throws(LogError) {
        guard let writer = log.writing?.writer, !writer.isReplica, log.head.seq == 0 else {
            throw LogError(
                .refused, operation: "import into", path: log.path,
                problem: "the log is not empty, is open for reading only, or follows a stream",
                hint: "give the path of a file that isn't there yet")
        }
        try log.setSynced(false)
        self.init(log, writer)
    }

    private init(_ log: EventLog, _ writer: LogWriter) {
        self.log = log
        self.writer = writer
    }

    /// One event. An empty line is passed over.
    package mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        line += 1
        guard bytes.contains(where: { $0 > 0x20 }) else { return }
        let (event, place) = try split(bytes)
        guard let seq = place.seq, let at = place.at else { throw fault("it has no seq or no at: only an export can be imported") }
        let commit = place.commit ?? seq
        if let pending, pending.commit != commit { try write(pending) }
        let expected = log.head.seq + Int64(pending?.events ?? 0) + 1
        guard seq == expected else {
            throw fault("its seq is \(seq) where \(expected) belongs: an export from the first position on is needed")
        }
        var next = pending ?? Pending(commit: commit, at: at)
        guard next.at == at else { throw fault("its time is not that of its commit") }
        // Only an export has names as they were stored; what was followed tells a name and its namespace.
        reader.isExact = place.commit != nil
        try read(event)
        next.events += 1
        pending = next
        if place.superseded { marks.append(seq) }
    }

    /// Writes the last commit and syncs everything. Returns how many events there are.
    package mutating func finish() throws -> Position {
        if let pending { try write(pending) }
        log.markSuperseded(marks)
        writer.flushMarks()
        try log.setSynced(true)
        isFinished = true
        return log.head.seq
    }

    /// An import that is given up leaves a log that syncs again; should that fail, the next commit fails and says so.
    deinit {
        if !isFinished { try? log.setSynced(true) }
    }

    // MARK: - Parts

    private mutating func write(_ commit: Pending) throws {
        let first = log.head.seq + 1
        guard commit.at >= log.head.at else { throw fault("the time of the commit at \(first) lies before that of the commit before") }
        let receipt: AppendReceipt
        do throws(AppendError) {
            receipt = try writer.importCommit(reader.takeBatch(), at: commit.at)
        } catch { throw fault("the commit at \(first) can't be written: \(error)") }
        guard receipt.accepted == commit.events else { throw fault("an event of the commit at \(first) is in the export twice") }
        pending = nil
        if marks.count >= Self.marksPerFlush {
            log.markSuperseded(marks)
            marks.removeAll(keepingCapacity: true)
        }
    }

    private mutating func read(_ event: [UInt8]) throws {
        do {
            try event.withUnsafeBufferPointer { bytes in try reader.readEvent(bytes) }
        } catch let error as EventFault { throw fault("\(error.field.map { "\($0) " } ?? "")\(error.problem)") }
    }

    /// The event without the log's attributes, and these.
    private func split(_ bytes: UnsafeBufferPointer<UInt8>) throws -> ([UInt8], Place) {
        var place = Place()
        var event: [UInt8] = []
        event.reserveCapacity(bytes.count)
        var cursor = JSONCursor(bytes)
        let body = EventBody(bytes, .empty)
        do throws(JSONFault) {
            try cursor.expect(UInt8(ascii: "{"), "an event, which is a JSON object")
            guard !cursor.take(UInt8(ascii: "}")) else { return (Array(bytes), place) }
            repeat {
                let key = try cursor.key()
                let value = try cursor.value()
                switch String(decoding: bytes[key.content.lower..<key.content.upper], as: UTF8.self) {
                case "seq": place.seq = body.integer(value)
                case "commit": place.commit = body.integer(value)
                case "at": place.at = body.time(value)
                case "superseded": place.superseded = bytes[value.range.lower] == UInt8(ascii: "t")
                default:
                    event.append(event.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
                    event.append(contentsOf: bytes[key.range.lower..<key.range.upper])
                    event.append(UInt8(ascii: ":"))
                    event.append(contentsOf: bytes[value.range.lower..<value.range.upper])
                }
            } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
        } catch { throw fault("not JSON at byte \(error.offset): \(error.problem)") }
        event.append(UInt8(ascii: "}"))
        return (event, place)
    }

    private func fault(_ problem: String) -> LogImportError { LogImportError(line: line, problem: problem) }
}

extension EventLog {
    /// Off: commits are left to the operating system. On again: all that was committed meanwhile is synced first.
    func setSynced(_ isSynced: Bool) throws(LogError) {
        do {
            try catalog.pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = \(isSynced && configuration.durability == .full ? "FULL" : "OFF")")
                // A checkpoint syncs the WAL before it copies it, and the database after.
                if isSynced { try writing?.place.wal.runWhole(db) }
            }
        } catch { throw LogError(wrapping: error, operation: "sync", path: path) }
    }
}
