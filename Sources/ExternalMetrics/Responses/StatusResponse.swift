import Domain
import HTTPTransport
import HTTPTypes

// How does an error look to a Kubernetes client?
//
// Every refusal is a `Status` of apimachinery: a reason that clients switch on, and a message that people read. HPA shows the
// message in its conditions and events, so it says what to do.

struct StatusResponse: Error, Hashable, Sendable {
    /// The reasons of apimachinery that occur here, each with its code.
    enum Reason: String, Hashable, Sendable {
        case badRequest = "BadRequest"
        case unauthorized = "Unauthorized"
        case forbidden = "Forbidden"
        case notFound = "NotFound"
        case methodNotAllowed = "MethodNotAllowed"
        case notAcceptable = "NotAcceptable"
        case timeout = "Timeout"
        case requestEntityTooLarge = "RequestEntityTooLarge"
        case headerFieldsTooLarge = "RequestHeaderFieldsTooLarge"
        case tooManyRequests = "TooManyRequests"
        case serviceUnavailable = "ServiceUnavailable"

        var status: HTTPResponse.Status {
            switch self {
            case .badRequest: .badRequest
            case .unauthorized: .unauthorized
            case .forbidden: .forbidden
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .notAcceptable: .notAcceptable
            case .timeout: .requestTimeout
            case .requestEntityTooLarge: .contentTooLarge
            case .headerFieldsTooLarge: .requestHeaderFieldsTooLarge
            case .tooManyRequests: .tooManyRequests
            case .serviceUnavailable: .serviceUnavailable
            }
        }
    }

    var reason: Reason
    var message: String
    /// The metric it is about.
    var name: String?
    var retryAfterSeconds: Int?

    init(_ reason: Reason, _ message: String, name: String? = nil, retryAfterSeconds: Int? = nil) {
        self.reason = reason
        self.message = message
        self.name = name
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// What the transport refuses. Kubernetes knows no reason for a coding or an expectation that isn't met.
    init(_ refusal: Refusal) {
        let reason: Reason =
            switch refusal.kind {
            case .malformed, .notImplemented, .expectation: .badRequest
            case .timeout: .timeout
            case .tooLarge: .requestEntityTooLarge
            case .headerTooLarge: .headerFieldsTooLarge
            case .overloaded: .tooManyRequests
            case .unavailable: .serviceUnavailable
            }
        self.init(reason, refusal.detail, retryAfterSeconds: refusal.retryAfterSeconds)
    }

    var response: Response {
        var response = Response.kubernetes(reason.status, json)
        if let retryAfterSeconds { response.fields[.retryAfter] = String(retryAfterSeconds) }
        if reason == .unauthorized { response.fields[.wwwAuthenticate] = "Bearer realm=\"greenroom\"" }
        if reason == .methodNotAllowed { response.fields[.allow] = "GET, HEAD" }
        return response
    }

    private var json: [UInt8] {
        var json = JSONWriter(reservingBytes: 512)
        json.openObject()
        json.member("kind", "Status")
        json.member("apiVersion", "v1")
        json.key("metadata")
        json.openObject()
        json.closeObject()
        json.member("status", "Failure")
        json.member("message", message)
        json.member("reason", reason.rawValue)
        if name != nil || retryAfterSeconds != nil {
            json.key("details")
            json.openObject()
            if let name {
                json.member("name", name)
                json.member("group", ExternalMetricsAPI.group)
            }
            if let retryAfterSeconds { json.member("retryAfterSeconds", retryAfterSeconds) }
            json.closeObject()
        }
        json.member("code", reason.status.code)
        json.closeObject()
        return json.bytes
    }
}
