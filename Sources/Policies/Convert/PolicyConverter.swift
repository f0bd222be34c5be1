import Autoscaling
public import Domain
internal import Yams

// Which policies do these KEDA ScaledObjects and HorizontalPodAutoscalers amount to?
//
// One text, of one document or several (a `kind: List` too), read whole or refused whole. What a manifest says that a policy
// can't say is noted, never dropped silently; a manifest that is wrong in itself is refused with the place. What comes out
// has been through the policy reader: it is accepted wherever policies are.

public enum PolicyConverter {
    public static func conversions(of bytes: [UInt8], source: String, now: LogTime) throws(PolicyError) -> [Conversion] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw PolicyError(source: source, problems: [refusal("the text is not UTF-8; save it as UTF-8")])
        }
        if let problem = TextGuard.problem(in: bytes) { throw PolicyError(source: source, problems: [problem]) }
        var conversion = Converting(now: now)
        conversion.readAll(text)
        if conversion.conversions.isEmpty, conversion.problems.isEmpty {
            conversion.problems = [refusal("there is no ScaledObject and no HorizontalPodAutoscaler in it")]
        }
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

    private struct Manifest {
        var node: Node
        var document: Int
        var path: String
    }

    private mutating func documents(_ text: String) -> [Manifest]? {
        var documents: [Manifest] = []
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            while let root = try parser.nextRoot() {
                guard documents.count < PolicyReader.documentLimit else {
                    problems.append(PolicyConverter.refusal("more than \(PolicyReader.documentLimit) documents in one text; split it", document: documents.count + 1))
                    return nil
                }
                documents.append(Manifest(node: root, document: documents.count + 1, path: ""))
            }
            return documents
        } catch let error as YamlError {
            problems.append(error.problem(document: documents.count + 1, text: text))
        } catch {
            problems.append(PolicyConverter.refusal("unreadable: \(error)", document: documents.count + 1))
        }
        return nil
    }

    /// `kubectl get -o yaml` wraps several in a List.
    private func items(_ document: Manifest) -> [Manifest] {
        guard let mapping = document.node.mapping, mapping["kind"]?.string?.hasSuffix("List") == true, let items = mapping["items"]?.sequence else { return [document] }
        return items.prefix(PolicyReader.documentLimit).enumerated().map { Manifest(node: $1, document: document.document, path: "items[\($0)]") }
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
        case ("ScaledObject", _): return list.report(root.pathOf("apiVersion"), at: root.place, "must be keda.sh/v1alpha1, and is \(version.prefix(60))")
        case ("HorizontalPodAutoscaler", _):
            return list.report(root.pathOf("apiVersion"), at: root.place, "must be autoscaling/v2, and is \(version.prefix(60)); kubectl get hpa.v2.autoscaling -o yaml gives that")
        default: return noteOther(kind, manifest.node.place)
        }
        guard let policy, list.problems.isEmpty else { return }
        finish(policy, "\(kind) \(policy.pool)", notes, list)
    }

    private mutating func noteOther(_ kind: String, _ place: Place?) {
        // What authentications say is in the triggers that refer to them.
        if kind == "TriggerAuthentication" || kind == "ClusterTriggerAuthentication" { return }
        let shown = kind.isEmpty ? "a document without kind" : String(kind.prefix(60))
        notesOfOthers.append(ConversionNote(line: place?.line ?? 1, column: place?.column ?? 1, path: "", message: "\(shown) is no autoscaler that is known here: left out"))
    }

    private mutating func finish(_ policy: Policy, _ origin: String, _ notes: NoteList, _ list: ProblemList) {
        if conversions.contains(where: { $0.policy.pool == policy.pool }) {
            return list.report("", "\(policy.pool) is the name of another one in this text, and a pool has one policy; convert them one by one")
        }
        for violation in policy.violations { list.report("", "would break a rule of policies: \(violation.path): \(violation.message)") }
        let sorted = notes.notes.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        conversions.append(Conversion(origin: origin, policy: policy, notes: sorted))
    }
}
