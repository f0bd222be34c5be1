package import Autoscaling

// Which other policy already scales a target?

extension State {
    /// Why a policy can't have its target, and what to do; nil where it can. One that has it keeps it: logs of earlier versions
    /// may hold two such policies.
    package func targetClash(of policy: Policy) -> String? {
        guard let key = policy.targetKey else { return nil }
        var holder: PoolState?
        for pool in pools {
            guard let other = pool.policy?.policy, other.target.name == policy.target.name, other.targetKey == key else { continue }
            if pool.text == policy.pool { return nil }
            holder = pool
        }
        return holder.map { Self.clash(over: key, with: $0.text) }
    }

    /// The same for a policy that is in effect: whether another one had its target before.
    package func targetClash(ofApplied name: String) -> String? {
        guard let own = pools.first(where: { $0.text == name })?.policy, let key = own.policy.targetKey else { return nil }
        let earlier = pools.first { pool in
            guard let other = pool.policy, other.seq < own.seq, other.policy.target.name == own.policy.target.name else { return false }
            return other.policy.targetKey == key
        }
        return earlier.map { Self.clash(over: key, with: $0.text) }
    }

    private static func clash(over key: TargetKey, with other: String) -> String {
        "\(key) is scaled by the policy \(other) already: delete that one first, or write mode: recommend to decide beside it"
    }
}
