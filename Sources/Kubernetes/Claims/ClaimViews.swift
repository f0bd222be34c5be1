import Autoscaling
import Domain

// What matters of a SandboxClaim and a Sandbox to us?
//
// Read from the objects as the API server gives them, of either version. A condition's times are left out: on a claim that was served
// from the pool they are the sandbox's, and lie before the claim. So is the annotation that names a sandbox: it is an intention.

enum AgentSandbox {
    static let extensions = ScaleTarget.warmPoolGroup
    static let core = "agents.x-k8s.io"
    /// Newest first; which of them is served is the server's to say.
    static let versions = ["v1beta1", "v1alpha1"]
    static let launchLabel = "agents.x-k8s.io/launch-type"
}

/// A SandboxClaim.
struct ClaimView: Hashable, Sendable {
    enum End: Hashable, Sendable { case expired, succeeded, failed }

    var uid: String
    var name: String
    var version: String
    /// The name of the SandboxWarmPool that it names.
    var pool: String
    /// What keeps every warm sandbox from serving it: the field's name.
    var forcedBy: String?
    var isReady: Bool
    /// Of the condition Ready; empty before there is one.
    var reason: String
    /// It holds nothing any more, or what it holds runs no more.
    var end: End?
    /// By its status: whose it is for sure.
    var sandbox: String?

    init(
        uid: String, name: String, version: String, pool: String, forcedBy: String? = nil, isReady: Bool = false, reason: String = "",
        end: End? = nil, sandbox: String? = nil
    ) {
        self.uid = uid
        self.name = name
        self.version = version
        self.pool = pool
        self.forcedBy = forcedBy
        self.isReady = isReady
        self.reason = reason
        self.end = end
        self.sandbox = sandbox
    }

    init(_ object: KubernetesObject) {
        let (spec, status) = (object["spec"], object["status"])
        let ready = status.condition("Ready")
        let finished = status.condition("Finished")
        let reason = ready["reason"].string ?? ""
        var end: End?
        if reason == "ClaimExpired", ready["status"].string != "True" {
            end = .expired
        } else if finished["status"].string == "True" {
            end = finished["reason"].string == "PodFailed" ? .failed : .succeeded
        }
        self.init(
            uid: object.uid, name: object.name, version: object.resourceVersion,
            pool: spec["warmPoolRef"]["name"].string ?? spec["warmpool"].string ?? "",
            forcedBy: ["env", "volumeClaimTemplates"].first { !spec[$0].array.isEmpty },
            isReady: ready["status"].string == "True", reason: reason, end: end,
            sandbox: status["sandbox"]["name"].string.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// Nobody can serve it as it is: what it says is wrong, or what it names isn't there. It may heal.
    var isRejected: Bool { !isReady && Self.rejections.contains(reason) }
    var isSuspended: Bool { !isReady && reason == "SandboxSuspended" }

    static let rejections: Set<String> = [
        "EnvVarsInjectionRejected", "InvalidMetadata", "VolumeClaimTemplatesError", "WarmPoolNotFound", "TemplateNotFound",
        "ReconcilerError",
    ]
}

/// A Sandbox.
struct SandboxView: Hashable, Sendable {
    /// Its controller.
    enum Owner: Hashable, Sendable {
        /// By name: a pool that was made anew takes its orphans back.
        case pool(String)
        case claim(uid: String, name: String)
        /// Somebody else, or nobody.
        case other
    }

    var uid: String
    var name: String
    var version: String
    var owner: Owner
    var isReady: Bool
    var isBeingDeleted: Bool
    /// Whether it was made for a claim; a pool's member that was claimed wasn't.
    var isCold: Bool
    var node: String?
    var ip: String?

    init(
        uid: String, name: String, version: String, owner: Owner, isReady: Bool = false, isBeingDeleted: Bool = false, isCold: Bool = false,
        node: String? = nil, ip: String? = nil
    ) {
        self.uid = uid
        self.name = name
        self.version = version
        self.owner = owner
        self.isReady = isReady
        self.isBeingDeleted = isBeingDeleted
        self.isCold = isCold
        self.node = node
        self.ip = ip
    }

    init(_ object: KubernetesObject) {
        let status = object["status"]
        let owner = Self.owner(object)
        // The label says it. Without one the name does: only what is made for a claim has the claim's.
        let isNamedAlike = if case .claim(_, object.name) = owner { true } else { false }
        self.init(
            uid: object.uid, name: object.name, version: object.resourceVersion, owner: owner,
            isReady: status.condition("Ready")["status"].string == "True", isBeingDeleted: object.isBeingDeleted,
            isCold: object.labels[AgentSandbox.launchLabel].map { $0 == "cold" } ?? isNamedAlike,
            node: status["nodeName"].string.flatMap { $0.isEmpty ? nil : $0 },
            ip: status["podIPs"].array.first?.string)
    }

    private static func owner(_ object: KubernetesObject) -> Owner {
        guard let controller = object.metadata["ownerReferences"].array.first(where: { $0["controller"].bool == true }),
            (controller["apiVersion"].string ?? "\(AgentSandbox.extensions)/").hasPrefix("\(AgentSandbox.extensions)/"),
            let name = controller["name"].string
        else { return .other }
        switch controller["kind"].string {
        case ScaleTarget.warmPoolKind: return .pool(name)
        case "SandboxClaim": return .claim(uid: controller["uid"].string ?? "", name: name)
        default: return .other
        }
    }
}

extension JSONValue {
    /// Of a status: the condition of that type; null where there is none.
    func condition(_ type: String) -> JSONValue { self["conditions"].array.first { $0["type"].string == type } ?? .null }
}
