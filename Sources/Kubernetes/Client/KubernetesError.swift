import Domain

// Why did the API server not do it?
//
// Every failure of a call is one of these: what was asked, what came of it, and (in `description`) what to do. The server's
// own Status is kept apart by field, because callers decide by its reason and never by its text.

package struct KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// For instance `PUT /apis/apps/v1/namespaces/ns/deployments/web/scale`: never with headers, so never with a token.
    package var operation: String
    package var problem: Problem

    package init(_ operation: String, _ problem: Problem) {
        self.operation = operation
        self.problem = problem
    }

    package enum Problem: Hashable, Sendable {
        /// The server answered with a failure.
        case status(Status)
        /// No answer: refused, cut, TLS, timeout.
        case unreachable(String)
        /// An answer that is not what the API promises.
        case malformed(String)
        /// More than the named limit.
        case tooLarge(what: String, limitBytes: Int)
        /// The client's own configuration can't be used: a file that isn't there, an empty token.
        case configuration(String)
    }

    /// `meta/v1 Status`, with the header that goes with it.
    package struct Status: Hashable, Sendable {
        package var code: Int
        /// Kubernetes' word for it (`NotFound`, `Conflict`, …); empty where the answer wasn't a Status.
        package var reason: String
        package var message: String
        package var retryAfterSeconds: Int?
        /// Field and message of each cause, for invalid objects.
        package var causes: [String] = []

        package init(code: Int, reason: String, message: String, retryAfterSeconds: Int? = nil, causes: [String] = []) {
            self.code = code
            self.reason = reason
            self.message = message
            self.retryAfterSeconds = retryAfterSeconds
            self.causes = causes
        }
    }

    package var status: Status? { if case .status(let status) = problem { status } else { nil } }
    package var isConflict: Bool { status.map { $0.code == 409 && $0.reason != "AlreadyExists" } ?? false }
    package var alreadyExists: Bool { status?.reason == "AlreadyExists" }
    package var isNotFound: Bool { status?.code == 404 }
    /// What discovery says in place of a 404 of one object.
    static let unknownKind = "UnknownKind"
    static let noScale = "NoScale"
    /// The server serves no such kind.
    var isUnknownKind: Bool { status?.reason == Self.unknownKind }
    package var isForbidden: Bool { status?.code == 403 }
    /// The resource version asked for is no longer kept: list anew.
    package var isExpired: Bool { status.map { $0.code == 410 } ?? false }
    /// Whether the same call may succeed later without anybody changing anything.
    package var isTransient: Bool {
        switch problem {
        case .status(let status): status.code == 429 || status.code >= 500
        case .unreachable: true
        case .malformed, .tooLarge, .configuration: false
        }
    }

    package var description: String {
        switch problem {
        case .status(let status): "\(operation): \(status.code) \(status.reason): \(status.message)\(status.advice)"
        case .unreachable(let why): "\(operation): no answer: \(why)"
        case .malformed(let why): "\(operation): the answer is not understood: \(why)"
        case .tooLarge(let what, let limit): "\(operation): \(what) has more than \(limit) bytes"
        case .configuration(let why): "\(operation): \(why)"
        }
    }
}

extension KubernetesError.Status {
    /// Reads a failure's body: a Status, or (from proxies and flow control) plain text.
    init(code: Int, body: [UInt8], retryAfter: String?) {
        self.init(code: code, reason: "", message: "", retryAfterSeconds: retryAfter.flatMap { Int($0) }.map { max(0, $0) })
        guard let json = try? JSONValue(parsing: body), json["kind"].string == "Status" else {
            message = Self.excerpt(body)
            return
        }
        self = Self(json, code: code, retryAfterSeconds: retryAfterSeconds)
    }

    /// - Parameter code: where the Status itself names none.
    init(_ json: JSONValue, code: Int = 500, retryAfterSeconds: Int? = nil) {
        self.init(
            code: json["code"].int ?? code, reason: Self.clipped(json["reason"].string), message: Self.clipped(json["message"].string),
            retryAfterSeconds: retryAfterSeconds ?? json["details"]["retryAfterSeconds"].int,
            causes: json["details"]["causes"].array.prefix(16).map {
                Self.clipped("\($0["field"].string ?? ""): \($0["message"].string ?? "")")
            })
    }

    /// Texts end up in logs and events: an absurd one doesn't.
    static let textLimitCharacters = 1_000
    private static func clipped(_ text: String?) -> String { String((text ?? "").prefix(textLimitCharacters)) }

    private static func excerpt(_ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "no text"
    }

    var advice: String {
        switch code {
        case 401: "; the token is not accepted: check the service account or the kubeconfig's user"
        case 403: "; grant the verb on the resource to the service account (deploy/ has the least RBAC needed)"
        case 404: "; check namespace, name and apiVersion, and that the custom resource is installed"
        case 422: "; the object's own rules forbid the value: change the policy's bounds or the object"
        case 429: "; the server is busy; tried again later"
        default: ""
        }
    }
}
