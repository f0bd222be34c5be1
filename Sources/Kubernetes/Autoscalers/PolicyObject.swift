package import Autoscaling
import Domain

// What does one policy object ask for?
//
// An object as the API server has it, without what the server added, is a policy document as a file holds it: one reader
// reads both. A pause that an operator set by `PUT /v1/pools/…/pause` is none of the policy. Logs of before have it in the policy in
// effect: there a spec that says nothing of `pause` leaves it, and one that had one and has it no more lifts it.

/// What the reader made of an object's document.
package enum ReadPolicy: Hashable, Sendable {
    case policy(Policy)
    /// What is wrong, in one line: fields with their problems.
    case refused(String)
}

struct PolicyObject: Sendable {
    /// As last seen; nil where it is gone.
    var object: KubernetesObject?
    var read: ReadPolicy?
    var verdict: SpecVerdict?
    /// The generation that `verdict` is about.
    var generation: Int?
    /// Its spec wasn't brought to the loop yet.
    var isSpecNew = true
    var isPauseLifted = false
    /// It was never seen: a policy of its name in the log came from it.
    var isFromLogAlone = false
    /// Something may have to be written.
    var isDirty = true
    /// Not before.
    var dueAt = Duration.zero
    /// The last decision's why-chain, by its position.
    var reason: (seq: Position, text: String)?

    /// The document that the reader is given.
    static func document(_ object: KubernetesObject) -> [UInt8] {
        let document: JSONValue = [
            "apiVersion": object["apiVersion"], "kind": object["kind"],
            "metadata": ["name": .string(object.name), "namespace": .string(object.namespace)], "spec": object["spec"],
        ]
        return document.bytes
    }

    /// The pool's name, as far as it can be told.
    func pool(_ key: String) -> String { if case .policy(let policy)? = read { policy.pool } else { key } }

    var isShadow: Bool { if case .policy(let policy)? = read { policy.shadow != nil } else { false } }

    /// Takes in a newer version; whether its spec is another one.
    mutating func see(_ seen: KubernetesObject, read reader: ([UInt8]) -> ReadPolicy) -> Bool {
        defer {
            object = seen
            isDirty = true
            isFromLogAlone = false
        }
        if read != nil, let known = object, known.uid == seen.uid, known["spec"] == seen["spec"] { return false }
        if let known = object { isPauseLifted = !known["spec"]["pause"].isNull && seen["spec"]["pause"].isNull }
        read = reader(Self.document(seen))
        isSpecNew = true
        return true
    }

    /// The policy to have in effect, given the one that is; nil where the reader refused it.
    func wanted(over current: Policy?) -> Policy? {
        guard case .policy(var policy)? = read else { return nil }
        if object?["spec"]["pause"].isNull ?? true, !isPauseLifted, let current { policy.pause = current.pause }
        return policy
    }
}
