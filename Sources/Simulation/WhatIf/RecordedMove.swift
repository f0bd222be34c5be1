import Domain

// Which move does a recorded decision show in a report?

extension ReportDecision {
    /// Nil for events that are no decision, that keep the count, or that a shadow made, which moves nothing.
    init?(_ event: CommittedEvent, _ batch: CommittedBatch, atSeconds seconds: Double) {
        guard event.kind == .scaleDecided else { return nil }
        var (from, to, isShadow) = (0, 0, false)
        var steps: [(code: String, text: String)] = []
        batch.withBody(of: event) { body in
            body.forEachMember { key, value in
                if key == "from" { from = Int(clamping: body.integer(value) ?? 0) }
                if key == "to" { to = Int(clamping: body.integer(value) ?? 0) }
                if key == "shadow" { isShadow = true }
                if key == "why" {
                    body.forEachElement(of: value) { step in
                        steps.append((step["code"].flatMap { step.text($0) } ?? "", step["text"].flatMap { step.text($0) } ?? ""))
                    }
                }
            }
        }
        guard from != to, !isShadow else { return nil }
        self.init(seconds: seconds, from: from, to: to, code: steps.last?.code ?? "", why: steps.map(\.text))
    }
}
