import Basics
import Domain

// Which spans follow from the log?
//
// One span for each turn of an actor, from its request to its end, and within it: wait, place, restore, run, and suspend or
// pause. A pure function of the events that it is given, which must be known to have changed something or not. Kept: one
// entry for each actor that waits or holds a slot.

struct TurnSpan: Hashable, Sendable {
    enum Value: Hashable, Sendable {
        case text(String)
        case integer(Int64)
    }

    struct Attribute: Hashable, Sendable {
        var name: String
        var value: Value
    }

    var name: String
    var traceID: [UInt8]
    var spanID: [UInt8]
    var parent: [UInt8]
    var start: LogTime
    var end: LogTime
    var attributes: [Attribute]
    /// What went wrong; nil where nothing did.
    var error: String?
}

struct TurnTracer {
    private struct Turn {
        var context: TraceContext
        /// Where it began.
        var seq: Position
        var actor: String
        var pool: String
        var requestedAt: LogTime
        var placedAt: LogTime?
        var placedSeq: Position = 0
        var runningAt: LogTime?
        var runningSeq: Position = 0
        var worker = NameID.none
        var tier: String?
        var bytes: Int64 = 0
    }

    /// Turns that are followed at a time; more aren't.
    static let turnsMost = 100_000
    /// A turn older than this is followed no further after a restart.
    static let resumeMost: Int64 = 1_000_000
    private static let reasonBytes = 256

    private let logID: String
    private var turns: [NameID: Turn] = [:]
    private var byWorker: [NameID: Set<NameID>] = [:]
    private(set) var spans: [TurnSpan] = []
    /// Turns that nobody follows, as there were too many.
    private(set) var dropped: Int64 = 0

    init(logID: String) { self.logID = logID }

    /// From where a restart must read to know of every turn that hasn't ended.
    func resumePosition(at position: Position) -> Position {
        turns.values.reduce(position) { first, turn in
            position - turn.seq > Self.resumeMost ? first : min(first, turn.seq - 1)
        }
    }

    /// The spans so far, in order of their end; they are kept no longer.
    mutating func takeSpans() -> [TurnSpan] {
        defer { spans = [] }
        return spans
    }

    mutating func fold(_ batch: CommittedBatch, names: some NameReading) {
        for event in batch.events where !event.superseded {
            switch event.kind {
            case .actorRequested:
                if let turn = turns[event.subject] {
                    // One that waits said something else about its wait; of any other the log doesn't say how it ended.
                    guard turn.placedAt != nil || turn.runningAt != nil else { continue }
                    end(event.subject, batch.at, error: "its worker went", nil)
                }
                begin(event, of: batch, names)
            case .actorPlaced: place(event, of: batch, names)
            case .actorRunning: run(event, of: batch, names)
            case .actorPaused: end(event.subject, batch.at, error: nil, ("pause", event, batch))
            case .actorSuspended: end(event.subject, batch.at, error: nil, ("suspend", event, batch))
            case .actorCrashed:
                let reason = batch.withBody(of: event) { body in body["reason"].flatMap { body.text($0) } }
                end(event.subject, batch.at, error: reason ?? "the actor crashed", nil)
            case .actorWithdrawn: end(event.subject, batch.at, error: nil, nil, isWithdrawn: true)
            case .actorDeleted: end(event.subject, batch.at, error: nil, nil)
            case .workerGone:
                for actor in (byWorker[event.subject] ?? []).sorted() { end(actor, batch.at, error: "its worker went", nil) }
            default: continue
            }
        }
    }

    // MARK: - Turns

    private mutating func begin(_ event: CommittedEvent, of batch: CommittedBatch, _ names: some NameReading) {
        guard turns.count < Self.turnsMost else {
            dropped += 1
            return
        }
        turns[event.subject] = Turn(
            context: TraceContext(logID: logID, of: event, in: batch, names: names), seq: event.seq,
            actor: TraceContext.actor(event, names),
            pool: event.pool.isNone ? "" : names.text(of: event.pool), requestedAt: batch.at)
    }

    private mutating func place(_ event: CommittedEvent, of batch: CommittedBatch, _ names: some NameReading) {
        guard var turn = turns[event.subject] else { return }
        batch.withBody(of: event) { body in
            turn.tier = body["tier"].flatMap { body.text($0) }
            turn.bytes = body["bytes"].flatMap { body.integer($0) } ?? 0
        }
        add("wait", turn, turn.seq, turn.requestedAt, batch.at, worker: nil)
        turn.placedAt = batch.at
        turn.placedSeq = event.seq
        move(&turn, event.subject, to: event.worker)
        workerNames[event.worker] = names.text(of: event.worker)
        add("place", turn, event.seq, batch.at, batch.at, worker: workerNames[event.worker], placement(turn))
        turns[event.subject] = turn
    }

    private mutating func run(_ event: CommittedEvent, of batch: CommittedBatch, _ names: some NameReading) {
        if turns[event.subject] == nil { begin(event, of: batch, names) }
        guard var turn = turns[event.subject] else { return }
        let worker = names.text(of: event.worker)
        if let runningAt = turn.runningAt {
            guard event.worker != turn.worker else { return }
            add("run", turn, turn.runningSeq, runningAt, batch.at, worker: names.text(of: turn.worker))
        } else if let placedAt = turn.placedAt {
            add("restore", turn, turn.placedSeq, placedAt, batch.at, worker: worker, placement(turn))
        } else if turn.seq != event.seq {
            // It found a worker without a placement of ours.
            add("wait", turn, turn.seq, turn.requestedAt, batch.at, worker: nil)
        }
        turn.runningAt = batch.at
        turn.runningSeq = event.seq
        move(&turn, event.subject, to: event.worker)
        workerNames[event.worker] = worker
        turns[event.subject] = turn
    }

    private mutating func end(
        _ actor: NameID, _ now: LogTime, error: String?, _ last: (name: String, event: CommittedEvent, batch: CommittedBatch)?,
        isWithdrawn: Bool = false
    ) {
        guard let turn = turns.removeValue(forKey: actor) else { return }
        leave(turn.worker, actor)
        let worker = workerNames[turn.worker]
        if let runningAt = turn.runningAt {
            add("run", turn, turn.runningSeq, runningAt, now, worker: worker, error: error)
        } else if let placedAt = turn.placedAt {
            add("restore", turn, turn.placedSeq, placedAt, now, worker: worker, placement(turn), error: error)
        } else {
            add("wait", turn, turn.seq, turn.requestedAt, now, worker: nil, error: error)
        }
        if let last {
            let bytes = last.batch.withBody(of: last.event) { body in body["bytes"].flatMap { body.integer($0) } }
            add(
                last.name, turn, last.event.seq, now, now, worker: worker,
                bytes.map { [TurnSpan.Attribute(name: "greenroom.snapshot.bytes", value: .integer($0))] } ?? [])
        }
        var attributes = [TurnSpan.Attribute(name: "greenroom.request.seq", value: .integer(turn.seq))]
        if isWithdrawn { attributes.append(.init(name: "greenroom.withdrawn", value: .text("true"))) }
        add("turn", turn, turn.seq, turn.requestedAt, now, worker: worker, attributes, error: error)
        if byWorker[turn.worker] == nil { workerNames[turn.worker] = nil }
    }

    /// Of workers that hold actors.
    private var workerNames: [NameID: String] = [:]

    private mutating func move(_ turn: inout Turn, _ actor: NameID, to worker: NameID) {
        if turn.worker != worker { leave(turn.worker, actor) }
        turn.worker = worker
        guard !worker.isNone else { return }
        byWorker[worker, default: []].insert(actor)
    }

    private mutating func leave(_ worker: NameID, _ actor: NameID) {
        guard byWorker[worker] != nil else { return }
        byWorker[worker]?.remove(actor)
        if byWorker[worker]?.isEmpty == true { byWorker[worker] = nil }
    }

    // MARK: - Spans

    private func placement(_ turn: Turn) -> [TurnSpan.Attribute] {
        var attributes: [TurnSpan.Attribute] = []
        if let tier = turn.tier { attributes.append(.init(name: "greenroom.tier", value: .text(tier))) }
        if turn.bytes > 0 { attributes.append(.init(name: "greenroom.restore.bytes", value: .integer(turn.bytes))) }
        return attributes
    }

    private mutating func add(
        _ name: String, _ turn: Turn, _ seq: Position, _ start: LogTime, _ end: LogTime, worker: String?,
        _ more: [TurnSpan.Attribute] = [], error: String? = nil
    ) {
        guard turn.context.isSampled else { return }
        let isTurn = name == "turn"
        var attributes = [TurnSpan.Attribute(name: "greenroom.actor", value: .text(turn.actor))]
        if !turn.pool.isEmpty { attributes.append(.init(name: "greenroom.pool", value: .text(turn.pool))) }
        if let worker, !worker.isEmpty { attributes.append(.init(name: "greenroom.worker", value: .text(worker))) }
        spans.append(
            TurnSpan(
                name: name, traceID: turn.context.traceID,
                spanID: isTurn ? turn.context.spanID : TraceContext.span(name, logID, seq),
                parent: isTurn ? turn.context.parent : turn.context.spanID, start: start, end: max(start, end),
                attributes: attributes + more,
                error: error.map { String(decoding: Array($0.utf8.prefix(Self.reasonBytes)), as: UTF8.self) }))
    }
}
