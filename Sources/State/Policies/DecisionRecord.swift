package import Autoscaling
package import Domain
import EventLog

// How does a decision look in the log, to the byte?

/// A decision as it stands in the log: what was decided and why, from which inputs, and the digest of both.
package struct DecisionRecord: Sendable {
    /// The position whose state was looked at.
    package let asOf: Position
    /// The event's body: `{"from":…,"to":…,"direction":…,"why":[…],"next":…,"inputs":{…},"digest":"…"}`, a shadow's with
    /// `"shadow":"…"` in front.
    package let body: [UInt8]
    package let digest: String

    package init(_ decision: Decision, _ observation: Observation, _ applied: AppliedPolicy, asOf: Position) {
        self.asOf = asOf
        var json = JSONWriter(reservingBytes: 1_024)
        json.openObject()
        if let shadow = applied.policy.shadow { json.member("shadow", shadow) }
        decision.writeMembers(to: &json)
        json.key("inputs")
        Self.write(observation, applied, asOf, to: &json)
        digest = Digest.sha256Hex(json.bytes)
        json.member("digest", digest)
        json.closeObject()
        body = json.bytes
    }

    private static func write(_ observation: Observation, _ applied: AppliedPolicy, _ asOf: Position, to json: inout JSONWriter) {
        json.openObject()
        json.member("asOf", asOf)
        json.member("at", observation.at)
        json.member("policy", applied.digest)
        if let order = applied.orderSeq { json.member("pause", order) }
        json.member("replicas", observation.replicas)
        json.member("ready", observation.workers.ready)
        json.member("busy", observation.workers.busy)
        json.member("starting", observation.workers.starting)
        json.member("draining", observation.workers.draining)
        json.member("resident", observation.demand.resident)
        json.key("blocked")
        json.openObject()
        for reason in BlockedReason.allCases where observation.demand[reason] > 0 { json.member(reason.name, observation.demand[reason]) }
        json.closeObject()
        if let claims = observation.claims {
            json.key("claims")
            json.openObject()
            json.member("waiting", claims.waiting)
            json.member("recent", claims.recent)
            // As below: not written where there is none.
            if claims.predictedCame > 0 { json.member("predictedCame", claims.predictedCame) }
            if claims.predicted > 0 {
                json.member("predicted", claims.predicted)
                json.member("everySeconds", claims.everySeconds)
            }
            json.closeObject()
        }
        // As above.
        if let update = observation.rollingUpdate {
            json.key("rollingUpdate")
            json.openObject()
            json.member("since", update.since)
            json.member("left", update.left)
            json.closeObject()
        }
        json.key("observed")
        json.openObject()
        for (trigger, sample) in zip(applied.policy.triggers, observation.samples) {
            guard let sample else { continue }
            json.key(trigger.name)
            json.openObject()
            if let value = sample.valueMilli { json.member("valueMilli", value) }
            json.member("at", sample.at)
            json.member("failures", sample.consecutiveFailures)
            // Not written where there is none: decisions of older logs keep their bytes.
            if sample.inFlightMilli > 0 { json.member("inFlightMilli", sample.inFlightMilli) }
            json.closeObject()
        }
        json.closeObject()
        json.closeObject()
    }
}
