import Autoscaling
import Domain

// What matters of a pod to us?
//
// Read from the pod as the API server gives it; the rest is nobody's business here. One view serves both sides: workers from
// pods, and which pods a scale-down may take.

package struct PodView: Hashable, Sendable {
    package enum Phase: String, Hashable, Sendable {
        case pending = "Pending", running = "Running", succeeded = "Succeeded", failed = "Failed", unknown = "Unknown"
    }

    package var name: String
    package var uid: String
    package var resourceVersion: String
    package var phase: Phase
    package var isReady: Bool
    package var isBeingDeleted: Bool
    package var node: String?
    package var ip: String?
    /// Says why it takes no more actors; nil where it does.
    package var drainingReason: String?
    /// It was found idle while draining: a lower `/scale` may take it.
    package var isRemoving: Bool
    package var deletionCost: String?
    /// The deletion cost that we wrote last; another is somebody else's.
    package var ownCost: String?
    /// Whether the mark of a drain or a removal is on it.
    package var isMarked: Bool
    /// Given on the pod itself; nil leaves it to the pool.
    package var slots: Int?
    /// Why it failed, or why somebody ends it (`Evicted`, `NodeLost`, `DeletionByTaintManager`, …); empty where nobody says.
    package var reason: String
    /// Its node no longer answers, or is gone.
    package var isNodeLost: Bool
    /// Its pool's controller hands out work to it though it isn't ready: agent-substrate's does from when a pod has an IP.
    package var isRegistered = false
    /// As the server writes it, to the second.
    package var createdAt = ""
    /// Why its containers don't run: `container c: ImagePullBackOff`. The same words as long as it is the same trouble; nil where
    /// nothing says that they can't.
    package var startProblem: String?
    /// Why no node takes it; it may be that one is on its way.
    package var unschedulable: String?
    /// Its containers' ports, by their names.
    package var ports: [String: Int] = [:]
    /// Annotations that are numbers, or true or false: what pods say of themselves.
    package var numbers: [String: String] = [:]

    package init(
        name: String, uid: String, resourceVersion: String, phase: Phase = .running, isReady: Bool = true, isBeingDeleted: Bool = false,
        node: String? = nil,
        ip: String? = nil, drainingReason: String? = nil, isRemoving: Bool = false, deletionCost: String? = nil, ownCost: String? = nil,
        isMarked: Bool = false, slots: Int? = nil, reason: String = "",
        isNodeLost: Bool = false
    ) {
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.phase = phase
        self.isReady = isReady
        self.isBeingDeleted = isBeingDeleted
        self.node = node
        self.ip = ip
        self.drainingReason = drainingReason
        self.isRemoving = isRemoving
        self.deletionCost = deletionCost
        self.ownCost = ownCost
        self.isMarked = isMarked
        self.slots = slots
        self.reason = reason
        self.isNodeLost = isNodeLost
    }

    /// Whether it takes actors, as far as its pod says.
    package var isUsable: Bool { isReady || isRegistered }
    /// Neither over nor on its way out.
    package var isLive: Bool { !isBeingDeleted && !isOver }
    package var isOver: Bool { phase == .succeeded || phase == .failed || isNodeLost }
    /// Something of it may be at work.
    package var mayRun: Bool { isLive && phase != .pending }
}

/// What we write on pods and targets.
package enum Mark {
    package static let draining = "greenroom.dev/draining"
    package static let removing = "greenroom.dev/removing"
    package static let previousDeletionCost = "greenroom.dev/previous-deletion-cost"
    package static let slots = "greenroom.dev/slots"
    /// The deletion cost that we gave, so that one of somebody else's is told from it.
    package static let ownCost = "greenroom.dev/deletion-cost"
    package static let fence = "greenroom.dev/fence"
    /// Kubernetes' own: ReplicaSets remove the lowest first.
    package static let deletionCost = "controller.kubernetes.io/pod-deletion-cost"

    /// Below every pod that nobody marked, whose cost is 0.
    static let drainingCost = "-1000"
    /// Below those that drain and may still be busy.
    static let removingCost = "-2000"
}

extension PodView {
    /// Of reasons: an annotation may be as large as a quarter of a megabyte.
    static let textLimitCharacters = 256

    /// `DisruptionTarget` reasons that mean that the pod's node is lost.
    private static let lostReasons: Set<String> = ["NodeLost", "DeletionByTaintManager", "DeletionByPodGC"]

    package init(_ pod: KubernetesObject) {
        let status = pod["status"]
        let conditions = status["conditions"].array
        let disruption = conditions.first { $0["type"].string == "DisruptionTarget" && $0["status"].string == "True" }
        let reason = status["reason"].string ?? disruption?["reason"].string ?? ""
        let annotations = pod.annotations
        self.init(
            name: pod.name, uid: pod.uid, resourceVersion: pod.resourceVersion,
            phase: status["phase"].string.flatMap(Phase.init(rawValue:)) ?? .pending,
            isReady: conditions.contains { $0["type"].string == "Ready" && $0["status"].string == "True" },
            isBeingDeleted: pod.isBeingDeleted, node: pod["spec"]["nodeName"].string, ip: status["podIP"].string,
            drainingReason: annotations[Mark.draining].map { String($0.prefix(Self.textLimitCharacters)) }
                ?? pod.labels[Mark.draining].map { _ in "labelled \(Mark.draining)" },
            isRemoving: annotations[Mark.removing] != nil, deletionCost: annotations[Mark.deletionCost], ownCost: annotations[Mark.ownCost],
            isMarked: annotations[Mark.draining] != nil || annotations[Mark.removing] != nil || pod.labels[Mark.draining] != nil,
            slots: annotations[Mark.slots].flatMap { Int($0) }.flatMap { (1...10_000).contains($0) ? $0 : nil },
            reason: String(reason.prefix(Self.textLimitCharacters)), isNodeLost: Self.lostReasons.contains(reason))
        createdAt = pod.metadata["creationTimestamp"].string ?? ""
        ports = Self.ports(pod)
        numbers = Self.numbers(annotations)
        startProblem = Self.startProblem(status)
        let scheduled = conditions.first {
            $0["type"].string == "PodScheduled" && $0["status"].string == "False" && $0["reason"].string == "Unschedulable"
        }
        unschedulable = scheduled.map { Self.limited("Unschedulable: no node takes it\($0["message"].string.map { ": \($0)" } ?? "")") }
    }

    /// A pod has some ports and some dozen annotations.
    private static let portsLimit = 256
    private static let numbersLimit = 64

    private static func ports(_ pod: KubernetesObject) -> [String: Int] {
        var ports: [String: Int] = [:]
        for container in pod["spec"]["containers"].array {
            for port in container["ports"].array where ports.count < portsLimit {
                if let name = port["name"].string, let number = port["containerPort"].int, ports[name] == nil { ports[name] = number }
            }
        }
        return ports
    }

    private static func numbers(_ annotations: [String: String]) -> [String: String] {
        var numbers: [String: String] = [:]
        for (key, value) in annotations where numbers.count < numbersLimit && BusyCheck.tasks(value) != nil { numbers[key] = value }
        return numbers
    }

    /// What a kubelet says of a container that it can't start, or that ended and is held back. A container is `Running` between two
    /// crashes; it counts as crashing once it was restarted twice.
    private static let waitingProblems: Set<String> = [
        "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "RegistryUnavailable",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError", "PostStartHookError",
    ]
    private static let restartsOfACrashLoop = 2

    private static func startProblem(_ status: JSONValue) -> String? {
        for container in status["initContainerStatuses"].array + status["containerStatuses"].array where container["ready"].bool != true {
            let name = container["name"].string ?? ""
            let waiting = container["state"]["waiting"]["reason"].string ?? ""
            let restarts = container["restartCount"].int ?? 0
            // The two take turns while an image can't be had.
            let reason = waiting == "ErrImagePull" ? "ImagePullBackOff" : waiting
            let ended = container["lastState"]["terminated"]
            // A message may differ at each look ("back-off 40s"), so only what stays the same is told.
            let how =
                ended["exitCode"].int.map { ", last ended with exit code \($0)\(ended["reason"].string.map { " (\($0))" } ?? "")" } ?? ""
            if waitingProblems.contains(waiting), waiting != "CrashLoopBackOff" { return limited("container \(name): \(reason)") }
            if waiting == "CrashLoopBackOff" || (restarts >= restartsOfACrashLoop && container["state"]["terminated"].isNull) {
                return limited("container \(name): CrashLoopBackOff\(how)")
            }
        }
        return nil
    }

    private static func limited(_ text: String) -> String { String(text.prefix(textLimitCharacters)) }
}
