import Basics
import Domain
import Testing
@testable import Autoscaling

// What holds of every decision, whatever the policy and whatever happened.

/// A pool that is woken by facts and deadlines, and by nothing else.
private struct Sleepy {
    var pool: Pool
    var last: Decision?
    /// Timers after which the count stayed what it was.
    var timersInVain = 0

    mutating func commit(_ fact: Fact, at now: LogTime) { last = pool.commit(fact, at: now).last }

    /// False where a deadline leads to one that does not lie ahead of it.
    mutating func followDeadlines(to now: LogTime) -> Bool {
        while let due = last?.nextDeadline, due <= now {
            let before = last?.to
            commit(.timer, at: due)
            if last?.to == before { timersInVain += 1 }
            if let next = last?.nextDeadline, next <= due { return false }
        }
        return true
    }
}

@Suite struct DecisionPropertyTests {
    @Test("bounds hold, busy workers stay, deadlines lie ahead, and a decision stands once it is folded", arguments: 0..<60)
    func alwaysHolds(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var pool = Pool(random.policy(), replicas: random.int(0...12))
        var second = 0
        for _ in 0..<150 {
            second += random.pick([0, 1, 3, 20, 90])
            let decisions = pool.commit(random.fact(pool, at: second), at: .s(second))
            for decision in decisions { check(decision, pool, at: .s(second), seed) }
            #expect(decisions.count <= 3, "seed \(seed): never settles: \(decisions.map(\.text))")
        }
    }

    private func check(_ decision: Decision, _ pool: Pool, at now: LogTime, _ seed: Int) {
        let comment = Comment(rawValue: "seed \(seed) at \(now): \(decision.text)")
        #expect(decision.to >= pool.workers.busy, comment)
        if let next = decision.nextDeadline { #expect(next > now, comment) }
        let isBraked = pool.policy.pause != Pause()
        if !isBraked {
            #expect(decision.to <= max(pool.policy.maxReplicaCount, pool.workers.busy), comment)
            #expect(decision.to >= pool.policy.restingCount, comment)
        }
        #expect(Set(decision.signature).count == decision.signature.count, comment)
    }

    @Test("following deadlines alone answers as deciding at every second does", arguments: 0..<150)
    func deadlinesMissNothing(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 7_777)
        var policy = random.policy()
        if seed % 5 == 0 { policy.mode = .recommend }
        var sleepy = Sleepy(pool: Pool(policy, replicas: random.int(0...12)))
        sleepy.commit(.timer, at: .zero)
        var watchful = sleepy.pool
        var nextFact = 0
        for second in 0..<3_000 {
            guard sleepy.followDeadlines(to: .s(second)) else {
                Issue.record("seed \(seed): a deadline that does not lie ahead, about second \(second)")
                return
            }
            var answer = watchful.commit(.timer, at: .s(second)).last
            if second == nextFact {
                let fact = random.fact(sleepy.pool, at: second)
                sleepy.commit(fact, at: .s(second))
                answer = watchful.commit(fact, at: .s(second)).last
                nextFact += random.pick([1, 2, 10, 50, 400])
            }
            guard sleepy.last?.to == answer?.to else {
                let texts = "by deadlines: \(sleepy.last?.text ?? ""); by seconds: \(answer?.text ?? "")"
                Issue.record("seed \(seed), second \(second): \(texts); \(policy)")
                return
            }
        }
        #expect(sleepy.timersInVain < 100, "seed \(seed): a storm of timers: \(sleepy.timersInVain) in vain")
    }

    @Test("the same facts, folded twice, give the same memory and the same bytes", arguments: 0..<20)
    func foldsAreDeterministic(seed: Int) {
        func run() -> (AutoscalerMemory, [String]) {
            var random = SplitMix64(seed: UInt64(seed) &+ 31)
            var pool = Pool(random.policy(), replicas: 3)
            var written: [String] = []
            for second in 0..<200 {
                for decision in pool.commit(random.fact(pool, at: second * 7), at: .s(second * 7)) {
                    var json = JSONWriter()
                    decision.write(to: &json)
                    written.append(json.text)
                }
            }
            return (pool.memory, written)
        }
        let (first, second) = (run(), run())
        #expect(first.0 == second.0)
        #expect(first.1 == second.1)
    }

    @Test("the outcome alone tells what the decision tells", arguments: 0..<20)
    func outcomeIsTheDecision(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 5)
        var pool = Pool(random.policy(), replicas: 3)
        for second in 0..<100 {
            pool.fold(random.fact(pool, at: second), at: .s(second))
            let evaluation = pool.evaluate(at: .s(second))
            let outcome = Autoscaler.outcome(
                policy: pool.policy, observation: pool.observation(at: .s(second)), memory: pool.memory, evaluation: evaluation)
            let decision = pool.decision(at: .s(second))
            #expect(outcome.to == decision.to)
            #expect(outcome.nextDeadline == decision.nextDeadline)
            #expect(outcome.codes.map(\.name) == decision.signature)
        }
    }
}
