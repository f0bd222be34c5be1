import Basics
import Domain
import HTTPTypes

// What does a request ask for?
//
// Its path decides. Names in it are percent-decoded after it is cut, so a metric's name may hold a slash. A path that isn't this
// API's and a metric that doesn't exist get different answers.

enum APIRequest: Hashable, Sendable {
    case groups
    case group
    case resources
    case openAPI2
    case openAPI3Index
    case openAPI3
    case values(namespace: String, metric: String, query: String)

    static let nameBytesMost = 512

    init(_ head: HTTPRequest) throws(StatusResponse) {
        guard head.method == .get || head.method == .head else {
            throw StatusResponse(
                .methodNotAllowed, "the server does not allow this method on the requested resource: metrics are only read, by GET")
        }
        let parts = (head.path ?? "/").split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self = try Self.target(parts.first ?? "", query: parts.count > 1 ? parts[1] : "")
    }

    private static func target(_ path: Substring, query: Substring) throws(StatusResponse) -> APIRequest {
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        switch segments {
        case ["apis"]: return .groups
        case ["apis", "external.metrics.k8s.io"]: return .group
        case ["apis", "external.metrics.k8s.io", "v1beta1"]: return .resources
        case ["openapi", "v2"]: return .openAPI2
        case ["openapi", "v3"]: return .openAPI3Index
        case ["openapi", "v3", "apis", "external.metrics.k8s.io", "v1beta1"]: return .openAPI3
        default: break
        }
        guard segments.count == 6, segments[..<4] == ["apis", "external.metrics.k8s.io", "v1beta1", "namespaces"] else {
            throw StatusResponse(
                .notFound,
                "the server could not find the requested resource: values are at \(ExternalMetricsAPI.versionPath)/namespaces/NAMESPACE/METRIC"
            )
        }
        return .values(namespace: try name(segments[4], "namespace"), metric: try name(segments[5], "metric"), query: String(query))
    }

    private static func name(_ segment: Substring, _ what: String) throws(StatusResponse) -> String {
        guard let name = PercentCoding.decode(segment), name.utf8.count <= nameBytesMost, !name.utf8.contains(0) else {
            throw StatusResponse(.badRequest, "the \(what) in the path must be UTF-8 of at most \(nameBytesMost) bytes")
        }
        return name
    }

    var action: AccessControl.Action {
        guard case .values(let namespace, let metric, _) = self else { return .discover }
        return .read(metric: metric, namespace: namespace)
    }
}

/// The query of a request for values. What a list of Kubernetes takes beyond a selector and does not change the values is passed over.
struct ValuesQuery {
    var selector = LabelSelector.everything

    init(_ query: String) throws(StatusResponse) {
        var hasSelector = false
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decodeQuery(parts[0]), let value = PercentCoding.decodeQuery(parts.count > 1 ? parts[1] : "")
            else {
                throw StatusResponse(.badRequest, "a query parameter is not UTF-8")
            }
            switch name {
            case "labelSelector":
                guard !hasSelector else {
                    throw StatusResponse(.badRequest, "labelSelector is given twice: join the requirements with a comma")
                }
                hasSelector = true
                selector = try Self.selector(value)
            case "watch" where !["", "0", "false"].contains(value):
                throw StatusResponse(
                    .methodNotAllowed,
                    "the server does not allow this method on the requested resource: metrics can't be watched, only read")
            case "fieldSelector" where !value.isEmpty:
                throw StatusResponse(.badRequest, "metrics have no fields to select by: use labelSelector")
            default: break
            }
        }
    }

    private static func selector(_ text: String) throws(StatusResponse) -> LabelSelector {
        do throws(LabelSelector.SyntaxError) {
            return try LabelSelector(parsing: text)
        } catch {
            throw StatusResponse(.badRequest, "unable to parse the label selector \"\(text.prefix(256))\": \(error)")
        }
    }
}
