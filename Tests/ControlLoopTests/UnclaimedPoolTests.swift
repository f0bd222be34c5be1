import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import State
@testable import Views

// A pool whose workers leave when they are taken: its count is what is kept for the claims to come, and nothing else.

@Suite struct UnclaimedPoolTests {
    /// The harness makes what is asked for; a claim takes one, and the controller makes another in `refillSeconds`.
    private final class Bench {
        let loop: LoopHarness
        var refillSeconds = 2.0
        private var made = 0

        init(rules: DecisionRules = .current) throws {
            loop = try LoopHarness()
            loop.rules = rules.rawValue
        }

        static func policy(_ buffer: WarmBuffer, max: Int = 50, min: Int = 0, cooldownSeconds: Int = 30) -> Policy {
            var policy = Policy.quick(max: max, min: min, cooldownSeconds: cooldownSeconds)
            policy.target = ScaleTarget(apiVersion: "extensions.agents.x-k8s.io/v1beta1", kind: "SandboxWarmPool", name: "warm")
            policy.buffer = buffer
            return policy
        }

        var free: [String] { loop.state.workers.indices.filter { loop.state.workers[$0].state == .ready }.map { loop.name($0) }.sorted() }

        /// Comes, and takes a ready one where there is one: answers whether there was.
        @discardableResult
        func claim(_ name: String, launch: ClaimLaunch? = nil) -> Bool {
            let asked = launch.map { #","launch":"\#($0.rawValue)","reason":"env""# } ?? ""
            loop.send(.actorRequested, name, #"{"pool":"ns/p"\#(asked)}"#)
            guard launch == nil, let worker = free.first else { return false }
            loop.send(.workerDraining, worker, #"{"reason":"claimed by \#(name)"}"#)
            loop.send(.actorRunning, name, #"{"worker":"\#(worker)","launch":"warm","startMillis":45}"#)
            loop.settle()
            made += 1
            let (next, seconds) = ("r\(made)", refillSeconds)
            _ = loop.scheduler.perform(at: loop.scheduler.now.adding(microseconds: Int64(seconds * 1e6))) { [loop] in
                loop.send(
                    .workerReady, next, #"{"pool":"ns/p","node":"n1","slots":1,"startMillis":\#(Int(seconds * 1_000))}"#)
            }
            return true
        }

        func goesCold(_ name: String, reason: String = "pool_refilling") {
            loop.send(.actorRequested, name, #"{"pool":"ns/p","launch":"cold","reason":"\#(reason)"}"#)
            loop.settle()
        }
    }

    @Test("what was taken asks for nothing: ten claims run, and three are kept, not thirteen")
    func neverBusyAndSpare() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(3), min: 3))
        bench.loop.advance(3)
        #expect(bench.free.count == 3)
        for number in 1...10 {
            #expect(bench.claim("c\(number)"))
            bench.loop.advance(3)
        }
        let pool = try bench.loop.pool
        #expect(pool.desired == 3 && pool.ready == 3 && pool.busy == 10)
        #expect(bench.loop.rescales.map(\.to).max() == 3)
        #expect(bench.loop.drainCommands == [], "the target's controller takes unclaimed ones by itself")
        let claims = try #require(pool.claims)
        #expect(claims.warm == 10 && claims.cold == 0 && claims.warmShare == 1)
        #expect(claims.warmSeconds?.p50 == 0.045 && claims.refillSeconds == 2)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("claims that wait are added; those that are served another way aren't")
    func waiting() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(3)))
        for name in ["a", "b", "c", "d"] { bench.claim(name) }
        bench.claim("own", launch: .forced)
        bench.loop.settle()
        #expect(try bench.loop.pool.desired == 7, "3 spare and 4 that wait")
        for name in ["a", "b", "c"] { bench.goesCold(name) }
        bench.loop.advance(11)
        #expect(try bench.loop.pool.desired == 4)
        #expect(try bench.loop.pool.claims?.misses == ["pool_refilling": 3])
        bench.loop.send(.actorWithdrawn, "d", #"{"reason":"EnvVarsInjectionRejected"}"#)
        bench.loop.advance(11)
        let pool = try bench.loop.pool
        #expect(pool.desired == 3 && pool.claims?.rejected == 1)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("the pool goes to zero once no claim came for the cooldown, however many run")
    func cooldown() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(2)))
        bench.claim("first")
        bench.goesCold("first", reason: "pool_empty")
        bench.loop.send(.actorRunning, "first", #"{"worker":"first","launch":"cold","startMillis":2100}"#)
        bench.loop.settle()
        #expect(try bench.loop.pool.desired == 3)
        bench.loop.advance(20)
        #expect(try bench.loop.pool.desired == 2, "ten seconds of a refill that nobody measured, then the cooldown")
        bench.loop.advance(25)
        let pool = try bench.loop.pool
        #expect(pool.desired == 0 && pool.demand.resident == 1)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("by percent of what came while a replacement started")
    func percent() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.percent(50), min: 10))
        bench.loop.advance(3)
        for number in 1...8 { #expect(bench.claim("c\(number)")) }
        // Eight came within the assumed ten seconds: twelve.
        #expect(try bench.loop.pool.desired == 12)
        bench.loop.advance(60)
        #expect(try bench.loop.pool.desired == 10)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("surge keeps what came while a replacement started, whatever runs")
    func surge() throws {
        let bench = try Bench()
        bench.refillSeconds = 5
        bench.loop.apply(Bench.policy(.surge(quantilePPM: 950_000, windowSeconds: 120, min: 1), cooldownSeconds: 300))
        var missed = 0
        for number in 1...200 {
            if !bench.claim("c\(number)") { missed += 1 }
            bench.loop.advance(1)
        }
        let pool = try bench.loop.pool
        #expect((5...9).contains(pool.desired), "five come within a refill, and 190 run: \(pool.desired)")
        #expect(missed < 20, "\(missed)")
        #expect(pool.busy >= 180)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("a policy of before keeps its rules until it is renewed, and its decisions come out the same")
    func rules() throws {
        let bench = try Bench(rules: .firstCountStands)
        let policy = Bench.policy(.fixed(1))
        bench.loop.apply(policy)
        for number in 1...4 { bench.claim("c\(number)") }
        bench.loop.advance(3)
        #expect(try bench.loop.pool.desired == 5, "demand and spare, as it was")
        let before = try #require(bench.loop.state.policyStatus(named: "ns/p"))
        bench.loop.renew(policy, of: before.seq)
        bench.loop.advance(60)
        #expect(try bench.loop.pool.desired < 5)
        #expect(try bench.loop.pool.claims != nil)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    /// Twelve claims at second 30 of each minute.
    private func minutely(_ rules: DecisionRules, minutes: Int) throws -> Bench {
        let bench = try Bench(rules: rules)
        bench.loop.apply(Bench.policy(.surge(quantilePPM: 900_000, windowSeconds: 60, min: 1), min: 1, cooldownSeconds: 300))
        bench.loop.advance(30)
        for minute in 1...minutes {
            for number in 1...12 where !bench.claim("c\(minute)-\(number)") { bench.goesCold("c\(minute)-\(number)") }
            bench.loop.advance(60)
        }
        return bench
    }

    @Test("claims that come each minute are predicted: room for them a refill before, and not all the time")
    func predicted() throws {
        let bench = try minutely(.current, minutes: 6)
        // At the next burst there is room for all of it.
        #expect(try bench.loop.pool.desired >= 12)
        for number in 1...12 { #expect(bench.claim("last-\(number)")) }
        bench.loop.advance(20)
        #expect(try bench.loop.pool.desired <= 6)
        let decisions = try bench.loop.events(.scaleDecided).map(\.body)
        #expect(decisions.contains { $0.contains("that come every minute, and for") && $0.contains(#""predicted":12,"everySeconds":60"#) })
        #expect(try bench.loop.verified() == decisions.count)
    }

    @Test("by the rules of before nothing is predicted, and such decisions come out the same")
    func predictedByRules() throws {
        let bench = try minutely(.unclaimedIsSpare, minutes: 6)
        let decisions = try bench.loop.events(.scaleDecided).map(\.body)
        #expect(!decisions.isEmpty && !decisions.contains { $0.contains("predicted") })
        #expect(try bench.loop.verified() == decisions.count)
        let state = bench.loop.state
        #expect(try State(decoding: state.encoded()).encoded() == state.encoded())
    }

    @Test("a change of the template that throws the whole stock away changes no decision but for those who wait meanwhile")
    func templateChange() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(4), min: 1))
        bench.loop.advance(3)
        bench.claim("before")
        bench.loop.advance(15)
        let before = try bench.loop.events(.scaleDecided).count
        #expect(try bench.loop.pool.desired == 4 && bench.free.count == 4)
        // As recorded (s10): all members within 30 ms, a claim that waits a second and goes cold, the others 2.1 s later.
        for worker in bench.free { bench.loop.send(.workerGone, worker, #"{"reason":"its sandbox was deleted"}"#) }
        bench.loop.settle()
        #expect(try bench.loop.pool.desired == 4 && bench.loop.pool.starting == 4)
        bench.claim("meanwhile")
        bench.loop.settle()
        #expect(try bench.loop.pool.desired == 5, "for the one that waits")
        bench.loop.advance(1)
        bench.goesCold("meanwhile")
        for number in 1...4 {
            bench.loop.send(.workerReady, "n\(number)", #"{"pool":"ns/p","node":"n1","slots":1,"startMillis":2092}"#)
        }
        bench.loop.advance(30)
        let pool = try bench.loop.pool
        #expect(pool.desired == 4 && pool.claims?.misses == ["pool_refilling": 1])
        #expect(pool.claims?.refillSeconds.map { $0 < 2.2 } ?? false, "what was thrown away took no longer to replace")
        #expect(try bench.loop.events(.scaleDecided).count - before <= 4)
        #expect(try bench.loop.verified() == bench.loop.events(.scaleDecided).count)
    }

    @Test("scalers outside see the claims that a refill must cover, not those that are served")
    func outside() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(3), min: 3))
        bench.loop.advance(3)
        for number in 1...3 { bench.claim("c\(number)") }
        bench.claim("waits")
        bench.loop.settle()
        func seen() throws -> [Int] {
            let summary = bench.loop.state.pools[0].summary
            let metrics = try #require(bench.loop.state.metricReadings(at: bench.loop.scheduler.now).pools.first)
            #expect(metrics.demand.total == summary.demand && metrics.demand.blocked == summary.waiting)
            return [summary.demand, summary.waiting, summary.policy?.isActive == true ? 1 : 0]
        }
        #expect(try seen() == [4, 1, 1])
        bench.goesCold("waits")
        #expect(try seen() == [4, 0, 1])
        bench.loop.advance(15)
        #expect(try seen() == [0, 0, 0], "three run, and a fourth is made its own")
        #expect(try bench.loop.pool.demand.total == 4)
    }

    @Test("a checkpoint holds all of it")
    func checkpoint() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.surge(quantilePPM: 900_000, windowSeconds: 60, min: 1)))
        for number in 1...12 {
            bench.claim("c\(number)")
            bench.loop.advance(1)
        }
        bench.claim("own", launch: .forced)
        bench.goesCold("c1")
        bench.loop.settle()
        let state = bench.loop.state
        let again = try State(decoding: state.encoded())
        #expect(again.encoded() == state.encoded())
        #expect(again.pools[0].claims == state.pools[0].claims)
        #expect(again.pools[0].evaluation == state.pools[0].evaluation)
    }

    @Test("explain says it in one sentence")
    func sentence() throws {
        let bench = try Bench()
        bench.loop.apply(Bench.policy(.fixed(3)))
        for name in ["a", "b"] { bench.claim(name) }
        bench.loop.settle()
        let decision = try #require(try bench.loop.events(.scaleDecided).last?.body)
        #expect(
            decision.contains(
                "unclaimed sandboxes for the claims that come while a replacement starts (10 s), by spare 3, and for 2 that wait = 5"),
            "\(decision)")
    }
}

extension LoopHarness {
    func name(_ worker: Int) -> String { log.names.text(of: state.workers[worker].name) }
}
