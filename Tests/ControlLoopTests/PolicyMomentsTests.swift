import Basics
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// What the loop remembers of each policy, beside the plainest thing that does the same.

@Suite struct PolicyMomentsTests {
    private func moment(_ number: UInt64, policy: Position = 1) -> PolicyMoment {
        PolicyMoment(revision: PolicyRevision(policySeq: policy, number: number), round: 1)
    }

    @Test(
        "a moment is new once, and again after the policy was gone", arguments: [PolicyKey(pool: 70), PolicyKey(pool: 70, shadow: "night")])
    func newOnce(key: PolicyKey) {
        var moments = PolicyMoments()
        let seen = [moment(1), moment(1), moment(2), nil, moment(2), moment(2, policy: 5)].map { moments.note($0, of: key) }
        #expect(seen == [true, false, true, false, true, true])
    }

    @Test("the earliest deadline is that of all policies, and those due come out in order and once")
    func deadlines() {
        var generator = SplitMix64(seed: 5)
        var moments = PolicyMoments()
        var plain: [PolicyKey: LogTime] = [:]
        let keys = (0..<40).map { PolicyKey(pool: $0) } + (0..<5).map { PolicyKey(pool: $0, shadow: "s\($0 % 2)") }
        for key in keys { _ = moments.note(moment(1), of: key) }
        for step in 0..<2_000 {
            let key = keys[Int.random(in: keys.indices, using: &generator)]
            let time =
                Int.random(in: 0..<4, using: &generator) == 0
                ? nil : LogTime(microseconds: Int64(step) + Int64.random(in: 1..<500, using: &generator))
            moments.setDeadline(time, of: key)
            plain[key] = time
            #expect(moments.earliestDeadline == plain.values.min())
            guard step % 100 == 0 else { continue }
            let now = LogTime(microseconds: Int64(step))
            let due = plain.filter { $0.value <= now }.sorted { $0.key < $1.key }
            let taken = moments.takeDue(now)
            #expect(taken.map(\.key) == due.map(\.key) && taken.map(\.deadline) == due.map(\.value))
            for (key, _) in due { plain[key] = nil }
            #expect(moments.earliestDeadline == plain.values.min())
        }
    }
}
