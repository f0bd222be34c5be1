import Domain
import ControlLoop
import Synchronization

// Does another policy scale what this target belongs to?
//
// A WorkerPool makes a Deployment, and that makes a ReplicaSet. Policies on two of them would undo each other's counts and share their pods. So a
// target is refused while its owner references lead up to one that another policy scales, whichever policy came first: its count is its owner's to
// set. A policy with `mode: recommend` scales nothing, so it stands in nobody's way.
//
// What is scaled is told for a whole namespace at a time, as its watches saw it; the lock guards it.

final class NestedTargets: Sendable {
    struct Scaled: Hashable, Sendable {
        var uid: String
        var description: String
    }

    private let owners: OwnerChains
    /// By namespace and pool.
    private let scaled = Mutex<[String: [String: Scaled]]>([:])

    init(_ owners: OwnerChains) { self.owners = owners }

    /// All targets of the namespace that policies scale, by pool.
    func note(_ targets: [String: Scaled], in namespace: String) { scaled.withLock { $0[namespace] = targets.isEmpty ? nil : targets } }

    /// Why the pool's target, which has these owners, is to be left alone; nil where it isn't.
    func problem(of pool: String, _ target: String, owners references: [OwnerReference], in namespace: String) async -> TargetProblem? {
        guard !references.isEmpty else { return nil }
        let others = scaled.withLock { $0[namespace] ?? [:] }.filter { $0.key != pool }
        guard !others.isEmpty,
            case .owned(let uid) = await owners.owner(of: references, in: namespace, among: Set(others.values.map(\.uid))),
            let (holder, outer) = others.filter({ $0.value.uid == uid }).min(by: { $0.key < $1.key })
        else { return nil }
        return TargetProblem(
            reason: TargetProblem.nested,
            text:
                "\(target) belongs to \(outer.description), which the policy \(holder) scales: its count is set there; delete this policy or that one"
        )
    }
}
