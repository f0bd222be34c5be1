package import Autoscaling
package import Domain
internal import YAML
internal import Yams

// Which policies does this text hold?
//
// YAML or JSON (which is YAML), one document or several between `---`. A text is read whole or refused whole, with all of its
// problems. What is read depends on the text, on `now` (from which time zones are resolved) and on the tz database, on
// nothing else.

package enum PolicyReader {
    package static let textLimitBytes = YAMLReader.textLimitBytes
    package static let documentLimit = YAMLReader.documentLimit

    /// The policies of `text`, in its order. `source` names it in the error, `now` is about when zones are resolved.
    package static func policies(from text: String, source: String, now: LogTime) throws(PolicyError) -> [Policy] {
        var reading = Reading(now: now)
        reading.readAll(text)
        guard reading.problems.isEmpty else { throw PolicyError(source: source, problems: reading.problems) }
        return reading.policies
    }

    /// The same for bytes, which must be UTF-8.
    package static func policies(from bytes: [UInt8], source: String, now: LogTime) throws(PolicyError) -> [Policy] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let problem = PolicyProblem(document: 1, line: 1, column: 1, path: "", message: "the text is not UTF-8; save it as UTF-8")
            throw PolicyError(source: source, problems: [problem])
        }
        return try policies(from: text, source: source, now: now)
    }
}

private struct Reading {
    let now: LogTime
    var policies: [Policy] = []
    var problems: [PolicyProblem] = []
    private var firstDocuments: [String: Int] = [:]
    private var shadows: [String: Int] = [:]

    init(now: LogTime) { self.now = now }

    mutating func readAll(_ text: String) {
        let (documents, fault) = YAMLReader.documents(of: text)
        for (index, root) in documents.enumerated() { read(root, index + 1) }
        if let fault { problems.append(PolicyProblem(fault)) }
        if policies.isEmpty, problems.isEmpty {
            report(1, .start, "there is no policy in it; a document begins with apiVersion: \(PolicyFields.apiVersion)")
        }
    }

    /// `kubectl get -o yaml` wraps several objects in a List.
    private mutating func read(_ root: Node, _ document: Int) {
        if root.isEmptyDocument { return }
        guard let mapping = root.mapping, let kind = mapping["kind"]?.string, kind == "List" || kind == "\(PolicyFields.kind)List",
            let items = mapping["items"]?.sequence
        else { return read(root, document, path: "") }
        guard items.count <= PolicyReader.documentLimit else {
            return report(document, root.place ?? .start, "more than \(PolicyReader.documentLimit) objects in one list; split it")
        }
        for (index, item) in items.enumerated() { read(item, document, path: "items[\(index)]") }
    }

    private mutating func read(_ root: Node, _ document: Int, path: String) {
        let list = ProblemList(document: document, prefix: path)
        let policy = PolicyDocument(problems: list, now: now).policy(root)
        if let policy, list.problems.isEmpty {
            if let first = firstDocuments[policy.name] {
                let remedy = policy.shadow == nil ? "a pool has one policy" : "give the shadow another name"
                list.report("metadata.name", "\(policy.name) is in document \(first) already; \(remedy)")
            }
            firstDocuments[policy.name] = document
            if policy.shadow != nil {
                shadows[policy.pool, default: 0] += 1
                if shadows[policy.pool] == PolicyLimits.shadows + 1 {
                    list.report("spec.shadowOf", "\(policy.pool) has \(PolicyLimits.shadows) shadows before this one, which is the most")
                }
            }
            policies.append(policy)
        }
        problems += list.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    private mutating func report(_ document: Int, _ place: Place, _ message: String) {
        problems.append(PolicyProblem(document: document, line: place.line, column: place.column, path: "", message: message))
    }
}
