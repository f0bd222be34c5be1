import Autoscaling
import Domain
import Testing

@testable import Views
@testable import Kubernetes

private let now = LogTime(rfc3339: "2026-11-21T14:03:00.5Z") ?? .zero
private let later = LogTime(rfc3339: "2026-11-21T14:04:00Z") ?? .zero

private func standing(_ codes: [ReasonCode] = [.triggerActive], change: (inout PolicyStatusView) -> Void = { _ in }) -> PolicyStatusView {
    var policy = Policy(pool: "ns/pool", target: ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "pool"))
    policy.maxReplicaCount = 5
    var set = ReasonCodes()
    for code in codes { set.insert(code) }
    var view = PolicyStatusView(
        policy: policy, written: policy, rules: .current, digest: "abc", seq: 7, desired: 3, ready: 2, isActive: true, isFallback: false,
        scaleProblem: nil,
        lastDecision: .init(seq: 9, at: now, from: 1, to: 3, codes: set))
    change(&view)
    return view
}

private struct Standing: Sendable {
    var verdict = SpecVerdict.applied
    var view: PolicyStatusView?
    var conditions: [String]

    static let table: [Standing] = [
        Standing(
            view: standing(),
            conditions: [
                "Ready True PolicyApplied", "Active True TriggerActive", "Paused False NotPaused", "Fallback False TriggersResponse",
                "ScalingLimited False DesiredWithinRange",
            ]),
        Standing(
            view: standing([.inactive, .tooFewReplicas]) { $0.isActive = false },
            conditions: [
                "Ready True PolicyApplied", "Active False Inactive", "Paused False NotPaused", "Fallback False TriggersResponse",
                "ScalingLimited True TooFewReplicas",
            ]),
        Standing(
            view: standing([.triggerActive, .scaleUpLimit, .fallbackInEffect]) { view in
                view.isFallback = true
                view.policy.pause.hold = 3
                view.scaleProblem = "can't be reached"
            },
            conditions: [
                "Ready False ScaleFailed", "Active True TriggerActive", "Paused True Held", "Fallback True FallbackInEffect",
                "ScalingLimited True ScaleUpLimit",
            ]),
        Standing(
            verdict: .invalid("spec.x: no"), view: standing([.tooManyReplicas]) { $0.policy.pause.scaleOut = true },
            conditions: [
                "Ready False Invalid", "Active True Active", "Paused True PausedScaleOut", "Fallback False TriggersResponse",
                "ScalingLimited True TooManyReplicas",
            ]),
        Standing(
            verdict: .refused("taken"),
            conditions: [
                "Ready False Refused", "Active Unknown NoPolicy", "Paused Unknown NoPolicy", "Fallback Unknown NoPolicy",
                "ScalingLimited Unknown NoPolicy",
            ]),
    ]
}

private struct Change: Sendable {
    var verdict = SpecVerdict.applied
    var before = standing()
    var after: PolicyStatusView
    var news: [String]

    static let table: [Change] = [
        Change(after: standing(), news: []),
        Change(after: standing { $0.digest = "def" }, news: ["Normal PolicyApplied"]),
        Change(after: standing([.tooManyReplicas]), news: ["Warning ScalingLimited"]),
        Change(before: standing([.tooManyReplicas]), after: standing([.tooManyReplicas]) { $0.desired = 5 }, news: []),
        Change(after: standing([.tooFewReplicas]), news: []),
        Change(after: standing { $0.isFallback = true }, news: ["Warning FallbackInEffect"]),
        Change(before: standing { $0.isFallback = true }, after: standing(), news: ["Normal FallbackEnded"]),
        Change(verdict: .invalid("spec.x: no"), after: standing(), news: ["Warning PolicyRefused"]),
    ]
}

@Suite struct AutoscalerStatusTests {
    private func status(_ verdict: SpecVerdict, _ view: PolicyStatusView?) -> AutoscalerStatus {
        AutoscalerStatus(verdict, generation: 2, view, reason: "because")
    }

    @Test("conditions follow from how the policy stands", arguments: Standing.table)
    private func conditions(_ row: Standing) {
        #expect(status(row.verdict, row.view).conditions.map { "\($0.kind.rawValue) \($0.status) \($0.reason)" } == row.conditions)
    }

    @Test(
        "log time that runs ahead stands in the message, in minutes, and is no other condition",
        arguments: [
            (nil, ""), (59, ""), (60, "; log time runs 1 min ahead of the machine's clock, which was set back"),
            (3_599, "; log time runs 59 min ahead of the machine's clock, which was set back"),
        ] as [(Double?, String)])
    func timeAhead(_ seconds: Double?, _ text: String) throws {
        let conditions = status(.applied, standing { $0.logTimeAheadSeconds = seconds }).conditions
        #expect(conditions.map(\.reason) == status(.applied, standing()).conditions.map(\.reason))
        #expect(conditions.first?.message == "in effect since position 7 of the log" + text)
    }

    @Test("written once, a status has nothing to write; a transition's time stays as long as its status")
    func patches() throws {
        let first = status(.applied, standing())
        let written = JSONValue.null.merging(try #require(first.patch(of: .null, now: now)))
        #expect(first.patch(of: written, now: later) == nil)
        #expect(
            written["lastDecision"].text
                == #"{"at":"2026-11-21T14:03:00.500000Z","direction":"up","from":1,"reason":"because","seq":9,"to":3}"#)
        #expect(written["observedGeneration"].int == 2 && written["target"].string == "WorkerPool/pool" && written["ready"].int == 2)
        let second = status(.applied, standing { $0.isActive = false })
        let after = written.merging(try #require(second.patch(of: written, now: later)))
        #expect(
            after["conditions"].array.map { $0["lastTransitionTime"].string } == ["2026-11-21T14:03:00Z", "2026-11-21T14:04:00Z"]
                + Array(repeating: "2026-11-21T14:03:00Z", count: 3))
        // What is no longer so is taken away.
        let gone = after.merging(try #require(status(.invalid("x"), nil).patch(of: after, now: later)))
        #expect(gone["digest"].isNull && gone["lastDecision"].isNull && gone.members["desired"] == nil)
    }

    @Test("an Event tells a change once, and rest at the minimum never", arguments: Change.table)
    private func news(_ row: Change) throws {
        let written = JSONValue.null.merging(try #require(status(.applied, row.before).patch(of: .null, now: now)))
        #expect(status(row.verdict, row.after).news(since: written).map { "\($0.kind.rawValue) \($0.reason)" } == row.news)
    }
}
