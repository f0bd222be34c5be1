// Which log does this stream hold, and may this file follow it?
//
// A new file takes the id of the log that the stream's messages name. The first instance of an empty stream founds the log: it publishes
// an election that expects sequence 0, so of several that try, one founds and the others join it. A file that followed another stream,
// that is ahead of this one, or that lacks what was purged is refused, in words.

import Basics
import Domain
import GRDB

struct ReplicaJoining {
    let settings: ReplicaSettings
    let path: String

    /// The id of a new file.
    func logID() throws -> [UInt8]? {
        let status = try status()
        return try status.last == 0 ? found(with: Self.randomID()) : idOfStream(status)
    }

    /// What goes on where this file stopped.
    func replica(_ db: Database, logID: [UInt8], head: Head) throws -> Replica {
        let place = try ReplicaTable.read(db)
        let status: StreamStatus
        do {
            status = try self.status()
        } catch {
            // Without the stream a file that knows its place is read as far as it goes.
            guard let place, error.reason == .unreachable else { throw error }
            return try Replica(db, settings: settings, logID: logID, path: path, place: place)
        }
        if let place {
            let settled = try settled(place, status)
            try check(place, settled)
            try checkEnd(place, settled, link: LogCatalog.lastCommit(db)?.hash ?? CommitHash.genesis(logID: logID), head: head)
            return try Replica(db, settings: settings, logID: logID, path: path, place: place)
        }
        guard head.seq == 0 else {
            throw refused(
                "it holds \(head.seq) events and never followed a stream", "migrate it into a new stream, or give the path of a new file")
        }
        let id = try status.last == 0 ? found(with: logID) : idOfStream(status)
        guard id == logID else {
            throw refused(
                "the stream \(status.name) holds the log \(Hex.text(id)), and this file is the log \(Hex.text(logID))",
                "give the path of a new file: it joins by itself")
        }
        guard status.first <= 1 || status.last == 0 else { throw purged(status, 0) }
        return try Replica(
            db, settings: settings, logID: logID, path: path, place: ReplicaPlace(stream: status.name, created: status.created))
    }

    /// A server that was just started, or elected, may not know its last messages yet.
    private func settled(_ place: ReplicaPlace, _ first: StreamStatus) throws(LogError) -> StreamStatus {
        var status = first
        for attempt in 0..<Self.statusAttempts where place.created == status.created && place.sequence > status.last {
            settings.stream.pause(attempt + 1)
            status = try self.status()
        }
        return status
    }

    /// Looks at a stream that seems to have lost messages, before that is believed.
    private static let statusAttempts = 20

    private func check(_ place: ReplicaPlace, _ status: StreamStatus) throws(LogError) {
        guard place.stream == status.name else {
            throw refused(
                "it follows the stream \(place.stream), and the configuration names \(status.name)",
                "name that stream, or give the path of a new file")
        }
        guard place.created == status.created else {
            throw refused(
                "the stream \(status.name) was made at \(status.created); this file follows one of that name that was made at \(place.created)",
                "restore the stream, or give the path of a new file, which joins the new stream")
        }
        guard place.sequence <= status.last else {
            throw refused(
                "it has applied message \(place.sequence), and the stream \(status.name) ends at \(status.last)",
                "the stream has lost acknowledged messages: restore it, or found a new one from this file")
        }
        guard status.first <= place.sequence + 1 else { throw purged(status, place.sequence) }
    }

    /// A file that went on without the stream has another end than the message it followed last. It must not write: its messages would stop
    /// all others.
    private func checkEnd(_ place: ReplicaPlace, _ status: StreamStatus, link: [UInt8], head: Head) throws {
        guard place.sequence >= max(status.first, 1), place.sequence <= status.last else { return }
        let (entry, problem) = entry(at: place.sequence)
        guard let entry else { throw unreachable(problem) }
        let message: ReplicaMessage
        do { message = try ReplicaMessage(entry.bytes) } catch {
            throw refused(
                "message \(entry.sequence) of the stream \(status.name) is none of a log: \(error.description)", "find out who wrote it")
        }
        let there = if case .commit(let content) = message.content { content.link } else { message.previous }
        guard there == link else {
            throw refused(
                "at position \(head.seq) it has another commit than the stream \(status.name) at message \(place.sequence)",
                "it was written without the stream, or has diverged: compare with `log verify --against`; give the path of a new file, or migrate this one into a new stream"
            )
        }
    }

    // MARK: - The stream's log

    private func found(with id: [UInt8]) throws -> [UInt8] {
        let message = ReplicaMessage(
            logID: id, previous: CommitHash.genesis(logID: id), content: .election(instance: settings.instance, session: settings.session))
        let bytes = try message.encoded(limit: settings.stream.messageBytesLimit)
        let answer = settings.stream.publish(bytes, expecting: 0).answer()
        let deadline = settings.clock().addingClamped(settings.settleMicroseconds)
        switch Settlement(settings: settings, bytes: bytes, expecting: 0).settle(answer, until: deadline) {
        case .stored: return id
        case .overtaken: return try idOfStream(status())
        case .refused(let problem), .unknown(let problem): throw unreachable("the log can't be founded: \(problem)")
        }
    }

    private func idOfStream(_ status: StreamStatus) throws -> [UInt8] {
        let (entry, problem) = entry(at: max(status.first, 1))
        guard let entry else { throw unreachable(problem) }
        do { return try ReplicaMessage(entry.bytes).logID } catch {
            throw refused(
                "message \(entry.sequence) of the stream \(status.name) is none of a log: \(error.description)",
                "name the stream of a log, or a new one")
        }
    }

    /// Asks again until it is there, for a while.
    private func entry(at sequence: UInt64) -> (StreamEntry?, problem: String) {
        let deadline = settings.clock().addingClamped(settings.settleMicroseconds)
        var attempt = 0
        var problem = "message \(sequence) can't be read"
        while true {
            do throws(StreamTrouble) {
                if let entry = try settings.stream.entry(at: sequence) { return (entry, problem) }
            } catch { problem = error.description }
            guard settings.clock() < deadline else { return (nil, problem) }
            attempt += 1
            settings.stream.pause(attempt)
        }
    }

    private func status() throws(LogError) -> StreamStatus {
        do { return try settings.stream.status() } catch {
            switch error {
            case .unavailable(let problem): throw unreachable(problem)
            case .missing, .replaced, .purged: throw refused(error.description, "make the stream, or name another")
            case .unfit(let problem): throw refused(problem, "set it right, and start this instance again")
            }
        }
    }

    private static func randomID() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<ReplicaMessage.logIDBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    // MARK: - Words

    private func purged(_ status: StreamStatus, _ sequence: UInt64) -> LogError {
        refused(
            "the stream \(status.name) begins at message \(status.first), and this file has applied \(sequence): what lies between was purged",
            "put a newer copy of an instance's log in its place")
    }

    private func refused(_ problem: String, _ hint: String) -> LogError {
        LogError(.refused, operation: "follow a stream into", path: path, problem: problem, hint: hint)
    }

    private func unreachable(_ problem: String) -> LogError {
        LogError(
            .unreachable, operation: "follow a stream into", path: path, problem: problem,
            hint: "see whether the stream's servers answer and have a quorum")
    }
}
