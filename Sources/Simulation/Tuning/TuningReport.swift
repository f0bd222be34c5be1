package import Autoscaling
package import Domain

// What did the search find?

/// One part of a run, without its lists.
package struct TuningFigures: Hashable, Sendable {
    /// What the objective is about.
    package var objectiveSeconds: Double
    package var meanSeconds: Double
    package var p50Seconds: Double
    package var p95Seconds: Double
    package var p99Seconds: Double
    package var maxSeconds: Double
    package var costRatio: Double
    package var turns: Int
    package var killed: Int
    package var flaps: Int

    init(_ result: SimulationResult, _ objective: TuningObjective) {
        objectiveSeconds = objective.value(of: result.waits)
        meanSeconds = result.waits.meanSeconds
        p50Seconds = result.waits.seconds(quantile: 0.5)
        p95Seconds = result.waits.seconds(quantile: 0.95)
        p99Seconds = result.waits.seconds(quantile: 0.99)
        maxSeconds = result.waits.maxSeconds
        costRatio = result.costRatio
        turns = result.turns
        killed = result.killed
        flaps = result.flaps
    }

    func write(to json: inout JSONWriter) {
        json.openObject()
        json.member("turns", turns)
        // `wait` is the older name.
        for name in ["waitSeconds", "wait"] {
            json.key(name)
            json.openObject()
            for (name, value) in [
                ("mean", meanSeconds), ("p50", p50Seconds), ("p95", p95Seconds), ("p99", p99Seconds), ("max", maxSeconds),
            ] {
                json.member(name, value)
            }
            json.closeObject()
        }
        json.member("costRatio", costRatio)
        json.member("killed", killed)
        json.member("flaps", flaps)
        json.closeObject()
    }
}

package struct TuningTrial: Hashable, Sendable {
    package var candidate: TuningCandidate
    package var policy: Policy
    /// The part that chooses.
    package var training: TuningFigures
    /// The part that checks.
    package var heldOut: TuningFigures
    /// Turns that never got a worker: such a policy is never chosen, however little it costs.
    package var unserved = 0

    /// `surge 0.97 of 900 s`, and what else differs.
    package var summary: String {
        let buffer =
            switch candidate.buffer {
            case .fixed(let spare): "spare \(spare)"
            case .percent(let percent): "spare \(percent) %"
            case .surge(let quantile, let window, let min):
                "surge \(Quantity.text(Int64(quantile), decimals: Quantity.microDecimals)) of \(window) s, min \(min)"
            }
        return "\(buffer); scale-down after \(candidate.stabilizationSeconds) s; cooldown \(candidate.cooldownSeconds) s"
    }

    func write(to json: inout JSONWriter) {
        json.openObject()
        json.member("summary", summary)
        json.key("training")
        training.write(to: &json)
        json.key("heldOut")
        heldOut.write(to: &json)
        json.key("policy")
        policy.appendCanonicalJSON(to: &json)
        json.closeObject()
    }
}

package struct TuningReport: Hashable, Sendable {
    package var objective: TuningObjective
    package var mostCost: Double?
    /// Policies that were simulated.
    package var trials: Int
    /// Least wait for its cost each, the cheapest first.
    package var front: [TuningTrial]
    /// nil where every candidate costs too much.
    package var chosen: TuningTrial?

    /// Whether the chosen one meets the objective where it was chosen.
    package var isMet: Bool { chosen.map { $0.training.objectiveSeconds <= objective.seconds } ?? false }
    /// Whether it meets it on the held-out part too.
    package var holds: Bool { chosen.map { $0.heldOut.objectiveSeconds <= objective.seconds } ?? false }

    /// `{"objective":…,"trials":…,"met":…,"holds":…,"chosen":{…},"front":[…]}`
    package func write(to json: inout JSONWriter) {
        json.openObject()
        json.key("objective")
        json.openObject()
        json.member("measure", objective.name)
        json.member("seconds", objective.seconds)
        if let mostCost { json.member("maxCost", mostCost) }
        json.closeObject()
        json.member("trials", trials)
        json.member("met", isMet)
        json.member("holds", holds)
        json.key("chosen")
        if let chosen { chosen.write(to: &json) } else { json.null() }
        json.key("front")
        json.openArray()
        for trial in front { trial.write(to: &json) }
        json.closeArray()
        json.closeObject()
    }
}
