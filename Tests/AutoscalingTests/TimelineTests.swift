import Domain
import Testing
@testable import Autoscaling

// What a pool does over time, step by step: at that second, this happens, and then there are so many.

@Suite struct TimelineTests {
    /// Follows deadlines up to a second, as the control loop does with `timer.fired`.
    private func run(_ pool: inout Pool, to second: Int) -> [(at: LogTime, to: Int)] {
        var changes: [(LogTime, Int)] = []
        var guardCount = 0
        var now = LogTime.s(0)
        while let next = pool.decision(at: now).nextDeadline, next <= .s(second), guardCount < 1_000 {
            now = max(next, now)
            guardCount += 1
            let before = pool.replicas
            pool.commit(.timer, at: now)
            if pool.replicas != before { changes.append((now, pool.replicas)) }
        }
        return changes
    }

    @Test("cooldown: from the moment the demand ends, and again from zero at once")
    func cooldown() {
        var pool = Pool(.test(cooldown: 60) { $0.behave(down: .window(300)) })
        pool.commit(.demand(3), at: .s(10))
        #expect(pool.replicas == 3)
        #expect(pool.commit(.demand(0), at: .s(100)).last?.nextDeadline == .s(160))
        #expect(pool.replicas == 3)
        pool.commit(.timer, at: .s(159))
        #expect(pool.replicas == 3)
        #expect(pool.commit(.timer, at: .s(160)).last?.nextDeadline == nil)
        #expect(pool.replicas == 0)
        pool.commit(.demand(2), at: .s(161))
        #expect(pool.replicas == 2)
    }

    @Test("scale-down stabilization holds what stood, from the moment it stood last")
    func stabilization() {
        var pool = Pool(.test(cooldown: 9_999) { $0.behave(down: .window(60)) })
        pool.commit(.demand(8), at: .s(0))
        // 8 stood until 500, not only at 0 when it arose.
        #expect(pool.commit(.demand(5), at: .s(500)).last?.nextDeadline == .s(560))
        #expect(pool.commit(.demand(2), at: .s(520)).last?.nextDeadline == .s(560))
        #expect(pool.replicas == 8)
        #expect(pool.commit(.timer, at: .s(560)).last?.nextDeadline == .s(580))
        #expect(pool.replicas == 5)
        pool.commit(.timer, at: .s(580))
        #expect(pool.replicas == 2)
    }

    @Test("scale-up stabilization waits for what stood to pass")
    func scaleUpStabilization() {
        var pool = Pool(.test(cooldown: 9_999) { $0.behave(up: .window(30)) }, replicas: 2)
        pool.commit(.demand(2), at: .s(0))
        let held = pool.commit(.demand(7), at: .s(100)).last
        #expect(pool.replicas == 2)
        #expect(held?.has(.scaleUpStabilized) == true)
        #expect(held?.nextDeadline == .s(130))
        pool.commit(.timer, at: .s(130))
        #expect(pool.replicas == 7)
    }

    @Test("rate budget: two pods in 120 s, freed when the first change is that old")
    func rateBudget() {
        var pool = Pool(.test(max: 20, cooldown: 9_999) { $0.behave(up: .pods(2, per: 120)) }, replicas: 3)
        pool.commit(.demand(3), at: .s(0))
        let first = pool.commit(.demand(7), at: .s(100))
        #expect(pool.replicas == 5)
        #expect(first.last?.nextDeadline == .s(220))
        #expect(first.last?.reason(.scaleUpLimit)?["freedAt"] == .time(.s(220)))
        #expect(run(&pool, to: 1_000).map(\.to) == [7])
    }

    @Test("without behavior a doubling is allowed once in HPA's sync period")
    func legacyDoubling() {
        var pool = Pool(.test(max: 40))
        pool.commit(.demand(40), at: .s(0))
        #expect(pool.replicas == 4)
        for second in 1...14 {
            pool.commit(.timer, at: .s(second))
            #expect(pool.replicas == 4)
        }
        let changes = run(&pool, to: 100)
        #expect(changes.map(\.to) == [8, 16, 32, 40])
        #expect(changes.map(\.at) == [.s(15), .s(30), .s(45), .s(60)])
    }

    @Test("from zero: the first step, and on from it in the same decision")
    func fromZero() {
        var pool = Pool(.test(max: 40) { $0.behave(up: .pods(2, per: 60)) })
        #expect(pool.commit(.demand(9), at: .s(10)).map(\.to) == [3, 3])
        var floored = Pool(.test(min: 5, max: 40, idle: 0) { $0.behave(up: .pods(2, per: 60)) })
        #expect(floored.commit(.demand(9), at: .s(10)).map(\.to) == [7, 7])
    }

    @Test("a silent metric fails period by period until the fallback takes over, and recovers")
    func staleToFallback() {
        var pool = Pool(
            .test(cooldown: 10) {
                $0.triggers = [.observed(staleAfter: 60)]
                $0.fallback = Fallback(failureThreshold: 3, replicas: 6)
                $0.behave()
            })
        pool.commit(.sample(0, ObservedSample(valueMilli: 2_000, at: .s(0))), at: .s(0))
        #expect(pool.replicas == 2)
        let changes = run(&pool, to: 10_000)
        #expect(changes.map(\.at) == [.s(180)])
        #expect(pool.replicas == 6)
        pool.commit(.sample(0, ObservedSample(valueMilli: 3_000, at: .s(400))), at: .s(400))
        #expect(pool.replicas == 3)
    }

    @Test("a policy change keeps the last activity")
    func policyChange() {
        var pool = Pool(.test(cooldown: 300))
        pool.commit(.demand(1), at: .s(0))
        pool.commit(.demand(0), at: .s(100))
        pool.commit(.policy(.test(cooldown: 50)), at: .s(149))
        #expect(pool.replicas == 1)
        pool.commit(.timer, at: .s(150))
        #expect(pool.replicas == 0)
    }

    @Test("busy workers outlast the cooldown, and a hold")
    func busyWorkers() {
        var pool = Pool(.test(cooldown: 0) { $0.triggers[0].activationThresholdMilli = 5_000 }, replicas: 4)
        let decision = pool.commit(.workers(.counts(idle: 1, partial: 1, full: 2)), at: .s(10)).last
        #expect(decision?.to == 3)
        #expect(decision?.has(.busyWorkers) == true)
        pool.commit(.policy(.test { $0.pause.hold = 1 }), at: .s(20))
        #expect(pool.replicas == 3)
    }

    @Test("above the maximum: down to it at once")
    func aboveMaximum() {
        var pool = Pool(.test(max: 10), replicas: 15)
        let decision = pool.commit(.demand(15), at: .s(0)).first
        #expect(decision?.to == 10)
        #expect(decision?.has(.aboveMaximum) == true)
    }

    @Test("a schedule is a floor from its start to its end")
    func schedule() throws {
        let schedule = try Schedule(cron: "10 * * * *", durationSeconds: 300, minReplicaCount: 4)
        var pool = Pool(
            .test(cooldown: 0) {
                $0.schedules = [schedule]; $0.behave()
            })
        #expect(pool.commit(.timer, at: .s(0)).last?.nextDeadline == .s(600))
        let changes = run(&pool, to: 1_000)
        #expect(changes.map(\.to) == [4, 0])
        #expect(changes.map(\.at) == [.s(600), .s(900)])
    }
}
