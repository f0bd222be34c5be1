public import Autoscaling
import ControlLoop

// What should an operator know of a target, and how does the API's failure read as an actuation's?

public enum ScaleFinding: Hashable, Sendable, CustomStringConvertible {
    /// Somebody else set the target's replicas.
    case replicasChanged(pool: String, expected: Int, found: Int, answer: ForeignChange)
    /// The fence can't be left on the target: two services could act on it.
    case fenceNotCarried(pool: String, why: String)

    public var pool: String {
        switch self {
        case .replicasChanged(let pool, _, _, _), .fenceNotCarried(let pool, _): pool
        }
    }

    public var description: String {
        switch self {
        case .replicasChanged(let pool, let expected, let found, let answer):
            "\(pool): somebody else set replicas to \(found), which we had left at \(expected); "
                + (answer == .takeOver ? "the next decision sets them again (look for an HPA or a script on the same target)" : "we yield until a policy is applied or they are back")
        case .fenceNotCarried(let pool, let why): "\(pool): the target can't carry our fence, so only one instance may act on it: grant get and patch on it, or run no standby. \(why)"
        }
    }
}

extension ActuationFault {
    /// 404, 403, 401, 422 and other refusals stay so until somebody changes something; 429, 5xx and silence pass.
    init(_ error: KubernetesError) {
        switch error.problem {
        case .status(let status): self = status.code == 429 || status.code >= 500 || status.code == 409 ? .unreachable(error.description) : .refused(error.description)
        case .unreachable, .malformed, .tooLarge, .configuration: self = .unreachable(error.description)
        }
    }
}

extension ScaleFinding {
    /// As an Event of the pool's policy tells it.
    public var news: ObjectNews {
        let words = description.hasPrefix("\(pool): ") ? String(description.dropFirst(pool.count + 2)) : description
        return switch self {
        case .replicasChanged: ObjectNews(.warning, "ReplicasChanged", words)
        case .fenceNotCarried: ObjectNews(.warning, "FenceNotCarried", words)
        }
    }
}
