import Domain
import Testing
@testable import Autoscaling

// KEDA's semantics as a table, read by column: what there was, what is there now, and what must come of it. Each row is
// a list of facts; the answer must be the same from a memory rebuilt by folding them once more.

struct KEDARow: Sendable, CustomTestStringConvertible {
    var name: String
    var policy: Policy
    var current: Int
    var facts: [(at: Int, fact: Fact)] = []
    var at: Int
    var to: Int
    var says: [ReasonCode]

    var testDescription: String { name }

    var pool: Pool {
        var pool = Pool(policy, replicas: current)
        for (at, fact) in facts { pool.fold(fact, at: .s(at)) }
        return pool
    }
}

extension KEDARow {
    /// Active until second 1,000, when the demand ends; the cooldown is 300 s, so it is over at 1,300.
    private static let wasActive: [(at: Int, fact: Fact)] = [(0, .demand(4)), (1_000, .demand(0))]
    private static let shorter = 1_299
    private static let longer = 1_300

    /// The pool's one trigger brings errors, `count` of them, after the pool was active until second 1,000.
    private static func failing(_ count: Int) -> [(at: Int, fact: Fact)] {
        [
            (0, .sample(0, ObservedSample(valueMilli: 1_000, at: .s(0)))),
            (1_000, .sample(0, ObservedSample(valueMilli: 0, at: .s(1_000)))),
            (1_010, .sample(0, ObservedSample(valueMilli: 0, at: .s(1_000), consecutiveFailures: count))),
        ]
    }

    private static func observing(fallback: Fallback? = nil) -> Policy {
        .test {
            $0.triggers = [.observed()]; $0.fallback = fallback
        }
    }

    /// Activation above 5; scale-up without limits, so that the recommendation shows.
    private static func threshold5(min: Int = 0, idle: Int? = nil) -> Policy {
        .test(min: min, idle: idle) {
            $0.triggers[0].activationThresholdMilli = 5_000; $0.behave()
        }
    }

    static let rows: [KEDARow] = [
        KEDARow(
            name: "0, value = activationThreshold → 0", policy: threshold5(), current: 0, facts: [(10, .demand(5))], at: 20, to: 0,
            says: [.inactive, .atRest]),
        KEDARow(
            name: "0, value = activationThreshold + 1 → 1, then on to 6", policy: threshold5(), current: 0, facts: [(10, .demand(6))],
            at: 20, to: 6, says: [.scaleTargetActivated, .recommended]),
        KEDARow(
            name: "0, active, nothing more recommended → 1",
            policy: .test {
                $0.triggers[0].thresholdMilli = 100_000; $0.behave()
            }, current: 0,
            facts: [(10, .demand(6))], at: 20, to: 1, says: [.scaleTargetActivated, .recommended]),
        KEDARow(
            name: "0, active, min 3 → at least 3", policy: .test(min: 3) { $0.behave() }, current: 0, facts: [(10, .demand(1))], at: 20,
            to: 3, says: [.scaleTargetActivated]),
        KEDARow(
            name: "2, active, idle 0, min 5 → at least 5", policy: .test(min: 5, idle: 0) { $0.behave() }, current: 2,
            facts: [(10, .demand(1))], at: 20, to: 5, says: [.belowMinimum]),
        KEDARow(
            name: "4, inactive, shorter → held by stabilization", policy: .test(), current: 4, facts: wasActive, at: shorter, to: 4,
            says: [.cooldownRunning, .scaleDownStabilized]),
        KEDARow(
            name: "4, inactive, shorter, HPA has no objection → not below 1", policy: .test { $0.behave() }, current: 4, facts: wasActive,
            at: shorter, to: 1,
            says: [.cooldownRunning, .tooFewReplicas]),
        KEDARow(name: "4, inactive, longer → 0", policy: .test(), current: 4, facts: wasActive, at: longer, to: 0, says: [.cooldownPassed]),
        KEDARow(
            name: "4, inactive, longer, idle 1, min 3 → 1", policy: .test(min: 3, idle: 1), current: 4, facts: wasActive, at: longer, to: 1,
            says: [.cooldownPassed]),
        KEDARow(
            name: "4, inactive, min 3, shorter → 3 all the same", policy: .test(min: 3) { $0.behave(down: .window(60)) }, current: 4,
            facts: wasActive, at: 1_060, to: 3,
            says: [.inactive, .tooFewReplicas]),
        KEDARow(
            name: "4, inactive, min 3, longer, but HPA holds → 4", policy: .test(min: 3) { $0.behave(down: .window(600)) }, current: 4,
            facts: wasActive, at: longer, to: 4,
            says: [.scaleDownStabilized]),
        KEDARow(
            name: "4, inactive, min 3, longer → 3", policy: .test(min: 3), current: 4, facts: wasActive, at: longer + 1, to: 3,
            says: [.inactive, .tooFewReplicas]),
        KEDARow(
            name: "1, fails, no fallback, longer → 1", policy: observing(), current: 1, facts: failing(1), at: 2_000, to: 1,
            says: [.triggerFailed, .heldByFailingTrigger]),
        KEDARow(
            name: "4, fails, no fallback, longer → 4", policy: observing(), current: 4, facts: failing(9), at: 2_000, to: 4,
            says: [.triggerFailed, .heldByFailingTrigger]),
        KEDARow(
            name: "1, fails twice, fallback 6 after 3 → 1", policy: observing(fallback: Fallback(failureThreshold: 3, replicas: 6)),
            current: 1, facts: failing(2),
            at: 2_000, to: 1, says: [.triggerFailed]),
        KEDARow(
            name: "1, fails three times, fallback 6 after 3 → 6", policy: observing(fallback: Fallback(failureThreshold: 3, replicas: 6)),
            current: 1, facts: failing(3),
            at: 2_000, to: 6, says: [.fallbackInEffect]),
        KEDARow(
            name: "0, forced → 1", policy: .test { $0.forceActivation = true }, current: 0, at: 20, to: 1,
            says: [.forcedActive, .scaleTargetActivated]),
        KEDARow(
            name: "5, wants 8, paused out → 5", policy: .test { $0.pause.scaleOut = true }, current: 5, facts: [(10, .demand(8))], at: 20,
            to: 5,
            says: [.recommended, .pausedScaleOut]),
        KEDARow(
            name: "5, past cooldown, paused in → 5", policy: .test { $0.pause.scaleIn = true }, current: 5, facts: wasActive, at: longer,
            to: 5, says: [.cooldownPassed, .pausedScaleIn]),
        KEDARow(name: "0, held at 4 → 4", policy: .test { $0.pause.hold = 4 }, current: 0, at: 20, to: 4, says: [.held]),
        KEDARow(
            name: "9, held at 4 → 4", policy: .test { $0.pause.hold = 4 }, current: 9, facts: [(10, .demand(9))], at: 20, to: 4,
            says: [.held]),
        KEDARow(
            name: "4, never active, initial cooldown running → held",
            policy: .test {
                $0.initialCooldownPeriodSeconds = 60; $0.behave()
            }, current: 4, facts: [(1, .demand(0))],
            at: 59, to: 1, says: [.initialCooldownRunning]),
        KEDARow(
            name: "4, never active, initial cooldown over → 0", policy: .test { $0.initialCooldownPeriodSeconds = 60 }, current: 4,
            facts: [(1, .demand(0))],
            at: 60, to: 0, says: [.cooldownPassed]),
        KEDARow(name: "0, inactive, min 3 → 3", policy: .test(min: 3), current: 0, at: 20, to: 3, says: [.belowMinimum]),
    ]
}

@Suite("KEDA's table")
struct KEDATableTests {
    @Test("each row", arguments: KEDARow.rows)
    func row(_ row: KEDARow) {
        let decision = row.pool.decision(at: .s(row.at))
        #expect(decision.to == row.to, "\(decision.text)")
        for code in row.says { #expect(decision.has(code), "\(code.name) is missing from: \(decision.text) \(decision.signature)") }
    }

    @Test("a restart in any row changes nothing", arguments: KEDARow.rows)
    func restart(_ row: KEDARow) {
        let before = row.pool
        let after = row.pool
        #expect(before.memory == after.memory)
        #expect(before.decision(at: .s(row.at)) == after.decision(at: .s(row.at)))
        #expect(row.to == after.decision(at: .s(row.at)).to)
    }

    @Test("the reason names the trigger that fails")
    func namesTheFailingTrigger() throws {
        let row = try #require(KEDARow.rows.first { $0.name.hasPrefix("1, fails, no fallback") })
        let decision = row.pool.decision(at: .s(row.at))
        #expect(decision.reason(.triggerFailed)?["trigger"] == .text("queue"))
        #expect(decision.text == "trigger queue fails (1 in a row, no fallback) → inactive → held at 1 while it fails → 1")
    }
}
