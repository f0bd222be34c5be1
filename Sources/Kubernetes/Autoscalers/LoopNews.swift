import Autoscaling
package import ControlLoop
import Views
package import Domain
import Synchronization

// Of which pools is there something to say in the cluster?
//
// Stands beside the loop's observer and hears each commit as it is folded: pools whose policy, decision, target or workers
// it touches are noted by name, rescales and failures with their words. Nothing is kept but what wasn't asked for yet: a
// name a pool, and at most `movesKept` moves. What happened before `position` was told by an earlier run.

package final class LoopNews: LoopObserverLink {
    /// The oldest go first.
    static let movesKept = 1_000
    /// Decisions whose target has not answered yet, a pool each.
    static let poolsUnderWay = 100_000

    enum Move: Hashable, Sendable {
        /// The target follows a decision; decisions that were overtaken are one with the last.
        case rescaled(pool: String, from: Int, to: Int, why: String)
        case failed(pool: String, error: String, attempt: Int)
        /// By another part of the service.
        case said(pool: String, ObjectNews)
    }

    private struct Step {
        var from: Int
        var to: Int
        var why: String
    }

    private struct State {
        var touched: Set<NameID> = []
        var moves: [Move] = []
        var underWay: [NameID: Step] = [:]
        var ring: (@Sendable () -> Void)?
    }

    package let next: any LoopObserving
    private let position: Position
    private let name: @Sendable (NameID) -> String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - next: hears everything first.
    ///   - position: what is folded up to here is no news.
    ///   - name: of a number of the log's dictionary.
    package init(beside next: any LoopObserving, after position: Position, name: @escaping @Sendable (NameID) -> String) {
        self.next = next
        self.position = position
        self.name = name
    }

    /// - Parameter ring: called whenever there is news; must return at once.
    func onNews(_ ring: @escaping @Sendable () -> Void) { state.withLock { $0.ring = ring } }

    /// What was noted since the last time.
    func take() -> (pools: [String], moves: [Move]) {
        let (touched, moves) = state.withLock { state in
            defer {
                state.touched = []
                state.moves = []
            }
            return (state.touched, state.moves)
        }
        return (touched.map { name($0) }, moves)
    }

    /// Has something told of a pool, in an Event of its policy's object, where it has one. Returns at once.
    package func tell(_ news: ObjectNews, ofPool pool: String) {
        let ring = state.withLock { state in
            keep(.said(pool: pool, news), &state)
            return state.ring
        }
        ring?()
    }

    // MARK: - The loop's side

    package func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {
        next.folded(batch, superseded: superseded, lagSeconds: lagSeconds)
        guard batch.lastSeq > position else { return }
        let telling = batch.events.filter { Self.tells($0.kind) && $0.seq > position }
        guard !telling.isEmpty else { return }
        let ring = state.withLock { state in
            for event in telling { note(event, of: batch, &state) }
            return state.ring
        }
        ring?()
    }

    private static func tells(_ kind: EventKind) -> Bool {
        switch kind {
        case .policyApplied, .poolPaused, .scaleDecided, .scaleApplied, .scaleFailed, .poolObserved, .workerReady, .workerDraining,
            .workerGone:
            true
        default: false
        }
    }

    private func note(_ event: CommittedEvent, of batch: CommittedBatch, _ state: inout State) {
        guard !event.pool.isNone else { return }
        state.touched.insert(event.pool)
        switch event.kind {
        case .scaleDecided:
            guard let step = Self.step(event, batch) else { return }
            // Not followed yet: what comes now goes on from there.
            let from = state.underWay[event.pool]?.from ?? step.from
            guard state.underWay[event.pool] != nil || state.underWay.count < Self.poolsUnderWay else { return }
            state.underWay[event.pool] = Step(from: from, to: step.to, why: step.why)
        case .scaleApplied:
            guard let step = state.underWay[event.pool], Self.integer("to", event, batch) == step.to else { return }
            state.underWay[event.pool] = nil
            if step.from != step.to { keep(.rescaled(pool: name(event.pool), from: step.from, to: step.to, why: step.why), &state) }
        case .scaleFailed:
            let error = batch.withBody(of: event) { body in body["error"].flatMap { body.text($0) } ?? "failed" }
            let isOfWorker = batch.withBody(of: event) { $0["start"] != nil }
            guard !isOfWorker else { return keep(.said(pool: name(event.pool), ObjectNews(.warning, "WorkersFailing", error)), &state) }
            keep(.failed(pool: name(event.pool), error: error, attempt: Self.integer("attempt", event, batch) ?? 1), &state)
        default: break
        }
    }

    private func keep(_ move: Move, _ state: inout State) {
        if state.moves.count >= Self.movesKept { state.moves.removeFirst() }
        state.moves.append(move)
    }

    /// nil where the count stays, and of a shadow.
    private static func step(_ event: CommittedEvent, _ batch: CommittedBatch) -> Step? {
        batch.withBody(of: event) { body in
            guard body["shadow"] == nil, let from = body["from"].flatMap({ body.integer($0) }),
                let to = body["to"].flatMap({ body.integer($0) }), from != to
            else { return nil }
            return Step(from: Int(clamping: from), to: Int(clamping: to), why: DecisionReason.text(body))
        }
    }

    private static func integer(_ name: StaticString, _ event: CommittedEvent, _ batch: CommittedBatch) -> Int? {
        batch.withBody(of: event) { body in body[name].flatMap { body.integer($0) }.map { Int(clamping: $0) } }
    }
}
