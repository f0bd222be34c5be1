package import Basics
package import Autoscaling
import Domain

// What happens in the run of a seed?
//
// Everything follows from the seed, before the run begins: nothing that happens draws from these numbers, so that a step that
// is left out changes no other. A seed also says which kinds of fault it has at all: few at a time are found out faster than
// all at once.

package struct FaultSchedule: Sendable {
    package let seed: UInt64
    package let steps: [Step]
    package let pools: [String]
    /// Microseconds until all faults end.
    package private(set) var length: Int64

    package static let allPools = ["ns/p0", "ns/p1", "other/p2"]
    package static let actors = 12

    package init(seed: UInt64, steps: Int = 70) {
        var draws = SplitMix64(seed: seed)
        self.seed = seed
        pools = Array(Self.allPools.prefix(Int.random(in: 1...3, using: &draws)))
        let kinds = Kind.allCases.filter { $0.isAlways || Int.random(in: 0..<3, using: &draws) == 0 }
        let lots = kinds.flatMap { Array(repeating: $0, count: $0.weight) }
        var made: [Step] = []
        var at: Int64 = 0
        for pool in pools { made.append(Step(index: made.count, at: at, action: .policy(Self.policy(pool, &draws)))) }
        while made.count < steps {
            at += Self.gap(&draws)
            let kind = lots[Int.random(in: 0..<lots.count, using: &draws)]
            for action in Self.actions(kind, pools, &draws) { made.append(Step(index: made.count, at: at, action: action)) }
        }
        let later = Self.later(seed: seed, pools: pools, length: at)
        self.steps = (made + later).sorted { $0.at != $1.at ? $0.at < $1.at : $0.index < $1.index }
        length = max(at, later.last?.at ?? 0) + 5_000_000
    }

    /// A seed as it was before the later steps (`LaterFaults.swift`) were there.
    package init(earlier seed: UInt64) {
        let whole = FaultSchedule(seed: seed)
        self.init(whole, steps: whole.steps.filter { $0.index < Self.firstLater })
        length = (steps.last?.at ?? 0) + 5_000_000
    }

    /// The first steps alone, with the later ones among them.
    package func first(_ count: Int) -> FaultSchedule {
        let end = steps.first { $0.index == count }?.at ?? .max
        return FaultSchedule(self, steps: steps.filter { $0.index < count || ($0.index >= Self.firstLater && $0.at < end) })
    }

    /// The same with some steps alone.
    package init(seed: UInt64, only indices: Set<Int>) {
        let whole = FaultSchedule(seed: seed)
        self.init(whole, steps: whole.steps.filter { indices.contains($0.index) })
    }

    package init(_ whole: FaultSchedule, steps: [Step]) {
        seed = whole.seed
        pools = whole.pools
        length = whole.length
        self.steps = steps
    }

    /// Written by hand: a scenario.
    package init(pools: [String] = ["ns/p0"], _ actions: [(seconds: Double, action: Action)]) {
        seed = 0
        self.pools = pools
        steps = actions.enumerated().map { Step(index: $0.offset, at: Int64($0.element.seconds * 1e6), action: $0.element.action) }
        length = (steps.last?.at ?? 0) + 5_000_000
    }

    private enum Kind: CaseIterable {
        case turn, policy, removePolicy, shadow, pause, observe, lie, again, worker, starts, target, others, recreate, fence, append, disk,
            clock, moveFile, poison, checkpoint, restart, watch, store, halt, deposed

        var isAlways: Bool { self == .turn || self == .policy }
        var weight: Int { self == .turn ? 6 : self == .lie || self == .worker || self == .restart ? 2 : 1 }
    }

    /// Mostly close together, now and then long apart.
    private static func gap(_ draws: inout SplitMix64) -> Int64 {
        switch Int.random(in: 0..<10, using: &draws) {
        case 0..<3: Int64.random(in: 0...20_000, using: &draws)
        case 3..<8: Int64.random(in: 100_000...4_000_000, using: &draws)
        default: Int64.random(in: 5_000_000...90_000_000, using: &draws)
        }
    }

    private static func actions(_ kind: Kind, _ pools: [String], _ draws: inout SplitMix64) -> [Action] {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        let pool = below(pools.count)
        switch kind {
        case .turn:
            let actor = below(actors)
            // An actor stays in its pool.
            return [
                .turn(
                    actor: actor, pool: actor % pools.count, milliseconds: Int64.random(in: 50...40_000, using: &draws),
                    ending: Ending.allCases[below(Ending.allCases.count)])
            ]
        case .policy: return [.policy(policy(pools[pool], &draws))]
        case .removePolicy: return [.removePolicy(pool: pool)]
        case .shadow:
            guard below(3) > 0 else { return [.removeShadow(pool: pool, name: "shadow\(below(2))")] }
            var shadow = policy(pools[pool], &draws)
            shadow.shadow = "shadow\(below(2))-\(pool)"
            shadow.mode = .recommend
            return [.shadow(shadow)]
        case .pause:
            return [.pause(pool: pool, Pause(scaleIn: below(2) == 0, scaleOut: below(3) == 0, hold: below(4) == 0 ? below(4) : nil))]
        case .observe: return [.observe(pool: pool, value: below(5) == 0 ? nil : below(40))]
        case .lie:
            let kinds = EventKind.allCases.filter { !$0.isOurs && $0.subject != .service }
            let (kind, actor, worker) = (kinds[below(kinds.count)], below(actors + 2), below(40))
            // In another namespace the same name is another actor, whom no agent knows; some of those there are, too.
            let own = actor % pools.count
            let isElsewhere = actor < actors && pools[own].prefix { $0 != "/" } != pools[pool].prefix { $0 != "/" }
            return [.lie(kind: kind, actor: actor, worker: worker, pool: isElsewhere ? own : pool)]
        case .again: return [.again(back: below(60))]
        case .worker:
            return [
                below(4) == 0 ? .sameName(pool: pool, worker: below(10)) : .killWorker(pool: pool, worker: below(10), isTold: below(4) > 0)
            ]
        case .starts:
            return [
                below(2) == 0
                    ? .lateStarts(pool: pool, milliseconds: Int64.random(in: 0...60_000, using: &draws))
                    : .lostStarts(pool: pool, count: 1 + below(3))
            ]
        case .target:
            return [.target(pool: pool, TargetMode.allCases[1 + below(TargetMode.allCases.count - 1)], seconds: Int64(1 + below(100)))]
        case .others: return [.setByOthers(pool: pool, count: below(6))]
        case .recreate: return [.recreate(pool: pool)]
        case .fence: return [.fenced(pool: pool), .restart(restart(&draws))]
        case .watch:
            let faults = WatchFault.allCases
            return [
                .loseWatch(pool: pool, faults[below(faults.count)], milliseconds: Int64.random(in: 250...60_000, using: &draws))
            ]
        case .store:
            switch below(4) {
            case 0: return [.store(fails: below(2) == 0, answerMilliseconds: Int64(below(20_000)), seconds: Int64(1 + below(60)))]
            case 1: return [.golden(bytes: below(3) == 0 ? nil : Int64(1 + below(5)) << 20)]
            default: return [.spoilSnapshot(actor: below(actors), isLost: below(2) == 0)]
            }
        case .halt: return [.halt(seconds: Int64(1 + below(120)))]
        case .deposed: return [.deposed(seconds: Int64(1 + below(20)))]
        case .append:
            let faults: [AppendFault] = [.refused, .answerLost, .late(milliseconds: 1 + below(3_000))]
            return [.append(faults[below(3)], times: 1 + below(4))]
        case .disk:
            let faults: [DiskFault] = [.full, .writesFail, .syncsFail, .readsFail]
            if below(2) == 0 {
                return [
                    .disk(.unpluggedAfter(writes: below(30)), seconds: 60),
                    .restart(Restart(end: .powerCut, checkpoints: .kept, downMilliseconds: Int64(below(5_000)))),
                ]
            }
            return [.disk(faults[below(4)], seconds: Int64(1 + below(20)))]
        case .clock: return [.clock(seconds: Int64.random(in: -4_000...4_000, using: &draws))]
        case .moveFile: return [.moveFile(seconds: Int64(1 + below(10)))]
        case .poison: return [.poison(pool: pool, count: [Int64.max, Int64.max / 2, 1 << 40, -1][below(4)])]
        case .checkpoint: return [.checkpoint]
        case .restart: return [.restart(restart(&draws))]
        }
    }

    private static func restart(_ draws: inout SplitMix64) -> Restart {
        Restart(
            end: Restart.End.allCases[Int.random(in: 0..<3, using: &draws)],
            checkpoints: Restart.Checkpoints.allCases[Int.random(in: 0..<3, using: &draws)],
            downMilliseconds: Int64.random(in: 0...8_000, using: &draws))
    }

    package static func policy(_ pool: String, _ draws: inout SplitMix64) -> Policy {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        var policy = Policy.steady(pool)
        policy.minReplicaCount = below(3)
        policy.maxReplicaCount = 3 + below(6)
        policy.cooldownPeriodSeconds = 1 + below(60)
        policy.initialCooldownPeriodSeconds = below(2) * below(30)
        policy.slotsPerWorker = 1 + below(2)
        policy.drainTimeoutSeconds = below(120)
        policy.foreignChange = below(3) == 0 ? .yield : .takeOver
        if below(8) == 0 { policy.mode = .recommend }
        switch below(8) {
        case 0, 1: policy.buffer = .fixed(1 + below(2))
        case 2: policy.buffer = .percent(20 + below(60))
        case 3: policy.buffer = .surge(quantilePPM: 800_000 + below(190_000), windowSeconds: 60 + below(600), min: below(2))
        default: break
        }
        if below(3) == 0 { policy.quotas = ["t0", "t1"].prefix(1 + below(2)).map { Quota(tenant: $0, maxRunning: 1 + below(2)) } }
        if below(4) == 0, pool.hasPrefix("ns/") { policy.spillTo = [pool == allPools[0] ? allPools[1] : allPools[0]] }
        if below(4) == 0 { policy.prefetch = true }
        if below(4) == 0 { policy.localWaitSeconds = below(30) }
        if below(4) == 0 {
            policy.triggers.append(
                Trigger(
                    name: "q", source: .observed(metric: "q", selector: [], staleAfterSeconds: below(2) == 0 ? 30 : nil),
                    thresholdMilli: 5_000))
            if below(2) == 0 { policy.fallback = Fallback(failureThreshold: 2, replicas: 2) }
        }
        policy.behaviorGiven = below(6) > 0
        if policy.behaviorGiven {
            policy.behavior.scaleUp.stabilizationWindowSeconds = below(2) * below(20)
            policy.behavior.scaleDown.stabilizationWindowSeconds = below(40)
            policy.behavior.scaleUp.limits = [.init(kind: .pods, value: 1 + below(4), periodSeconds: 1 + below(30))]
            policy.behavior.scaleDown.limits = [.init(kind: .pods, value: 1 + below(4), periodSeconds: 1 + below(30))]
        } else {
            policy.behavior = .kubernetesDefault
        }
        return policy
    }
}

extension Policy {
    /// One actor a worker, quick to grow, quick to shrink.
    package static func steady(_ pool: String, min: Int = 1, max: Int = 8) -> Policy {
        var policy = Policy(
            pool: pool, target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: String(pool.drop { $0 != "/" }.dropFirst())))
        policy.minReplicaCount = min
        policy.maxReplicaCount = max
        policy.cooldownPeriodSeconds = 5
        policy.drainTimeoutSeconds = 60
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        policy.behaviorGiven = true
        policy.behavior = Behavior(
            scaleUp: .init(stabilizationWindowSeconds: 0, limits: [.init(kind: .pods, value: 100, periodSeconds: 1)], tolerancePPM: 0),
            scaleDown: .init(stabilizationWindowSeconds: 10, limits: [.init(kind: .pods, value: 100, periodSeconds: 1)], tolerancePPM: 0))
        return policy
    }
}
