// How does a log that is one file become a stream?
//
//   lock the file ─▶ is each commit small enough? ─▶ found, or find where it stopped ─▶ publish ─▶ read all back ─▶ note it in the file
//
// Each commit becomes one message, with its positions, times, names and links as they are. The first message is an election, as in every
// stream, and the last a resignation, so an instance may lead at once; its bytes follow from the log's id, so a migration that was interrupted knows its own stream again and continues behind the last
// commit that is there. Nothing else may write to the stream meanwhile: every publish expects the sequence before it.

package import Domain
import Machine

package struct LogMigration {
    package struct Report: Hashable, Sendable {
        package var events: Position
        package var commits: UInt64
        /// Where an earlier run had stopped; 0 where there was none.
        package var continuedAfter: Position
        /// The stream's last message.
        package var sequence: UInt64
        package var link: [UInt8]
    }

    package enum Step: Hashable, Sendable { case measuring, publishing, comparing }

    /// Whose election the stream's first message is.
    package static let instance = "migration"
    private static let inFlightMessages = 64
    private static let inFlightBytes = 8 << 20
    private static let stretchEvents = 4_096

    private let log: EventLog
    private let settings: ReplicaSettings
    private let progress: (Step, Position) -> Void
    private var stream: any CommitStream { settings.stream }
    private var path: String { log.path }

    /// Copies the log at `path` into the stream, which must be empty or hold a part of it. Waits: not to be called on a task.
    package static func run(
        path: String, stream: any CommitStream, clock: @escaping @Sendable () -> Int64 = { MeasuringClock.microseconds() },
        progress: @escaping (Step, Position) -> Void = { _, _ in }
    ) throws(LogError) -> Report {
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        // Held until the end: nobody appends meanwhile.
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var settings = ReplicaSettings(stream: stream, instance: instance, session: session(log.catalog.logID))
        settings.clock = clock
        do { return try LogMigration(log: log, settings: settings, progress: progress).run() } catch {
            throw LogError(wrapping: error, operation: "migrate", path: path)
        }
    }

    private static func session(_ id: [UInt8]) -> UInt64 { id.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    private func run() throws -> Report {
        let head = log.head.seq
        guard head > 0 else {
            throw refused("it holds no events", "start the service with the stream configured: the first instance founds the log")
        }
        let status = try status()
        var place = try resume(status)
        try measure(after: place.position)
        if place.sequence == 0 {
            let founding = try founding()
            try settle(founding, expecting: 0, stream.publish(founding, expecting: 0).answer())
            place.sequence = 1
        }
        var sequence = place.sequence
        let commits = try publish(after: place.position, &sequence)
        let last = try log.reader.commit(with: head)
        if !place.isResigned {
            let bytes = try ReplicaMessage(logID: log.catalog.logID, previous: last?.hash ?? [], content: .resignation(fence: 1)).encoded()
            try settle(bytes, expecting: sequence, stream.publish(bytes, expecting: sequence).answer())
        }
        sequence += 1
        let compared = try StreamComparison.of(log, and: stream, clock: settings.clock) { progress(.comparing, $0) }
        guard compared.result == .same(through: head) else {
            throw LogError(
                .damaged, operation: "migrate", path: path,
                problem: "what is in the stream isn't this log: \(compared.result.problem ?? "\(compared.result)")",
                hint: "delete the stream and migrate again; if that happens again, run `log verify` on the file")
        }
        try log.noteStream(
            ReplicaPlace(stream: status.name, created: try self.status().created, sequence: sequence, fence: 1, leader: ""))
        return Report(
            events: head, commits: commits + place.sequence - 1, continuedAfter: place.position, sequence: sequence,
            link: last?.hash ?? [])
    }

    // MARK: - Where to go on

    private func founding() throws -> [UInt8] {
        try ReplicaMessage(
            logID: log.catalog.logID, previous: CommitHash.genesis(logID: log.catalog.logID),
            content: .election(instance: Self.instance, session: settings.session)
        ).encoded(limit: stream.messageBytesLimit)
    }

    /// The last commit that is in the stream, and whether all of them are.
    private struct Place {
        var sequence: UInt64 = 0
        var position: Position = 0
        var isResigned = false
    }

    private func resume(_ status: StreamStatus) throws -> Place {
        guard status.last > 0 else { return Place() }
        guard status.first <= 1, try entry(at: 1) == founding() else {
            throw refused(
                "the stream \(status.name) isn't empty, and no migration of this log began it",
                "give the name of a new stream; an instance's own file needs no migration")
        }
        guard status.last > 1 else { return Place(sequence: 1) }
        var sequence = status.last
        var message = try ReplicaMessage(try entry(at: sequence))
        var isResigned = false
        if case .resignation(fence: 1) = message.content {
            (isResigned, sequence) = (true, sequence - 1)
            message = try ReplicaMessage(try entry(at: sequence))
        }
        guard case .commit(let content) = message.content, content.fence == 1 else {
            throw refused(
                "an instance leads the stream \(status.name) already",
                "this log is in the stream: start the service on this file or on a new one; to compare them: `log verify --against`")
        }
        guard let commit = try log.reader.commit(with: content.lastSeq), commit.last == content.lastSeq, commit.hash == content.link else {
            throw refused(
                "the stream \(status.name) holds another commit at position \(content.firstSeq)",
                "delete the stream, or give the name of a new one: it began as a copy of this log and isn't one any more")
        }
        return Place(sequence: sequence, position: content.lastSeq, isResigned: isResigned)
    }

    private func entry(at sequence: UInt64) throws -> [UInt8] {
        let deadline = settings.clock().addingClamped(settings.settleMicroseconds)
        var attempt = 0
        while true {
            var problem = "message \(sequence) can't be read"
            do throws(StreamTrouble) {
                if let entry = try stream.entry(at: sequence) { return entry.bytes }
            } catch { problem += ": \(error)" }
            guard settings.clock() < deadline else { throw unreachable(problem) }
            attempt += 1
            stream.pause(attempt)
        }
    }

    // MARK: - Publishing

    /// A commit can't be split without another link, so each must fit into one message. Found out before anything is published.
    private func measure(after position: Position) throws {
        let limit = min(stream.messageBytesLimit, ReplicaMessage.bytesLimit)
        var largest: (bytes: Int, first: Position, last: Position)?
        try forEachCommit(after: position) { commit in
            let bytes = try commit.bytes(logID: log.catalog.logID, fence: 1, limit: ReplicaMessage.bytesLimit).count
            if bytes > limit, bytes > largest?.bytes ?? 0 { largest = (bytes, commit.firstSeq, commit.lastSeq) }
            progress(.measuring, commit.lastSeq)
        }
        guard let largest else { return }
        throw refused(
            "the commit of positions \(largest.first) to \(largest.last) has \(largest.bytes) bytes as one message, and the stream's server takes at most \(limit)",
            "set max_payload: \(largest.bytes + 4_096) on the stream's servers, and migrate again: nothing was published")
    }

    private func forEachCommit(after position: Position, _ body: (FileCommit) throws -> Void) throws {
        var reached = position
        while true {
            let commits = try log.reader.fileCommits(after: reached, limitEvents: Self.stretchEvents)
            guard let last = commits.last else { return }
            for commit in commits { try body(commit) }
            reached = last.lastSeq
        }
    }

    private struct Flight {
        var bytes: [UInt8]
        var expecting: UInt64
        var lastSeq: Position
        var publication: any StreamPublication
    }

    private func publish(after position: Position, _ sequence: inout UInt64) throws -> UInt64 {
        var flying: [Flight] = []
        var flyingBytes = 0
        var next = sequence
        var count: UInt64 = 0
        func land() throws {
            let flight = flying.removeFirst()
            flyingBytes -= flight.bytes.count
            try settle(flight.bytes, expecting: flight.expecting, flight.publication.answer())
            progress(.publishing, flight.lastSeq)
        }
        do {
            try forEachCommit(after: position) { commit in
                let bytes = try commit.bytes(logID: log.catalog.logID, fence: 1, limit: stream.messageBytesLimit)
                while flying.count >= Self.inFlightMessages || (!flying.isEmpty && flyingBytes + bytes.count > Self.inFlightBytes) {
                    try land()
                }
                flying.append(
                    Flight(bytes: bytes, expecting: next, lastSeq: commit.lastSeq, publication: stream.publish(bytes, expecting: next)))
                flyingBytes += bytes.count
                next += 1
                count += 1
            }
            while !flying.isEmpty { try land() }
        } catch {
            // What was published may be stored: the next run finds it.
            for flight in flying { _ = flight.publication.answer() }
            throw error
        }
        sequence = next
        return count
    }

    private func settle(_ bytes: [UInt8], expecting: UInt64, _ answer: StreamAnswer) throws {
        let deadline = settings.clock().addingClamped(settings.settleMicroseconds)
        switch Settlement(settings: settings, bytes: bytes, expecting: expecting).settle(answer, until: deadline) {
        case .stored: return
        case .overtaken:
            throw refused(
                "somebody else wrote message \(expecting + 1) of the stream",
                "stop whatever writes to it; give the name of a new stream, or delete this one")
        case .refused(let problem): throw refused("the stream refused message \(expecting + 1): \(problem)", again)
        case .unknown(let problem): throw unreachable("message \(expecting + 1) got no certain answer: \(problem)")
        }
    }

    // MARK: - Words

    private var again: String { "run it again: it continues where it stopped" }

    private func status() throws(LogError) -> StreamStatus {
        do { return try stream.status() } catch {
            guard case .unavailable(let problem) = error else { throw refused(error.description, "make the stream, or name another") }
            throw unreachable(problem)
        }
    }

    private func refused(_ problem: String, _ hint: String) -> LogError {
        LogError(.refused, operation: "migrate", path: path, problem: problem, hint: hint)
    }

    private func unreachable(_ problem: String) -> LogError {
        LogError(
            .unreachable, operation: "migrate", path: path, problem: problem,
            hint: "see whether the stream's servers answer and have a quorum, and \(again)")
    }
}

extension EventLog {
    /// Notes that the file holds all of the stream up to there.
    func noteStream(_ place: ReplicaPlace) throws {
        try catalog.pool.write { db in try ReplicaTable(db).write(place) }
    }
}
