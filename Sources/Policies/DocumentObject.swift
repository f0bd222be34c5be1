internal import Autoscaling
import Basics
internal import YAML
internal import Yams

// Which fields does an object of a policy document have?
//
// Making one reports what is unknown or doubled; reading a field that is absent, null or wrong gives nil, the latter with a
// report. So the reading code says only what a field is and what stands for it when it is missing.

struct DocumentObject {
    let path: String
    let problems: ProblemList
    private var members: [(name: String, value: DocumentValue)] = []

    static let memberLimit = 256

    /// nil, with a report, where the value isn't an object. `fields` nil: any names (a selector's labels).
    init?(_ value: DocumentValue, fields: [String]?) {
        path = value.path
        problems = value.problems
        guard case .mapping(let mapping) = value.node else {
            let wanted =
                path.isEmpty ? "a policy is an object that begins with apiVersion: \(PolicyFields.apiVersion)" : "must be an object"
            problems.report(path, at: value.node.place, wanted)
            return nil
        }
        for (key, node) in mapping.prefix(Self.memberLimit) { add(key, node, fields) }
        if mapping.count > Self.memberLimit { problems.report(path, "has more than \(Self.memberLimit) fields") }
    }

    private mutating func add(_ key: Node, _ node: Node, _ fields: [String]?) {
        guard case .scalar(let scalar) = key else { return problems.report(path, at: key.place, "a field's name must be a word") }
        let name = scalar.string
        let memberPath = path.isEmpty ? name : "\(path).\(name)"
        if members.contains(where: { $0.name == name }) { return problems.report(memberPath, at: key.place, "is there twice; keep one") }
        if let fields, !fields.contains(name) { return problems.report(memberPath, at: key.place, Self.advice(on: name, in: fields)) }
        members.append((name, DocumentValue(node, path: memberPath, problems: problems)))
    }

    /// What to do about an unknown field: fields of KEDA that have no meaning here say so, others have a neighbour.
    private static func advice(on name: String, in fields: [String]) -> String {
        switch name {
        case "<<": "merge keys aren't read; write the fields out"
        case "pollingInterval":
            "nothing is polled here, every event counts at once; a polled trigger (prometheus, nats-jetstream) has intervalSeconds; leave it out"
        case "restoreToOriginalReplicaCount": "a removed policy leaves its pool as it is; leave it out"
        case "status": "a policy has no status; leave it out"
        default: "unknown field\(NearestName.hint(for: name, in: fields))"
        }
    }

    // MARK: - Fields

    func value(_ name: String) -> DocumentValue? {
        members.first { $0.name == name && !$0.value.isNull }?.value
    }

    func integer(_ name: String) -> Int? { value(name)?.integer }
    func flag(_ name: String) -> Bool? { value(name)?.flag }
    func text(_ name: String) -> String? { value(name)?.text }
    func milli(_ name: String) -> Int64? { value(name)?.quantity(Quantity.milliDecimals) }

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ type: Choice.Type) -> Choice? where Choice.RawValue == String {
        value(name)?.choice(type)
    }

    func object(_ name: String, _ fields: [String]?) -> DocumentObject? {
        value(name).flatMap { DocumentObject($0, fields: fields) }
    }

    func elements(_ name: String) -> [DocumentValue] { value(name)?.elements ?? [] }

    func texts(_ name: String) -> [String] { elements(name).compactMap(\.text) }

    /// All members, as texts, in the order of their names.
    var labels: [Trigger.Label] {
        let labels = members.compactMap { member in member.value.text.map { Trigger.Label(key: member.name, value: $0) } }
        return labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    /// The field's value, or a report that it is missing. nil without a report where it was refused already.
    func required<Value>(_ name: String, _ read: (DocumentValue) -> Value?, _ example: String) -> Value? {
        guard let value = value(name) else {
            problems.report(pathOf(name), "is missing; write for instance \(example)")
            return nil
        }
        return read(value)
    }

    func pathOf(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}
