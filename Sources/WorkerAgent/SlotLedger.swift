import Domain

// Which placements run, which wait for a slot, and which were seen already?
//
// A value: `WorkerAgent` tells it what came and what ended. The log frees a slot as soon as `actor.suspended` is durable,
// so the next placement may be here before the turn's own bookkeeping is done; it waits that moment in a short queue.
// Always: no placement is taken twice, whatever the stream repeats, because positions only rise.

struct SlotLedger: Sendable {
    enum Response: Hashable, Sendable {
        case start
        case queued
        /// Seen before; nothing to do.
        case repeated
        /// More than can wait: the log must be told.
        case refused
    }

    private let slots: Int
    private let queueLimit: Int
    /// The last position that was taken or passed over.
    private(set) var lastSeq: Position = 0
    private(set) var running: [Position: Placement] = [:]
    private(set) var queue: [Placement] = []

    init(slots: Int, queueLimit: Int) {
        self.slots = max(slots, 1)
        self.queueLimit = queueLimit
    }

    var isIdle: Bool { running.isEmpty && queue.isEmpty }
    /// All that were taken and have not ended, in order of position.
    var held: [Placement] { (Array(running.values) + queue).sorted { $0.seq < $1.seq } }

    /// Placements up to `seq` are not for this life of the worker.
    mutating func begin(after seq: Position) { lastSeq = max(lastSeq, seq) }

    mutating func accept(_ placement: Placement) -> Response {
        guard placement.seq > lastSeq else { return .repeated }
        lastSeq = placement.seq
        if running.count < slots {
            running[placement.seq] = placement
            return .start
        }
        guard queue.count < queueLimit else { return .refused }
        queue.append(placement)
        return .queued
    }

    /// Frees the slot; answers the placement that takes it.
    mutating func ended(_ placement: Placement) -> Placement? {
        guard running.removeValue(forKey: placement.seq) != nil, !queue.isEmpty, running.count < slots else { return nil }
        let next = queue.removeFirst()
        running[next.seq] = next
        return next
    }

    /// Nothing is held any more; answers what was.
    mutating func clear() -> [Placement] {
        defer { running = [:]; queue = [] }
        return held
    }
}
