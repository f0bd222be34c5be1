// Do a log's file and a stream say the same, and from where on don't they?
//
// Every message is read, and held against the message that the file's commit at that position would be: byte by byte, so a link that
// somebody copied onto other rows doesn't pass. Elections and heartbeats must stand on the link of the commit before them. What was purged
// can't be compared; the link on which the first message stands covers it.

package import Domain
import Machine

package struct StreamComparison: Hashable, Sendable {
    package var result: LogComparison
    /// The first position that was compared message by message.
    package var from: Position
    package var messages: UInt64

    /// Of the log at `path`, which may be in use, and the stream as it is now. Waits: not to be called on a task.
    package static func of(
        _ path: String, and stream: any CommitStream, clock: @escaping @Sendable () -> Int64 = { MeasuringClock.microseconds() },
        progress: (Position) -> Void = { _ in }
    ) throws(LogError) -> StreamComparison {
        let log = try EventLog.openReadOnly(path: path)
        defer { log.close() }
        return try of(log, and: stream, clock: clock, progress: progress)
    }

    static func of(
        _ log: EventLog, and stream: any CommitStream, clock: @escaping @Sendable () -> Int64, progress: (Position) -> Void
    ) throws(LogError) -> StreamComparison {
        do {
            let status: StreamStatus
            do { status = try stream.status() } catch {
                throw LogError(
                    .unreachable, operation: "compare a stream with", path: log.path, problem: error.description,
                    hint: "see whether the stream's servers answer, and whether it is the right stream")
            }
            var comparing = Comparing(log)
            let first = max(status.first, 1)
            try StreamReading(stream: stream, clock: clock).read(after: first - 1, through: status.last, path: log.path) { entry in
                guard comparing.difference == nil else { return }
                try comparing.add(entry)
                progress(comparing.theirs)
            }
            return StreamComparison(
                result: comparing.result, from: comparing.from ?? 1, messages: status.last < first ? 0 : status.last - first + 1)
        } catch { throw LogError(wrapping: error, operation: "compare a stream with", path: log.path) }
    }

    private struct Comparing {
        private let log: EventLog
        private let own: Position
        /// Commits of the file that weren't compared yet.
        private var ahead: ArraySlice<FileCommit> = []
        private var link: [UInt8]?
        var from: Position?
        /// Where the stream's last commit so far ends.
        var theirs: Position = 0
        var difference: LogComparison?

        private static let stretchEvents = 4_096

        init(_ log: EventLog) { (self.log, own) = (log, log.head.seq) }

        mutating func add(_ entry: StreamEntry) throws {
            let message: ReplicaMessage
            do { message = try ReplicaMessage(entry.bytes) } catch {
                throw LogError(
                    .damaged, operation: "compare a stream with", path: log.path, problem: "message \(entry.sequence): \(error)",
                    hint: "find out who wrote it; a newer version's messages need that version")
            }
            guard message.logID == log.catalog.logID else { return difference = .otherLog }
            if let link, message.previous != link { return difference = .differs(at: theirs + 1) }
            guard case .commit(let content) = message.content else {
                if link == nil { try begin(at: nil, message.previous) }
                return
            }
            if link == nil || from == nil { try begin(at: content.firstSeq, message.previous) }
            guard difference == nil else { return }
            link = content.link
            theirs = content.lastSeq
            guard content.firstSeq <= own else { return }
            if ahead.isEmpty {
                ahead = try log.reader.fileCommits(after: content.firstSeq - 1, limitEvents: Self.stretchEvents)[...]
            }
            guard let commit = ahead.popFirst(), commit.firstSeq == content.firstSeq,
                try commit.bytes(logID: log.catalog.logID, fence: content.fence) == entry.bytes
            else { return difference = .differs(at: content.firstSeq) }
        }

        /// What stands before the first message must be what the file has there.
        private mutating func begin(at first: Position?, _ previous: [UInt8]) throws {
            link = previous
            guard let first else { return }
            from = first
            theirs = first - 1
            guard theirs <= own else {
                throw LogError(
                    .refused, operation: "compare a stream with", path: log.path,
                    problem: "it ends at position \(own), and the stream begins at \(first): what lies between was purged",
                    hint: "compare with another instance's file")
            }
            let before =
                theirs == 0
                ? CommitHash.genesis(logID: log.catalog.logID)
                : try log.reader.commit(with: theirs).map { $0.last == theirs ? $0.hash : [] }
            if before != previous { difference = .differs(at: max(theirs, 1)) }
        }

        var result: LogComparison {
            if let difference { return difference }
            return own == theirs
                ? .same(through: own) : own < theirs ? .isBehind(through: own, of: theirs) : .isAhead(through: own, of: theirs)
        }
    }
}
