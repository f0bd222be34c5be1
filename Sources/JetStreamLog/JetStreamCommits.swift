// How does the log's writer use a stream of JetStream?
//
// The log asks (`CommitStream`), and JetStream answers, each time within a bound. A publish is sent at once and answered later. A single
// message is read from the stream's leader. What others publish arrives by a reader of its own, which runs only while there is somebody to
// read: an instance whose own publish was the last one accepted knows what the stream holds.

package import EventLog
import Foundation
import Machine
package import NATSClient
import Synchronization

package final class JetStreamCommits: CommitStream {
    private struct State {
        var tail: StreamTail?
        /// The first sequence that `tail` hasn't given yet.
        var next: UInt64 = 0
        /// Given by the tail and not known to be applied.
        var arrived: [StreamEntry] = []
        /// The stream's last message as far as is known, if this process published it and nothing speaks against it since.
        var ownLast: UInt64?
        var missingSince: Duration?
        /// Messages that the server still had when it sent the last one that was read.
        var left: UInt64 = 0
        var isClosed = false
    }

    package let js: JetStream
    package let settings: JetStreamLogSettings
    /// Whether a stream that isn't there is made. Only where this file followed none before: else it was lost, and a person has to know.
    private let mayCreate: Bool
    private let state = Mutex(State())
    private let arrival = Locked<@Sendable () -> Void>({})
    private let answered = Locked<@Sendable (StreamAnswer) -> Void>({ _ in })

    /// A stream that isn't found for so long is missing. Servers that were just started may not know of it yet.
    private static let missingBound = Duration.seconds(15)
    /// No message is larger, whatever the server takes: one pull of a reader holds it.
    private static let messageBytesMost = 8 << 20
    private static let tailMessages = 4_096
    private static let tailBytes = 32 << 20

    package init(_ client: NATSClient, _ settings: JetStreamLogSettings, mayCreate: Bool) {
        js = JetStream(client, timeout: .seconds(settings.answerSeconds))
        self.settings = settings
        self.mayCreate = mayCreate
    }

    private var timeout: Duration { .seconds(settings.answerSeconds) }
    private var now: Duration { js.client.clock.now() }

    /// Calls `wake` when something has arrived; must be short.
    package func onArrival(_ wake: @escaping @Sendable () -> Void) { arrival.value = wake }

    /// Calls `tell` with what became of each publish; must be short.
    package func onAnswer(_ tell: @escaping @Sendable (StreamAnswer) -> Void) { answered.value = tell }

    /// Messages that are in the stream and weren't applied yet, as far as its server has said.
    package var behind: UInt64 { state.withLock { $0.tail == nil ? 0 : $0.left + UInt64($0.arrived.count) } }

    /// Ends what reads. The client is its owner's to shut down.
    package func close() {
        state.withLock { $0.isClosed = true }
        dropTail()
    }

    // MARK: - The stream

    package func status() throws(StreamTrouble) -> StreamStatus {
        let info = try info()
        return StreamStatus(
            name: settings.stream, created: info.created, first: info.state.firstSequence == 0 ? 1 : info.state.firstSequence,
            last: info.state.lastSequence)
    }

    /// What the stream's leader says of it, found to be as it must be; made where it isn't there and may be made.
    private func info() throws(StreamTrouble) -> StreamInfo {
        let (settings, mayCreate, timeout) = (settings, mayCreate, timeout)
        let found: Result<StreamInfo, JetStreamError>
        do throws(JetStreamError) {
            found = .success(
                try js.waiting { js throws(JetStreamError) in
                    try await Self.info(js, settings, mayCreate: mayCreate, within: timeout)
                })
        } catch { found = .failure(error) }
        let info: StreamInfo
        do { info = try found.get() } catch {
            if case .client(.serverTooOld, _) = error { throw .unfit("\(error)") }
            let trouble = Self.trouble(error)
            // What no time mends is said as it is: to wait would hide it.
            if case .unavailable(let problem) = trouble, !error.isTransient { throw .unfit(problem) }
            throw trouble
        }
        var wanted = settings.wanted
        wanted.replicas = nil
        var differences = wanted.differences(from: info.configuration)
        if let replicas = info.configuration.replicas, replicas < settings.replicas {
            differences.append("num_replicas should be \(settings.replicas) and is \(replicas)")
        }
        guard differences.isEmpty else {
            throw .unfit(
                "stream \"\(settings.stream)\" isn't one that a log can lie on: \(differences.joined(separator: "; ")). Change the stream, or name another"
            )
        }
        return info
    }

    private static func info(
        _ js: JetStream, _ settings: JetStreamLogSettings, mayCreate: Bool, within timeout: Duration
    ) async throws(JetStreamError) -> StreamInfo {
        do throws(NATSError) { try await js.client.waitUntilConnected(within: timeout) } catch {
            throw .client(error, request: "STREAM.INFO")
        }
        do throws(JetStreamError) { return try await js.streamInfo(settings.stream) } catch {
            guard mayCreate, case .noStream = error else { throw error }
        }
        return try await js.createStream(settings.wanted)
    }

    private static func trouble(_ error: JetStreamError) -> StreamTrouble {
        switch error {
        case .noStream: .missing
        case .streamReplaced(_, let was, let now): .replaced(was: was, is: now)
        case .purgedPast(_, _, let first): .purged(first: first)
        default: .unavailable("\(error)")
        }
    }

    // MARK: - Publishing

    package var messageBytesLimit: Int {
        let most = min(js.client.maxPayload ?? 1 << 20, Self.messageBytesMost)
        return max(0, most - envelope([], expecting: .max).bytes)
    }

    private func envelope(_ bytes: [UInt8], expecting last: UInt64) -> StreamPublish {
        StreamPublish(subject: settings.subject, payload: bytes, stream: settings.stream, expectedLast: last)
    }

    package func publish(_ bytes: [UInt8], expecting last: UInt64) -> any StreamPublication {
        Publication(ticket: js.send(envelope(bytes, expecting: last), timeout: timeout), stream: self)
    }

    private struct Publication: StreamPublication {
        var ticket: PublishTicket
        var stream: JetStreamCommits

        func answer() -> StreamAnswer {
            let answer = StreamAnswer(ticket.wait())
            stream.note(answer)
            return answer
        }
    }

    private func note(_ answer: StreamAnswer) {
        answered.value(answer)
        state.withLock { state in
            if case .stored(let sequence) = answer { state.ownLast = sequence } else { state.ownLast = nil }
        }
    }

    package func expectOthers() { state.withLock { $0.ownLast = nil } }

    // MARK: - Reading

    package func entry(at sequence: UInt64) throws(StreamTrouble) -> StreamEntry? {
        let stream = settings.stream
        do throws(JetStreamError) {
            return try js.waiting { js throws(JetStreamError) in try await js.message(stream, at: sequence) }.map {
                StreamEntry(sequence: $0.sequence, bytes: $0.payload)
            }
        } catch {
            // Asked of a leader: a stream that it doesn't know yet may be there.
            if case .noStream = error { throw .unavailable("\(error)") }
            throw Self.trouble(error)
        }
    }

    package func entries(after sequence: UInt64, limit: Int) throws(StreamTrouble) -> [StreamEntry] {
        if state.withLock({ $0.ownLast == sequence }) {
            dropTail()
            return []
        }
        guard let tail = tail(after: sequence) else { return [] }
        do throws(JetStreamError) {
            while true {
                let missing = limit - state.withLock { $0.arrived.count }
                if missing <= 0 { break }
                let taken = try tail.take(atMost: missing)
                if taken.isEmpty { break }
                state.withLock { state in
                    state.missingSince = nil
                    state.left = taken.last?.left ?? 0
                    state.next = (taken.last?.sequence ?? 0) + 1
                    for message in taken where message.sequence > sequence {
                        state.arrived.append(StreamEntry(sequence: message.sequence, bytes: message.payload))
                    }
                }
            }
        } catch {
            let arrived = state.withLock { $0.arrived }
            if !arrived.isEmpty { return Array(arrived.prefix(limit)) }
            dropTail()
            throw lasting(Self.trouble(error))
        }
        return state.withLock { Array($0.arrived.prefix(limit)) }
    }

    /// A stream that wasn't found is missing once it stays so.
    private func lasting(_ trouble: StreamTrouble) -> StreamTrouble {
        guard trouble == .missing else { return trouble }
        let now = now
        return state.withLock { state in
            let since = state.missingSince ?? now
            state.missingSince = since
            return now - since < Self.missingBound ? .unavailable("the stream isn't found at the moment") : .missing
        }
    }

    /// What reads from there on; nil once this is closed.
    private func tail(after sequence: UInt64) -> StreamTail? {
        let (tail, former) = state.withLock { state -> (StreamTail?, StreamTail?) in
            if state.isClosed { return (nil, nil) }
            state.arrived.removeAll { $0.sequence <= sequence }
            let follows = state.arrived.first.map { $0.sequence == sequence + 1 } ?? (state.next <= sequence + 1)
            if let tail = state.tail, follows { return (tail, nil) }
            let former = state.tail
            let tail = StreamTail(
                js, stream: settings.stream, from: sequence + 1, messagesMost: Self.tailMessages, bytesMost: Self.tailBytes
            ) { [arrival] in
                arrival.value()
            }
            (state.tail, state.next, state.arrived) = (tail, sequence + 1, [])
            tail.start()
            return (tail, former)
        }
        if let former { Task { await former.stop() } }
        return tail
    }

    private func dropTail() {
        let former = state.withLock { state in
            defer { (state.tail, state.next, state.arrived) = (nil, 0, []) }
            return state.tail
        }
        if let former { Task { await former.stop() } }
    }

    /// How long ago the reader last heard of the stream's server; nil while nothing reads, or nothing was heard.
    package var silence: Duration? { state.withLock { $0.tail?.lastHeard }.map { now - $0 } }

    package func pause(_ attempt: Int) { Thread.sleep(forTimeInterval: Double.random(in: 0.05...0.2)) }
}

extension StreamAnswer {
    init(_ outcome: PublishOutcome) {
        switch outcome {
        case .stored(let sequence): self = .stored(sequence)
        // Nothing is published with an id, so nothing of it can be a repeat by id.
        case .duplicate: self = .silence("the server took it for a repeat")
        case .wrongLastSequence: self = .wrongSequence
        case .inProcess: self = .busy
        case .noResponders: self = .noLeader
        // A full disk and a full stream are 503 as well, and no election mends them.
        case .refused(let problem): self = problem.errorCode == JetStreamProblem.systemUnavailable ? .noLeader : .refused("\(problem)")
        case .notSent(.payloadTooLarge(let bytes, let most)):
            self = .refused("the message has \(bytes) bytes with its headers, and the server takes \(most)")
        case .notSent(let error): self = .notSent("\(error)")
        case .silence(let error): self = .silence("\(error)")
        }
    }
}
