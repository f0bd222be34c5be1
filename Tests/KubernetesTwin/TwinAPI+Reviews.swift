import Domain
import Kubernetes

// Who is this token, may this user do that, and what is served here?

extension TwinAPI {
    /// TokenReview and SubjectAccessReview: answered, never stored. nil for other paths.
    mutating func review(_ request: TwinRequest, _ user: TwinUser) throws(TwinStatus) -> Response? {
        let paths = [
            "/apis/authentication.k8s.io/v1/tokenreviews": "tokenreviews",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews": "subjectaccessreviews",
        ]
        guard request.method == "POST", let plural = paths[request.path] else { return nil }
        let group = plural == "tokenreviews" ? "authentication.k8s.io" : "authorization.k8s.io"
        let resource = TwinResource(
            group, "v1", plural, plural == "tokenreviews" ? "TokenReview" : "SubjectAccessReview", isNamespaced: false)
        guard user.mayDo("create", plural, group) else {
            throw .forbidden(resource, user: user.name, verb: "create", subresource: nil, namespace: nil, name: nil)
        }
        guard var body = try? JSONValue(parsing: request.body) else { throw .badRequest("the object provided is not JSON") }
        body["metadata"] = [:]
        body["status"] = plural == "tokenreviews" ? tokenStatus(body["spec"]["token"].string ?? "") : accessStatus(body["spec"])
        return .json(201, body)
    }

    private func tokenStatus(_ token: String) -> JSONValue {
        guard let user = users[token] else { return ["user": [:], "error": "invalid bearer token"] }
        let groups = (user.groups + ["system:authenticated"]).map { JSONValue.string($0) }
        return [
            "authenticated": true, "user": ["username": .string(user.name), "uid": .string(user.name), "groups": .array(groups)],
            "audiences": ["https://kubernetes.default.svc"],
        ]
    }

    private func accessStatus(_ spec: JSONValue) -> JSONValue {
        let wanted = spec["resourceAttributes"]
        let user = users.values.first { $0.name == spec["user"].string }
        let resource = [wanted["resource"].string, wanted["subresource"].string].compactMap { $0 }.joined(separator: "/")
        return ["allowed": .bool(user?.mayDo(wanted["verb"].string ?? "", resource, wanted["group"].string ?? "") ?? false)]
    }

    /// Health, version and the lists of resources. nil for other paths.
    func discovery(_ request: TwinRequest) -> Response? {
        guard request.method == "GET" else { return nil }
        switch request.path {
        case "/healthz", "/livez", "/readyz": return .json(200, "ok")
        case "/version": return .json(200, ["major": "1", "minor": "36", "gitVersion": "v1.36.0"])
        case "/apis": return .json(200, groups())
        default: return resourceList(request.path)
        }
    }

    private func groups() -> JSONValue {
        let versions = Set(resources.filter { !$0.group.isEmpty }.map { [$0.group, $0.version] }).sorted { $0[0] < $1[0] }
        let groups: [JSONValue] = versions.map { pair in
            let version: JSONValue = ["groupVersion": .string("\(pair[0])/\(pair[1])"), "version": .string(pair[1])]
            return ["name": .string(pair[0]), "versions": [version], "preferredVersion": version]
        }
        return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups)]
    }

    private func resourceList(_ path: String) -> Response? {
        let here = resources.filter { path == ($0.group.isEmpty ? "/api/\($0.version)" : "/apis/\($0.group)/\($0.version)") }
        guard let first = here.first else { return nil }
        var list: [JSONValue] = []
        for resource in here {
            list.append([
                "name": .string(resource.plural), "singularName": .string(resource.kind.lowercased()),
                "namespaced": .bool(resource.isNamespaced),
                "kind": .string(resource.kind), "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            ])
            guard resource.hasScale else { continue }
            list.append([
                "name": .string("\(resource.plural)/scale"), "singularName": "", "namespaced": .bool(resource.isNamespaced),
                "group": "autoscaling",
                "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            ])
        }
        return .json(
            200, ["kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(first.apiVersion), "resources": .array(list)])
    }
}
