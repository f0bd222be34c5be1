import Autoscaling
package import Domain
package import EventLog

// What does a state of the past say of its decisions, and where does folding begin?

extension State {
    /// The newest checkpoint at or before `position`, or an empty state: where to begin to fold.
    package static func nearest(to position: Position, in log: EventLog) -> State { restored(from: log, atOrBefore: position) }

    /// What would be decided for `pool`, or by one of its shadows, from this state; nil where there is no such policy or it
    /// was never looked at.
    package func decision(for pool: NameID, shadow: String? = nil) -> DecisionRecord? {
        guard let index = poolByName[pool], let standing = standing(of: PolicyKey(pool: index, shadow: shadow)) else { return nil }
        let decision = Autoscaler.decide(
            policy: standing.applied.policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        return DecisionRecord(decision, standing.observation, standing.applied, asOf: position)
    }
}
