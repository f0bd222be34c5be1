import Basics
import Domain
@testable import Autoscaling

// Policies and facts drawn from one seed, as unlike each other as the types allow.

extension SplitMix64 {
    mutating func policy() -> Policy {
        let least = pick([0, 0, 0, 1, 3])
        var policy = Policy.test(min: least, max: int(max(least, 1)...25), cooldown: pick([0, 20, 100, 400]))
        if least > 0, chance(30) { policy.idleReplicaCount = int(0...(least - 1)) }
        policy.initialCooldownPeriodSeconds = pick([0, 0, 45])
        policy.slotsPerWorker = pick([1, 1, 4])
        policy.buffer = pick([.fixed(0), .fixed(0), .fixed(2), .percent(20)])
        policy.triggers = (0..<int(1...3)).map { trigger($0) }
        if chance(75) {
            policy.behavior = Behavior(scaleUp: rules(), scaleDown: rules())
            policy.behaviorGiven = true
        }
        if chance(40) {
            policy.fallback = Fallback(failureThreshold: int(1...4), replicas: int(0...8), behavior: pick(Fallback.Behavior.allCases))
        }
        if chance(10) { policy.pause = Pause(scaleIn: chance(50), scaleOut: chance(50), hold: chance(30) ? int(0...9) : nil) }
        policy.forceActivation = chance(5)
        if chance(15) { policy.scalingModifiers = modifiers(policy.triggers.map(\.name)) }
        if chance(15) { policy.schedules = [schedule()].compactMap { $0 } }
        return policy
    }

    private mutating func trigger(_ index: Int) -> Trigger {
        let threshold = Int64(pick([500, 1_000, 3_000]))
        let activation = Int64(pick([0, 0, 2_000]))
        if index == 0, chance(60) {
            return Trigger(name: "demand", source: .demand, thresholdMilli: threshold, activationThresholdMilli: activation)
        }
        return .observed("m\(index)", threshold: threshold, activation: activation, staleAfter: pick([nil, 30, 90]))
    }

    private mutating func modifiers(_ names: [String]) -> ScalingModifiers? {
        let text = pick([names.joined(separator: " + "), "\(names[0]) ?? 3", "\(names[0]) / 2"])
        guard let formula = try? Formula(compiling: text, names: names) else { return nil }
        return ScalingModifiers(formula: formula, targetMilli: Int64(pick([500, 2_000])), activationTargetMilli: Int64(pick([0, 3_000])))
    }

    private mutating func schedule() -> Schedule? {
        try? Schedule(cron: pick(["*/10 * * * *", "5 * * * *"]), durationSeconds: pick([30, 120, 600]), minReplicaCount: int(1...8))
    }

    private mutating func rules() -> Behavior.Rules {
        Behavior.Rules(
            stabilizationWindowSeconds: pick([0, 0, 15, 60, 300]),
            select: pick([.max, .max, .min, .disabled]),
            limits: (0..<int(1...3)).map { _ in
                Behavior.Limit(
                    kind: pick([.pods, .percent]), value: pick([1, 2, 4, 10, 50, 100]), periodSeconds: pick([10, 15, 60, 200]))
            },
            tolerancePPM: pick([0, 100_000, 200_000]))
    }

    /// Something that happens to a pool at that second.
    mutating func fact(_ pool: Pool, at second: Int) -> Fact {
        switch int(0...9) {
        case 0...3: return .demand(Demand(resident: int(0...6), poolExhausted: pick([0, 0, int(0...30)])))
        case 4...6: return sample(pool, at: second)
        case 7: return .workers(.counts(starting: int(0...3), idle: int(0...4), partial: pick([0, 0, 1]), full: pick([0, 0, 2])))
        case 8: return .replicas(int(0...30))
        default: return .demand(Demand())
        }
    }

    private mutating func sample(_ pool: Pool, at second: Int) -> Fact {
        let index = int(0...(pool.policy.triggers.count - 1))
        guard case .observed = pool.policy.triggers[index].source else { return .demand(Demand(poolExhausted: int(0...9))) }
        if chance(25), var known = pool.samples[index] {
            known.consecutiveFailures += 1
            return .sample(index, known)
        }
        return .sample(index, ObservedSample(valueMilli: Int64(int(-1...20)) * 500, at: .s(second)))
    }
}
