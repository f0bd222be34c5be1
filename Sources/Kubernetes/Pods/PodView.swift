// What matters of a pod to us?
//
// Read from the pod as the API server gives it; the rest is nobody's business here. One view serves both sides: workers from
// pods, and which pods a scale-down may take.

public struct PodView: Hashable, Sendable {
    public enum Phase: String, Hashable, Sendable { case pending = "Pending", running = "Running", succeeded = "Succeeded", failed = "Failed", unknown = "Unknown" }

    public var name: String
    public var uid: String
    public var resourceVersion: String
    public var phase: Phase
    public var isReady: Bool
    public var isBeingDeleted: Bool
    public var node: String?
    public var ip: String?
    /// Says why it takes no more actors; nil where it does.
    public var drainingReason: String?
    /// It was found idle while draining: a lower `/scale` may take it.
    public var isRemoving: Bool
    public var deletionCost: String?
    /// The deletion cost that we wrote last; another is somebody else's.
    public var ownCost: String?
    /// Whether the mark of a drain or a removal is on it.
    public var isMarked: Bool
    /// Given on the pod itself; nil leaves it to the pool.
    public var slots: Int?
    /// Why it failed, or why somebody ends it (`Evicted`, `NodeLost`, `DeletionByTaintManager`, …); empty where nobody says.
    public var reason: String
    /// Its node no longer answers, or is gone.
    public var isNodeLost: Bool
    /// As the server writes it, to the second.
    public var createdAt = ""

    public init(
        name: String, uid: String, resourceVersion: String, phase: Phase = .running, isReady: Bool = true, isBeingDeleted: Bool = false, node: String? = nil,
        ip: String? = nil, drainingReason: String? = nil, isRemoving: Bool = false, deletionCost: String? = nil, ownCost: String? = nil, isMarked: Bool = false, slots: Int? = nil, reason: String = "",
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

    /// Neither over nor on its way out.
    public var isLive: Bool { !isBeingDeleted && !isOver }
    public var isOver: Bool { phase == .succeeded || phase == .failed || isNodeLost }
}

/// What we write on pods and targets.
public enum Mark {
    public static let draining = "greenroom.dev/draining"
    public static let removing = "greenroom.dev/removing"
    public static let previousDeletionCost = "greenroom.dev/previous-deletion-cost"
    public static let slots = "greenroom.dev/slots"
    /// The deletion cost that we gave, so that one of somebody else's is told from it.
    public static let ownCost = "greenroom.dev/deletion-cost"
    public static let fence = "greenroom.dev/fence"
    /// Kubernetes' own: ReplicaSets remove the lowest first.
    public static let deletionCost = "controller.kubernetes.io/pod-deletion-cost"

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

    public init(_ pod: KubernetesObject) {
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
            drainingReason: annotations[Mark.draining].map { String($0.prefix(Self.textLimitCharacters)) } ?? pod.labels[Mark.draining].map { _ in "labelled \(Mark.draining)" },
            isRemoving: annotations[Mark.removing] != nil, deletionCost: annotations[Mark.deletionCost], ownCost: annotations[Mark.ownCost],
            isMarked: annotations[Mark.draining] != nil || annotations[Mark.removing] != nil || pod.labels[Mark.draining] != nil,
            slots: annotations[Mark.slots].flatMap { Int($0) }.flatMap { (1...10_000).contains($0) ? $0 : nil },
            reason: String(reason.prefix(Self.textLimitCharacters)), isNodeLost: Self.lostReasons.contains(reason))
        createdAt = pod.metadata["creationTimestamp"].string ?? ""
    }
}
