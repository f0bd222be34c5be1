import ControlLoop
import Domain

// What does the log hear of one pool's target?
//
// The watch of targets says what it wants and what is wrong with it, the watch of pods how many are ready and whether they can be
// told. Together they are one `pool.observed`, appended where it differs from the last. A target without `status.readyReplicas`
// (agent-substrate's counts pods that aren't started yet) has as many ready workers as pods of its that are ready.
//
// The actor guards what was told; one event is in the log before the next is made.

actor PoolTelling {
    static let source = "/greenroom/kubernetes/targets"

    private struct Said: Hashable {
        /// Of the object: one that was deleted and made anew is told again, though it shows what the one before it showed.
        var uid: String
        var specReplicas: Int
        var readyReplicas: Int
        var problem: TargetProblem?
        /// nil where it is as the log says already, or isn't counted yet.
        var updating: Int?
    }

    private let pool: String
    private let run: String
    private let append: ClusterWatches.Append
    private let observed: @Sendable (_ specReplicas: Int) async -> Void
    private var lock = SerialLock()

    private var uid = ""
    private var specReplicas: Int?
    /// nil where the target doesn't say.
    private var readyReplicas: Int?
    private var readyPods = 0
    /// Workers that a rolling update has to make yet; nil until the pods are counted.
    private var updating: Int?
    private var isUpdateLogged: Bool
    private var targetProblem: TargetProblem?
    private var podsProblem: TargetProblem?
    private var said: Said?
    /// By the log; what it says is taken back where it is no longer so.
    private var loggedProblem: TargetProblem?
    private var number = 0

    /// - Parameters:
    ///   - loggedProblem: what the log says of the target.
    ///   - isUpdateLogged: whether the log says that a rolling update of the target goes on.
    ///   - observed: hears each count of replicas, before it is appended.
    init(
        _ pool: String, run: String, loggedProblem: TargetProblem?, isUpdateLogged: Bool = false, append: @escaping ClusterWatches.Append,
        observed: @escaping @Sendable (_ specReplicas: Int) async -> Void
    ) {
        self.pool = pool
        self.run = run
        self.loggedProblem = loggedProblem
        self.isUpdateLogged = isUpdateLogged
        self.append = append
        self.observed = observed
    }

    /// The target was read: the object of this uid, at this version.
    func note(specReplicas: Int, readyReplicas: Int?, uid: String, version: String) async throws {
        self.uid = uid
        self.specReplicas = specReplicas
        self.readyReplicas = readyReplicas
        targetProblem = nil
        try await say(version: "\(uid)-\(version)")
    }

    /// It can't be read, or isn't there.
    func note(target problem: TargetProblem) async throws {
        targetProblem = problem
        podsProblem = nil
        try await say()
    }

    func note(pods problem: TargetProblem?) async throws {
        guard podsProblem != problem else { return }
        podsProblem = problem
        try await say()
    }

    /// - Parameter updating: workers that a rolling update has to make yet, 0 while there is none; nil where that isn't counted.
    func note(readyPods: Int, updating: Int? = nil) async throws {
        let updating = updating ?? self.updating
        let isNews = self.updating != updating || (readyReplicas == nil && self.readyPods != readyPods)
        (self.readyPods, self.updating) = (readyPods, updating)
        if isNews { try await say() }
    }

    private func say(version: String? = nil) async throws {
        if !lock.takeIfFree() { await withCheckedContinuation { lock.wait($0) } }
        defer { lock.leave() }
        let problem = targetProblem ?? podsProblem
        guard specReplicas != nil || problem != nil else { return }
        let now = Said(
            uid: uid, specReplicas: specReplicas ?? 0, readyReplicas: specReplicas == nil ? 0 : readyReplicas ?? readyPods,
            problem: problem,
            updating: specReplicas == nil ? nil : updating.flatMap { $0 > 0 || isUpdateLogged ? $0 : nil })
        guard now != said else { return }
        if let specReplicas, said?.specReplicas != specReplicas { await observed(specReplicas) }
        // What follows from the object alone has an id of the pool and the object's version: a restart says it once, and another pool
        // of the same target says it too.
        let isOfObject = problem == nil && loggedProblem == nil && readyReplicas != nil && now.updating == nil
        try await append(event(now, id: isOfObject ? version.map { "\(pool)-\($0)" } : nil))
        said = now
        loggedProblem = problem
        guard let updating = now.updating else { return }
        isUpdateLogged = updating > 0
        if updating == 0 { said?.updating = nil }
    }

    private func event(_ said: Said, id: String?) -> EventBatch {
        var body = JSONWriter()
        body.openObject()
        body.member("specReplicas", said.specReplicas)
        body.member("readyReplicas", said.readyReplicas)
        if let problem = said.problem {
            body.member("problem", problem.text)
            body.member("reason", problem.reason)
        }
        if let updating = said.updating { body.member("updating", updating) }
        body.closeObject()
        number += 1
        var batch = EventBatch()
        batch.append(.poolObserved, source: Self.source, id: id ?? "\(run)-\(pool)-\(number)", subject: pool, pool: pool, body: body.bytes)
        return batch
    }
}
