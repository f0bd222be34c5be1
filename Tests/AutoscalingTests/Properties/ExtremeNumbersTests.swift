import Basics
import Domain
import Testing
@testable import Autoscaling

// Policies and facts at the limits of their types: nothing traps, what always holds holds, and a number of a log that no reader takes
// any more decides as its nearest good one would.

@Suite struct ExtremeNumbersTests {
    private static let counts = [Int.min, -(1 << 53), -1, 0, 1, 2, 100_000, 1 << 31 - 1, 1 << 31, 1 << 53, 1 << 62, .max - 1, .max]
    private static let values: [Int64?] = [nil, .min, -1, 0, 1, 1_000, 1 << 31, 1 << 53, .max - 1, .max]
    private static let times = [
        LogTime(microseconds: .min), .earliestWritable, .zero, LogTime(microseconds: 1_795_246_320_000_000), .latestWritable,
        LogTime(microseconds: .max),
    ]

    @Test("any count, value and time through any policy", arguments: 0..<400)
    func anything(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) &* 7_919)
        var policy = random.policy()
        stretch(&policy, &random)
        // What came to be is a policy that may be applied.
        #expect(policy.violations == [])
        #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
        var pool = Pool(policy, replicas: random.pick(Self.counts.filter { $0 >= 0 }))
        for now in random.chance(50) ? Self.times : Self.times.shuffled(using: &random) {
            for _ in 0..<6 {
                let fact = fact(pool, &random, at: now)
                // Busy workers are never scaled away, and the bytes are written, whatever the numbers.
                for decision in pool.commit(fact, at: now) {
                    #expect(decision.to >= pool.workers.busy, "seed \(seed)")
                    var json = JSONWriter()
                    decision.write(to: &json)
                    #expect(json.bytes.count > 2 && decision.text.utf8.count < 10_000)
                }
            }
        }
    }

    private func stretch(_ policy: inout Policy, _ random: inout SplitMix64) {
        if random.chance(50) { policy.maxReplicaCount = PolicyLimits.replicas }
        policy.slotsPerWorker = random.pick([1, PolicyLimits.slotsPerWorker])
        policy.cooldownPeriodSeconds = random.pick([0, PolicyLimits.seconds])
        policy.initialCooldownPeriodSeconds = random.pick([0, PolicyLimits.seconds])
        policy.buffer = random.pick([
            .fixed(0), .fixed(PolicyLimits.replicas), .percent(PolicyLimits.sparePercent),
            .surge(quantilePPM: 1, windowSeconds: 1, min: PolicyLimits.replicas),
            .surge(quantilePPM: 999_999, windowSeconds: PolicyLimits.surgeWindowSeconds, min: 0),
        ])
        for index in policy.triggers.indices {
            policy.triggers[index].thresholdMilli = random.pick([1, 1_000, Int64.max])
            policy.triggers[index].activationThresholdMilli = random.pick([0, Int64.max])
            policy.triggers[index].metricType = random.pick(MetricType.allCases)
        }
        if random.chance(70) {
            func rules() -> Behavior.Rules {
                let limits = [
                    Behavior.Limit(kind: .percent, value: PolicyLimits.rateLimitValue, periodSeconds: PolicyLimits.periodSeconds),
                    Behavior.Limit(kind: .pods, value: PolicyLimits.rateLimitValue, periodSeconds: 1),
                ]
                return Behavior.Rules(
                    stabilizationWindowSeconds: random.pick([0, PolicyLimits.stabilizationSeconds]),
                    select: random.pick(Behavior.Select.allCases), limits: limits,
                    tolerancePPM: random.pick([0, PolicyLimits.tolerancePPM]))
            }
            policy.behavior = Behavior(scaleUp: rules(), scaleDown: rules())
            policy.behaviorGiven = true
        }
        if policy.fallback != nil { policy.fallback?.failureThreshold = random.pick([1, PolicyLimits.replicas]) }
        policy.fallback?.replicas = 0
        policy.schedules = []
    }

    private func fact(_ pool: Pool, _ random: inout SplitMix64, at now: LogTime) -> Fact {
        // Counts of actors and workers are counted here, and never below zero; what the target says is anything.
        func counted() -> Int { random.pick(Self.counts.filter { $0 >= 0 }) }
        switch random.int(0...4) {
        case 0:
            return .demand(
                Demand(resident: counted(), poolExhausted: counted(), nodeLocality: counted(), noEligiblePool: counted(), quota: counted()))
        case 1:
            return .workers(.counts(starting: counted(), idle: random.int(0...100), partial: random.int(0...9), full: random.int(0...9)))
        case 2: return .replicas(random.pick(Self.counts))
        case 3:
            let sample = ObservedSample(
                valueMilli: random.pick(Self.values), at: random.pick(Self.times), consecutiveFailures: random.pick([0, 1, 1 << 31, .max]))
            return .sample(random.int(0...(pool.policy.triggers.count - 1)), sample)
        default: return .timer
        }
    }

    @Test(
        "rates stop at the ends of their range: current, percent → up, down",
        arguments: [
            (Int.max, 100, Int.max, 0), (Int.max, 1_000_000, .max, .min), (1 << 62, 100, .max, 0), (0, 1_000_000, 0, 0),
            (1 << 31 - 1, 1_000_000, 21_476_983_953_647, -21_472_688_986_353),
        ])
    func rates(_ current: Int, _ percent: Int, _ up: Int, _ down: Int) {
        let rules = Behavior.Rules(
            stabilizationWindowSeconds: 0, limits: [Behavior.Limit(kind: .percent, value: percent, periodSeconds: 15)])
        #expect(RateLimit.scaleUp(rules, current: current, events: ScaleEvents(), at: .zero).limit == up)
        #expect(RateLimit.scaleDown(rules, current: current, events: ScaleEvents(), at: .zero).limit == down)
        #expect(RateLimit.legacyScaleUp(start: .max) == .max && RateLimit.legacyScaleUp(start: .min) == 4)
    }

    @Test("256 changes by all there is are a budget still")
    func events() {
        var events = ScaleEvents()
        for k in 0..<600 { events.record(from: k % 2 == 0 ? 0 : .max, to: k % 2 == 0 ? .max : 0, at: .s(k), behavior: .kubernetesDefault) }
        #expect(events.countAtStart(ofSeconds: 1_000, current: .max, at: .s(600)) >= 0)
        #expect(events.countAtStart(ofSeconds: 1_000, current: 0, at: .s(600)) <= .max)
    }

    @Test(
        "an address has a port that is one; what an older log holds is read back all the same",
        arguments: [
            ("http://p", true), ("http://p:9090", true), ("https://p:1/x", true), ("http://p:65535", true),
            ("http://[::1]:9090/a:70000", true), ("http://[fe80::1]", true), ("http://p/a:70000", true),
            ("http://p:65536", false), ("http://p:0", false), ("http://p:99999999999999999999", false), ("http://p:-1", false),
            ("http://p:", false), ("http://p:http", false), ("http://[::1]:70000", false),
            ("http://p:+80", false),
        ])
    func ports(_ address: String, _ isFit: Bool) throws {
        for source in [
            Poll.Source.prometheus(serverAddress: address, query: "up", ignoreNullValues: true),
            .natsJetStream(monitoringEndpoint: address, account: "$G", stream: "s", consumer: "c"),
        ] {
            var policy = Policy.test()
            policy.triggers = [.polled(name: "q", Poll(source: source), thresholdMilli: 1_000)]
            let field = source.type == "prometheus" ? "serverAddress" : "monitoringEndpoint"
            #expect(policy.violations.map(\.path) == (isFit ? [] : ["spec.triggers[0].\(field)"]), "\(policy.violations)")
            if !isFit {
                #expect(policy.violations.first?.message.contains("1 to 65535") == true)
                #expect(throws: PolicyJSONError.self) { try Policy(canonicalJSON: policy.canonicalJSON) }
            }
            #expect(try Policy(canonicalJSON: policy.canonicalJSON, isLogged: true) == policy)
        }
    }

    @Test(
        "every number of a policy beyond its bound is refused by its field",
        arguments: [
            Int.min, -1, 1 << 31, 1 << 53, .max,
        ])
    func policyNumbers(_ value: Int) throws {
        let text = String(decoding: Self.full.canonicalJSON, as: UTF8.self)
        for field in [
            "slotsPerWorker", "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "cooldownPeriod", "initialCooldownPeriod",
            "windowSeconds", "min", "threshold", "activationThreshold",
            "intervalSeconds", "timeoutSeconds", "staleAfter", "stabilizationWindowSeconds", "value", "periodSeconds", "tolerance",
            "failureThreshold", "replicas", "durationSeconds",
            "minReplicaCount", "secondsEastOfUTC", "maxSkew", "localWaitSeconds", "maxRunning", "hold", "target", "activationTarget",
            "quantile",
        ] {
            let changed = text.replacing(try Regex("\"\(field)\":[0-9.]+"), with: "\"\(field)\":\(value)")
            #expect(changed != text, "\(field) isn't in the policy")
            guard let policy = try? Policy(canonicalJSON: Array(changed.utf8)) else { continue }
            // What is taken is only compared, or decides without a trap.
            var pool = Pool(policy, replicas: 3)
            for (k, now) in Self.times.enumerated() {
                for index in policy.triggers.indices { pool.fold(.sample(index, ObservedSample(valueMilli: Int64.max, at: now)), at: now) }
                pool.commit(.demand(k), at: now)
            }
        }
    }

    private static let full: Policy = {
        var policy = Policy.test(min: 2, max: 10, idle: 1)
        policy.buffer = .surge(quantilePPM: 970_000, windowSeconds: 900, min: 1)
        policy.triggers = [
            Trigger(name: "demand", source: .demand, thresholdMilli: 1_000, activationThresholdMilli: 1_000),
            .observed("m", activation: 2_000, staleAfter: 30),
            .polled(
                name: "q", Poll(source: .prometheus(serverAddress: "http://p", query: "up", ignoreNullValues: true)), thresholdMilli: 2_000,
                activationThresholdMilli: 1_000,
                staleAfterSeconds: 60),
        ]
        policy.behave(up: .pods(4, per: 15, window: 5), down: .pods(2, per: 60, window: 300))
        policy.fallback = Fallback(failureThreshold: 3, replicas: 4)
        policy.pause.hold = nil
        policy.pause = Pause(hold: 4)
        policy.zoneMaxSkew = 1
        policy.localWaitSeconds = 5
        policy.quotas = [Quota(tenant: "t", maxRunning: 4)]
        policy.schedules = [
            try? Schedule(
                cron: "0 8 * * *", timezone: "X", durationSeconds: 3_600, minReplicaCount: 3,
                offsets: [ZoneOffset(from: .zero, secondsEastOfUTC: 3_600)])
        ].compactMap { $0 }
        policy.scalingModifiers = (try? Formula(compiling: "demand + m", names: ["demand", "m", "q"])).map {
            ScalingModifiers(formula: $0, targetMilli: 2_000, activationTargetMilli: 1_000)
        }
        return policy
    }()
}
