import EventLog
import Logging
import Machine
import ServiceLifecycle

// When does this instance act, and when no more?
//
// A term begins when the stream took this instance's election, and this instance has applied everything before it. It is over when another
// was elected, when the log stopped, or when the service is to end. Terms follow each other: one ends before the next begins.

final class Terms: Service {
    struct Term: Sendable {
        let fence: UInt64
        let over = Latch()

        func isOurs(_ log: EventLog) -> Bool { log.replicaStatus.map { $0.isLeader && $0.fence == fence } ?? false }

        /// Whether this instance may call a target now: its lease has not run out.
        func mayAct(_ log: EventLog) -> Bool {
            guard !over.isOpen, let status = log.replicaStatus, status.fence == fence else { return false }
            return status.mayAct(at: MeasuringClock.microseconds())
        }
    }

    private struct State: Sendable {
        var current: Term?
        var isStopping = false
        var leader = ""
    }

    private let log: EventLog
    private let logger: Logger
    private let act: @Sendable (Term) async throws -> Void
    private let state = Locked(State())
    private let changes: AsyncStream<Void>
    private let feed: AsyncStream<Void>.Continuation

    /// - Parameter act: acts in a term, and returns once it is over and all is still.
    init(_ log: EventLog, logger: Logger, act: @escaping @Sendable (Term) async throws -> Void) {
        (self.log, self.logger, self.act) = (log, logger, act)
        (changes, feed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func run() async throws {
        log.onReplicaChange { [weak self] status in self?.changed(status) }
        if let status = log.replicaStatus { changed(status) }
        let feed = feed
        try await withGracefulShutdownHandler {
            for await _ in changes {
                guard let term = begin() else { continue }
                try await act(term)
                state.withValue { $0.current = nil }
                // It may have been elected again meanwhile.
                feed.yield()
            }
            // One that isn't leading stands for no election any more.
            _ = try? await onWaitingThread { [log] in try log.resign() }
        } onGracefulShutdown: {
            let term = self.state.withValue { state in
                state.isStopping = true
                return state.current
            }
            term?.over.open()
            feed.finish()
        }
    }

    private func begin() -> Term? {
        guard let status = log.replicaStatus, status.isLeader else { return nil }
        return state.withValue { state in
            guard !state.isStopping else { return nil }
            let term = Term(fence: status.fence)
            state.current = term
            return term
        }
    }

    private func changed(_ status: ReplicaStatus) {
        let (term, isNews) = state.withValue { state in
            defer { state.leader = status.leader }
            return (state.current, state.leader != status.leader)
        }
        if let term, !status.isLeader || status.fence != term.fence { term.over.open() }
        if let problem = status.problem {
            logger.error("the log isn't followed any more", metadata: ["problem": "\(problem)"])
        } else if isNews, !status.isLeader {
            logger.notice(
                "standing by", metadata: ["leader": "\(status.leader.isEmpty ? "nobody" : status.leader)", "fence": "\(status.fence)"])
        }
        feed.yield()
    }
}
