import Autoscaling
import Basics
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Policies beside the live one: same events, decisions of their own, nothing that follows them.

@Suite struct ShadowTests {
    /// What a decision says that doesn't depend on who decided.
    private struct Said: Hashable {
        var at: LogTime
        var from: Int64
        var to: Int64
        var why: String
        var next: LogTime?
    }

    private func decisions(_ loop: LoopHarness, shadow: String?) throws -> [Said] {
        try loop.log.read(after: 0, limitEvents: 1_000_000).flatMap { batch in
            batch.events.filter { $0.kind == .scaleDecided && !$0.superseded }.compactMap { event in
                batch.withBody(of: event) { body -> Said? in
                    guard body["shadow"].flatMap({ body.text($0) }) == shadow else { return nil }
                    return Said(
                        at: batch.at, from: body["from"].flatMap { body.integer($0) } ?? -1,
                        to: body["to"].flatMap { body.integer($0) } ?? -1,
                        why: body["why"].map { String(decoding: body.raw($0), as: UTF8.self) } ?? "",
                        next: body["next"].flatMap { body.time($0) })
                }
            }
        }
    }

    private func counts(_ loop: LoopHarness, shadow: String?) throws -> [Int64] { try decisions(loop, shadow: shadow).map(\.to) }

    private func shadow(_ loop: LoopHarness, _ name: String) throws -> ShadowPolicy {
        let pool = try #require(loop.state.pools.first { $0.text == "ns/p" })
        return pool.shadows[try #require(pool.shadowIndex(name))]
    }

    /// Three turns of 5 s at once, then rest.
    private func burst(_ loop: LoopHarness) throws {
        for k in 1...3 { loop.request("a\(k)") }
        loop.advance(3)
        for k in 1...3 { loop.run("a\(k)", seconds: 5) }
        loop.advance(60)
    }

    @Test func `live and shadow decide on the same events, and only the live one is followed`() throws {
        let loop = try LoopHarness()
        var roomy = Policy.quick()
        roomy.buffer = .fixed(2)
        loop.apply(.quick(), roomy.shadow("roomy"))
        try burst(loop)
        #expect(try counts(loop, shadow: nil).max() == 3)
        #expect(try counts(loop, shadow: "roomy").max() == 5)
        #expect(try counts(loop, shadow: "roomy").last == 0)
        #expect(Set(loop.rescales.map(\.to)) == [0, 1, 3])
        #expect(loop.drainCommands.count == 3)
        #expect(try loop.pool.desired == 0)
    }

    @Test func `a shadow begins where its pool stands, and goes on from its own decisions`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(min: 4))
        loop.advance(3)
        loop.apply(.quick(max: 2).shadow("small"))
        #expect(try decisions(loop, shadow: "small").first?.from == 4)
        loop.advance(60)
        let said = try decisions(loop, shadow: "small")
        for (before, after) in zip(said, said.dropFirst()) { #expect(after.from == before.to) }
        #expect(try shadow(loop, "small").desired == 0)
        #expect(try loop.pool.desired == 4)
    }

    @Test func `a shadow never asks for fewer workers than are busy`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick(max: 1).shadow("one"))
        for k in 1...3 { loop.request("a\(k)") }
        loop.advance(3)
        for k in 1...3 { loop.run("a\(k)", seconds: 20) }
        loop.advance(1)
        #expect(try shadow(loop, "one").desired == 3)
        loop.advance(60)
        #expect(try shadow(loop, "one").desired == 0)
    }

    @Test func `a shadow without a live policy decides, and nothing scales the pool`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick().shadow("lonely"))
        loop.request("a")
        loop.advance(5)
        #expect(try counts(loop, shadow: "lonely").last == 1)
        #expect(try decisions(loop, shadow: nil).isEmpty)
        #expect(loop.rescales.isEmpty)
        #expect(loop.view(of: "a")?.reason == "no_eligible_pool")
    }

    @Test func `two shadows are kept apart, and taking one away leaves the other and the live one`() throws {
        let loop = try LoopHarness()
        var roomy = Policy.quick()
        roomy.buffer = .fixed(1)
        loop.apply(.quick(), roomy.shadow("b"), .quick(max: 1).shadow("a"))
        #expect(loop.state.policyViews().map(\.name) == ["a", "b", "p"])
        #expect(loop.state.policyViews().map(\.shadowOf) == ["p", "p", nil])
        for k in 1...3 { loop.request("a\(k)") }
        loop.settle()
        #expect(try (shadow(loop, "a").desired, shadow(loop, "b").desired, loop.pool.desired) == (1, 4, 3))
        loop.removePolicy(shadow: "a")
        let before = try decisions(loop, shadow: "a").count
        loop.advance(60)
        #expect(try decisions(loop, shadow: "a").count == before)
        #expect(loop.state.policyViews().map(\.name) == ["b", "p"])
        loop.removePolicy()
        #expect(loop.state.policyViews().map(\.name) == ["b"])
        loop.request("late")
        loop.settle()
        #expect(try shadow(loop, "b").desired == 5)
        #expect(try loop.pool.desired == 3)
    }

    @Test func `names that clash and a fifth shadow are refused by state and by the log alike`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick().shadow("a"), .quick().shadow("b"), .quick().shadow("c"), .quick().shadow("d"))
        var elsewhere = Policy.quick().shadow("a")
        elsewhere.pool = "ns/other"
        var own = Policy.quick()
        own.pool = "ns/b"
        var liveElsewhere = Policy.quick()
        liveElsewhere.pool = "ns/q"
        loop.apply(liveElsewhere)
        let rows: [(Policy, String?)] = [
            (.quick().shadow("e"), "has 4 shadows (a, b, c, d)"), (elsewhere, "a shadow of ns/p already"),
            (own, "ns/b is a shadow of ns/p"),
            (.quick().shadow("q"), "ns/q is a pool's own policy"), (.quick(max: 3).shadow("d"), nil), (.quick(max: 3), nil),
        ]
        for (policy, words) in rows {
            let clash = loop.state.clash(of: policy)
            #expect(words.map { clash?.contains($0) == true } ?? (clash == nil), "\(policy.name): \(clash ?? "no clash")")
        }
        loop.apply(.quick().shadow("e"), elsewhere, own)
        #expect(loop.state.policyViews().map(\.name) == ["a", "b", "c", "d", "p", "q"])
    }

    @Test func `every decision of a shadow follows from the log, also across restarts, and its timers fire`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick(max: 2, cooldownSeconds: 7).shadow("small"))
        for k in 1...3 { loop.request("a\(k)") }
        loop.advance(3)
        loop.restart()
        for k in 1...3 { loop.run("a\(k)", seconds: 5) }
        loop.advance(8)
        loop.core.saveCheckpoint()
        loop.restart()
        loop.advance(60)
        #expect(try shadow(loop, "small").desired == 0)
        #expect(try loop.events(.timerFired).contains { $0.body.contains(#""shadow":"small""#) })
        var verifier = DecisionVerifier(log: loop.log)
        let report = try verifier.verify()
        #expect(report.first == nil)
        #expect(report.checked == Int64(try loop.events(.scaleDecided).count))
    }

    @Test func `a forged decision of a shadow is found`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick().shadow("s"))
        let body = try #require(try loop.events(.scaleDecided).map(\.body).first { $0.contains(#""shadow":"s""#) })
        var batch = EventBatch()
        let forged = body.replacing(#""from":0,"to":0"#, with: #""from":0,"to":9"#)
        try #require(forged != body)
        batch.append(.scaleDecided, source: "/greenroom", id: "forged", subject: "ns/p", pool: "ns/p", body: Array(forged.utf8))
        loop.log.append(batch) { _ in }
        var verifier = DecisionVerifier(log: loop.log)
        #expect(try verifier.verify().first != nil)
    }

    @Test func `a checkpoint carries shadows byte for byte, and its tail gives the same state as the whole log`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick(max: 2).shadow("small"), .quick(max: 5, cooldownSeconds: 3).shadow("brisk"))
        for k in 1...3 { loop.request("a\(k)") }
        loop.advance(3)
        let bytes = loop.state.encoded()
        #expect(try State(decoding: bytes).encoded() == bytes)
        loop.core.saveCheckpoint()
        loop.request("after")
        loop.advance(5)
        let whole = try History.state(of: loop.log, at: .position(.max), ignoringCheckpoints: true)
        #expect(try History.state(of: loop.log, at: .position(.max)).encoded() == whole.encoded())
        #expect(loop.state.encoded() == whole.encoded())
        loop.restart()
        #expect(loop.state.encoded() == whole.encoded())
    }

    @Test func `a preview of a shadow is the decision it then takes, and logs nothing`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(min: 4))
        let shadow = Policy.quick(max: 2).shadow("small")
        let position = loop.state.position
        let preview = loop.state.preview(shadow, at: loop.scheduler.now, asOf: loop.state.position, names: loop.log.names)
        #expect(loop.state.position == position)
        loop.apply(shadow)
        let taken = try #require(try decisions(loop, shadow: "small").first)
        #expect((preview.shadow, Int64(preview.from), Int64(preview.to)) == ("small", taken.from, taken.to))
    }

    // MARK: - Properties

    @Test(arguments: 0..<8)
    func `a shadow that is the live policy decides the same all along`(_ seed: UInt64) throws {
        let loop = try LoopHarness()
        var random = SplitMix64(seed: seed)
        let policy = random.policy()
        loop.apply(policy, policy.shadow("twin"))
        random.play(loop)
        let (live, twin) = try (decisions(loop, shadow: nil), decisions(loop, shadow: "twin"))
        #expect(live == twin)
        #expect(live.count > 3)
        var verifier = DecisionVerifier(log: loop.log)
        #expect(try verifier.verify().first == nil)
    }

    @Test(arguments: 20..<24)
    func `whether there are shadows makes no difference to the live policy`(_ seed: UInt64) throws {
        var said: [[Said]] = []
        var remembered: [[AutoscalerMemory]] = [[], []]
        var found: [[Evaluation?]] = [[], []]
        for shadows in [0, 3] {
            let loop = try LoopHarness()
            var random = SplitMix64(seed: seed)
            loop.apply(random.policy())
            var others = SplitMix64(seed: seed &+ 1_000)
            for k in 0..<shadows { loop.apply(others.policy().shadow("s\(k)")) }
            random.play(loop) { pool in
                remembered[said.count].append(pool.memory)
                found[said.count].append(pool.evaluation)
            }
            said.append(try decisions(loop, shadow: nil))
        }
        #expect(said[0] == said[1])
        #expect(remembered[0] == remembered[1])
        #expect(found[0] == found[1], "found the same at the same moments")
    }
}

extension Policy {
    func shadow(_ name: String) -> Policy {
        var policy = self
        policy.shadow = name
        policy.mode = .recommend
        return policy
    }
}

/// One seed reproduces a whole history.
extension SplitMix64 {
    private mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    fileprivate mutating func policy() -> Policy {
        var policy = Policy.quick(max: int(2...12), min: int(0...2), cooldownSeconds: int(0...40))
        policy.slotsPerWorker = int(1...3)
        policy.buffer = [.fixed(int(0...2)), .percent(25), .surge(quantilePPM: 900_000, windowSeconds: 60, min: 0)][int(0...2)]
        policy.behavior.scaleDown.stabilizationWindowSeconds = int(0...20)
        policy.behavior.scaleUp.limits = [.init(kind: .pods, value: int(1...4), periodSeconds: int(1...10))]
        if int(0...2) == 0 {
            policy.triggers.append(
                Trigger(
                    name: "q", source: .observed(metric: "pending", selector: [], staleAfterSeconds: 15), thresholdMilli: 2_000,
                    metricType: int(0...1) == 0 ? .value : .averageValue))
            policy.fallback = Fallback(failureThreshold: 2, replicas: 1)
        }
        return policy
    }

    /// Two minutes of requests, turns, queues, lost workers and restarts.
    fileprivate mutating func play(_ loop: LoopHarness, probe: (PoolState) -> Void = { _ in }) {
        var actors = 0
        for _ in 0..<80 {
            switch int(0...11) {
            case 0...4:
                for _ in 0..<int(1...3) {
                    actors += 1
                    loop.request("a\(actors)")
                }
            case 5...7:
                for k in stride(from: 1, through: actors, by: 1) where loop.view(of: "a\(k)")?.status == "STATUS_RESUMING" {
                    loop.run("a\(k)", seconds: Double(int(1...12)))
                }
            case 8: loop.send(.queueObserved, "ns/p", #"{"pool":"ns/p","metric":"pending","value":\#(int(0...12))}"#)
            case 9: loop.send(.actorWithdrawn, "a\(int(1...max(1, actors)))")
            case 10:
                if let worker = loop.state.workerViews(
                    poolNamed: "ns/p", after: nil, limit: 1, names: loop.log.names, at: loop.scheduler.now
                ).first {
                    loop.send(.workerGone, worker.name, #"{"reason":"lost"}"#)
                }
            default: loop.restart()
            }
            loop.advance(Double(int(1...30)) / 10)
            if let pool = loop.state.pools.first { probe(pool) }
        }
        loop.advance(120)
    }
}
