// What does a caller hand in, and what does it get back?

package import Domain

/// The answer to an append: durable, and at these positions.
package struct AppendReceipt: Hashable, Sendable {
    /// Events that are in the log because of this append.
    package var accepted: Int
    /// Events whose (source, id) was there before, or earlier in the same batch.
    package var duplicates: Int
    /// The lowest and highest position of the batch's events, new or not; 0 for an empty batch.
    package var firstSeq: Position
    package var lastSeq: Position
    /// Where each event of the batch is, in its order; for a repeat, where it was first.
    package var positions: [Position]
    /// Indices in the batch of events whose names fit several actors or workers: they are in the log and change nothing.
    package var ambiguous: [Int]
    /// Indices in the batch of repeats that say something else than the event that had their (source, id) first: what they say is lost.
    package var conflicts: [Int]
    /// Indices in the batch of actors' events in a pool that nothing in the log named before: its name may be misspelt.
    package var inNewPools: [Int] = []
    /// Where those lie that were first, if `positions` doesn't say it.
    package var conflictSeqs: [Position] = []

    package init(accepted: Int, duplicates: Int, positions: [Position], ambiguous: [Int] = [], conflicts: [Int] = []) {
        self.conflicts = conflicts
        self.accepted = accepted
        self.duplicates = duplicates
        firstSeq = positions.min() ?? 0
        lastSeq = positions.max() ?? 0
        self.positions = positions
        self.ambiguous = ambiguous
    }

    /// The conflicts with the positions of those that were first. Of a stream of lines there are no other positions.
    package var conflictPositions: [(index: Int, seq: Position)] {
        conflicts.enumerated().compactMap { k, index in
            if k < conflictSeqs.count { return (index, conflictSeqs[k]) }
            return positions.indices.contains(index) ? (index, positions[index]) : nil
        }
    }
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
        guard bytes.count <= Self.bytesLimit else {
            return .invalid(index: 0, problem: "the batch has \(bytes.count) bytes; at most \(Self.bytesLimit) are taken")
        }
        for (index, event) in events.enumerated() {
            if let problem = problem(of: event) { return .invalid(index: index, problem: problem) }
        }
        return nil
    }

    /// The first event whose subject is said to be in another namespace than its pool, and what is wrong with it.
    /// - Parameter isForeign: whether that is so although the whole of it may be a name; asked of those few alone.
    func foreignSubject(where isForeign: (_ subject: String, _ pool: String) -> Bool) -> (index: Int, problem: String)? {
        bytes.withUnsafeBufferPointer { bytes in
            for (index, event) in events.enumerated() where !event.pool.isEmpty && event.kind.isNamespaced && event.names == .sent {
                let subject = UnsafeBufferPointer(rebasing: bytes[event.subject.lower..<event.subject.upper])
                guard let slash = QualifiedName.slash(in: subject) else { continue }
                let pool = text(event.pool)
                let (namespace, home) = (subject[..<slash], QualifiedName.namespace(ofPool: pool))
                guard !namespace.elementsEqual(home.utf8), isForeign(text(event.subject), pool) else { continue }
                let (foreign, name) = (String(decoding: namespace, as: UTF8.self), String(decoding: subject[(slash + 1)...], as: UTF8.self))
                let remedy = "send \(name), or a pool of \(foreign)"
                return (
                    index,
                    "subject \(text(event.subject)) is in namespace \(foreign), but its pool \(pool) is in namespace \(home): \(remedy)"
                )
            }
            return nil
        }
    }

    @inline(__always)
    private func problem(of event: DraftEvent) -> String? {
        if event.source.isEmpty { return "it has no source" }
        if event.subject.isEmpty { return "it has no subject" }
        if event.id.isEmpty { return "it has no id" }
        let names = max(max(event.source.count, event.subject.count), max(event.pool.count, event.worker.count))
        // A log that is made again may hold a namespace and a name, each as long as may be.
        if names > (event.names != .sent ? EventLimits.qualifiedNameBytes : EventLimits.nameBytes) {
            return "a name has \(names) bytes; at most \(EventLimits.nameBytes) are taken"
        }
        if event.id.count > EventLimits.idBytes { return "its id has \(event.id.count) bytes; at most \(EventLimits.idBytes) are taken" }
        let end = max(
            max(max(event.source.upper, event.subject.upper), max(event.pool.upper, event.worker.upper)),
            max(max(event.id.upper, event.body.upper), event.extensions.upper))
        if end > bytes.count { return "it points past the batch's bytes" }
        return nil
    }
}
