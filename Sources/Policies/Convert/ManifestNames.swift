internal import Autoscaling

// What is the manifest called, and what does it scale?
//
// The policy keeps the manifest's name, so that the two can be told to belong together; the pool has that name, which is
// what agents name in their events.

struct ManifestNames {
    let metadata: ManifestObject
    let pool: String
    private let name: String

    init?(_ root: ManifestObject) {
        guard let metadata = root.required("metadata", root.object("metadata")), let name = metadata.required("name", metadata.text("name"))
        else { return nil }
        self.metadata = metadata
        self.name = name
        pool = "\(metadata.text("namespace") ?? "default")/\(name)"
        metadata.pass(["labels", "annotations"] + Self.ofCluster)
    }

    /// What the API server and its controllers write into metadata.
    static let ofCluster = [
        "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
        "ownerReferences", "finalizers",
        "selfLink", "generateName",
    ]

    func target(_ spec: ManifestObject) -> ScaleTarget? {
        guard let target = spec.required("scaleTargetRef", spec.object("scaleTargetRef")),
            let name = target.required("name", target.text("name"))
        else { return nil }
        let kind = target.text("kind") ?? "Deployment"
        let version = target.text("apiVersion") ?? "apps/v1"
        target.leaveOut("envSourceContainerName", "no trigger reads a container's environment here")
        target.noteUnread()
        return ScaleTarget(apiVersion: version, kind: kind, name: name)
    }

    func noteName(of target: ScaleTarget, pool: String) {
        if pool != self.pool {
            return metadata.note("name", "the pool, and so the policy, is called \(pool), as the trigger said, not \(self.pool)")
        }
        guard target.name != name else { return }
        metadata.note("name", "the pool is called \(pool): agents name it so in their events, not \(target.name)")
    }

    func finish() { metadata.noteUnread() }

    static func unique(_ name: String, among taken: [String]) -> String {
        if !taken.contains(name) { return name }
        return (2...PolicyLimits.triggers + 1).lazy.map { "\(name)-\($0)" }.first { !taken.contains($0) } ?? name
    }
}
