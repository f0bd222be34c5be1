import Autoscaling
import Domain
import Synchronization
import Testing

@testable import ControlLoop
@testable import State

// Does a target end up with what was decided last, whatever comes late or fails?

@Suite struct ActuationTests {
    @Test func `a wish that comes after a newer one is dropped`() async throws {
        let target = RecordingTarget()
        let actuation = target.actuation()
        await actuation.want(5, of: target.pool, seq: 20, since: .zero)
        await actuation.want(3, of: target.pool, seq: 10, since: .zero)
        await target.settle(calls: 1)
        #expect(target.calls == ["resize 5"])
        await actuation.want(2, of: target.pool, seq: 30, since: .zero)
        await target.settle(calls: 2)
        #expect(target.calls == ["resize 5", "resize 2"])
    }

    @Test func `a failing target is asked again until it answers, and the log hears of the first failure alone`() async throws {
        let target = RecordingTarget(failures: 3)
        await target.actuation().want(4, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 4)
        #expect(target.calls == ["resize 4", "resize 4", "resize 4", "resize 4"])
        #expect(target.pauses == [0.1, 0.2, 0.4])
        #expect(target.outcomes == ["failed 1", "(failed 2)", "(failed 3)", "applied 4"])
    }

    @Test func `the count goes before the drains, and a drain is asked for once`() async throws {
        let target = RecordingTarget(failures: 1, pausesUntilOpened: true)
        let actuation = target.actuation()
        await actuation.want(1, of: target.pool, seq: 1, since: .zero)
        for worker in ["a", "b", "a"] { await actuation.drain(worker) }
        target.endPauses()
        await target.settle(calls: 4)
        #expect(target.calls == ["resize 1", "resize 1", "drain a", "drain b"])
    }
}

extension ActuationTests {
    @Test func `removals go after the drains, and one that is refused isn't asked for again`() async throws {
        let target = RecordingTarget(refusedRemovals: ["b"])
        let actuation = target.actuation()
        for worker in ["a", "b"] { await actuation.drain(worker) }
        for worker in ["a", "b", "c"] { await actuation.remove(worker) }
        await target.settle(calls: 5)
        #expect(target.calls == ["drain a", "drain b", "remove a", "remove b", "remove c"])
        #expect(target.outcomes == [], "it got an actor: nothing failed")
        await actuation.remove("b")
        await target.settle(calls: 6)
        #expect(target.calls.last == "remove b")
    }
}

extension ActuationTests {
    @Test func `what may stay goes before the count, and what of it was still to be done isn't`() async throws {
        let target = RecordingTarget(failures: 1, pausesUntilOpened: true)
        let actuation = target.actuation()
        await actuation.drain("a")
        await actuation.remove("a")
        await actuation.want(3, of: target.pool, seq: 1, since: .zero, takingBack: [.init(worker: "a", isRemovalSent: true)])
        target.endPauses()
        await target.settle(calls: 3)
        #expect(target.calls == ["drain a", "keep a", "resize 3"])
        #expect(target.answers == [RecallAnswer(worker: "a", isKept: true)])
    }

    @Test func `one that was removed isn't asked back, and one that can't come back is removed all the same`() async throws {
        let target = RecordingTarget(refusedRecalls: ["b"])
        let actuation = target.actuation()
        await actuation.remove("a")
        await actuation.drain("next")
        await target.settle(calls: 2)
        await actuation.keep(.init(worker: "a", isRemovalSent: true))
        await actuation.keep(.init(worker: "b", isRemovalSent: false))
        await actuation.drain("b")
        await actuation.remove("b")
        await target.settle(calls: 5)
        #expect(target.calls.sorted() == ["drain b", "drain next", "keep b", "remove a", "remove b"])
        #expect(target.answers == [RecallAnswer(worker: "a", isKept: false), RecallAnswer(worker: "b", isKept: false)])
    }

    @Test func `replicas that are somebody else's are told, and not asked for again`() async throws {
        let target = RecordingTarget(foreign: 9)
        await target.actuation().want(3, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 1)
        #expect(target.calls == ["resize 3"] && target.pauses == [])
        #expect(target.outcomes == ["found 9"])
    }
}

extension ActuationTests {
    private static let forbidden = ActuationFault.refused("403 forbidden")

    @Test func `what is refused is asked again at a slow pace, and the log hears of it once`() async throws {
        let target = RecordingTarget(resizes: [Self.forbidden, Self.forbidden, Self.forbidden])
        await target.actuation().want(4, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 4)
        #expect(target.calls == ["resize 4", "resize 4", "resize 4", "resize 4"])
        #expect(target.pauses == [60, 60, 60])
        #expect(target.outcomes == ["failed 1", "(failed 2)", "(failed 3)", "applied 4"])
    }

    @Test func `something newer that is wanted ends the pause after a refusal`() async throws {
        let target = RecordingTarget(pausesUntilOpened: true, resizes: [Self.forbidden])
        let actuation = target.actuation()
        await actuation.want(4, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 1)
        await actuation.want(5, of: target.pool, seq: 2, since: .zero)
        await target.settle(calls: 2)
        #expect(target.calls == ["resize 4", "resize 5"])
        #expect(target.outcomes == ["failed 1", "applied 5"])
    }

    @Test func `a count that is refused holds up no drain`() async throws {
        let target = RecordingTarget(pausesUntilOpened: true, resizes: [Self.forbidden])
        let actuation = target.actuation()
        await actuation.want(1, of: target.pool, seq: 1, since: .zero)
        await actuation.drain("a")
        await target.settle(calls: 2)
        #expect(target.calls == ["resize 1", "drain a"])
        #expect(target.outcomes == ["failed 1"], "the count is still refused")
    }

    @Test func `what another instance fences off is dropped, and said once`() async throws {
        let fenced = ActuationFault.fenced(current: Fence(9))
        let target = RecordingTarget(resizes: [fenced, fenced])
        let actuation = target.actuation()
        await actuation.want(4, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 1)
        #expect(target.calls == ["resize 4"] && target.pauses == [])
        await actuation.want(5, of: target.pool, seq: 2, since: .zero)
        await target.settle(calls: 2)
        #expect(target.outcomes == ["failed 1", "(failed 2)"])
        await actuation.want(6, of: target.pool, seq: 3, since: .zero)
        await target.settle(calls: 3)
        #expect(target.outcomes.last == "applied 6")
    }

    @Test func `a trouble whose words change is told a bounded number of times, however long it lasts`() async throws {
        let target = RecordingTarget(resizes: (0..<2_000).map { .unreachable("port \($0)") })
        await target.actuation().want(1, of: target.pool, seq: 1, since: .zero)
        await target.settle(calls: 2_001)
        let told = target.outcomes.count { $0.hasPrefix("failed") }
        let hours = target.pauses.reduce(0, +) / 3_600
        #expect(told > 3 && Double(told) <= 3 + hours * 4, "\(told) in \(hours) h")
    }

    @Test func `a drain that fails for a while is told of, and that it is carried out again`() async throws {
        let target = RecordingTarget(drains: [.unreachable("not now"), .unreachable("not now"), Self.forbidden])
        let actuation = target.actuation()
        await actuation.want(1, of: target.pool, seq: 1, since: .zero)
        await actuation.drain("a")
        await target.settle(calls: 5)
        #expect(target.calls == ["resize 1", "drain a", "drain a", "drain a", "drain a"])
        #expect(target.outcomes == ["applied 1", "failed 1", "(failed 2)", "failed 3", "recovered 1"])
    }

    @Test func `a pool that is let go of is left alone, whatever was still to be done`() async throws {
        let target = RecordingTarget(failures: 1, pausesUntilOpened: true)
        let actuation = target.actuation()
        await actuation.want(1, of: target.pool, seq: 1, since: .zero)
        await actuation.drain("a")
        await target.settle(calls: 1)
        await actuation.release()
        target.endPauses()
        await target.settle(calls: 1)
        #expect(target.calls == ["resize 1"])
        await actuation.want(2, of: target.pool, seq: 2, since: .zero)
        await target.settle(calls: 2)
        #expect(target.calls == ["resize 1", "resize 2"])
    }
}

/// An actuator that notes what it is asked, and fails the first few times.
private final class RecordingTarget: Actuator {
    private struct State { var calls: [String] = []; var failures: Int; var pauses: [Double] = []; var outcomes: [String] = []; var answers: [RecallAnswer] = [] }
    private let state: Mutex<State>
    let pool = ActuatedPool(name: "ns/p", target: ScaleTarget(apiVersion: "v1", kind: "Test", name: "p"), slotsPerWorker: 1, drainTimeoutSeconds: 0)

    private let refusedRemovals, refusedRecalls: Set<String>
    private let foreign: Int?
    /// What resizes, and drains, are answered, one after the other.
    private let resizeFaults, drainFaults: Mutex<[ActuationFault]>
    /// Holds each pause until it is finished.
    private let gate = AsyncStream.makeStream(of: Void.self)

    init(
        failures: Int = 0, refusedRemovals: Set<String> = [], refusedRecalls: Set<String> = [], foreign: Int? = nil, pausesUntilOpened: Bool = false,
        resizes: [ActuationFault] = [], drains: [ActuationFault] = []
    ) {
        resizeFaults = Mutex(resizes)
        drainFaults = Mutex(drains)
        if !pausesUntilOpened { gate.continuation.finish() }
        state = Mutex(State(failures: failures))
        self.refusedRemovals = refusedRemovals
        self.refusedRecalls = refusedRecalls
        self.foreign = foreign
    }

    var calls: [String] { state.withLock { $0.calls } }
    var pauses: [Double] { state.withLock { $0.pauses } }
    var outcomes: [String] { state.withLock { $0.outcomes } }
    var answers: [RecallAnswer] { state.withLock { $0.answers } }

    func actuation() -> PoolActuation {
        PoolActuation(
            pool, actuator: self, fence: Fence(1), limits: ActuationLimits(),
            pause: { seconds in
                self.state.withLock { $0.pauses.append(seconds) }
                for await _ in self.gate.stream {}
            },
            report: { outcome in
                self.state.withLock { state in
                    switch outcome {
                    case .applied(let to, _): state.outcomes.append("applied \(to)")
                    case .recovered(let count): state.outcomes.append("recovered \(count)")
                    case .failed(_, let attempt, let isNews): state.outcomes.append(isNews ? "failed \(attempt)" : "(failed \(attempt))")
                    case .changedByOthers(let found, _): state.outcomes.append("found \(found)")
                    }
                }
            },
            answer: { answer in self.state.withLock { $0.answers.append(answer) } })
    }

    func endPauses() { gate.continuation.finish() }

    /// Returns once that many calls were made and what follows from the last had its turn.
    func settle(calls: Int) async {
        for _ in 0..<100_000 {
            if self.calls.count >= calls { break }
            await Task.yield()
        }
        for _ in 0..<100 { await Task.yield() }
    }

    private func answer(_ call: String) throws(ActuationFault) {
        let fails = state.withLock { state in
            state.calls.append(call)
            guard state.failures > 0 else { return false }
            state.failures -= 1
            return true
        }
        if fails { throw .unreachable("not now") }
    }

    func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation { TargetObservation(specReplicas: 0, readyReplicas: 0) }
    func resize(_ pool: ActuatedPool, to: Int, fence: Fence) async throws(ActuationFault) {
        try answer("resize \(to)")
        if let foreign { throw .changedByOthers(found: foreign) }
        if let fault = resizeFaults.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw fault }
    }
    func cancelDrain(_ worker: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool {
        try answer("keep \(worker)")
        return !refusedRecalls.contains(worker)
    }
    func drain(_ worker: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try answer("drain \(worker)")
        if let fault = drainFaults.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw fault }
    }
    func remove(_ worker: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try answer("remove \(worker)")
        if refusedRemovals.contains(worker) { throw .holdsActor(worker: worker) }
    }
}
