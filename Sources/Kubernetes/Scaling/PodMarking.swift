import Domain

// What is written on a pod that shall go, and taken off one that shall stay?
//
// Merge patches of a pod's metadata; nil where it is so already. The deletion cost that somebody else gave is kept aside and
// comes back.

enum PodMarking {
    static func draining(_ pod: KubernetesObject, reason: String) -> JSONValue? {
        patch(pod, cost: Mark.drainingCost, draining: .string(pod.annotations[Mark.draining] ?? reason), removing: nil)
    }

    static func removing(_ pod: KubernetesObject) -> JSONValue? {
        patch(pod, cost: Mark.removingCost, draining: .string(pod.annotations[Mark.draining] ?? "to be removed"), removing: "true")
    }

    /// It is at work after all: it drains on, and goes after all that are idle.
    static func spared(_ pod: KubernetesObject) -> JSONValue? {
        patch(pod, cost: "\(DeletionCost.busy + 1)", draining: .string(pod.annotations[Mark.draining] ?? "to be removed"), removing: nil)
    }

    static func restored(_ pod: KubernetesObject) -> JSONValue? {
        let annotations = pod.annotations
        guard annotations[Mark.draining] != nil || annotations[Mark.removing] != nil || pod.labels[Mark.draining] != nil else { return nil }
        let previous = annotations[Mark.previousDeletionCost].map { JSONValue.string($0) } ?? .null
        return metadata(
            labels: .null,
            annotations: [
                Mark.draining: .null, Mark.removing: .null, Mark.previousDeletionCost: .null, Mark.ownCost: .null,
                Mark.deletionCost: previous,
            ])
    }

    private static func patch(_ pod: KubernetesObject, cost: String, draining: JSONValue, removing: JSONValue) -> JSONValue? {
        let annotations = pod.annotations
        if annotations[Mark.deletionCost] == cost, annotations[Mark.draining] != nil,
            (annotations[Mark.removing] != nil) == !removing.isNull
        {
            return nil
        }
        var changes: [String: JSONValue] = [Mark.deletionCost: .string(cost), Mark.draining: draining, Mark.removing: removing]
        if annotations[Mark.draining] == nil, let previous = annotations[Mark.deletionCost], previous != annotations[Mark.ownCost] {
            changes[Mark.previousDeletionCost] = .string(previous)
        }
        return metadata(labels: "true", annotations: changes)
    }

    private static func metadata(labels: JSONValue, annotations: [String: JSONValue]) -> JSONValue {
        ["metadata": ["labels": .object([Mark.draining: labels]), "annotations": .object(annotations)]]
    }
}
