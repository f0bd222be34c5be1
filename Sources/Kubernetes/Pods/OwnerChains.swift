import Domain

// Whose is this pod?
//
// Owner references lead up from a pod, over whatever kinds, to the object that had it made: pod → ReplicaSet → Deployment →
// WorkerPool. Only they tell: a selector fits pods that others made too. A reference counts by uid. Each owner is read once and
// its own owner kept; one that may change hands without its uid changing, such as a Sandbox that is claimed, is read again where
// the pod itself changed. A chain that leads to none of those asked about is read again after a while: what was orphaned is adopted
// without the pod's changing. What can't be read is said, never guessed.

/// One of an object's `metadata.ownerReferences`.
struct OwnerReference: Hashable, Sendable {
    var apiVersion: String
    var kind: String
    var name: String
    var uid: String

    init?(_ json: JSONValue) {
        guard let uid = json["uid"].string, !uid.isEmpty else { return nil }
        self.uid = uid
        apiVersion = json["apiVersion"].string ?? ""
        kind = json["kind"].string ?? ""
        name = json["name"].string ?? ""
    }

    var group: String { GroupVersion(apiVersion).group }
    /// A claim takes a sandbox out of its pool for good: nothing above it is a target.
    var isEnd: Bool { kind == "SandboxClaim" && group == "extensions.agents.x-k8s.io" }
    /// Of Kubernetes' own workloads the owner stays as long as the object does.
    var mayChangeHands: Bool { !["apps", "batch", ""].contains(group) }
}

extension KubernetesObject {
    /// Owners followed of one object, at most, where none of them is its controller.
    private static let ownersLimit = 4

    /// Its controller; where it has none, all its owners.
    var owners: [OwnerReference] {
        let references = metadata["ownerReferences"].array
        if let controller = references.first(where: { $0["controller"].bool == true }).flatMap({ OwnerReference($0) }) {
            return [controller]
        }
        return references.prefix(Self.ownersLimit).compactMap { OwnerReference($0) }
    }
}

actor OwnerChains {
    enum Response: Hashable, Sendable {
        /// The nearest of the objects asked about.
        case owned(by: String)
        case notOwned
        /// The chain breaks off at something that can't be read: why.
        case unknown(String)
    }

    private struct Known {
        var owners: [OwnerReference]
        /// Why its owners can't be told.
        var problem: String?
        var readAt: Duration
    }

    static let ownersKept = 50_000
    /// Of what couldn't be read, and of what led nowhere; it is read again then.
    static let problemKeptFor = Duration.seconds(15)
    private static let depthLimit = 10

    private let client: KubernetesClient
    private let discovery: ResourceDiscovery
    private var known: [String: Known] = [:]

    init(_ client: KubernetesClient, _ discovery: ResourceDiscovery) {
        self.client = client
        self.discovery = discovery
    }

    /// Which of the objects with these uids owns what has these owners?
    ///
    /// - Parameter fresh: whether owners that may have changed hands are read again.
    func owner(of owners: [OwnerReference], in namespace: String, among uids: Set<String>, fresh: Bool = false) async -> Response {
        let response = await follow(owners, in: namespace, among: uids, fresh: fresh)
        guard response == .notOwned else { return response }
        return await follow(owners, in: namespace, among: uids, noOlderThan: Self.problemKeptFor)
    }

    private func follow(
        _ owners: [OwnerReference], in namespace: String, among uids: Set<String>, fresh: Bool = false, noOlderThan age: Duration? = nil
    ) async -> Response {
        var level = owners
        var problem: String?
        for _ in 0..<Self.depthLimit where !level.isEmpty {
            if let found = level.first(where: { uids.contains($0.uid) }) { return .owned(by: found.uid) }
            var next: [OwnerReference] = []
            for reference in level where !reference.isEnd {
                let read = await self.read(reference, in: namespace, fresh: fresh, noOlderThan: age)
                next += read.owners
                problem = problem ?? read.problem
            }
            level = next
        }
        return problem.map { .unknown($0) } ?? .notOwned
    }

    private func read(_ reference: OwnerReference, in namespace: String, fresh: Bool, noOlderThan age: Duration?) async -> Known {
        let now = client.clock.now()
        if let kept = known[reference.uid] {
            let limit = kept.problem == nil ? age : Self.problemKeptFor
            let isGood = limit.map { now - kept.readAt < $0 } ?? !(fresh && reference.mayChangeHands)
            if isGood { return kept }
        }
        var read = Known(owners: [], problem: nil, readAt: now)
        do throws(KubernetesError) {
            let found = try await discovery.find(apiVersion: reference.apiVersion, kind: reference.kind)
            // What belongs to no namespace is no target, nor any target's.
            if found.resource.isNamespaced {
                let object = try await client.get(found.resource, namespace: namespace, name: reference.name)
                // Another object of its name: the one that is meant is gone, and with it the way up.
                if object.uid == reference.uid { read.owners = object.owners }
            }
        } catch {
            // An owner that is gone leads nowhere; what it was known to lead to stays known.
            if error.isNotFound, var kept = known[reference.uid], kept.problem == nil {
                kept.readAt = now
                known[reference.uid] = kept
                return kept
            }
            if !error.isNotFound || error.isUnknownKind { read.problem = "\(reference.kind) \(reference.name) can't be read: \(error)" }
        }
        if known.count >= Self.ownersKept { known = [:] }
        known[reference.uid] = read
        return read
    }
}
