package import Domain
package import EventLog

// What came of a request for a worker that was made before?

extension EventLog {
    /// The placement that answered a request, as the log has it.
    package struct RecordedPlacement: Sendable {
        package var response: PlacementResponse
        /// The actor wasn't placed again since.
        package var isLatest: Bool
    }

    /// Events of one actor looked through in one reading, and in all.
    private static let pageEvents = 4_096
    private static let lookedThrough = 16_384

    /// nil where it was never placed, or too long ago to look for.
    package func placement(of actor: NameID, request: Position) -> RecordedPlacement? {
        var isLatest = true
        return newestFirst(of: actor, after: request) { event, batch in
            guard event.kind == .actorPlaced, !event.superseded else { return nil }
            if let found = ended(event, batch, request) { return RecordedPlacement(response: found, isLatest: isLatest) }
            isLatest = false
            return nil
        }
    }

    /// Whether Greenroom withdrew that request, for that reason.
    package func wasWithdrawn(_ request: Position, of actor: NameID, because reason: String) -> Bool {
        let found: Bool? = newestFirst(of: actor, after: request) { event, batch in
            guard event.kind == .actorWithdrawn, event.isOurs, !event.superseded else { return nil }
            return batch.withBody(of: event) { body in
                guard body["request"].flatMap({ body.integer($0) }) == request else { return nil }
                return body["reason"].flatMap { body.text($0) } == reason
            }
        }
        return found ?? false
    }

    /// What `read` answers of the newest of the actor's events after a position of which it answers anything.
    private func newestFirst<Found>(
        of actor: NameID, after position: Position, _ read: (CommittedEvent, CommittedBatch) -> Found?
    ) -> Found? {
        var before = head.seq + 1
        var count = 0
        while before > position + 1, count < Self.lookedThrough {
            guard let page = try? history(of: actor, before: before, limit: Self.pageEvents), let first = page.first else { return nil }
            for batch in page.reversed() {
                for event in batch.events.reversed() where event.seq > position {
                    if let found = read(event, batch) { return found }
                }
            }
            count += page.count
            before = first.firstSeq
        }
        return nil
    }

    private func ended(_ event: CommittedEvent, _ batch: CommittedBatch, _ request: Position) -> PlacementResponse? {
        batch.withBody(of: event) { body -> PlacementResponse? in
            guard body["request"].flatMap({ body.integer($0) }) == request else { return nil }
            let tier = body["tier"].flatMap { body.text($0) }
            return .ended(
                worker: CloudEventWriter.worker(of: event, in: batch, names: names),
                tier: RestoreTier.allCases.first { $0.name == tier } ?? .cold,
                waitedSeconds: body["waitedSeconds"].flatMap { body.milli($0) }.map { Double($0) / 1_000 } ?? 0, seq: event.seq)
        }
    }
}
