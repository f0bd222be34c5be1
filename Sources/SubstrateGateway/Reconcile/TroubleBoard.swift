import Domain
package import Views
import Synchronization

// Which actors are stuck upstream, for whoever asks about one?
//
// The desk notes resumes that failed half way or that no pool fits, the reconciler what it finds by listing. Any thread may ask. Entries go
// with the trouble.

package final class TroubleBoard: Sendable {
    /// Of each kind; more are counted in metrics all the same.
    private static let most = 100_000

    private struct State {
        var halfFailed: [String: UpstreamView] = [:]
        var stuck: [String: UpstreamView] = [:]
        var withoutPool: [String: UpstreamView] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// - Parameter actor: `ATESPACE/ID`.
    package func trouble(of actor: String) -> UpstreamView? {
        state.withLock { $0.halfFailed[actor] ?? $0.stuck[actor] ?? $0.withoutPool[actor] }
    }

    func note(halfFailed key: ActorKey, worker: String?, problem: String) {
        let view = UpstreamView(
            state: StuckState.halfResumed.rawValue, worker: worker, problem: problem.isEmpty ? nil : problem,
            remedy: StuckState.halfResumed.remedy)
        state.withLock { state in
            if state.halfFailed.count < Self.most || state.halfFailed["\(key)"] != nil { state.halfFailed["\(key)"] = view }
        }
    }

    func clear(halfFailed key: ActorKey) { state.withLock { $0.halfFailed["\(key)"] = nil } }

    /// Its last resume was refused: no WorkerPool fits it.
    func note(withoutPool key: ActorKey, problem: String) {
        let view = UpstreamView(
            state: BlockedReason.noEligiblePool.name, problem: problem,
            remedy: "more workers don't help: change its template's class or selectors, or a pool's labels")
        state.withLock { state in
            if state.withoutPool.count < Self.most || state.withoutPool["\(key)"] != nil { state.withoutPool["\(key)"] = view }
        }
    }

    func clear(withoutPool key: ActorKey) { state.withLock { $0.withoutPool["\(key)"] = nil } }

    /// What a look at the fleet showed. What is not RESUMING any more is not half resumed either, and what isn't listed asks for no pool.
    func replace(
        stuck: [(key: ActorKey, state: StuckState, worker: String?)], resuming: Set<ActorKey>, isListed: (ActorKey) -> Bool = { _ in true }
    ) {
        let views = stuck.prefix(Self.most).map {
            ("\($0.key)", UpstreamView(state: $0.state.rawValue, worker: $0.worker, remedy: $0.state.remedy))
        }
        let names = Set(resuming.map { "\($0)" })
        state.withLock { state in
            state.stuck = Dictionary(views, uniquingKeysWith: { a, _ in a })
            state.halfFailed = state.halfFailed.filter { names.contains($0.key) }
            state.withoutPool = state.withoutPool.filter { ActorKey(name: $0.key).map(isListed) ?? false }
        }
    }
}
