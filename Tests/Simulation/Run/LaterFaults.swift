package import Autoscaling
import Basics
import Domain

// What else happens in the run of a seed?
//
// What was added after seeds had been run by the thousand is drawn from numbers of its own and put between the steps that a seed had
// before, whose numbers begin at 0; these begin at `firstLater`. So a seed that once found something still does the same things, and its
// first steps alone are what it was then (`FaultSchedule(first:)`).

extension FaultSchedule {
    package static let firstLater = 1_000

    private enum Later: CaseIterable {
        case leases, deadlines, callers, unreadable, policies, reports, drains, claims, namesakes

        var weight: Int { self == .unreadable ? 1 : self == .callers || self == .leases ? 4 : 2 }
    }

    /// - Parameters:
    ///   - length: of the run, in microseconds.
    static func later(seed: UInt64, pools: [String], length: Int64) -> [Step] {
        var draws = SplitMix64(seed: seed ^ 0x1A7E_12)
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        let kinds = Later.allCases.filter { _ in Int.random(in: 0..<2, using: &draws) == 0 }
        let lots = (kinds.isEmpty ? [.callers] : kinds).flatMap { Array(repeating: $0, count: $0.weight) }
        var made: [(at: Int64, action: Action)] = []
        for _ in 0..<(8 + below(16)) {
            let at = Int64.random(in: 1_000_000...max(2_000_000, length), using: &draws)
            let kind = lots[below(lots.count)]
            for (k, action) in actions(kind, pools, &draws).enumerated() { made.append((at + Int64(k) * 10_000, action)) }
            if kind == .claims { made += claims(at: at, pools, &draws) }
            if kind == .drains { made += drains(at: at, pools, &draws) }
        }
        return made.sorted { $0.at < $1.at }.enumerated().map {
            Step(index: firstLater + $0.offset, at: $0.element.at, action: $0.element.action)
        }
    }

    /// Several workers come, all but one are told to go while their target is slow, and some run actors by then, longer than they may.
    private static func drains(at: Int64, _ pools: [String], _ draws: inout SplitMix64) -> [(at: Int64, action: Action)] {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        let actor = below(actors)
        let pool = actor % pools.count
        var few = Policy.steady(pools[pool], min: 1, max: 2)
        few.drainTimeoutSeconds = 2 + below(20)
        let second: Int64 = 1_000_000
        return [
            (at, .policy(.steady(pools[pool], min: 2 + below(3)))), (at + 15 * second, .target(pool: pool, .hangs, seconds: 40)),
            (at + 16 * second, .policy(few)),
            (at + Int64(28 + below(12)) * second, .runOnDraining(actor: actor, pool: pool, milliseconds: Int64(5 + below(120)) * 1_000)),
        ]
    }

    /// A pool whose workers leave when they are taken, and several who take one.
    private static func claims(at: Int64, _ pools: [String], _ draws: inout SplitMix64) -> [(at: Int64, action: Action)] {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        let pool = below(pools.count)
        var unclaimed = policy(pools[pool], &draws)
        unclaimed.target = .warmPool
        unclaimed.spillTo = []
        // Every 10 s or so, as a job that recurs.
        let period = Int64(4 + below(20)) * 1_000_000
        return [(at, .policy(unclaimed))]
            + (1...Int64(2 + below(6))).map { k in
                (at + k * period, .claim(pool: pool, milliseconds: Int64(100 + below(30_000)), isForced: below(6) == 0))
            }
    }

    private static func actions(_ kind: Later, _ pools: [String], _ draws: inout SplitMix64) -> [Action] {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        func milliseconds(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &draws) }
        let actor = below(actors)
        // An actor stays in its pool.
        let pool = actor % pools.count
        switch kind {
        case .leases:
            switch below(4) {
            case 0, 1: return [.leased(pool: below(pools.count), ttlSeconds: 2 + below(40), keepsStream: below(2) == 0)]
            case 2: return [.silence(worker: below(6), seconds: Int64(1 + below(90)))]
            default: return [.turnStream(worker: below(6))]
            }
        case .deadlines:
            return [
                .turnBy(
                    actor: actor, pool: pool, milliseconds: milliseconds(50...20_000),
                    ending: Ending.allCases[below(Ending.allCases.count)],
                    deadlineSeconds: below(30))
            ]
        case .callers:
            if below(6) == 0 { return [.withdraw(actor: actor)] }
            // Now and then several at once for the same actor, or under the same id.
            let times = below(4) == 0 ? 2 + below(5) : 1
            let id = below(2) == 0 ? below(6) : nil
            return (0..<times).map { _ in
                .place(
                    Action.Call(
                        actor: actor, pool: pool, milliseconds: milliseconds(50...20_000), waitMilliseconds: milliseconds(0...30_000),
                        id: id,
                        givesUpMilliseconds: below(3) == 0 ? milliseconds(0...10_000) : nil,
                        deadlineSeconds: below(5) == 0 ? below(20) : nil))
            }
        case .namesakes:
            // The pool of another namespace, where there is one.
            let other = pools.count < 3 ? pool : pool == 2 ? below(2) : 2
            return [
                .namesake(
                    actor: actor, pool: other, milliseconds: milliseconds(50...20_000),
                    ending: Ending.allCases[below(Ending.allCases.count)])
            ]
        case .drains, .claims: return []
        case .unreadable: return [.unreadableStart(seconds: Int64(1 + below(20)))]
        case .policies: return [.policy(laterPolicy(pools[below(pools.count)], &draws))]
        case .reports:
            let states = ["idle", "busy", "unknown"]
            let state = states[below(3)]
            return [.report(pool: below(pools.count), worker: below(8), state: state, tasks: state == "idle" ? 0 : 1 + below(3))]
        }
    }

    /// With a schedule, a formula, pods that are asked whether they are busy, or workers that leave when they are taken.
    private static func laterPolicy(_ pool: String, _ draws: inout SplitMix64) -> Policy {
        func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &draws) }
        var policy = policy(pool, &draws)
        if below(2) == 0 {
            let cron = ["*/2 * * * *", "* 8-9 * * *", "5,10,15 * * * 6"][below(3)]
            if let schedule = try? Schedule(cron: cron, durationSeconds: 20 + below(200), minReplicaCount: 1 + below(3)) {
                policy.schedules = [schedule]
            }
        }
        if below(3) == 0 {
            let text = ["demand * 2", "max([demand, 1])", "demand > 2 ? demand + 1 : demand"][below(3)]
            if policy.triggers.count == 1, let formula = try? Formula(compiling: text, names: ["demand"]) {
                policy.scalingModifiers = ScalingModifiers(formula: formula, targetMilli: 1_000)
            }
        }
        if below(2) == 0 { policy.busy = BusyCheck(.annotation("busy")) }
        return policy
    }
}

extension ScaleTarget {
    /// Whose replicas are workers that nobody took.
    package static var warmPool: ScaleTarget {
        ScaleTarget(apiVersion: "\(warmPoolGroup)/v1alpha1", kind: warmPoolKind, name: "warm")
    }
}
