package import Autoscaling
import ControlLoop

// What should an operator know of a target, and how does the API's failure read as an actuation's?

package enum ScaleFinding: Hashable, Sendable, CustomStringConvertible {
    /// Somebody else set the target's replicas.
    case replicasChanged(pool: String, expected: Int, found: Int, response: ForeignChange)
    /// The fence can't be left on the target: two services could act on it.
    case fenceNotCarried(pool: String, why: String)
    /// Its pods are replaced by those of another revision, whoever is on them; with `isHeldThrough` its count stays meanwhile.
    case rollingUpdate(pool: String, target: String, old: Int, pods: Int, isHeldThrough: Bool)

    package var pool: String {
        switch self {
        case .replicasChanged(let pool, _, _, _), .fenceNotCarried(let pool, _), .rollingUpdate(let pool, _, _, _, _): pool
        }
    }

    package var description: String {
        switch self {
        case .replicasChanged(let pool, let expected, let found, let response):
            "\(pool): somebody else set replicas to \(found), which we had left at \(expected); "
                + (response == .takeOver
                    ? "the next decision sets them again (look for an HPA or a script on the same target)"
                    : "we yield until a policy is applied or they are back")
        case .fenceNotCarried(let pool, let why):
            "\(pool): the target can't carry our fence, so only one instance may act on it: grant get and patch on it, or run no standby. \(why)"
        case .rollingUpdate(let pool, let target, let old, let pods, true):
            "\(pool): a rolling update of \(target) replaces \(old) of \(pods) pods and suspends the actors on them without a checkpoint; "
                + "the pool's size is held until it is over, at most \(RollingUpdate.longestHoldSeconds / 60) minutes"
        case .rollingUpdate(let pool, let target, let old, let pods, false):
            "\(pool): a rolling update of \(target) replaces \(old) of \(pods) pods, idle ones first, and then those with actors: each ends when its terminationGracePeriodSeconds are over; "
                + "to keep actors, pause the rollout (kubectl rollout pause) and resume it while the pool is idle"
        }
    }
}

extension ActuationFault {
    /// 404, 403, 401, 422 and other refusals stay so until somebody changes something; 429, 5xx and silence pass.
    init(_ error: KubernetesError) {
        switch error.problem {
        case .status(let status):
            self =
                status.code == 429 || status.code >= 500 || status.code == 409
                ? .unreachable(error.description) : .refused(error.description)
        case .unreachable, .malformed, .tooLarge, .configuration: self = .unreachable(error.description)
        }
    }
}

extension ScaleFinding {
    /// As an Event of the pool's policy tells it.
    package var news: ObjectNews {
        let words = description.hasPrefix("\(pool): ") ? String(description.dropFirst(pool.count + 2)) : description
        return switch self {
        case .replicasChanged: ObjectNews(.warning, "ReplicasChanged", words)
        case .fenceNotCarried: ObjectNews(.warning, "FenceNotCarried", words)
        case .rollingUpdate: ObjectNews(.warning, "RollingUpdate", words)
        }
    }
}
