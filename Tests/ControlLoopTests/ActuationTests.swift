import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Does a target end up with what was decided last, whatever comes late or fails?

@Suite struct ActuationTests {
    @Test func `a wish that comes after a newer one is dropped`() {
        let target = TargetTimeline()
        target.want(5, seq: 20)
        target.want(3, seq: 10)
        target.settle()
        #expect(target.calls == ["resize 5"])
        target.want(2, seq: 30)
        target.settle()
        #expect(target.calls == ["resize 5", "resize 2"])
    }

    @Test func `a failing target is asked again until it answers, and the log hears of the first failure alone`() {
        let target = TargetTimeline(failures: 3)
        target.want(4, seq: 1)
        target.settle()
        #expect(target.calls == ["resize 4", "resize 4", "resize 4", "resize 4"])
        #expect(target.rests == [0.1, 0.2, 0.4])
        #expect(target.outcomes == ["failed 1", "(failed 2)", "(failed 3)", "applied 4"])
    }

    @Test func `backoff grows to its limit, and begins anew after an response`() {
        let target = TargetTimeline(failures: 11)
        target.want(4, seq: 1)
        target.settle()
        #expect(target.rests == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])
        target.resizeFaults = [.unreachable("again")]
        target.want(5, seq: 2)
        target.settle()
        #expect(target.rests.last == 0.1)
    }

    @Test func `something newer doesn't end the backoff, and is what is sent after it`() {
        let target = TargetTimeline(failures: 1)
        target.want(4, seq: 1)
        target.settle(passingRests: false)
        target.want(5, seq: 2)
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 4"])
        target.settle()
        #expect(target.calls == ["resize 4", "resize 5"])
    }

    @Test func `the count goes before the drains, and a drain is asked for once`() {
        let target = TargetTimeline(failures: 1)
        target.want(1, seq: 1)
        target.settle(passingRests: false)
        for worker in ["a", "b", "a"] { target.actuation.drain(worker) }
        target.settle()
        #expect(target.calls == ["resize 1", "resize 1", "drain a", "drain b"])
    }
}

extension ActuationTests {
    @Test func `removals go after the drains, and one that is refused isn't asked for again`() {
        let target = TargetTimeline(refusedRemovals: ["b"])
        for worker in ["a", "b"] { target.actuation.drain(worker) }
        for worker in ["a", "b", "c"] { target.actuation.remove(worker) }
        target.settle()
        #expect(target.calls == ["drain a", "drain b", "remove a", "remove b", "remove c"])
        #expect(target.outcomes == [], "it got an actor: nothing failed")
        target.actuation.remove("b")
        target.settle()
        #expect(target.calls.dropFirst(5) == ["remove b"])
    }
}

extension ActuationTests {
    @Test func `what may stay goes before the count, and what of it was still to be done isn't`() {
        let target = TargetTimeline(failures: 1)
        target.actuation.drain("a")
        target.actuation.remove("a")
        target.settle(passingRests: false)
        target.want(3, seq: 1, uncordoning: [.init(worker: "a", isRemovalSent: true)])
        target.settle()
        #expect(target.calls == ["drain a", "keep a", "resize 3"])
        #expect(target.answers == ["a stays"])
    }

    @Test func `one that was removed isn't asked back, and one that can't come back is removed all the same`() {
        let target = TargetTimeline(refusedUncordons: ["b"])
        target.actuation.remove("a")
        target.actuation.drain("next")
        target.settle()
        target.actuation.uncordon(.init(worker: "a", isRemovalSent: true))
        target.actuation.uncordon(.init(worker: "b", isRemovalSent: false))
        target.actuation.drain("b")
        target.actuation.remove("b")
        target.settle()
        #expect(target.calls == ["drain next", "remove a", "keep b", "drain b", "remove b"])
        #expect(target.answers == ["a goes", "b goes"])
    }

    @Test func `whom a target that doesn't response is to take back goes, and isn't asked back again`() {
        let target = TargetTimeline(failures: 1)
        target.actuation.drain("a")
        target.actuation.uncordon(.init(worker: "a", isRemovalSent: false))
        target.settle()
        #expect(target.calls == ["keep a", "drain a"])
        #expect(target.answers == ["a goes"])
        #expect(target.outcomes == ["failed 1"])
    }

    @Test func `replicas that are somebody else's are told, and not asked for again`() {
        let target = TargetTimeline(foreign: 9)
        target.want(3, seq: 1)
        target.settle()
        #expect(target.calls == ["resize 3"] && target.rests == [])
        #expect(target.outcomes == ["found 9"])
    }
}

extension ActuationTests {
    private static let forbidden = ActuationFault.refused("403 forbidden")

    @Test func `what is refused is asked again at a slow pace, and the log hears of it once`() {
        let target = TargetTimeline(resizes: [Self.forbidden, Self.forbidden, Self.forbidden])
        target.want(4, seq: 1)
        target.settle()
        #expect(target.calls == ["resize 4", "resize 4", "resize 4", "resize 4"])
        #expect(target.rests == [60, 60, 60])
        #expect(target.outcomes == ["failed 1", "(failed 2)", "(failed 3)", "applied 4"])
    }

    @Test func `something newer that is wanted ends the pause after a refusal`() {
        let target = TargetTimeline(resizes: [Self.forbidden])
        target.want(4, seq: 1)
        target.settle(passingRests: false)
        target.want(5, seq: 2)
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 4", "resize 5"])
        #expect(target.outcomes == ["failed 1", "applied 5"])
    }

    @Test func `the end of a rest that was ended before changes nothing`() {
        let target = TargetTimeline(resizes: [Self.forbidden], drains: [Self.forbidden])
        target.actuation.drain("a")
        target.want(4, seq: 1)
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 4", "drain a"] && target.rests == [60])
        let ended = target.resting
        target.now = target.now.adding(seconds: 1)
        target.actuation.drain("b")
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 4", "drain a", "drain b"] && target.rests == [60, 60])
        if let ended { target.actuation.rested(until: ended) }
        target.settle(passingRests: false)
        #expect(target.calls.count == 3)
    }

    @Test func `a count that is refused holds up no drain`() {
        let target = TargetTimeline(resizes: [Self.forbidden])
        target.want(1, seq: 1)
        target.actuation.drain("a")
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 1", "drain a"])
        #expect(target.outcomes == ["failed 1"], "the count is still refused")
    }

    @Test func `what another instance fences off is said once, and asked again at the slow pace: somebody may take its mark off`() {
        let fenced = ActuationFault.fenced(current: Fence(9))
        let target = TargetTimeline(resizes: [fenced, fenced, fenced])
        target.want(4, seq: 1)
        target.actuation.drain("a")
        target.settle(passingRests: false)
        #expect(target.calls == ["resize 4"], "nothing else is tried meanwhile")
        target.want(5, seq: 2)
        target.settle(passingRests: false)
        #expect(target.outcomes == ["failed 1", "(failed 2)"])
        target.settle()
        #expect(target.calls == ["resize 4", "resize 5", "resize 5", "resize 5", "drain a"])
        #expect(target.rests == [60, 60, 60])
        #expect(target.outcomes.last == "applied 5")
    }

    @Test func `whoever was to be taken back goes where another instance acts`() {
        let target = TargetTimeline()
        target.actuation.drain("a")
        target.begin()
        for worker in ["b", "c"] { target.actuation.uncordon(.init(worker: worker, isRemovalSent: false)) }
        target.respond(.failure(.fenced(current: Fence(9))))
        target.settle(passingRests: false)
        #expect(target.calls == ["drain a"])
        #expect(target.answers == ["b goes", "c goes"])
    }

    @Test func `a trouble whose words change is told a bounded number of times, however long it lasts`() {
        let target = TargetTimeline(resizes: (0..<2_000).map { .unreachable("port \($0)") })
        target.want(1, seq: 1)
        target.settle()
        #expect(target.calls.count == 2_001)
        let told = target.outcomes.count { $0.hasPrefix("failed") }
        let hours = target.rests.reduce(0, +) / 3_600
        #expect(told > 3 && Double(told) <= 3 + hours * 4, "\(told) in \(hours) h")
    }

    @Test func `a drain that fails for a while is told of, and that it is carried out again`() {
        let target = TargetTimeline(drains: [.unreachable("not now"), .unreachable("not now"), Self.forbidden])
        target.want(1, seq: 1)
        target.actuation.drain("a")
        target.settle()
        #expect(target.calls == ["resize 1", "drain a", "drain a", "drain a", "drain a"])
        #expect(target.outcomes == ["applied 1", "failed 1", "(failed 2)", "failed 3", "recovered 1"])
    }

    @Test func `a trouble isn't over because somebody who is gone can't be taken back`() {
        let target = TargetTimeline(drains: [.unreachable("not now"), .unreachable("not now")])
        target.want(1, seq: 1)
        target.actuation.drain("a")
        target.settle(passingRests: false)
        target.actuation.uncordon(.init(worker: "gone", isRemovalSent: true))
        target.settle()
        #expect(target.outcomes == ["applied 1", "failed 1", "(failed 2)", "recovered 1"])
        #expect(target.answers == ["gone goes"])
    }

    @Test func `a pool that is let go of is left alone, whatever was still to be done`() {
        let target = TargetTimeline(failures: 1)
        target.want(1, seq: 1)
        target.actuation.drain("a")
        target.settle(passingRests: false)
        target.actuation.release()
        target.settle()
        #expect(target.calls == ["resize 1"])
        target.want(2, seq: 2)
        target.settle()
        #expect(target.calls == ["resize 1", "resize 2"])
    }
}

// A pool's target is another one while a call to the old one is under way.
extension ActuationTests {
    @Test func `the new target is told the same count, and hears nothing of the old one's faults`() {
        for response in [ActuatorResponse.success(true), .failure(.refused("403 forbidden")), .failure(.unreachable("not now"))] {
            let target = TargetTimeline()
            target.want(3, seq: 1)
            target.begin()
            target.actuation.release()
            target.want(3, seq: 1, of: "other")
            target.respond(response)
            target.settle()
            #expect(target.calls == ["resize 3", "resize 3 of other"])
            #expect(target.rests == [] && target.outcomes.last == "applied 3" && !target.outcomes.contains("failed 1"))
        }
    }

    @Test func `a drain that the new target is told isn't done with the old one's`() {
        let target = TargetTimeline()
        target.actuation.drain("a")
        target.begin()
        target.actuation.release()
        target.actuation.drain("a")
        target.respond(.success(true))
        target.settle()
        #expect(target.calls == ["drain a", "drain a"])
    }

    @Test func `another kind is told once the old one has answered, and whoever was to be taken back there goes`() {
        let target = TargetTimeline()
        target.want(3, seq: 9)
        target.begin()
        target.actuation.uncordon(.init(worker: "a", isRemovalSent: false))
        target.actuation.drain("b")
        target.actuation.move(to: target.pool(named: "other", kind: "Other"))
        target.want(2, seq: 1, of: "other", kind: "Other")
        target.settle()
        #expect(target.calls == ["resize 3"])
        #expect(target.answers == ["a goes"])
        target.respond(.success(true))
        target.settle()
        #expect(target.calls == ["resize 3", "resize 2 of other"])
        #expect(target.outcomes == ["applied 3", "applied 2"])
    }

    @Test func `one that is stopped begins nothing, and tells what the last call came to`() {
        let target = TargetTimeline()
        target.want(3, seq: 1)
        target.begin()
        target.actuation.drain("a")
        target.actuation.stop()
        target.respond(.success(true))
        target.settle()
        #expect(target.calls == ["resize 3"] && target.outcomes == ["applied 3"])
        target.want(4, seq: 2)
        target.settle()
        #expect(target.calls == ["resize 3"])
    }
}

/// One actuation and a target that answers as it was told to beforehand; rests pass when the test lets them.
private final class TargetTimeline {
    var actuation: Actuation
    var now = LogTime.zero
    private(set) var calls: [String] = []
    private(set) var rests: [Double] = []
    private(set) var outcomes: [String] = []
    private(set) var answers: [String] = []
    /// The end of the rest under way.
    private(set) var resting: LogTime?
    /// What resizes, and drains, are answered, one after the other.
    var resizeFaults, drainFaults: [ActuationFault]
    private var failures: Int
    private var isUnderWay = false
    private let refusedRemovals, refusedUncordons: Set<String>
    private let foreign: Int?

    init(
        failures: Int = 0, refusedRemovals: Set<String> = [], refusedUncordons: Set<String> = [], foreign: Int? = nil,
        resizes: [ActuationFault] = [],
        drains: [ActuationFault] = []
    ) {
        actuation = Actuation(Self.pool(named: "p", kind: "Test"), fence: Fence(1), limits: ActuationLimits())
        resizeFaults = resizes
        drainFaults = drains
        self.failures = failures
        self.refusedRemovals = refusedRemovals
        self.refusedUncordons = refusedUncordons
        self.foreign = foreign
    }

    private static func pool(named name: String, kind: String) -> ActuatedPool {
        ActuatedPool(name: "ns/p", target: ScaleTarget(apiVersion: "v1", kind: kind, name: name), slotsPerWorker: 1, drainTimeoutSeconds: 0)
    }

    func pool(named name: String, kind: String) -> ActuatedPool { Self.pool(named: name, kind: kind) }

    func want(_ count: Int, seq: Position, of target: String = "p", kind: String = "Test", uncordoning: [LoopCore.UncordonCommand] = []) {
        actuation.want(count, of: pool(named: target, kind: kind), seq: seq, since: .zero, uncordoning: uncordoning)
    }

    /// Begins the next call; it is under way until `answer`.
    func begin() {
        guard case .call(let call)? = actuation.next(at: now) else {
            Issue.record("there is nothing to call for")
            return
        }
        isUnderWay = true
        note(call)
    }

    func respond(_ response: ActuatorResponse) {
        isUnderWay = false
        actuation.answered(response, at: now)
    }

    /// Does what there is to do, until nothing is.
    func settle(passingRests: Bool = true) {
        if isUnderWay {
            #expect(actuation.next(at: now) == nil, "calls for one pool never overlap")
            return tell()
        }
        for _ in 0..<10_000 {
            if passingRests, let until = resting {
                resting = nil
                now = max(now, until)
                actuation.rested(until: until)
            }
            let step = actuation.next(at: now)
            tell()
            switch step {
            case nil:
                if resting == nil || !passingRests { return }
            case .call(let call)?:
                note(call)
                actuation.answered(outcome(of: call), at: now)
            case .rest(let until)?:
                rests.append(until.seconds(since: now))
                resting = until
            }
        }
        Issue.record("it never came to rest")
    }

    private func note(_ call: ActuatorCall) {
        let name = call.pool.target.name
        calls.append(call.action.words + (name == "p" ? "" : " of \(name)"))
    }

    private func tell() {
        for outcome in actuation.takeOutcomes() {
            switch outcome {
            case .applied(let to, _): outcomes.append("applied \(to)")
            case .recovered(let count): outcomes.append("recovered \(count)")
            case .failed(_, let attempt, let isNews): outcomes.append(isNews ? "failed \(attempt)" : "(failed \(attempt))")
            case .changedByOthers(let found, _): outcomes.append("found \(found)")
            case .uncordoned(let worker, let isUncordoned): answers.append("\(worker) \(isUncordoned ? "stays" : "goes")")
            }
        }
    }

    private func outcome(of call: ActuatorCall) -> ActuatorResponse {
        if failures > 0 {
            failures -= 1
            return .failure(.unreachable("not now"))
        }
        switch call.action {
        case .resize:
            if let foreign { return .failure(.changedByOthers(found: foreign)) }
            return resizeFaults.isEmpty ? .success(true) : .failure(resizeFaults.removeFirst())
        case .drain: return drainFaults.isEmpty ? .success(true) : .failure(drainFaults.removeFirst())
        case .cancelDrain(let worker): return .success(!refusedUncordons.contains(worker.name))
        case .remove(let worker): return refusedRemovals.contains(worker.name) ? .failure(.holdsActor(worker: worker.name)) : .success(true)
        }
    }
}

extension ActuatorCall.Action {
    fileprivate var words: String {
        switch self {
        case .resize(let count): "resize \(count)"
        case .drain(let worker): "drain \(worker)"
        case .cancelDrain(let worker): "keep \(worker)"
        case .remove(let worker): "remove \(worker)"
        }
    }
}
