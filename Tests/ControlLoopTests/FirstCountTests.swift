import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views

// Where does a pool begin whose target has a count already?

@Suite struct FirstCountTests {
    private static let policy: Policy = {
        var policy = Policy.quick()
        policy.target = ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "p")
        return policy
    }()

    private func observe(_ loop: LoopHarness, _ spec: Int) {
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":\#(spec),"readyReplicas":\#(spec)}"#)
        loop.settle()
    }

    private func ready(_ loop: LoopHarness, _ names: String...) {
        for name in names { loop.send(.workerReady, name, #"{"pool":"ns/p","node":"n1","slots":1}"#) }
        loop.settle()
    }

    @Test func `nobody is drained before the target's count is known, and then by a decision`() throws {
        let loop = try LoopHarness()
        loop.keepsDrained = true
        loop.apply(Self.policy)
        ready(loop, "w1", "w2")
        loop.advance(60)
        #expect(loop.drainCommands.isEmpty && loop.rescales.isEmpty)
        observe(loop, 2)
        loop.advance(60)
        #expect(loop.rescales.last?.to == 0 && loop.drainCommands.sorted() == ["w1", "w2"])
        #expect(try loop.pool.desired == 0)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `the count stands though somebody else drains the workers: the target is told the decision`() throws {
        let loop = try LoopHarness()
        loop.apply(Self.policy)
        ready(loop, "w1", "w2")
        for name in ["w1", "w2"] { loop.send(.workerDraining, name, #"{"reason":"marked by somebody"}"#) }
        observe(loop, 2)
        #expect(try loop.events(.scaleDecided)[1].body.hasPrefix(#"{"from":2,"to":0"#) == true, "what the target has is where it begins")
        loop.advance(60)
        #expect(loop.rescales.last?.to == 0)
        #expect(try loop.pool.foreignChange == nil)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `a log of earlier rules keeps what was decided under them`() throws {
        let loop = try LoopHarness()
        loop.rules = DecisionRules.scheduleIsActivity.rawValue
        loop.apply(Self.policy)
        ready(loop, "w1", "w2")
        for name in ["w1", "w2"] { loop.send(.workerDraining, name, #"{"reason":"marked by somebody"}"#) }
        observe(loop, 2)
        #expect(try loop.pool.desired == 0)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }
}
