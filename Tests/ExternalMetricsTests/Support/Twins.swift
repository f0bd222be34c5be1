import Autoscaling
import Domain
import HTTPTransport
import Synchronization

@testable import Views
@testable import ExternalMetrics

// The cluster's twin: knows tokens and who may what, counts how often it was asked, and can be made to fail or to wait.

final class TwinCluster: AccessReviewing {
    struct Script: Sendable {
        var users: [String: UserInfo] = [:]
        /// By user's name.
        var allowed: [String: Set<String>] = [:]
        var fault: AccessReviewFault?
    }

    private struct State {
        var script = Script()
        var tokenReviews = 0
        var actions: [ResourceAttributes] = []
    }

    private let state = Mutex(State())

    init(_ edit: (inout Script) -> Void = { _ in }) { state.withLock { edit(&$0.script) } }

    func edit(_ change: (inout Script) -> Void) { state.withLock { change(&$0.script) } }
    var tokenReviews: Int { state.withLock { $0.tokenReviews } }
    var actions: [ResourceAttributes] { state.withLock { $0.actions } }

    func user(presenting token: String) async throws(AccessReviewFault) -> UserInfo? {
        let script = state.withLock { state in
            state.tokenReviews += 1
            return state.script
        }
        if let fault = script.fault { throw fault }
        return script.users[token]
    }

    func review(_ user: UserInfo, _ action: ResourceAttributes) async throws(AccessReviewFault) -> AccessReview {
        let script = state.withLock { state in
            state.actions.append(action)
            return state.script
        }
        if let fault = script.fault { throw fault }
        let isAllowed = script.allowed[user.name]?.contains("\(action.verb) \(action.namespace)/\(action.resource)") ?? false
        return AccessReview(isAllowed: isAllowed, reason: isAllowed ? "" : "no role says so")
    }
}

/// A clock that moves when it is told to.
final class ManualClock: Sendable {
    private let microseconds = Atomic<Int64>(1_000_000)
    var read: @Sendable () -> Int64 { { self.microseconds.load(ordering: .relaxed) } }
    func advance(milliseconds: Int64) { microseconds.add(milliseconds * 1_000, ordering: .relaxed) }
}

/// A number that one task raises and another reads.
final class Count: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func raise() { number.add(1, ordering: .relaxed) }
}

/// The same snapshot for ever, or none until it is given.
final class FixedSource: MetricSource {
    private let snapshot: Mutex<MetricSnapshot?>

    init(_ snapshot: MetricSnapshot?) { self.snapshot = Mutex(snapshot) }

    func ready() -> MetricSnapshot? { snapshot.withLock { $0 } }
    func latest() -> MetricSnapshot? { snapshot.withLock { $0 } }

    func fresh() async -> MetricSnapshot {
        while !Task.isCancelled {
            if let snapshot = ready() { return snapshot }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return MetricSnapshot()
    }

    func give(_ new: MetricSnapshot) { snapshot.withLock { $0 = new } }
}

/// Never has anything to tell until it is released, whoever goes away meanwhile.
final class StuckSource: MetricSource {
    private let state = Mutex<(isReleased: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func ready() -> MetricSnapshot? { nil }
    func latest() -> MetricSnapshot? { nil }

    func fresh() async -> MetricSnapshot {
        await withCheckedContinuation { continuation in
            let isReleased = state.withLock { state in
                if !state.isReleased { state.waiting.append(continuation) }
                return state.isReleased
            }
            if isReleased { continuation.resume() }
        }
        return MetricSnapshot()
    }

    func release() {
        let waiting = state.withLock { state in
            state.isReleased = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

enum Sample {
    static let now = LogTime(microseconds: 1_790_000_000_123_456)

    static func pool(
        _ name: String, namespace: String = "default", desired: Int = 3, resident: Int = 0, blocked: [String: Int] = [:],
        oldestWait: Double? = nil, arrivals: Double = 0
    ) -> MetricReadings.Pool {
        var demand = Demand(resident: resident)
        for reason in BlockedReason.allCases { demand[reason] = blocked[reason.name] ?? 0 }
        return MetricReadings.Pool(
            namespace: namespace, name: name, demand: demand, desired: desired, oldestWaitSeconds: oldestWait, arrivalsPerSecond: arrivals)
    }

    static func observed(
        _ name: String, pool: String = "kagent-default", namespace: String = "default", labels: [String: String] = [:], milli: Int64?,
        secondsAgo: Int = 0
    ) -> ObservedMetric {
        ObservedMetric(
            namespace: namespace, pool: pool, name: name, labels: labels, valueMilli: milli, at: now.adding(seconds: -secondsAgo))
    }

    /// Two pools in `default`, one in `team-b`, and what NATS says.
    static let snapshot = PoolMetrics.snapshot(
        MetricReadings(
            pools: [
                pool("kagent-default", resident: 3, blocked: ["pool_exhausted": 20, "quota": 1], oldestWait: 12.3456, arrivals: 1.5),
                pool("reviewers", desired: 1), pool("kagent-default", namespace: "team-b", blocked: ["pool_exhausted": 7]),
            ],
            observed: [
                observed("nats_consumer_pending_messages", labels: ["consumer": "devops-agent", "stream": "agent-tasks"], milli: 9_000),
                observed("odd/name", milli: 1_500),
            ]), at: now, staleAfterSeconds: 300)
}
