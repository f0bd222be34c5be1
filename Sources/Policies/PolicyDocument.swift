internal import Autoscaling
import Basics
internal import Domain
internal import YAML
internal import Yams

// Which policy does this document describe?
//
// Field by field, with the defaults that KEDA and HPA document. A refused field is read as its default, so that reading finds the
// other mistakes too. At the end come the rules about values (`Policy.violations`), each at the place of its field. A rule is left
// out if a field that it compares was refused already.

struct PolicyDocument {
    let problems: ProblemList
    /// About when time zones are resolved.
    let now: LogTime

    /// nil where the document isn't a policy at all. What it gives counts only if `problems` stayed empty.
    func policy(_ root: Node) -> Policy? {
        guard let kind = kind(root) else { return nil }
        guard kind == PolicyFields.kind else {
            problems.report("kind", Self.advice(onKind: kind))
            return nil
        }
        guard let document = DocumentObject(DocumentValue(root, path: "", problems: problems), fields: PolicyFields.document + ["status"])
        else { return nil }
        if let version = document.required("apiVersion", \.text, "apiVersion: \(PolicyFields.apiVersion)"),
            version != PolicyFields.apiVersion
        {
            problems.report("apiVersion", "must be \(PolicyFields.apiVersion), and is \(version.prefix(60))")
        }
        let name = name(document)
        guard let spec = document.required("spec", { DocumentObject($0, fields: PolicyFields.spec) }, "spec: {scaleTargetRef: …}") else {
            return nil
        }
        let shadowed = spec.text("shadowOf")
        let pool = "\(name.namespace)/\(shadowed ?? name.name)"
        var policy = Policy(pool: pool, target: target(spec, pool: pool))
        policy.shadow = shadowed == nil ? nil : name.name
        read(spec, into: &policy)
        report(policy.violations)
        return policy
    }

    /// The kind alone, before the fields: of another kind they would all be unknown.
    private func kind(_ root: Node) -> String? {
        guard case .mapping(let mapping) = root else {
            _ = DocumentObject(DocumentValue(root, path: "", problems: problems), fields: nil)
            return nil
        }
        problems.remember("", at: root.place ?? .start)
        guard let node = mapping.first(where: { $0.key.scalar?.string == "kind" })?.value else {
            problems.report("kind", "is missing; write kind: \(PolicyFields.kind)")
            return nil
        }
        return DocumentValue(node, path: "kind", problems: problems).text
    }

    private static func advice(onKind kind: String) -> String {
        switch kind {
        case "ScaledJob": "is ScaledJob, which \(OtherKinds.scaledJob)"
        case "ScaledObject", "HorizontalPodAutoscaler": "is \(kind); greenroom policy convert makes a \(PolicyFields.kind) of it"
        default: "must be \(PolicyFields.kind), and is \(kind.prefix(60)); leave other objects out of this text"
        }
    }

    private func report(_ violations: [PolicyViolation]) {
        for violation in violations {
            let paths = [violation.path] + violation.comparedWith
            if !paths.contains(where: problems.hasProblem(around:)) { problems.report(violation.path, violation.message) }
        }
    }

    // MARK: - Names and target

    private func name(_ document: DocumentObject) -> (namespace: String, name: String) {
        // What a cluster adds to an object says nothing about the pool.
        let fields = PolicyFields.metadata + ["labels", "annotations"] + ManifestNames.ofCluster
        let metadata = document.required(
            "metadata", { DocumentObject($0, fields: fields) }, "metadata: {name: my-pool, namespace: default}")
        for kept in ["labels", "annotations"] {
            guard let labels = metadata?.object(kept, nil)?.labels else { continue }
            for label in labels where label.key.hasPrefix("autoscaling.keda.sh/") {
                problems.report(
                    "metadata.\(kept).\(label.key)",
                    "KEDA's annotations mean nothing here; write spec.pause: {in, out, hold} or spec.forceActivation")
            }
        }
        let name = metadata?.required("name", \.text, "name: my-pool") ?? "unnamed"
        return (metadata?.text("namespace") ?? "default", name)
    }

    private func target(_ spec: DocumentObject, pool: String) -> ScaleTarget {
        let example = "scaleTargetRef: {kind: Process}"
        guard let target = spec.required("scaleTargetRef", { DocumentObject($0, fields: PolicyFields.scaleTargetRef) }, example) else {
            return ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "unnamed")
        }
        let kind = target.text("kind") ?? "Deployment"
        let poolName = String(pool.split(separator: "/").last ?? "unnamed")
        let name = kind == "Process" ? target.text("name") ?? poolName : target.required("name", \.text, "name: my-workers") ?? "unnamed"
        return ScaleTarget(apiVersion: apiVersion(target, kind: kind), kind: kind, name: name, command: target.texts("command"))
    }

    private static let versions = [
        "Process": PolicyFields.apiVersion, "Deployment": "apps/v1", "StatefulSet": "apps/v1", "ReplicaSet": "apps/v1",
        "WorkerPool": "ate.dev/v1alpha1", "SandboxWarmPool": "extensions.agents.x-k8s.io/v1alpha1",
    ]

    private func apiVersion(_ target: DocumentObject, kind: String) -> String {
        if target.value("apiVersion") != nil { return target.text("apiVersion") ?? "unknown/v1" }
        if let version = Self.versions[kind] { return version }
        let hint = NearestName.nearest(to: kind, in: Self.versions.keys.sorted()).map { "; or did you mean kind: \($0)?" } ?? ""
        problems.report(target.pathOf("apiVersion"), "is missing; \(kind.prefix(60)) is not a kind that is known without it\(hint)")
        return "unknown/v1"
    }

    // MARK: - Spec

    private func read(_ spec: DocumentObject, into policy: inout Policy) {
        policy.mode = spec.choice("mode", Policy.Mode.self) ?? policy.mode
        policy.workerSelector = workerSelector(spec)
        policy.busy = spec.object("workers", PolicyFields.workers).flatMap { busy($0) }
        policy.slotsPerWorker = spec.integer("slotsPerWorker") ?? policy.slotsPerWorker
        policy.capacity = spec.choice("capacity", Policy.Capacity.self)
        policy.minReplicaCount = spec.integer("minReplicaCount") ?? policy.minReplicaCount
        policy.maxReplicaCount = spec.integer("maxReplicaCount") ?? policy.maxReplicaCount
        policy.idleReplicaCount = spec.integer("idleReplicaCount")
        policy.cooldownPeriodSeconds = spec.integer("cooldownPeriod") ?? policy.cooldownPeriodSeconds
        policy.initialCooldownPeriodSeconds = spec.integer("initialCooldownPeriod") ?? policy.initialCooldownPeriodSeconds
        policy.buffer = buffer(spec)
        policy.triggers = triggers(spec)
        readAdvanced(spec, into: &policy)
        policy.fallback = fallback(spec)
        policy.schedules = spec.elements("schedules").prefix(PolicyLimits.schedules + 1).compactMap(schedule)
        policy.drainTimeoutSeconds = spec.object("drain", PolicyFields.drain)?.integer("timeoutSeconds") ?? policy.drainTimeoutSeconds
        policy.foreignChange = spec.choice("foreignChange", ForeignChange.self) ?? policy.foreignChange
        readPlacement(spec, into: &policy)
        policy.quotas = spec.elements("quotas").compactMap(quota)
        if let pause = spec.object("pause", PolicyFields.pause) {
            policy.pause = Pause(scaleIn: pause.flag("in") ?? false, scaleOut: pause.flag("out") ?? false, hold: pause.integer("hold"))
        }
        policy.forceActivation = spec.flag("forceActivation") ?? policy.forceActivation
    }

    /// `app=web,tier in (a,b)`, or a map of labels.
    private func workerSelector(_ spec: DocumentObject) -> WorkerSelector? {
        guard let value = spec.value("workerSelector") else { return nil }
        let selector: WorkerSelector?
        if case .mapping = value.node {
            guard let labels = DocumentObject(value, fields: nil)?.labels else { return nil }
            selector = WorkerSelector(labels: Dictionary(labels.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }))
        } else {
            guard let text = value.text else { return nil }
            selector = WorkerSelector(text)
        }
        if selector == nil { problems.report(value.path, WorkerSelector.advice) }
        return selector
    }

    private func fallback(_ spec: DocumentObject) -> Fallback? {
        guard let fallback = spec.object("fallback", PolicyFields.fallback) else { return nil }
        let failureThreshold = fallback.required("failureThreshold", \.integer, "failureThreshold: 3")
        let replicas = fallback.required("replicas", \.integer, "replicas: 6")
        return Fallback(
            failureThreshold: failureThreshold ?? 1, replicas: replicas ?? 0,
            behavior: fallback.choice("behavior", Fallback.Behavior.self) ?? .static)
    }

    private func readPlacement(_ spec: DocumentObject, into policy: inout Policy) {
        guard let placement = spec.object("placement", PolicyFields.placement) else { return }
        let namespace = policy.pool.split(separator: "/").first ?? "default"
        policy.spillTo = placement.texts("spillTo").map { $0.contains("/") ? $0 : "\(namespace)/\($0)" }
        if let spread = placement.object("zoneSpread", PolicyFields.zoneSpread) {
            policy.zoneMaxSkew = spread.required("maxSkew", \.integer, "maxSkew: 1")
        }
        policy.prefetch = placement.flag("prefetch") ?? policy.prefetch
        guard let wait = placement.value("localWaitSeconds") else { return }
        if case .scalar(let scalar) = wait.node, scalar.string == "auto" { return }
        policy.localWaitSeconds = wait.integer
    }

    private func quota(_ value: DocumentValue) -> Quota? {
        guard let quota = DocumentObject(value, fields: PolicyFields.quota) else { return nil }
        let tenant = quota.required("tenant", \.text, "tenant: team-a")
        let maxRunning = quota.required("maxRunning", \.integer, "maxRunning: 10")
        guard let tenant else { return nil }
        return Quota(tenant: tenant, maxRunning: maxRunning ?? 0)
    }
}
