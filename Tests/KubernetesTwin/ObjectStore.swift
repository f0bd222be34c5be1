import Domain
import Kubernetes

// Which objects are there, in which version, and what happened since?
//
// A value: etcd's part and the registry's, as far as clients can tell. One counter of versions for everything; every change
// is kept as an event, so that a watch can begin in the past, until `compact` forgets them. The oldest events go by themselves
// beyond a limit.

package struct ObjectStore: Sendable {
    struct Key: Hashable, Sendable {
        var resource: TwinResource
        var namespace: String
        var name: String
    }

    struct Change: Sendable {
        var version: Int
        var type: String
        var resource: TwinResource
        var object: KubernetesObject
        /// Before the change; for selectors that it no longer fits.
        var before: KubernetesObject?
    }

    static let changesKept = 10_000

    private(set) var objects: [Key: KubernetesObject] = [:]
    private(set) var changes: [Change] = []
    package private(set) var version: Int
    /// Watches can't begin before this version.
    package private(set) var oldest: Int
    private var uids = 0
    /// Of objects that were deleted.
    private(set) var deletedUIDs: Set<String> = []

    init(version: Int) {
        self.version = version
        oldest = version
    }

    // MARK: - Reading

    func object(_ resource: TwinResource, _ namespace: String?, _ name: String) -> KubernetesObject? {
        objects[Key(resource: resource, namespace: resource.isNamespaced ? namespace ?? "" : "", name: name)]
    }

    /// In order of key, as etcd lists.
    func list(_ resource: TwinResource, _ namespace: String?, _ selector: Selector) -> [KubernetesObject] {
        objects.filter { key, object in
            key.resource == resource && (namespace == nil || key.namespace == namespace) && selector.fits(object)
        }.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }.map(\.value)
    }

    // MARK: - Writing

    mutating func create(_ resource: TwinResource, _ namespace: String?, _ body: JSONValue, at time: String) throws(TwinStatus)
        -> KubernetesObject
    {
        var object = KubernetesObject(body)
        let name = object.name
        guard !name.isEmpty else { throw .badRequest("the name of the object is missing") }
        let key = Key(resource: resource, namespace: resource.isNamespaced ? namespace ?? "default" : "", name: name)
        guard objects[key] == nil else { throw .alreadyExists(resource, name) }
        uids += 1
        object["metadata"]["namespace"] = resource.isNamespaced ? .string(key.namespace) : .null
        object["metadata"]["uid"] = .string(Self.uid(uids))
        object["metadata"]["creationTimestamp"] = .string(time)
        if resource.hasGeneration { object["metadata"]["generation"] = 1 }
        object["apiVersion"] = .string(resource.apiVersion)
        object["kind"] = .string(resource.kind)
        if !resource.isNamespaced { object["metadata"] = object.metadata.without("namespace") }
        return put(key, object, "ADDED", before: nil)
    }

    /// Replaces an object's content; metadata the server owns stays. `expected` is the version it must still have.
    mutating func replace(
        _ resource: TwinResource, _ namespace: String?, _ name: String, expected: String?,
        _ change: (KubernetesObject) throws(TwinStatus) -> JSONValue
    ) throws(TwinStatus) -> KubernetesObject {
        let key = Key(resource: resource, namespace: resource.isNamespaced ? namespace ?? "" : "", name: name)
        guard let before = objects[key] else { throw .notFound(resource, name) }
        if let expected, !expected.isEmpty, expected != before.resourceVersion { throw .conflict(resource, name) }
        var after = KubernetesObject(try change(before))
        for owned in ["uid", "creationTimestamp", "generation", "resourceVersion", "name", "namespace", "deletionTimestamp"] {
            after["metadata"][owned] = before.metadata[owned]
        }
        after["metadata"] = after.metadata.withoutNulls
        after["apiVersion"] = before["apiVersion"]
        after["kind"] = before["kind"]
        // Nothing changed: nothing is written, and the version stays.
        if after == before { return before }
        if resource.hasGeneration, after["spec"] != before["spec"] {
            after["metadata"]["generation"] = JSONValue((before.metadata["generation"].int ?? 1) + 1)
        }
        return put(key, after, "MODIFIED", before: before)
    }

    mutating func delete(_ resource: TwinResource, _ namespace: String?, _ name: String) throws(TwinStatus) -> KubernetesObject {
        let key = Key(resource: resource, namespace: resource.isNamespaced ? namespace ?? "" : "", name: name)
        guard let object = objects.removeValue(forKey: key) else { throw .notFound(resource, name) }
        deletedUIDs.insert(object.uid)
        return put(key, object, "DELETED", before: object)
    }

    /// Puts an object there as it is, for a test's beginning.
    mutating func seed(_ resource: TwinResource, _ object: JSONValue) {
        var object = KubernetesObject(object)
        object["apiVersion"] = .string(resource.apiVersion)
        object["kind"] = .string(resource.kind)
        if object.uid.isEmpty {
            uids += 1
            object["metadata"]["uid"] = .string(Self.uid(uids))
        }
        let key = Key(resource: resource, namespace: object.namespace, name: object.name)
        _ = put(key, object, objects[key] == nil ? "ADDED" : "MODIFIED", before: objects[key])
    }

    /// Forgets the past: watches that would begin in it are too old.
    mutating func compact() {
        changes = []
        oldest = version
    }

    mutating func skipVersions(_ count: Int) { version += count }

    private mutating func put(_ key: Key, _ object: KubernetesObject, _ type: String, before: KubernetesObject?) -> KubernetesObject {
        version += 1
        var object = object
        object["metadata"]["resourceVersion"] = .string("\(version)")
        if type != "DELETED" { objects[key] = object }
        changes.append(Change(version: version, type: type, resource: key.resource, object: object, before: before))
        if changes.count > Self.changesKept {
            oldest = changes[changes.count - Self.changesKept - 1].version
            changes.removeFirst(changes.count - Self.changesKept)
        }
        return object
    }

    private static func uid(_ number: Int) -> String {
        let text = String(number)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - text.count)) + text
    }
}

extension JSONValue {
    func without(_ name: String) -> JSONValue {
        var members = members
        members[name] = nil
        return .object(members)
    }

    var withoutNulls: JSONValue { .object(members.filter { !$0.value.isNull }) }
}

/// Label and field selectors, in full for labels; names and namespaces for fields.
struct Selector: Sendable {
    private enum Requirement: Sendable {
        case isIn(String, Set<String>)
        case notIn(String, Set<String>)
        case exists(String)
        case missing(String)
    }

    private var labels: [Requirement] = []
    private var fields: [(name: String, value: String, isEqual: Bool)] = []

    init(labels: String?, fields: String?) throws(TwinStatus) {
        for part in Self.split(labels ?? "") { self.labels.append(try Self.requirement(part)) }
        for part in (fields ?? "").split(separator: ",") {
            let isEqual = !part.contains("!=")
            let sides = part.split(separator: "=", omittingEmptySubsequences: true).map { String($0).filter { $0 != "!" } }
            guard sides.count == 2 else { throw .badRequest("unable to parse field selector \(part)") }
            self.fields.append((sides[0], sides[1], isEqual))
        }
    }

    func fits(_ object: KubernetesObject) -> Bool {
        let labels = object.labels
        return self.labels.allSatisfy { requirement in
            switch requirement {
            case .isIn(let key, let values): labels[key].map { values.contains($0) } ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .exists(let key): labels[key] != nil
            case .missing(let key): labels[key] == nil
            }
        }
            && fields.allSatisfy { field in
                var value = object.json
                for part in field.name.split(separator: ".") { value = value[String(part)] }
                return ((value.string ?? "") == field.value) == field.isEqual
            }
    }

    /// At commas outside parentheses.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.map { $0.trimmed }.filter { !$0.isEmpty }
    }

    private static func requirement(_ text: String) throws(TwinStatus) -> Requirement {
        for (word, isIn) in [(" notin ", false), (" in ", true)] {
            guard let at = text.firstRange(of: word) else { continue }
            let values = Set(text[at.upperBound...].filter { $0 != "(" && $0 != ")" }.split(separator: ",").map { String($0).trimmed })
            let key = String(text[..<at.lowerBound]).trimmed
            return isIn ? .isIn(key, values) : .notIn(key, values)
        }
        if let at = text.firstRange(of: "!=") {
            return .notIn(String(text[..<at.lowerBound]).trimmed, [String(text[at.upperBound...]).trimmed])
        }
        if let at = text.firstRange(of: "==") {
            return .isIn(String(text[..<at.lowerBound]).trimmed, [String(text[at.upperBound...]).trimmed])
        }
        if let at = text.firstRange(of: "=") {
            return .isIn(String(text[..<at.lowerBound]).trimmed, [String(text[at.upperBound...]).trimmed])
        }
        if text.hasPrefix("!") { return .missing(String(text.dropFirst())) }
        guard !text.contains(" ") else { throw .badRequest("unable to parse requirement: \(text)") }
        return .exists(text)
    }
}

extension String {
    var trimmed: String { String(drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed()) }
}
