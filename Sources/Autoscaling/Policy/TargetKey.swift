// Who scales this target?
//
// A target is one object in one namespace: two policies that set its replicas would undo each other's counts, and take each
// other's workers for their own. Policies that set nothing (`mode: recommend`, shadows) may look at it beside the one that does.

/// A target as the API server tells it from others. A kind's version doesn't matter.
package struct TargetKey: Hashable, Sendable, CustomStringConvertible {
    package var namespace: Substring
    package var group: Substring
    package var kind: String
    package var name: String

    package var description: String { "\(kind) \(namespace)/\(name)" }
}

extension Policy {
    /// What the policy sets the replicas of; nil where it sets none, or has its own processes.
    package var targetKey: TargetKey? {
        guard shadow == nil, mode == .auto, target.kind != "Process" else { return nil }
        let group = target.apiVersion.split(separator: "/", omittingEmptySubsequences: false)
        return TargetKey(namespace: pool.prefix { $0 != "/" }, group: group.count > 1 ? group[0] : "", kind: target.kind, name: target.name)
    }
}
