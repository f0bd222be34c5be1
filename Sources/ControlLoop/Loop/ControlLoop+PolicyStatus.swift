package import Autoscaling
package import Domain
import EventLog

// What is to be known of a policy whose text is an object of a cluster?
//
// How it stands, why it decided so, and whether what is in effect came from an object. The last two are read from the log:
// nothing is kept beside it.

extension ControlLoop {
    /// How the policy of that name stands; nil where there is none.
    package func policyStatus(_ name: String) async -> PolicyStatusView? {
        var view = await ask { $0.world.policyStatus(named: name) }
        view?.logTimeAheadSeconds = logTimeAheadSeconds
        return view
    }

    /// Whether another policy had the target of this one before; in words.
    package func targetClash(ofApplied name: String) async -> String? { await ask { $0.world.targetClash(ofApplied: name) } }

    /// The why-chain of the decision at a position, in words; empty where the log no longer holds it.
    package func reason(ofDecisionAt seq: Position) -> String { log.event(ofDecisionAt: seq) { DecisionReason.text($0) } ?? "" }

    /// Logs the policy, or the shadow, of an object, and answers the decision it leads to: `apply`, and the event says from which.
    package func apply(_ policy: Policy, fromObject uid: String) async throws(ControlFault) -> DecisionView {
        try await apply(policy, idBeginning: PolicyOrigin.beginning(uid: uid))
    }

    /// Whether the policy in effect came from an object. False where the log no longer holds its event.
    package func isFromObject(_ policy: PolicyView) -> Bool { isFromObject(appliedAt: policy.seq) }

    func isFromObject(appliedAt seq: Position) -> Bool {
        guard let batch = try? log.event(at: seq), let event = batch.events.first else { return false }
        return event.kind == .policyApplied && PolicyOrigin.isObject(id: batch.text(event.id))
    }
}

extension EventLog {
    /// The decision at that position, as it was logged; nil where the log no longer holds it.
    func event<Result>(ofDecisionAt seq: Position, _ read: (EventBody) -> Result) -> Result? {
        guard let batch = try? event(at: seq), let event = batch.events.first, event.kind == .scaleDecided else { return nil }
        return batch.withBody(of: event, read)
    }

    func decision(at seq: Position) -> DecisionView? {
        guard let batch = try? event(at: seq), let event = batch.events.first, event.kind == .scaleDecided else { return nil }
        return decision(event, batch)
    }

    /// Events looked through for a decision that is known to be there.
    private static let decisionWithinEvents = 1_024

    /// The first decision after `seq` of the pool's policy, or of a shadow.
    func firstDecision(of pool: NameID, shadow: String?, after seq: Position) -> DecisionView? {
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

/// Where a policy came from, as the id of its event tells.
enum PolicyOrigin {
    static let request = "policy"
    static func beginning(uid: String) -> String { "object-\(uid)" }
    static func isObject(id: String) -> Bool { id.hasPrefix("object-") }
}

package enum DecisionReason {
    /// The why-chain in one line, as `Decision.text` has it.
    static func line(_ body: EventBody, to: Int) -> String {
        guard let why = body["why"] else { return String(to) }
        var steps: [(code: String, text: String)] = []
        body.forEachElement(of: why) { step in
            let code = step["code"].flatMap { step.text($0) } ?? ""
            steps.append((code, step["text"].flatMap { step.text($0) } ?? code))
        }
        return Decision.line(steps, to: to)
    }

    /// The why-chain in words, as it was logged; its codes where it has no words.
    package static func text(_ body: EventBody) -> String {
        guard let why = body["why"] else { return "" }
        var words: [String] = []
        body.forEachElement(of: why) { step in
            if let text = (step["text"] ?? step["code"]).flatMap({ step.text($0) }) { words.append(text) }
        }
        return words.joined(separator: "; ")
    }
}
