package import Autoscaling
package import Domain
import EventLog
package import Views

// What is to be known of a policy whose text is an object of a cluster?
//
// How it stands, why it decided so, and whether what is in effect came from an object. The last two are read from the log:
// nothing is kept beside it.

extension ControlLoop {
    /// How the policy of that name stands; nil where there is none.
    package func policyStatus(_ name: String) async -> PolicyStatusView? {
        var view = await query { $0.state.policyStatus(named: name) }
        view?.logTimeAheadSeconds = logTimeAheadSeconds
        return view
    }

    /// Whether another policy had the target of this one before; in words.
    package func targetClash(ofApplied name: String) async -> String? { await query { $0.state.targetClash(ofApplied: name) } }

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

/// Where a policy came from, as the id of its event tells.
enum PolicyOrigin {
    static let request = "policy"
    static func beginning(uid: String) -> String { "object-\(uid)" }
    static func isObject(id: String) -> Bool { id.hasPrefix("object-") }
}
