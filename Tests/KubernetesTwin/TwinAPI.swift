import Domain
import Kubernetes

// What does the API server answer?
//
// Requests to answers over the store, as a value: no sockets. Authentication, authorization, discovery, the verbs, `/scale`,
// paging, reviews; a watch is answered with where it begins. Every wording was recorded or follows apimachinery's.

struct TwinAPI: Sendable {
    enum Response: Sendable {
        case json(Int, JSONValue, headers: [(String, String)] = [])
        case watch(WatchStart)
    }

    struct WatchStart: Sendable {
        var resource: TwinResource
        var namespace: String?
        var selector: Selector
        /// Sent first.
        var lines: [JSONValue]
        /// Ends after the lines.
        var isOver: Bool
        var timeoutSeconds: Int
        var wantsBookmarks: Bool
    }

    var store: ObjectStore
    var resources: [TwinResource]
    var users: [String: TwinUser]
    /// Requests without a token that come with a client's certificate.
    var certificateUser: TwinUser?
    var time: @Sendable () -> LogTime

    mutating func response(_ request: TwinRequest) -> Response {
        do throws(TwinStatus) { return try route(request) } catch { return .json(error.code, error.body, headers: error.headers) }
    }

    private mutating func route(_ request: TwinRequest) throws(TwinStatus) -> Response {
        let user = try authenticate(request)
        if let response = discovery(request) { return response }
        if let response = try review(request, user) { return response }
        guard let place = TwinPlace(path: request.path, resources: resources) else { throw .noSuchPath }
        let verb = Self.verb(request, place)
        let named = place.subresource.map { "\(place.resource.plural)/\($0)" } ?? place.resource.plural
        guard user.mayDo(verb, named, place.resource.group) else {
            throw .forbidden(
                place.resource, user: user.name, verb: verb, subresource: place.subresource, namespace: place.namespace, name: place.name)
        }
        switch verb {
        case "watch": return try watch(request, place)
        case "list": return try list(request, place)
        case "get": return .json(200, try get(place))
        case "create": return .json(201, try create(request, place))
        case "update", "patch": return .json(200, try change(request, place, isPatch: verb == "patch"))
        case "delete": return .json(200, try delete(request, place))
        default: throw .methodNotAllowed
        }
    }

    func authenticate(_ request: TwinRequest) throws(TwinStatus) -> TwinUser {
        guard request.headers["authorization"] != nil else { return certificateUser ?? .anonymous }
        guard let token = request.token, let user = users[token] else { throw .unauthorized }
        return user
    }

    static func verb(_ request: TwinRequest, _ place: TwinPlace) -> String {
        switch request.method {
        case "GET": request.isWatch ? "watch" : place.name == nil ? "list" : "get"
        case "POST": place.name == nil ? "create" : "none"
        case "PUT": place.name == nil ? "none" : "update"
        case "PATCH": place.name == nil ? "none" : "patch"
        case "DELETE": place.name == nil ? "none" : "delete"
        default: "none"
        }
    }

    private func parse(_ request: TwinRequest) throws(TwinStatus) -> JSONValue {
        do throws(JSONFault) { return try JSONValue(parsing: request.body) } catch {
            throw .badRequest("the object provided is not JSON: \(error.problem)")
        }
    }

    private var now: String { String(time().rfc3339.prefix(19)) + "Z" }

    // MARK: - Reading

    private func get(_ place: TwinPlace) throws(TwinStatus) -> JSONValue {
        let name = place.name ?? ""
        guard let object = store.object(place.resource, place.namespace, name) else { throw .notFound(place.resource, name) }
        return place.subresource == "scale" ? TwinScale.scale(of: object, place.resource) : object.json
    }

    private func list(_ request: TwinRequest, _ place: TwinPlace) throws(TwinStatus) -> Response {
        let selector = try Selector(labels: request.query["labelSelector"], fields: request.query["fieldSelector"])
        var items = store.list(place.resource, place.namespace, selector)
        var version = store.version
        var skip = 0
        if let token = request.query["continue"], !token.isEmpty {
            let parts = token.split(separator: "-").compactMap { Int($0) }
            guard parts.count == 2 else { throw .badRequest("continue key is not valid: \(token)") }
            guard parts[0] >= store.oldest else { throw .expiredContinue }
            (version, skip) = (parts[0], parts[1])
        }
        let limit = request.query["limit"].flatMap { Int($0) } ?? 0
        let rest = items.count - skip
        items = Array(items.dropFirst(skip).prefix(limit > 0 ? limit : .max))
        var metadata: JSONValue = ["resourceVersion": .string("\(version)")]
        if items.count < rest {
            metadata["continue"] = .string("\(version)-\(skip + items.count)")
            metadata["remainingItemCount"] = JSONValue(rest - items.count)
        } else if place.resource.isCustom {
            metadata["continue"] = ""
        }
        let listed = items.map { place.resource.isCustom ? $0.json : $0.json.without("kind").without("apiVersion") }
        return .json(
            200,
            [
                "kind": .string("\(place.resource.kind)List"), "apiVersion": .string(place.resource.apiVersion), "metadata": metadata,
                "items": .array(listed),
            ])
    }

    private func watch(_ request: TwinRequest, _ place: TwinPlace) throws(TwinStatus) -> Response {
        var start = WatchStart(
            resource: place.resource, namespace: place.namespace,
            selector: try Selector(labels: request.query["labelSelector"], fields: request.query["fieldSelector"]), lines: [],
            isOver: false,
            timeoutSeconds: max(1, request.query["timeoutSeconds"].flatMap { Int($0) } ?? 1_800),
            wantsBookmarks: ["1", "true"].contains(request.query["allowWatchBookmarks"] ?? ""))
        if request.query["sendInitialEvents"] == "true" {
            let message = "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled"
            start.lines = [TwinStatus(500, reason: "InternalError", message: message).asWatchError]
            start.isOver = true
            return .watch(start)
        }
        let asked = request.query["resourceVersion"] ?? ""
        guard let from = Int(asked.isEmpty ? "0" : asked) else { throw .badRequest("resourceVersion: Invalid value: \"\(asked)\"") }
        if from == 0 {
            start.lines = store.list(place.resource, place.namespace, start.selector).map { ["type": "ADDED", "object": $0.json] }
        } else if from < store.oldest {
            start.lines = [TwinStatus.expired(from, oldest: store.oldest).asWatchError]
            start.isOver = true
        } else {
            start.lines = store.changes.filter { $0.version > from }.compactMap { start.line(for: $0) }
        }
        return .watch(start)
    }

    // MARK: - Writing

    private mutating func create(_ request: TwinRequest, _ place: TwinPlace) throws(TwinStatus) -> JSONValue {
        let body = TwinDefaults.apply(place.resource, try parse(request))
        return try store.create(place.resource, place.namespace, body, at: now).json
    }

    private mutating func change(_ request: TwinRequest, _ place: TwinPlace, isPatch: Bool) throws(TwinStatus) -> JSONValue {
        let name = place.name ?? ""
        if isPatch {
            let type = request.headers["content-type"] ?? ""
            guard type.hasPrefix("application/merge-patch+json") else { throw .unsupportedMediaType(type) }
        }
        let body = try parse(request)
        let resource = place.resource
        if place.subresource == "scale" { return try changeScale(body, place, isPatch: isPatch) }
        if resource.isCustom, !isPatch, body["metadata"]["resourceVersion"].isNull { throw .versionMissing(resource, name) }
        let expected = body["metadata"]["resourceVersion"].string
        let isStatus = place.subresource == "status"
        return try store.replace(resource, place.namespace, name, expected: expected) { before throws(TwinStatus) in
            if isPatch, let uid = body["metadata"]["uid"].string, uid != before.uid {
                throw .uidConflict(resource, name, expected: uid, actual: before.uid)
            }
            var after = isPatch ? before.json.merging(body) : body
            if isStatus {
                var kept = before.json
                kept["status"] = after["status"]
                after = kept
            } else if resource.hasStatusSubresource {
                after["status"] = before["status"]
                after = before["status"].isNull ? after.without("status") : after
            }
            if let replicas = after["spec"]["replicas"].int, replicas < 0 { throw .negativeReplicas(resource, name, replicas) }
            return after
        }.json
    }

    private mutating func changeScale(_ body: JSONValue, _ place: TwinPlace, isPatch: Bool) throws(TwinStatus) -> JSONValue {
        let name = place.name ?? ""
        let resource = place.resource
        let changed = try store.replace(resource, place.namespace, name, expected: body["metadata"]["resourceVersion"].string) {
            before throws(TwinStatus) in
            let scale = TwinScale.scale(of: before, resource)
            let wanted = isPatch ? scale.merging(body) : body
            guard let replicas = wanted["spec"]["replicas"].int ?? (isPatch ? nil : 0) else {
                throw .badRequest("spec.replicas is not a number")
            }
            guard replicas >= 0 else { throw .negativeReplicas(resource, name, replicas) }
            var after = before
            after["spec"]["replicas"] = JSONValue(replicas)
            return after.json
        }
        return TwinScale.scale(of: changed, resource)
    }

    private mutating func delete(_ request: TwinRequest, _ place: TwinPlace) throws(TwinStatus) -> JSONValue {
        let name = place.name ?? ""
        if !request.body.isEmpty, let found = store.object(place.resource, place.namespace, name) {
            let wanted = try parse(request)["preconditions"]
            for (field, actual) in [("uid", found.uid), ("resourceVersion", found.resourceVersion)] {
                guard let expected = wanted[field].string, expected != actual else { continue }
                let label = field == "uid" ? "UID" : "ResourceVersion"
                throw TwinStatus(
                    409, reason: "Conflict",
                    message:
                        "Operation cannot be fulfilled on \(place.resource.qualified) \"\(name)\": the \(label) in the precondition (\(expected)) does not match the \(label) in record (\(actual)). The object might have been deleted and then recreated",
                    details: TwinStatus.details(place.resource, name: name))
            }
        }
        let object = try store.delete(place.resource, place.namespace, name)
        if place.resource == .pods { return object.json }
        var details = TwinStatus.details(place.resource, name: name)
        details["uid"] = .string(object.uid)
        return ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details]
    }
}

extension TwinResource {
    var hasStatusSubresource: Bool { hasScale || self == .pods || self == .nodes || self == .autoscalers }
}

extension TwinAPI.WatchStart {
    /// How this watch sees a change: an object that leaves its selection is deleted for it, one that enters is added.
    func line(for change: ObjectStore.Change) -> JSONValue? {
        guard change.resource == resource, namespace == nil || change.object.namespace == namespace else { return nil }
        let wasIn = change.type != "ADDED" && change.before.map { selector.fits($0) } ?? false
        let isIn = change.type != "DELETED" && selector.fits(change.object)
        let type: JSONValue
        switch (wasIn, isIn) {
        case (false, false): return nil
        case (false, true): type = "ADDED"
        case (true, true): type = "MODIFIED"
        case (true, false): type = "DELETED"
        }
        return ["type": type, "object": change.object.json]
    }

    func bookmark(at version: Int) -> JSONValue {
        let object: JSONValue = [
            "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
            "metadata": ["resourceVersion": .string("\(version)")],
        ]
        return ["type": "BOOKMARK", "object": object]
    }
}

/// `autoscaling/v1 Scale` of an object.
enum TwinScale {
    static func scale(of object: KubernetesObject, _ resource: TwinResource) -> JSONValue {
        var status: JSONValue = ["replicas": JSONValue(object["status"]["replicas"].int ?? 0)]
        if let selector = selector(of: object, resource) { status["selector"] = .string(selector) }
        var metadata: JSONValue = [:]
        for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] { metadata[name] = object.metadata[name] }
        var spec: JSONValue = [:]
        if let replicas = object["spec"]["replicas"].int { spec["replicas"] = JSONValue(replicas) }
        return ["kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata.withoutNulls, "spec": spec, "status": status]
    }

    static func selector(of object: KubernetesObject, _ resource: TwinResource) -> String? {
        if resource.isCustom { return resource.hasSelectorPath ? object["status"]["selector"].string : nil }
        return object["spec"]["selector"]["matchLabels"].strings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(
            separator: ",")
    }
}
