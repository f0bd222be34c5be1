import Domain
import Synchronization
import WorkerAgent

/// The service as a worker sees it, in memory: a log that dedupes, and streams that can be cut.
final class InMemoryLink: WorkerLink {
    struct Report: Hashable, CustomStringConvertible {
        var kind: EventKind
        var subject: String
        var id: String
        var body: String
        var description: String { "\(kind.name) \(subject)\(body.isEmpty ? "" : " " + body)" }
    }

    private struct State {
        var reports: [Report] = []
        var positions: [String: Position] = [:]
        var seq: Position = 100
        var lines: [(seq: Position, text: String)] = []
        var followers: [Int: AsyncThrowingStream<[UInt8], any Error>.Continuation] = [:]
        var nextFollower = 0
        var faults: [WorkerLinkFault] = []
        var refusedKinds: Set<EventKind> = []
        var loseAcknowledgements = 0
        var conflicts = 0
        var sends = 0
        var afters: [Position] = []
        var refusesStreams = false
    }

    private let state = Mutex(State())

    var reports: [Report] { state.withLock { $0.reports } }
    var described: [String] { reports.map(\.description) }
    var sends: Int { state.withLock { $0.sends } }
    var followers: Int { state.withLock { $0.followers.count } }
    /// From where streams were opened.
    var afters: [Position] { state.withLock { $0.afters } }

    /// The next sends fail with these, one each.
    func failNext(_ faults: WorkerLinkFault...) { state.withLock { $0.faults += faults } }
    /// Every stream that would follow is refused from here on.
    func refuseStreams() { state.withLock { $0.refusesStreams = true } }
    /// Fails every batch that holds such an event.
    func refuse(_ kind: EventKind) { _ = state.withLock { $0.refusedKinds.insert(kind) } }
    /// Every other of the next so many sends has an id that is taken, beginning with the first.
    func conflictNext(_ count: Int) { state.withLock { $0.conflicts = count } }
    /// The next sends are taken, but their answers don't arrive.
    func loseAcknowledgements(_ count: Int) { state.withLock { $0.loseAcknowledgements = count } }

    /// Logs a placement, and streams it unless it is to be found by looking only.
    @discardableResult
    func place(_ actor: String, on worker: String = "w1", data: String = "", streamed: Bool = true) -> Position {
        state.withLock { state in
            state.seq += 1
            let more = data.isEmpty ? "" : "," + data
            let text =
                #"{"seq":\#(state.seq),"type":"dev.greenroom.actor.placed","subject":"\#(actor)","data":{"worker":"\#(worker)"\#(more)}}"#
            state.lines.append((state.seq, text))
            if streamed { for follower in state.followers.values { follower.yield(Array(text.utf8)) } }
            return state.seq
        }
    }

    func streamRaw(_ text: String) {
        state.withLock { state in for follower in state.followers.values { follower.yield(Array(text.utf8)) } }
    }

    /// Ends all open streams.
    func cut() {
        let followers = state.withLock { state in
            defer { state.followers = [:] }
            return Array(state.followers.values)
        }
        for follower in followers { follower.finish(throwing: WorkerLinkFault.unavailable("connection reset")) }
    }

    func send(_ events: EventBatch) async throws(WorkerLinkFault) -> Acknowledgement {
        let result = state.withLock { state -> Result<Acknowledgement, WorkerLinkFault> in
            state.sends += 1
            if !state.faults.isEmpty { return .failure(state.faults.removeFirst()) }
            if events.events.contains(where: { state.refusedKinds.contains($0.kind) }) { return .failure(.refused("unknown kind")) }
            if state.conflicts > 0 {
                state.conflicts -= 1
                if state.conflicts % 2 == 0 { return .failure(.refused("the log has another event under this id")) }
            }
            let seqs = events.events.map { append($0, events, &state) }
            if state.loseAcknowledgements > 0 {
                state.loseAcknowledgements -= 1
                return .failure(.unavailable("timed out"))
            }
            return .success(Acknowledgement(firstSeq: seqs[0], lastSeq: seqs[seqs.count - 1]))
        }
        return try result.get()
    }

    private func append(_ event: DraftEvent, _ batch: EventBatch, _ state: inout State) -> Position {
        let id = batch.text(event.id)
        if let known = state.positions[id] { return known }
        state.seq += 1
        state.positions[id] = state.seq
        state.reports.append(Report(kind: event.kind, subject: batch.text(event.subject), id: id, body: batch.text(event.body)))
        return state.seq
    }

    func readPlacements(
        of worker: String, after asked: Position?, follow: Bool, opened: @escaping @Sendable () async -> Void,
        _ take: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(WorkerLinkFault) {
        if follow, state.withLock({ $0.refusesStreams }) { throw .unavailable("no stream is free") }
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
        let id = state.withLock { state in
            let after = asked ?? state.seq
            state.afters.append(after)
            for line in state.lines where line.seq > after { continuation.yield(Array(line.text.utf8)) }
            if !follow { continuation.finish() }
            state.nextFollower += 1
            if follow { state.followers[state.nextFollower] = continuation }
            return state.nextFollower
        }
        defer { _ = state.withLock { $0.followers.removeValue(forKey: id) } }
        await opened()
        do {
            for try await line in stream { guard await take(line) else { return } }
        } catch { throw .unavailable("\(error)") }
    }
}
