internal import Autoscaling
internal import YAML
internal import Yams

// Which fields does an object of somebody else's manifest have, and which of them has nobody looked at?
//
// The counterpart of `DocumentObject` for manifests. Fields are not known beforehand. Numbers may stand in quotes, as those of
// KEDA's triggers always do. Fields that nobody read are noted as left out, so nothing is lost in silence.

final class ManifestObject {
    let path: String
    let place: Place?
    let problems: ProblemList
    let notes: NoteList
    private var members: [(name: String, value: DocumentValue)] = []
    private var unread: [String] = []
    /// Fields whose rounding was noted: one may be read more than once.
    private var rounded: Set<String> = []

    /// nil, with a report, where the value isn't an object.
    init?(_ value: DocumentValue, notes: NoteList) {
        path = value.path
        place = value.node.place
        problems = value.problems
        self.notes = notes
        guard case .mapping(let mapping) = value.node else {
            problems.report(path, at: value.node.place, "must be an object")
            return nil
        }
        for (key, node) in mapping.prefix(DocumentObject.memberLimit) {
            guard let name = key.scalar?.string, !members.contains(where: { $0.name == name }) else { continue }
            members.append((name, DocumentValue(node, path: path.isEmpty ? name : "\(path).\(name)", problems: problems)))
            unread.append(name)
        }
    }

    var names: [String] { members.map(\.name) }

    // MARK: - Fields

    /// nil where it is absent or null. What was asked for counts as read.
    func value(_ name: String) -> DocumentValue? {
        unread.removeAll { $0 == name }
        return members.first { $0.name == name && !$0.value.isNull }?.value
    }

    /// Any scalar as it is written.
    func text(_ name: String) -> String? {
        guard let value = value(name) else { return nil }
        guard let scalar = value.node.scalar else { return wrong(name, "must be a text") }
        return scalar.string
    }

    func integer(_ name: String) -> Int? {
        guard let text = text(name) else { return nil }
        // kubectl reads YAML 1.1, where 010 is 8; in quotes it is a text, and KEDA reads ten.
        if let style = value(name)?.node.scalar?.style, style == .plain || style == .any, text.count > 1, text.hasPrefix("0"),
            let number = Int(text)
        {
            return wrong(
                name,
                "\(text.prefix(40)) is another number to kubectl, which takes a leading zero for octal: write \(number), or what it is there"
            )
        }
        return Int(text) ?? wrong(name, "must be a whole number, and is \"\(text.prefix(40))\"")
    }

    func milli(_ name: String) -> Int64? { quantity(name, Quantity.milliDecimals, example: "1.5 or 500m") }
    func micro(_ name: String) -> Int64? { quantity(name, Quantity.microDecimals, example: "0.1 or 100m") }

    /// What is finer than a policy knows is rounded away from zero, as Kubernetes does, and noted.
    private func quantity(_ name: String, _ decimals: Int, example: String) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let (value, isRounded) = try? Quantity.read(text, decimals: decimals) else {
            return wrong(name, "must be a number or a quantity such as \(example), and is \"\(text.prefix(40))\"")
        }
        if isRounded, rounded.insert(name).inserted {
            note(
                name,
                "\(text.prefix(40)) became \(Quantity.text(value, decimals: decimals)): \(Quantity.step(decimals: decimals)) is the finest step there is"
            )
        }
        return value
    }

    func flag(_ name: String) -> Bool? {
        guard let text = text(name) else { return nil }
        return Self.flag(text) ?? wrong(name, "must be true or false, and is \"\(text.prefix(40))\"")
    }

    /// What Go's `strconv.ParseBool` takes, which KEDA reads flags with.
    static func flag(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "TRUE", "true", "True": true
        case "0", "f", "F", "FALSE", "false", "False": false
        default: nil
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) -> Choice? where Choice.RawValue == String {
        guard let text = text(name) else { return nil }
        return Choice(rawValue: text)
            ?? wrong(name, "must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")), and is \"\(text.prefix(40))\"")
    }

    func object(_ name: String) -> ManifestObject? { value(name).flatMap { ManifestObject($0, notes: notes) } }

    func elements(_ name: String) -> [DocumentValue] { value(name)?.elements ?? [] }

    func objects(_ name: String) -> [ManifestObject] { elements(name).compactMap { ManifestObject($0, notes: notes) } }

    func required<Value>(_ name: String, _ value: Value?) -> Value? {
        if value == nil, !problems.hasProblem(around: pathOf(name)) { problems.report(pathOf(name), at: place, "is missing") }
        return value
    }

    /// All members as texts, in the order of their names.
    func labels() -> [Trigger.Label] {
        let labels = names.compactMap { name in text(name).map { Trigger.Label(key: name, value: $0) } }
        return labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    // MARK: - What is left out

    func note(_ name: String, _ message: String, command: [String] = []) {
        notes.note(pathOf(name), at: members.first { $0.name == name }?.value.node.place ?? place, message, command: command)
    }

    /// Notes a field that is there as left out, because of this.
    func leaveOut(_ name: String, _ reason: String) {
        if value(name) != nil { note(name, "left out: \(reason)") }
    }

    /// Of no interest to anybody: what the API server adds, and what only described the source.
    func pass(_ names: [String]) { unread.removeAll(where: names.contains) }
    func passAll() { unread = [] }

    /// Where a field of the policy came from, for what the rules of policies have to say about it.
    func isOrigin(_ name: String?, of policyPath: String) { notes.origins[policyPath] = name.map(pathOf) ?? path }

    /// Notes every field that nobody has read.
    func noteUnread() {
        for name in unread { note(name, "left out: it has no meaning here") }
        unread = []
    }

    func pathOf(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func wrong<Value>(_ name: String, _ message: String) -> Value? {
        problems.report(pathOf(name), message)
        return nil
    }
}
