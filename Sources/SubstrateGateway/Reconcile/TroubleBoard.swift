package import Views
import Synchronization

// Which actors are stuck upstream, for whoever asks about one?
//
// The desk notes resumes that failed half way, the reconciler what it finds by listing. Any thread may ask. Entries go with the trouble.

package final class TroubleBoard: Sendable {
    /// Of each kind; more are counted in metrics all the same.
    private static let most = 100_000

    private struct State {
        var halfFailed: [String: UpstreamView] = [:]
        var stuck: [String: UpstreamView] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// - Parameter actor: `ATESPACE/ID`.
    package func trouble(of actor: String) -> UpstreamView? { state.withLock { $0.halfFailed[actor] ?? $0.stuck[actor] } }

    func note(halfFailed key: ActorKey, worker: String?, problem: String) {
        let view = UpstreamView(
            state: StuckState.halfResumed.rawValue, worker: worker, problem: problem.isEmpty ? nil : problem,
            remedy: StuckState.halfResumed.remedy)
        state.withLock { state in
            if state.halfFailed.count < Self.most || state.halfFailed["\(key)"] != nil { state.halfFailed["\(key)"] = view }
        }
    }

    func clear(halfFailed key: ActorKey) { state.withLock { $0.halfFailed["\(key)"] = nil } }

    /// What a look at the fleet showed. What is not RESUMING any more is not half resumed either.
    func replace(stuck: [(key: ActorKey, state: StuckState, worker: String?)], resuming: Set<ActorKey>) {
        let views = stuck.prefix(Self.most).map {
            ("\($0.key)", UpstreamView(state: $0.state.rawValue, worker: $0.worker, remedy: $0.state.remedy))
        }
        let names = Set(resuming.map { "\($0)" })
        state.withLock { state in
            state.stuck = Dictionary(views, uniquingKeysWith: { a, _ in a })
            state.halfFailed = state.halfFailed.filter { names.contains($0.key) }
        }
    }
}
