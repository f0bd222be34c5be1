import Domain
import Kubernetes

// How does the API server say no?
//
// The `meta/v1 Status` of each failure, worded as the recorded server words it.

struct TwinStatus: Error, Sendable {
    var code: Int
    var body: JSONValue
    var headers: [(String, String)] = []

    init(_ code: Int, reason: String, message: String, details: JSONValue = .null, headers: [(String, String)] = []) {
        self.code = code
        self.headers = headers
        body = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason),
            "code": JSONValue(code),
        ]
        if !details.isNull { body["details"] = details }
    }

    static func details(_ resource: TwinResource, name: String? = nil, kind: String? = nil) -> JSONValue {
        var details: JSONValue = ["kind": .string(kind ?? resource.plural)]
        if !resource.group.isEmpty { details["group"] = .string(resource.group) }
        if let name { details["name"] = .string(name) }
        return details
    }

    static func notFound(_ resource: TwinResource, _ name: String) -> TwinStatus {
        TwinStatus(404, reason: "NotFound", message: "\(resource.qualified) \"\(name)\" not found", details: details(resource, name: name))
    }

    static let noSuchPath = TwinStatus(404, reason: "NotFound", message: "the server could not find the requested resource", details: [:])

    static func conflict(_ resource: TwinResource, _ name: String) -> TwinStatus {
        TwinStatus(
            409, reason: "Conflict",
            message:
                "Operation cannot be fulfilled on \(resource.qualified) \"\(name)\": the object has been modified; please apply your changes to the latest version and try again",
            details: details(resource, name: name))
    }

    static func uidConflict(_ resource: TwinResource, _ name: String, expected: String, actual: String) -> TwinStatus {
        TwinStatus(
            409, reason: "Conflict",
            message:
                "Operation cannot be fulfilled on \(resource.qualified) \"\(name)\": Precondition failed: UID in precondition: \(expected), UID in object meta: \(actual)",
            details: details(resource, name: name))
    }

    static func alreadyExists(_ resource: TwinResource, _ name: String) -> TwinStatus {
        TwinStatus(
            409, reason: "AlreadyExists", message: "\(resource.qualified) \"\(name)\" already exists",
            details: details(resource, name: name))
    }

    static let unauthorized = TwinStatus(401, reason: "Unauthorized", message: "Unauthorized")

    static func forbidden(_ resource: TwinResource, user: String, verb: String, subresource: String?, namespace: String?, name: String?)
        -> TwinStatus
    {
        let what = name.map { "\(resource.qualified) \"\($0)\"" } ?? resource.qualified
        let of = "\(resource.plural)\(subresource.map { "/\($0)" } ?? "")"
        let scope = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        return TwinStatus(
            403, reason: "Forbidden",
            message: "\(what) is forbidden: User \"\(user)\" cannot \(verb) resource \"\(of)\" in API group \"\(resource.group)\" \(scope)",
            details: details(resource, name: name))
    }

    static func negativeReplicas(_ resource: TwinResource, _ name: String, _ value: Int) -> TwinStatus {
        let schema = "Invalid value: \(value): spec.replicas in body should be greater than or equal to 0"
        let scale = "Invalid value: \(value): should be a non-negative integer"
        var details = details(resource, name: name, kind: resource.kind)
        details["causes"] = [
            ["reason": "FieldValueInvalid", "message": .string(schema), "field": "spec.replicas"],
            ["reason": "FieldValueInvalid", "message": .string(scale), "field": ".spec.replicas"],
        ]
        return TwinStatus(
            422, reason: "Invalid",
            message: "\(resource.qualifiedKind) \"\(name)\" is invalid: [spec.replicas: \(schema), .spec.replicas: \(scale)]",
            details: details)
    }

    static func versionMissing(_ resource: TwinResource, _ name: String) -> TwinStatus {
        let message = "Invalid value: 0: must be specified for an update"
        var details = details(resource, name: name)
        details["causes"] = [["reason": "FieldValueInvalid", "message": .string(message), "field": "metadata.resourceVersion"]]
        return TwinStatus(
            422, reason: "Invalid", message: "\(resource.qualified) \"\(name)\" is invalid: metadata.resourceVersion: \(message)",
            details: details)
    }

    static func expired(_ version: Int, oldest: Int) -> TwinStatus {
        TwinStatus(410, reason: "Expired", message: "too old resource version: \(version) (\(oldest))")
    }

    static let expiredContinue = TwinStatus(
        410, reason: "Expired",
        message:
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."
    )

    static func badRequest(_ message: String) -> TwinStatus { TwinStatus(400, reason: "BadRequest", message: message) }

    static func unsupportedMediaType(_ type: String) -> TwinStatus {
        TwinStatus(
            415, reason: "UnsupportedMediaType",
            message:
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    }

    static let methodNotAllowed = TwinStatus(
        405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource", details: [:])

    /// What a watch sends in the place of an answer.
    var asWatchError: JSONValue { ["type": "ERROR", "object": body] }
}
