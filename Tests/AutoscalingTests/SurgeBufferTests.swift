import Basics
import Domain
import Testing
@testable import Autoscaling

// What the surge buffer learns, step by step, with starts of 16 s: cells of a second, 8 s held.

@Suite struct SurgeBufferTests {
    private static let start: Int64 = 16_000_000

    private struct Learner {
        var buffer = SurgeBuffer()
        var windowSeconds = 900

        mutating func observe(_ demand: Int, at second: Int) {
            buffer.observe(
                demand, at: .s(second), startMicroseconds: SurgeBufferTests.start, quantilePPM: 970_000, windowSeconds: windowSeconds)
        }

        func answer(_ demand: Int, at second: Int, quantile: Double = 0.97) -> SurgeBuffer.Answer {
            buffer.answer(
                quantilePPM: Int(quantile * 1e6), windowSeconds: windowSeconds, demand: demand, startMicroseconds: SurgeBufferTests.start,
                at: .s(second))
        }
    }

    @Test("nothing observed: nothing to keep")
    func empty() {
        #expect(Learner().answer(0, at: 0) == .init(held: 0, spare: 0, shareQuarters: 4, nextChange: nil))
    }

    @Test("before the first rise is known, it expects as much again as demand has risen")
    func beforeAnything() {
        var learner = Learner()
        learner.observe(4, at: 0)
        #expect(learner.answer(4, at: 1).spare == 0)
        learner.observe(10, at: 2)
        #expect(learner.answer(10, at: 3).spare == 6)
    }

    @Test("what was demanded is held for half a start")
    func held() {
        var learner = Learner()
        learner.observe(9, at: 0)
        learner.observe(2, at: 1)
        #expect(learner.answer(2, at: 5).held == 9)
        // The cell in which it ended counts to its end.
        #expect(learner.answer(2, at: 8).held == 9)
        #expect(learner.answer(2, at: 10).held == 2)
        #expect(learner.answer(2, at: 5).nextChange == .s(10))
    }

    @Test("a burst each minute is kept room for, and forgotten when it leaves the window")
    func bursts() {
        var learner = Learner()
        for minute in 0..<20 {
            learner.observe(20, at: minute * 60)
            learner.observe(0, at: minute * 60 + 5)
        }
        // Rises of 20 during 16 of 60 seconds: in the upper quarter of the time, and no further.
        #expect(learner.answer(0, at: 1_180, quantile: 0.97).spare == 20)
        #expect(learner.answer(0, at: 1_180, quantile: 0.8).spare == 20)
        #expect(learner.answer(0, at: 1_180, quantile: 0.6).spare == 0)
        #expect(learner.answer(0, at: 1_200 + 900, quantile: 0.97).spare == 0)
        #expect(learner.answer(0, at: 1_180).nextChange != nil)
        #expect(learner.answer(0, at: 1_200 + 900).nextChange == nil)
    }

    @Test("a rise is measured from what was held, not from the dip before it")
    func dips() {
        var learner = Learner()
        for second in 0..<600 { learner.observe(second % 6 < 3 ? 10 : 4, at: second) }
        // Never more than 10, and 10 is held through the dips.
        #expect(learner.answer(4, at: 600).held == 10)
        #expect(learner.answer(4, at: 600).spare == 0)
    }

    @Test("an answer is the same before and after its moment is folded in, also with another start time")
    func idempotent() {
        var random = SplitMix64(seed: 5)
        var buffer = SurgeBuffer()
        var now = 0
        for _ in 0..<4_000 {
            now += random.pick([0, 1, 90_000, 400_000, 3_000_000, random.chance(2) ? 5_000_000_000 : 10])
            let at = LogTime(microseconds: Int64(now))
            let demand = random.int(0...(random.chance(5) ? 500 : 20))
            let start: Int64? = random.pick([nil, 2_000_000, 9_700_000, 60_000_000])
            let window = random.chance(1) ? 60 : 900
            let quantile = random.chance(1) ? 990_000 : 950_000
            func answer() -> SurgeBuffer.Answer {
                buffer.answer(quantilePPM: quantile, windowSeconds: window, demand: demand, startMicroseconds: start, at: at)
            }
            let before = answer()
            buffer.observe(demand, at: at, startMicroseconds: start, quantilePPM: quantile, windowSeconds: window)
            #expect(answer() == before)
            if let next = before.nextChange { #expect(next > at) }
            #expect(buffer.cells.count <= SurgeBuffer.mostCells + 1 && buffer.runs.count <= SurgeBuffer.mostRuns)
        }
    }

    @Test("it comes back from its stored properties as it was")
    func restored() {
        var random = SplitMix64(seed: 9)
        var learner = Learner()
        for second in 0..<2_000 { learner.observe(random.int(0...30), at: second) }
        let b = learner.buffer
        let copy = SurgeBuffer(
            cells: b.cells, openSince: b.openSince, openHighest: b.openHighest, firstLevel: b.firstLevel, level: b.level,
            startMicroseconds: b.startMicroseconds, windowMicroseconds: b.windowMicroseconds, runs: b.runs, shareQuarters: b.shareQuarters)
        #expect(copy == b)
    }

    @Test("where demand wavers around a level, room stays at that level whatever is there now")
    func steady() {
        var learner = Learner()
        var random = SplitMix64(seed: 3)
        for second in 0..<900 where second % 3 == 0 { learner.observe(random.int(40...60), at: second) }
        #expect(learner.buffer.shareQuarters == 0)
        let (low, high) = (learner.answer(40, at: 1_200), learner.answer(58, at: 900))
        #expect(low.held + low.spare == 60)
        #expect(high.held + high.spare == 60)
    }

    @Test("where turns pile up on what is there, room moves with it")
    func pilingUp() {
        var learner = Learner()
        for second in 0..<900 where second % 4 == 0 { learner.observe(second / 4, at: second) }
        #expect(learner.buffer.shareQuarters == 4)
        // 4 more within a start, and one whose cell is still open.
        #expect((4...5).contains(learner.answer(224, at: 899).spare))
    }

    @Test("in a calm beginning a burst is expected on top of what is there")
    func beginning() {
        var learner = Learner()
        for second in 0..<200 { learner.observe(second % 40 < 20 ? 3 : 2, at: second) }
        #expect(learner.buffer.shareQuarters == 4)
    }

    @Test("years of silence cost no more than a minute of it")
    func silence() {
        var learner = Learner()
        learner.observe(3, at: 0)
        learner.observe(0, at: 60)
        learner.observe(1, at: 3 * 31_536_000)
        #expect(learner.buffer.runs.count < 10)
        #expect(learner.answer(1, at: 3 * 31_536_000).spare == 0)
    }

    @Test("silence counts in full")
    func pauses() {
        var learner = Learner()
        for minute in 0..<15 {
            learner.observe(20, at: minute * 60)
            learner.observe(0, at: minute * 60 + 5)
        }
        learner.observe(0, at: 900)
        // All but the first cell and those within the last start.
        #expect(learner.buffer.runs.reduce(0) { $0 + $1.microseconds } == 884_000_000)
    }

    @Test("years at the highest demand there can be overflow nothing")
    func highest() {
        var learner = Learner()
        learner.windowSeconds = PolicyLimits.surgeWindowSeconds
        for year in 0..<4 { learner.observe(year % 2 == 0 ? .max / 4 : 0, at: year * 31_536_000) }
        #expect(learner.answer(0, at: 4 * 31_536_000).held == 0)
    }

    @Test("time by height: exact up to 63, then within 3 %", arguments: [0, 1, 63, 64, 65, 100, 127, 128, 1_000, 65_535, 1_000_000])
    func buckets(_ rise: Int) {
        let highest = RiseHistogram.highest(of: RiseHistogram.bucket(of: rise))
        #expect(highest >= rise && highest <= rise + max(0, rise / 32))
        #expect(RiseHistogram.bucket(of: highest) == RiseHistogram.bucket(of: rise))
    }

    @Test("a quantile of time: the least height that covers it")
    func quantiles() {
        var histogram = RiseHistogram()
        #expect(histogram.bucket(atPPM: 990_000, ofAtLeast: 0) == 0)
        for (bucket, time) in [(0, 70), (5, 20), (9, 9), (40, 1)] { histogram.add(Int64(time), to: bucket) }
        for (ppm, bucket) in [(1, 0), (700_000, 0), (700_001, 5), (900_000, 5), (990_000, 9), (990_001, 40)] {
            #expect(histogram.bucket(atPPM: ppm, ofAtLeast: 0) == bucket)
        }
        // Half of what there must be is missing: it counts as the highest.
        #expect(histogram.bucket(atPPM: 500_001, ofAtLeast: 200) == 40)
        // 20 at 5 beyond 0, 9 at 9 and 1 at 40: 100 + 81 + 40; beyond 9 only 31.
        #expect(histogram.shortfall(beyond: 0) == 221)
        #expect(histogram.shortfall(beyond: 9) == 31)
        #expect(histogram.shortfall(beyond: 40) == 0)
        histogram.add(-1, to: 40)
        #expect(histogram.shortfall(beyond: 9) == 0)
        #expect(histogram.bucket(atPPM: 999_999, ofAtLeast: 0) == 9)
    }
}

@Suite struct SurgePolicyTests {
    private let policy = Policy.test(max: 200, cooldown: 60) {
        $0.behave(down: .window(0))
        $0.buffer = .surge(quantilePPM: 970_000, windowSeconds: 900, min: 2)
    }

    @Test("the buffer holds in the pauses of bursts, says why, and ends with the cooldown")
    func holds() {
        var pool = Pool(policy)
        for minute in 0..<10 {
            pool.commit(.demand(20), at: .s(minute * 60))
            pool.commit(.demand(0), at: .s(minute * 60 + 5))
        }
        let paused = pool.commit(.timer, at: .s(575)).last
        #expect(pool.replicas == 20)
        #expect(paused?.reason(.surgeBuffer)?.text == "surge 0.97 of 900 s at starts of 10 s, following demand by 0 %: 0 + 20 spare = 20")
        pool.commit(.timer, at: .s(604))
        #expect(pool.replicas == 20)
        #expect(pool.commit(.timer, at: .s(605)).last?.nextDeadline == nil)
        #expect(pool.replicas == 0)
    }

    @Test("at least min beyond demand, in slots of several")
    func least() {
        var pool = Pool(policy)
        pool.policy.slotsPerWorker = 4
        pool.policy.triggers[0].thresholdMilli = 4_000
        pool.commit(.demand(9), at: .s(0))
        #expect(pool.replicas == 5)
    }

    @Test("a little less than there is, within the tolerance, is left as it is")
    func tolerance() {
        var pool = Pool(policy, replicas: 20)
        pool.policy.behavior.scaleDown.tolerancePPM = 100_000
        pool.commit(.demand(17), at: .s(0))
        #expect(pool.replicas == 20)
        pool.policy.behavior.scaleDown.tolerancePPM = 0
        pool.commit(.timer, at: .s(1))
        #expect(pool.replicas == 19)
    }

    @Test("deadlines alone bring the count down after a burst")
    func deadlines() {
        var pool = Pool(policy)
        pool.policy.cooldownPeriodSeconds = 3_600
        pool.commit(.demand(0), at: .s(0))
        pool.commit(.demand(30), at: .s(600))
        pool.commit(.demand(1), at: .s(602))
        var now = LogTime.s(602)
        for _ in 0..<200 {
            guard let next = pool.decision(at: now).nextDeadline, next < .s(1_800) else { break }
            #expect(next > now)
            now = next
            pool.commit(.timer, at: now)
        }
        // One rise of 30 within 900 s is rarer than 3 %: the least stays.
        #expect(pool.replicas == 3)
    }

    @Test("whatever happens, busy workers stay, deadlines lie ahead, decisions settle, and folding again gives the same", arguments: 0..<20)
    func alwaysHolds(seed: Int) {
        func run() -> AutoscalerMemory {
            var random = SplitMix64(seed: UInt64(seed) &+ 99)
            var policy = random.policy()
            policy.buffer = .surge(
                quantilePPM: random.pick([500_000, 950_000, 999_000]), windowSeconds: random.pick([60, 900]), min: random.int(0...2))
            var pool = Pool(policy, replicas: random.int(0...12))
            var second = 0
            for _ in 0..<150 {
                second += random.pick([0, 1, 3, 20, 90, 2_000])
                let decisions = pool.commit(random.fact(pool, at: second), at: .s(second))
                #expect(decisions.count <= 3, "seed \(seed): never settles: \(decisions.map(\.text))")
                for decision in decisions {
                    #expect(decision.to >= pool.workers.busy)
                    if let next = decision.nextDeadline { #expect(next > .s(second)) }
                }
            }
            return pool.memory
        }
        #expect(run() == run())
    }

    @Test("read back from canonical JSON, and refused where it makes no sense")
    func json() throws {
        #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
        #expect(
            String(decoding: policy.canonicalJSON, as: UTF8.self).contains(
                #""buffer":{"surge":{"quantile":0.97,"windowSeconds":900,"min":2}}"#))
        for (buffer, path) in [
            (WarmBuffer.surge(quantilePPM: 0, windowSeconds: 900, min: 0), "spec.buffer.surge.quantile"),
            (.surge(quantilePPM: 1_000_000, windowSeconds: 900, min: 0), "spec.buffer.surge.quantile"),
            (.surge(quantilePPM: 900_000, windowSeconds: 0, min: 0), "spec.buffer.surge.windowSeconds"),
            (.surge(quantilePPM: 900_000, windowSeconds: 900, min: -1), "spec.buffer.surge.min"),
        ] {
            var wrong = policy
            wrong.buffer = buffer
            #expect(wrong.violations.map(\.path) == [path])
        }
    }
}
