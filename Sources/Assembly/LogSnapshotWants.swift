import Domain
import EventLog
import ObjectStorage

// Which snapshots are worth a look?
//
// Read off the log as it grows: those of actors that were suspended without a size, and of actors that want a worker now, as they
// are about to be restored. What is known of such a snapshot is read back from the actor's own events when its turn comes. Bounded:
// an actor stands once in the queue; when the queue is full, who comes is left out (a look is help, not a promise).
// It begins at the log's end: what came before is looked at when its actor is wanted.

actor LogSnapshotWants: SnapshotWanting {
    static let queueLimit = 10_000
    /// Commits taken in before the next look.
    private static let commitsPerTurn = 1_024
    /// Events of an actor that are gone back through for its latest snapshot.
    private static let historyEvents = 64

    private let log: EventLog
    private let follower: LogFollower
    private let stores: Set<ObjectLocation.Store>
    private var waiting: [NameID] = []
    /// How many of `waiting` were taken already.
    private var taken = 0
    private var queued: Set<NameID> = []

    init(_ log: EventLog, stores: Set<ObjectLocation.Store>) {
        self.log = log
        self.stores = stores
        follower = log.follower(after: log.head.seq)
    }

    func next() async -> SnapshotWant? {
        while !Task.isCancelled {
            do throws(LogError) {
                for _ in 0..<Self.commitsPerTurn {
                    guard let batch = try follower.poll() else { break }
                    takeIn(batch)
                }
                while let subject = popFirst() {
                    if let want = try want(of: subject) { return want }
                }
                guard let batch = try await follower.next() else { return nil }
                takeIn(batch)
            } catch {
                // The log can't be read: the loop says so, and nothing can be placed either.
                return nil
            }
        }
        return nil
    }

    private func takeIn(_ batch: CommittedBatch) {
        for event in batch.events where event.kind == .actorRequested || event.kind == .actorSuspended {
            guard queued.count < Self.queueLimit else { return }
            if event.kind == .actorSuspended, batch.withBody(of: event, { SnapshotRecord($0) })?.bytes != nil { continue }
            if queued.insert(event.subject).inserted { waiting.append(event.subject) }
        }
    }

    private func popFirst() -> NameID? {
        guard taken < waiting.count else { return nil }
        let subject = waiting[taken]
        taken += 1
        queued.remove(subject)
        if taken == waiting.count || taken >= Self.queueLimit {
            waiting.removeFirst(taken)
            taken = 0
        }
        return subject
    }

    /// What the log says of the actor's latest snapshot; nil where it has none in a store that is looked at.
    private func want(of subject: NameID) throws(LogError) -> SnapshotWant? {
        for batch in try log.history(of: subject, limit: Self.historyEvents).reversed() {
            guard let event = batch.events.first else { continue }
            switch event.kind {
            case .actorSuspended, .snapshotObserved:
                guard let told = batch.withBody(of: event, { SnapshotRecord($0) }), !told.isGolden else { continue }
                guard let store = ObjectLocation.store(of: told.uri), stores.contains(store) else { return nil }
                let known = told.isGone ? SnapshotPresence.gone : told.bytes.map { .present(bytes: $0) }
                return SnapshotWant(actor: log.names.text(of: subject), uri: told.uri, recordedAt: event.seq, known: known)
            case .actorCreated, .actorDeleted: return nil
            default: continue
            }
        }
        return nil
    }
}

/// What one event says of a snapshot.
private struct SnapshotRecord {
    var uri = ""
    /// nil where it told none. 0 is what agents write that don't know it.
    var bytes: Int64?
    var isGone = false
    var isGolden = false

    /// nil where it names no snapshot.
    init?(_ body: EventBody) {
        body.forEachMember { key, value in
            if key == "snapshot" { uri = body.text(value) ?? "" }
            if key == "bytes" { bytes = body.integer(value).flatMap { $0 > 0 ? $0 : nil } }
            if key == "state" { isGone = body.text(value) == "gone" }
            if key == "template" { isGolden = true }
        }
        if uri.isEmpty { return nil }
    }
}
