package import Domain
package import EventLog

// What does the log say of a decision that was made?

extension EventLog {
    /// The decision at that position, as it was logged; nil where the log no longer holds it.
    package func event<Result>(ofDecisionAt seq: Position, _ read: (EventBody) -> Result) -> Result? {
        guard let batch = try? event(at: seq), let event = batch.events.first, event.kind == .scaleDecided else { return nil }
        return batch.withBody(of: event, read)
    }

    package func decision(at seq: Position) -> DecisionView? {
        guard let batch = try? event(at: seq), let event = batch.events.first, event.kind == .scaleDecided else { return nil }
        return decision(event, batch)
    }

    /// Events looked through for a decision that is known to be there.
    private static let decisionWithinEvents = 1_024

    /// The first decision after `seq` of the pool's policy, or of a shadow.
    package func firstDecision(of pool: NameID, shadow: String?, after seq: Position) -> DecisionView? {
        for batch in (try? read(after: seq, limitEvents: Self.decisionWithinEvents)) ?? [] {
            for event in batch.events where event.seq > seq && event.kind == .scaleDecided && event.pool == pool {
                let view = decision(event, batch)
                if view.shadow == shadow { return view }
            }
        }
        return nil
    }

    private func decision(_ event: CommittedEvent, _ batch: CommittedBatch) -> DecisionView {
        batch.withBody(of: event) { body in
            var view = DecisionView(
                pool: names.text(of: event.pool), shadow: nil, seq: event.seq, at: batch.at.rfc3339, from: 0, to: 0, direction: "",
                reason: "", json: batch.text(event.body))
            body.forEachMember { key, value in
                if key == "shadow" { view.shadow = body.text(value) }
                if key == "from" { view.from = Int(clamping: body.integer(value) ?? 0) }
                if key == "to" { view.to = Int(clamping: body.integer(value) ?? 0) }
                if key == "direction" { view.direction = body.text(value) ?? "" }
            }
            view.reason = DecisionReason.line(body, to: view.to)
            return view
        }
    }
}
