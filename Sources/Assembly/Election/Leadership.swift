import ControlLoop
import Kubernetes
import Logging
import Metrics
import Synchronization
import Machine

// Who leads, and is it us?
//
// What the election tells, for those who act on it: terms one after another for the service, a sentence for whoever is
// refused, lines for the operator, gauges for Prometheus. A term begins with the lease and is `over` before anybody else may
// take it; the election goes on once all that was done in it is `still`.

final class Leadership: Sendable {
    struct Term: Sendable {
        let fence: Fence
        let over = Latch()
        let still = Latch()
    }

    private struct State {
        var holder: String?
        var current: Term?
        var isFinished = false
        /// Why we hold the lease and don't act yet.
        var obstacle: String?
        var lastTrouble: (text: String, at: ContinuousClock.Instant)?
    }

    /// One consumer; at most one term is under way.
    let terms: AsyncStream<Term>
    private let feed: AsyncStream<Term>.Continuation
    private let state = Mutex(State())
    private let identity: String
    private let logger: Logger
    private let transitions = Gauge(label: "greenroom_lease_transitions")
    /// The same trouble is logged once in so many seconds.
    private static let troubleEvery = Duration.seconds(60)

    init(identity: String, logger: Logger) {
        self.identity = identity
        self.logger = logger
        (terms, feed) = AsyncStream.makeStream(of: Term.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: - The election's side

    var callbacks: LeaseElection.Callbacks {
        var callbacks = LeaseElection.Callbacks(
            started: { self.begin($0) }, stopped: { await self.end($0) }, trouble: { self.tell($0) })
        callbacks.seen = { self.note(holder: $0, transitions: $1) }
        return callbacks
    }

    private func begin(_ fence: Fence) {
        let term = Term(fence: fence)
        logger.notice("leading", metadata: ["identity": "\(identity)", "fence": "\(fence.number)"])
        let isLate = state.withLock { state in
            guard !state.isFinished else { return true }
            state.current = term
            return false
        }
        if isLate { term.still.open() } else { feed.yield(term) }
    }

    /// Returns once what was done in the term is still.
    private func end(_ reason: String) async {
        let term = state.withLock { state in
            defer { state.current = nil; state.obstacle = nil }
            return state.current
        }
        logger.warning("leading no more", metadata: ["identity": "\(identity)", "reason": "\(reason)"])
        guard let term else { return }
        term.over.open()
        await term.still.wait()
    }

    private func note(holder: String?, transitions: Int) {
        state.withLock { $0.holder = holder }
        self.transitions.record(transitions)
        guard holder != identity else { return }
        logger.notice("standing by", metadata: ["leader": "\(holder ?? "nobody")", "transitions": "\(transitions)"])
    }

    private func tell(_ problem: String) {
        let now = ContinuousClock.now
        let isNews = state.withLock { state in
            if let last = state.lastTrouble, last.text == problem, now - last.at < Self.troubleEvery { return false }
            state.lastTrouble = (problem, now)
            return true
        }
        if isNews { logger.warning("\(problem)", metadata: ["identity": "\(identity)"]) }
    }

    // MARK: - The service's side

    /// We hold the lease, and this keeps us from acting; nil: nothing does any more.
    func note(obstacle: String?) {
        let isNews = state.withLock { state in
            defer { state.obstacle = obstacle }
            return state.obstacle != obstacle
        }
        if isNews, let obstacle {
            logger.warning("the lease is ours, but we can't act: \(obstacle)", metadata: ["identity": "\(identity)"])
        }
    }

    /// No terms from here on. The one under way goes on: whoever stops in good order still leads while it does.
    func finish() {
        state.withLock { $0.isFinished = true }
        feed.finish()
    }

    /// Nothing is done any more, in whatever term there is.
    func isStill() { state.withLock { $0.current }?.still.open() }

    /// Why this instance doesn't take what it is asked to, and who does.
    var refusal: String {
        let (holder, obstacle) = state.withLock { ($0.holder, $0.obstacle) }
        if let obstacle { return "this instance takes over, and can't act yet: \(obstacle)" }
        guard let holder, holder != identity else { return "this instance stands by, and no instance leads at the moment: try again" }
        return "this instance stands by; the leader is \(holder): send it there, or to the Service's address"
    }
}

/// 1 where this instance acts. Set whenever somebody asks: a deposed leader may not have heard of it yet.
enum LeaderGauge {
    private static let gauge = Gauge(label: "greenroom_leader")
    static func show(_ isLeading: Bool) { gauge.record(isLeading ? 1 : 0) }
}
