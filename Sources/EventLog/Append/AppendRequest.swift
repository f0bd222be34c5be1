// What does a caller hand in, and what does it get back?

public import Domain

/// The answer to an append: durable, and at these positions.
public struct AppendReceipt: Hashable, Sendable {
    /// Events that are in the log because of this append.
    public var accepted: Int
    /// Events whose (source, id) was there before, or earlier in the same batch.
    public var duplicates: Int
    /// Where each event of the batch is, in its order; for a repeat, where it was first.
    public var positions: [Position]

    public init(accepted: Int, duplicates: Int, positions: [Position]) {
        self.accepted = accepted
        self.duplicates = duplicates
        self.positions = positions
    }

    /// The lowest and highest of `positions`; 0 for an empty batch.
    public var firstSeq: Position { positions.min() ?? 0 }
    public var lastSeq: Position { positions.max() ?? 0 }
}

/// A checked batch and whoever waits for it.
struct AppendRequest: Sendable {
    typealias Completion = @Sendable (Result<AppendReceipt, AppendError>) -> Void

    var batch: EventBatch
    var completion: Completion

    var events: Int { batch.count }
    var bytes: Int { batch.bytes.count }
}

extension EventBatch {
    /// Bytes of one batch: what a stretch of bytes can address, with room to merge batches.
    static let bytesLimit = 1 << 30

    /// What makes this batch impossible to store; nil where nothing does. Asked on the caller's thread, so that nothing of
    /// one batch can spoil a commit that carries others.
    func fault() -> AppendError? {
        guard bytes.count <= Self.bytesLimit else { return .invalid(index: 0, problem: "the batch has \(bytes.count) bytes; at most \(Self.bytesLimit) are taken") }
        for (index, event) in events.enumerated() {
            if let problem = problem(of: event) { return .invalid(index: index, problem: problem) }
        }
        return nil
    }

    @inline(__always)
    private func problem(of event: DraftEvent) -> String? {
        if event.source.isEmpty { return "it has no source" }
        if event.subject.isEmpty { return "it has no subject" }
        if event.id.isEmpty { return "it has no id" }
        let names = max(max(event.source.count, event.subject.count), max(event.pool.count, event.worker.count))
        if names > EventLimits.nameBytes { return "a name has \(names) bytes; at most \(EventLimits.nameBytes) are taken" }
        if event.id.count > EventLimits.idBytes { return "its id has \(event.id.count) bytes; at most \(EventLimits.idBytes) are taken" }
        let end = max(max(max(event.source.upper, event.subject.upper), max(event.pool.upper, event.worker.upper)),
            max(max(event.id.upper, event.body.upper), event.extensions.upper))
        if end > bytes.count { return "it points past the batch's bytes" }
        return nil
    }
}
