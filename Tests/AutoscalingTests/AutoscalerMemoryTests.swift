import Domain
import Testing
@testable import Autoscaling

@Suite struct AutoscalerMemoryTests {
    private let policy = Policy.test { $0.behave(down: .window(60)) }

    private func evaluation(_ second: Int, recommended: Int, active: Bool) -> Evaluation {
        var evaluation = Evaluation(at: .s(second), replicas: 2)
        evaluation.recommended = recommended
        evaluation.activity = active ? .forced : .none
        return evaluation
    }

    @Test("active until the moment it was found inactive")
    func lastActive() {
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        memory.advance(evaluation(1, recommended: 0, active: false), policy: policy)
        #expect(memory.lastActiveAt == nil)
        memory.advance(evaluation(5, recommended: 3, active: true), policy: policy)
        memory.advance(evaluation(9, recommended: 0, active: false), policy: policy)
        #expect(memory.lastActiveAt == .s(9))
        memory.advance(evaluation(20, recommended: 0, active: false), policy: policy)
        #expect(memory.lastActiveAt == .s(9))
    }

    @Test("a recommendation is stamped when another replaces it; the first finds the current count")
    func stamps() {
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        memory.advance(evaluation(10, recommended: 9, active: true), policy: policy)
        memory.advance(evaluation(20, recommended: 9, active: true), policy: policy)
        memory.advance(evaluation(30, recommended: 4, active: true), policy: policy)
        #expect(memory.recommendations.standing == 4)
        #expect(memory.recommendations.highest.entries == [WindowMaximum.Entry(value: 9, at: .s(30))])
    }

    @Test("the step from zero to the first is no scale event, nor the step back")
    func scaleEvents() {
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        memory.scaled(from: 0, to: 1, at: .s(1), policy: policy)
        memory.scaled(from: 0, to: 4, at: .s(2), policy: policy)
        memory.scaled(from: 4, to: 0, at: .s(3), policy: policy)
        #expect(memory.scaleEvents.added == [ScaleEvent(change: 3, at: .s(2))])
        #expect(memory.scaleEvents.removed == [ScaleEvent(change: 3, at: .s(3))])
    }
}
