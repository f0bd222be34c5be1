import Autoscaling
import Basics
import Domain
import Placement
import Replay
import Synchronization
import Testing

@testable import ControlLoop
@testable import Views
@testable import State
@testable import EventLog

// Numbers that no reader takes are in logs from before: such a log opens, folds, decides, is checkpointed, and is replayed the same.

@Suite struct HostileNumbersTests {
    private static let extremes: [Int64] = [.min, -1, 0, 1, 1 << 31 - 1, 1 << 31, 1 << 53, 1 << 62, .max - 1, .max]

    enum Shape: String, CaseIterable, Sendable {
        case plain, behavior, percentBuffer, surge, value, fallback, recommend, placing

        var policy: Policy {
            var policy = Policy.quick(max: 5)
            policy.triggers.append(
                Trigger(
                    name: "m", source: .observed(metric: "m", selector: [], staleAfterSeconds: 5), thresholdMilli: 1_000, metricType: .value
                ))
            switch self {
            case .plain:
                policy.behaviorGiven = false
                policy.behavior = .kubernetesDefault
            case .behavior:
                let limits = [
                    Behavior.Limit(kind: .percent, value: PolicyLimits.rateLimitValue, periodSeconds: 60),
                    Behavior.Limit(kind: .pods, value: PolicyLimits.rateLimitValue, periodSeconds: 60),
                ]
                policy.behavior = Behavior(
                    scaleUp: .init(stabilizationWindowSeconds: 3, select: .min, limits: limits),
                    scaleDown: .init(stabilizationWindowSeconds: 3, select: .max, limits: limits))
            case .percentBuffer: policy.buffer = .percent(PolicyLimits.sparePercent)
            case .surge: policy.buffer = .surge(quantilePPM: 970_000, windowSeconds: 900, min: 1)
            case .value: policy.triggers[0].metricType = .value
            case .fallback: policy.fallback = Fallback(failureThreshold: 2, replicas: 3, behavior: .currentReplicasIfHigher)
            case .recommend: policy.mode = .recommend
            case .placing:
                policy.localWaitSeconds = PolicyLimits.seconds
                policy.zoneMaxSkew = 1
                policy.quotas = [Quota(tenant: "t", maxRunning: PolicyLimits.maxRunning)]
                policy.prefetch = true
            }
            return policy
        }
    }

    @Test("every number of every kind, in every kind of policy", arguments: Shape.allCases)
    func everyKind(_ shape: Shape) throws {
        for value in Self.extremes {
            let loop = try LoopHarness()
            loop.apply(shape.policy)
            loop.request("waits")
            loop.advance(3)
            poison(loop, value)
            loop.advance(40)
            poison(loop, value)
            loop.advance(2)
            try check(loop, "\(shape) \(value)", isFolded: shape != .placing)
        }
    }

    /// Events of every kind, as a log from before may hold them.
    private func poison(_ loop: LoopHarness, _ value: Int64) {
        let events: [(EventKind, String, String?, String)] = [
            (.poolObserved, "ns/p", nil, #"{"specReplicas":\#(value),"readyReplicas":\#(value)}"#),
            (.workerReady, "big", nil, #"{"node":"n1","slots":\#(value)}"#),
            (.queueObserved, "ns/p", nil, #"{"metric":"m","value":\#(value)}"#),
            (.actorCreated, "a", nil, #"{"template":"t","tenant":"t","schedule":"* * * * *","version":\#(max(value, 0))}"#),
            (.actorRequested, "a", nil, #"{"priority":\#(value),"expectedMillis":\#(value)}"#),
            (.actorPlaced, "a", "big", #"{"tier":"cold","bytes":\#(value)}"#),
            (.actorRunning, "a", "big", #"{"restoreMillis":\#(value)}"#),
            (.actorPaused, "a", "big", #"{"snapshot":"s1","bytes":\#(value)}"#),
            (.actorRequested, "a", nil, #"{"priority":\#(value)}"#),
            (.actorPlaced, "a", "big", #"{"tier":"local","request":\#(value),"workerVersion":\#(value)}"#),
            (.actorRunning, "a", "big", #"{"restoreMillis":\#(value)}"#),
            (.actorSuspended, "a", "big", #"{"snapshot":"s2","bytes":\#(value)}"#),
            (.snapshotCached, "n1", nil, #"{"node":"n1","snapshot":"s2","bytes":\#(value),"template":"t"}"#),
            (.snapshotEvicted, "n1", nil, #"{"node":"n1","snapshot":"s3","bytes":\#(value)}"#),
            (.snapshotObserved, "a", nil, #"{"snapshot":"s2","state":"present","bytes":\#(value),"toldAt":\#(value)}"#),
            (
                .prefetchSuggested, "n1", nil,
                #"{"node":"n1","actor":"a","snapshot":"s2","reason":"waits","bytes":\#(value),"request":\#(value)}"#
            ),
            (.scaleApplied, "ns/p", nil, #"{"to":\#(value)}"#),
            (.scaleFailed, "ns/p", nil, #"{"error":"others","attempt":\#(value),"specReplicas":\#(value)}"#),
            (.actorRequested, "b", nil, #"{"priority":\#(value),"expectedMillis":\#(value),"version":\#(value)}"#),
        ]
        for (kind, subject, worker, body) in events {
            loop.append(kind, subject, worker: worker, body)
            loop.settle()
        }
    }

    /// - Parameter isFolded: what the loop is about to suggest to nodes is its own, and in no log: then only what is folded compares.
    private func check(_ loop: LoopHarness, _ name: String, isFolded: Bool) throws {
        // A checkpoint reads back as what was written.
        let bytes = loop.state.encoded()
        #expect(try State(decoding: bytes).encoded() == bytes, "\(name)")
        _ = try loop.pool
        _ = loop.state.levels(of: try #require(loop.log.names.find("ns/p")))?.present
        // A restart finds the same state, from the log alone and from a checkpoint.
        loop.restart()
        loop.core.saveCheckpoint()
        loop.advance(1)
        let whole = try History.state(of: loop.log, at: .position(.max), ignoringCheckpoints: true)
        if isFolded {
            #expect(whole.encoded() == loop.state.encoded(), "\(name)")
            #expect(try History.state(of: loop.log, at: .position(.max)).encoded() == whole.encoded(), "\(name)")
        }
        // And the decisions follow.
        var replay = LogReplay(log: loop.log, stretch: try #require(try LogStretch(of: loop.log, from: nil, to: nil)), pools: [])
        try replay.checkChain()
        while try replay.step() != nil {}
        #expect(replay.summary.isSame && replay.summary.decisions > 0, "\(name): \(String(describing: replay.summary.first))")
        #expect(try loop.log.verify().fault == nil)
    }

    @Test("a decision of others' making in the log, with any count", arguments: extremes)
    func decisions(_ value: Int64) throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        loop.advance(1)
        let body =
            #"{"from":\#(value),"to":\#(Int64(0).subtractingClamped(value)),"direction":"up","why":[],"inputs":{"asOf":1},"digest":"d"}"#
        for kind in [EventKind.scaleDecided, .scaleDecided] { loop.append(kind, "ns/p", body) }
        loop.advance(20)
        let bytes = loop.state.encoded()
        #expect(try State(decoding: bytes).encoded() == bytes)
    }

    @Test("a snapshot so large that its restore outlasts its schedule has one timer a wake", arguments: [Int64(1) << 40, 1 << 53])
    func restoreOutlastsSchedule(_ bytes: Int64) throws {
        let loop = try LoopHarness()
        var policy = Policy.quick()
        policy.prefetch = true
        loop.apply(policy)
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t","schedule":"* * * * *"}"#)
        loop.send(.workerReady, "w", #"{"pool":"ns/p","node":"n1"}"#)
        loop.request("a")
        loop.advance(1)
        loop.send(.actorRunning, "a", #"{"worker":"w"}"#)
        loop.send(.actorSuspended, "a", #"{"worker":"w","snapshot":"s","bytes":\#(bytes)}"#)
        let before = try loop.events(.timerFired).count
        loop.advance(600)
        let fired = try loop.events(.timerFired).count - before
        #expect((8...40).contains(fired), "\(fired)")
    }

    // MARK: - What can't be folded

    private final class Skips: LoopObserving {
        let found = Mutex<[Position]>([])
        func couldNotFold(_ position: Position, why: String) { found.withLock { $0.append(position) } }
        func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {}
        func decided(pool: String, direction: Decision.Direction, reason: String) {}
        func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {}
        func concluded(secondsSinceCommit: Double, events: Int) {}
        func couldNotRead(_ problem: String) {}
        func couldNotSaveCheckpoint(_ problem: String) {}
        func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) {}
        func workerStarted(pool: String, seconds: Double) {}
        func actuated(pool: String, to: Int, reactionSeconds: Double) {}
        func actuationFailed(pool: String, error: String, attempt: Int) {}
    }

    @Test("an event whose body is damaged is skipped, marked and told once a run, and the rest goes on", arguments: EventKind.allCases)
    func damaged(_ kind: EventKind) throws {
        let loop = try LoopHarness()
        // Nobody is sent away meanwhile.
        loop.apply(.quick(min: 1))
        loop.send(.workerReady, "w", #"{"pool":"ns/p","node":"n1"}"#)
        loop.send(.actorCreated, "x", #"{"pool":"ns/p","template":"t"}"#)
        loop.settle()
        let before = loop.state
        loop.append(
            kind, kind.subject == .worker ? "w" : kind.subject == .actor ? "x" : "ns/p", worker: "w", #"{"slots":3,"snapshot":"s","node"#)
        loop.settle()
        // These say all they have to say in their columns.
        let isReadWhole = ![EventKind.workerDraining, .workerGone, .scaleApplied].contains(kind)
        let position = try #require(try loop.events(kind).first { $0.body.hasSuffix("node") }?.event.seq)
        #expect(try loop.log.event(at: position)?.events[0].superseded == isReadWhole, "\(kind.name)")
        if isReadWhole {
            // Nothing of it counts.
            #expect(
                loop.state.workers.indices.map { loop.state.workers[$0].slots } == before.workers.indices.map { before.workers[$0].slots })
            #expect(loop.state.actors.count == before.actors.count)
        }
        loop.request("after")
        loop.advance(5)
        #expect(loop.view(of: "after") != nil)
        let observer = Skips()
        let core = LoopCore(log: loop.log, scheduler: loop.scheduler, observer: observer, limits: LoopLimits())
        core.catchUp()
        #expect(observer.found.withLock { $0 } == (isReadWhole ? [position] : []))
        #expect(core.state.encoded() == loop.state.encoded())
    }

    @Test("a policy that can't be read is passed over, the pool says so, and a readable one ends it")
    func unreadablePolicy() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 4))
        loop.append(.policyApplied, "ns/p", #"{"policy":{"apiVersion":"greenroom.dev/v9"},"digest":"d"}"#)
        loop.settle()
        let position = loop.log.head.seq
        #expect(try loop.pool.max == 4)
        #expect(try !loop.pool.readyCondition)
        let reason = try #require(try loop.pool.reason)
        #expect(
            reason.hasPrefix("the policy of position ") && reason.contains("apiVersion") && reason.hasSuffix("apply it again"), "\(reason)")
        // It outlives a restart from a checkpoint.
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.reason == reason && position <= loop.log.head.seq)
        loop.apply(.quick(max: 3))
        #expect(try loop.pool.reason == nil)
        #expect(try loop.pool.readyCondition && loop.pool.max == 3)
    }

    @Test("a polled address with a port that is none stays in force where a log holds it")
    func loggedPort() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick()
        policy.triggers.append(
            .polled(
                name: "q", Poll(source: .prometheus(serverAddress: "http://p:99999", query: "up", ignoreNullValues: true)),
                thresholdMilli: 1_000))
        loop.apply(policy)
        loop.advance(1)
        #expect(try loop.pool.readyCondition && loop.events(.scaleDecided).count > 0)
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.readyCondition)
    }

    // MARK: - Checkpoints

    @Test("a checkpoint with any number anywhere is read or refused, and what is read can go on")
    func damagedCheckpoints() throws {
        let loop = try LoopHarness()
        loop.apply(Shape.surge.policy, .quick(max: 3, cooldownSeconds: 5).shadow("small"))
        for k in 1...4 { loop.request("a\(k)") }
        loop.advance(3)
        for k in 1...2 { loop.run("a\(k)", seconds: Double(k)) }
        loop.send(.queueObserved, "ns/p", #"{"pool":"ns/p","metric":"m","value":1.5}"#)
        loop.request("late")
        loop.advance(2)
        let bytes = loop.state.encoded()
        var random = SplitMix64(seed: 7)
        for offset in stride(from: 0, to: bytes.count - 8, by: 3) {
            var damaged = bytes
            let value = Self.extremes[Int(random.next() % UInt64(Self.extremes.count))]
            withUnsafeBytes(of: value.littleEndian) { for (k, byte) in $0.enumerated() { damaged[offset + k] = byte } }
            guard var state = try? State(decoding: damaged) else { continue }
            _ = state.encoded()
            for pool in state.pools.indices { state.pools[pool].evaluate(at: loop.scheduler.now) }
        }
    }
}
