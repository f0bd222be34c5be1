import Autoscaling
import Synchronization

// Two policies for one target that come in the same moment: which is the second?
//
// A policy claims its target from before it is looked at until it is folded, so no other one can be found fit in between.

final class TargetClaims: Sendable {
    private let claims = Mutex<[TargetKey: (pool: String, count: Int)]>([:])

    /// False where another pool's policy is under way to the target. Answered with true, it is to be released.
    func claim(_ policy: Policy) -> Bool {
        guard let key = policy.targetKey else { return true }
        return claims.withLock { claims in
            let known = claims[key] ?? (policy.pool, 0)
            guard known.pool == policy.pool else { return false }
            claims[key] = (known.pool, known.count + 1)
            return true
        }
    }

    func release(_ policy: Policy) {
        guard let key = policy.targetKey else { return }
        claims.withLock { claims in
            guard let known = claims[key] else { return }
            claims[key] = known.count > 1 ? (known.pool, known.count - 1) : nil
        }
    }
}
