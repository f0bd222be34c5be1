import Autoscaling
package import Domain
internal import YAML
internal import Yams

// Which policies do these KEDA ScaledObjects and HorizontalPodAutoscalers amount to?
//
// One text, of one document or several (a `kind: List` too), read whole or refused whole. What a manifest says that a policy
// can't say is noted, never dropped silently; a manifest that is wrong in itself is refused with the place. What comes out
// has been through the policy reader: it is accepted wherever policies are.

package enum PolicyConverter {
    package static func conversions(of bytes: [UInt8], source: String, now: LogTime) throws(PolicyError) -> [Conversion] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw PolicyError(source: source, problems: [refusal("the text is not UTF-8; save it as UTF-8")])
        }
        var conversion = Converting(now: now)
        conversion.readAll(text)
        if conversion.conversions.isEmpty, conversion.problems.isEmpty { conversion.refuseForNothing() }
        guard conversion.problems.isEmpty else { throw PolicyError(source: source, problems: conversion.problems) }
        return conversion.conversions
    }

    static func refusal(_ message: String, document: Int = 1) -> PolicyProblem {
        PolicyProblem(document: document, line: 1, column: 1, path: "", message: message)
    }
}

private struct Converting {
    let now: LogTime
    var conversions: [Conversion] = []
    var problems: [PolicyProblem] = []
    private var notesOfOthers: [ConversionNote] = []

    init(now: LogTime) { self.now = now }

    mutating func readAll(_ text: String) {
        guard let documents = documents(text) else { return }
        let manifests = documents.flatMap(items)
        // Authentications may stand after what refers to them.
        let secrets = TriggerSecrets(manifests.map(\.node))
        for manifest in manifests { convert(manifest, secrets) }
        if !conversions.isEmpty { conversions[0].notes += notesOfOthers }
    }

    /// What is there instead, each at its line.
    mutating func refuseForNothing() {
        problems = [PolicyConverter.refusal("there is no ScaledObject and no HorizontalPodAutoscaler in it")]
        problems += notesOfOthers.map { PolicyProblem(document: 1, line: $0.line, column: $0.column, path: $0.path, message: $0.message) }
    }

    private struct Manifest {
        var node: Node
        var document: Int
        var path: String
    }

    private mutating func documents(_ text: String) -> [Manifest]? {
        let (documents, fault) = YAMLReader.documents(of: text)
        if let fault { problems.append(PolicyProblem(fault)) }
        return fault == nil ? documents.enumerated().map { Manifest(node: $1, document: $0 + 1, path: "") } : nil
    }

    /// `kubectl get -o yaml` wraps several in a List.
    private func items(_ document: Manifest) -> [Manifest] {
        guard let mapping = document.node.mapping, mapping["kind"]?.string?.hasSuffix("List") == true,
            let items = mapping["items"]?.sequence
        else { return [document] }
        return items.prefix(PolicyReader.documentLimit).enumerated().map {
            Manifest(node: $1, document: document.document, path: "items[\($0)]")
        }
    }

    private mutating func convert(_ manifest: Manifest, _ secrets: TriggerSecrets) {
        if manifest.node.isEmptyDocument { return }
        let list = ProblemList(document: manifest.document)
        let notes = NoteList()
        defer { problems += list.problems }
        guard let root = ManifestObject(DocumentValue(manifest.node, path: manifest.path, problems: list), notes: notes) else { return }
        let kind = root.text("kind") ?? ""
        let version = root.text("apiVersion") ?? ""
        let policy: Policy?
        switch (kind, version) {
        case ("ScaledObject", "keda.sh/v1alpha1"): policy = ScaledObjectConverter(root: root, secrets: secrets, now: now).policy()
        case ("HorizontalPodAutoscaler", "autoscaling/v2"): policy = HPAConverter(root: root).policy()
        case ("ScaledObject", _):
            return list.report(root.pathOf("apiVersion"), at: root.place, "must be keda.sh/v1alpha1, and is \(version.prefix(60))")
        case ("HorizontalPodAutoscaler", _):
            return list.report(
                root.pathOf("apiVersion"), at: root.place,
                "must be autoscaling/v2, and is \(version.prefix(60)); kubectl get hpa.v2.autoscaling -o yaml gives that")
        default: return noteOther(kind, manifest.node.place)
        }
        guard let policy, list.problems.isEmpty else { return }
        finish(policy, kind, root, notes, list)
    }

    private mutating func noteOther(_ kind: String, _ place: Place?) {
        // What authentications say is in the triggers that refer to them.
        if kind == "TriggerAuthentication" || kind == "ClusterTriggerAuthentication" { return }
        let shown = kind.isEmpty ? "a document without kind" : String(kind.prefix(60))
        let message =
            switch kind {
            case "ScaledJob": "\(shown): left out; it \(OtherKinds.scaledJob)"
            case PolicyFields.kind: "\(shown) is a policy already: left out"
            default: "\(shown) is no autoscaler that is known here: left out"
            }
        notesOfOthers.append(ConversionNote(line: place?.line ?? 1, column: place?.column ?? 1, path: "", message: message))
    }

    private mutating func finish(_ policy: Policy, _ kind: String, _ root: ManifestObject, _ notes: NoteList, _ list: ProblemList) {
        let origin = "\(kind) \(policy.pool)"
        if conversions.contains(where: { $0.policy.pool == policy.pool }) {
            return list.report(
                root.pathOf("metadata.name"), at: root.place,
                "\(policy.pool) is the name of another one in this text, and a pool has one policy; convert them one by one")
        }
        var told: Set<String> = []
        for violation in policy.violations {
            let path = notes.origin(of: violation.path, in: root.path, list)
            // One value may break a rule as two fields of the policy.
            guard told.insert("\(path) \(violation.message)").inserted else { continue }
            list.report(path, "would break a rule of policies: \(violation.path): \(violation.message)")
        }
        let sorted = notes.notes.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        conversions.append(Conversion(origin: origin, policy: policy, notes: sorted))
    }
}

extension NoteList {
    /// The manifest's field that became this one of the policy: the nearest that the text has.
    fileprivate func origin(of path: String, in root: String, _ list: ProblemList) -> String {
        var head = path
        while !head.isEmpty, origins[head] == nil { head = String(head[..<(head.lastIndex(of: ".") ?? head.startIndex)]) }
        guard let origin = origins[head] else { return root.isEmpty ? path : "\(root).\(path)" }
        let rest = path.dropFirst(head.count)
        // A trigger's fields are KEDA's metadata, mostly under the same names.
        let names = ["\(origin).metadata\(rest)", "\(origin)\(rest)"]
        return names.first(where: list.knows) ?? origin
    }
}

/// Other kinds that people hand in, and what to say of them.
enum OtherKinds {
    static let scaledJob =
        "starts a Job for each piece of work, and Greenroom scales pools of workers that stay: run the work in a Deployment or WorkerPool and convert its ScaledObject"
}
