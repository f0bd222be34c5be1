import Autoscaling
import Domain
import EventLog
import Placement
import State

// How do the loop's conclusions look as events?
//
// Everything the loop concludes becomes an event of source `/greenroom`. Ids follow from what the event is about, so that
// the same conclusion drawn twice (before and after a crash) is one event in the log.

struct Outputs {
    static let source = CommittedEvent.ownSource

    private(set) var batch = EventBatch()
    private(set) var decisions: [(pool: String, shadow: String?, direction: Decision.Direction, reason: String)] = []
    private let names: any NameReading

    init(names: any NameReading) { self.names = names }

    var isEmpty: Bool { batch.isEmpty }

    func text(of name: NameID) -> String { names.text(of: name) }

    mutating func append(_ kind: EventKind, id: String, subject: String, pool: String, body: [UInt8]) {
        batch.append(kind, source: Self.source, id: id, subject: subject, pool: pool, body: body, isExact: true)
    }

    /// A placement as it goes to the log.
    struct Placed {
        var ticket: WaitingTicket
        var choice: PlacementChoice
        var waitedMicroseconds: Int64
        /// The position whose state was looked at.
        var asOf: Position
        /// What the worker is to restore, where it has a name of its own, and its size where that is known.
        var restoreFrom: String?
        var bytes: Int64 = 0
        /// Why it isn't restored where its paused state lies, and the node where that is.
        var moved: String?
        var pausedOn: String?
        /// The pool of the worker where it isn't the actor's.
        var spilledTo: String?
        /// How many who stood in turn before it had no use for the slot.
        var overtook = 0
    }

    mutating func place(_ actor: ActorRecord, _ placed: Placed, on worker: WorkerRecord) {
        batch.append(
            .actorPlaced, source: Self.source,
            id: { id in
                id.append(contentsOf: "placed-".utf8)
                JSONText.appendInteger(placed.ticket.seq, to: &id)
                id.append(UInt8(ascii: "-"))
                JSONText.appendInteger(worker.readySeq, to: &id)
            },
            subject: { [names] in names.appendText(of: actor.name, to: &$0) },
            worker: { [names] in names.appendText(of: worker.name, to: &$0) },
            body: { Self.write(placed, on: worker, to: &$0) })
    }

    private static func write(_ placed: Placed, on worker: WorkerRecord, to body: inout JSONWriter) {
        body.openObject()
        body.member("tier", placed.choice.tier.name)
        seconds("restoreSeconds", older: "score", placed.choice.score.restoreMicroseconds, to: &body)
        seconds("waitedSeconds", older: "waited", placed.waitedMicroseconds, to: &body)
        body.member("request", placed.ticket.seq)
        body.member("workerVersion", worker.readySeq)
        body.member("asOf", placed.asOf)
        if let uri = placed.restoreFrom { body.member("restoreFrom", uri) }
        if placed.bytes > 0 { body.member("bytes", placed.bytes) }
        if let moved = placed.moved { body.member("moved", moved) }
        if let node = placed.pausedOn { body.member("pausedOn", node) }
        if let pool = placed.spilledTo { body.member("spilledTo", pool) }
        if placed.overtook > 0 { body.member("overtook", placed.overtook) }
        if placed.ticket.expectedMillis > 0 { body.member("expectedMillis", placed.ticket.expectedMillis) }
        body.closeObject()
    }

    /// A duration by its name and by its older one.
    private static func seconds(_ name: String, older: String, _ microseconds: Int64, to body: inout JSONWriter) {
        let text = seconds(microseconds: microseconds)
        body.key(older)
        body.raw(text.utf8)
        body.key(name)
        body.raw(text.utf8)
    }

    mutating func drain(_ worker: WorkerRecord, reason: String) {
        var body = JSONWriter()
        body.openObject()
        body.member("reason", reason)
        body.closeObject()
        batch.append(
            .workerDraining, source: Self.source, id: "drain-\(worker.readySeq)", subject: names.text(of: worker.name), body: body.bytes,
            isExact: true)
    }

    /// A worker's lease ended without a sign of life.
    /// - Parameter ready: its last `worker.ready`; after another one this changes nothing.
    mutating func lose(_ worker: WorkerRecord, ready: Position) {
        var body = JSONWriter()
        body.openObject()
        body.member("reason", "lost")
        if !worker.uid.isEmpty { body.member("uid", worker.uid) }
        body.member("asOf", ready)
        body.closeObject()
        batch.append(
            .workerGone, source: Self.source, id: "lost-\(ready)", subject: names.text(of: worker.name), body: body.bytes, isExact: true)
    }

    /// A request is taken back in its actor's place.
    mutating func withdraw(_ actor: NameID, request: Position, reason: String) {
        batch.append(
            .actorWithdrawn, source: Self.source, id: "withdrawn-\(request)", subject: names.text(of: actor),
            body: Self.withdrawal(of: request, reason: reason), isExact: true)
    }

    static func withdrawal(of request: Position, reason: String) -> [UInt8] {
        var body = JSONWriter()
        body.openObject()
        body.member("reason", reason)
        body.member("request", request)
        body.closeObject()
        return body.bytes
    }

    mutating func decide(_ decision: Decision, _ record: DecisionRecord, pool: PoolState, shadow: String?) {
        decisions.append((pool.text, shadow, decision.direction, decision.limitingReason?.code ?? decision.why.last?.code ?? ""))
        batch.append(
            .scaleDecided, source: Self.source, id: "decided-\(Self.mark(pool, shadow))-\(record.asOf)", subject: pool.text,
            pool: pool.text,
            body: record.body)
    }

    /// Somebody has waited for a node as long as may be.
    mutating func endWait(_ deadline: LogTime, pool: PoolState, asOf: Position) {
        timer("wait-\(pool.name.rawValue)", deadline, pool: pool, shadow: nil, asOf: asOf)
    }

    mutating func fire(_ deadline: LogTime, pool: PoolState, shadow: String?, asOf: Position) {
        timer(Self.mark(pool, shadow), deadline, pool: pool, shadow: shadow, asOf: asOf)
    }

    /// - Parameter mark: what it is about, in its id.
    mutating func timer(_ mark: String, _ deadline: LogTime, pool: PoolState, shadow: String?, asOf: Position) {
        var body = JSONWriter()
        body.openObject()
        if let shadow { body.member("shadow", shadow) }
        body.member("deadline", deadline)
        body.closeObject()
        append(.timerFired, id: "timer-\(mark)-\(deadline.microseconds)-\(asOf)", subject: pool.text, pool: pool.text, body: body.bytes)
    }

    /// Of the policy, in ids: the pool's number, and a shadow's name behind it. Numbers alone follow, so no two are alike.
    private static func mark(_ pool: PoolState, _ shadow: String?) -> String {
        shadow.map { "\(pool.name.rawValue)-\($0)" } ?? "\(pool.name.rawValue)"
    }

    /// Seconds with at most six places, written from integers.
    static func seconds(microseconds: Int64) -> String {
        let micros = max(0, microseconds)
        var fraction = micros % 1_000_000
        guard fraction > 0 else { return String(micros / 1_000_000) }
        var places = 6
        while fraction % 10 == 0 { (fraction, places) = (fraction / 10, places - 1) }
        let digits = String(fraction)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: places - digits.utf8.count) + digits
    }
}
