package import Autoscaling
package import Domain
package import State

// How does one policy stand: what is in effect, what was decided last, what is wrong?
//
// Of a pool's own policy or of a shadow, all of it at one position of the log. It is what the status of a policy's object in
// a cluster is made of; `PoolView` has the same counts and conditions for tables.

package struct PolicyStatusView: Hashable, Sendable {
    /// As decisions follow it: with the pause in effect.
    package var policy: Policy
    /// As it was applied.
    package var written: Policy
    package var rules: DecisionRules
    /// Who paused it, where an operator did and is known.
    package var pausedBy: String?
    package var digest: String
    /// Where in the log it took effect.
    package var seq: Position
    /// What the target was last told, or, in mode `recommend`, what the last decision recommends; a shadow's is what it would have made of it.
    package var desired: Int
    package var ready: Int
    package var isActive: Bool
    package var isFallback: Bool
    /// What the target said when it did not follow the last decision; nil while it does, and for what nothing follows.
    package var scaleProblem: String?
    /// What is wrong with the target itself; nil where nothing is known to be, and for what nothing follows.
    package var targetProblem: TargetProblem? = nil
    /// Whether the log says that a rolling update of the target goes on; false for what nothing follows.
    package var isUpdating = false
    /// Why its workers don't come: those of the last starts ended before they were ready; nil for what nothing follows.
    package var workersFailing: String?
    package var lastDecision: LastDecision?
    /// By how much log time runs ahead of the machine's clock; nil where it doesn't.
    package var logTimeAheadSeconds: Double? = nil

    package struct LastDecision: Hashable, Sendable {
        package var seq: Position
        package var at: LogTime
        package var from: Int
        package var to: Int
        package var codes: ReasonCodes
    }

    package var isPaused: Bool { policy.pause.isOn }
}

extension State {
    package func policyStatus(named name: String) -> PolicyStatusView? {
        guard let key = policyKey(named: name), let applied = pools[key.pool].applied(key.shadow) else { return nil }
        let pool = pools[key.pool]
        let shadow = key.shadow.flatMap { pool.shadowIndex($0) }.map { pool.shadows[$0] }
        let evaluation = key.shadow == nil ? pool.evaluation : shadow?.evaluation
        let decision = key.shadow == nil ? pool.lastDecision : shadow?.lastDecision
        return PolicyStatusView(
            policy: applied.policy, written: applied.written, rules: applied.rules,
            pausedBy: applied.orderSeq == nil ? nil : pool.pauseOrder?.by, digest: applied.digest, seq: applied.seq,
            desired: shadow?.desired ?? pool.wanted, ready: pool.workerCounts.ready,
            isActive: evaluation?.isActive ?? false, isFallback: evaluation?.fallbackReplicas != nil,
            scaleProblem: key.shadow == nil ? pool.scaleProblem : nil, targetProblem: key.shadow == nil ? pool.targetProblem : nil,
            isUpdating: key.shadow == nil && pool.rollingUpdate != nil,
            workersFailing: key.shadow == nil ? pool.failedStarts.flatMap { $0.isPersistent ? $0.sentence : nil } : nil,
            lastDecision: decision.map { .init(seq: $0.seq, at: $0.at, from: $0.from, to: $0.to, codes: $0.codes) })
    }
}
