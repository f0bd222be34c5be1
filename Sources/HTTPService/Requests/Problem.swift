import Views
import Domain
import EventLog
import HTTPTransport
import HTTPTypes

// What is a client told when the answer is no?
//
// A `Problem` is RFC 9457's `application/problem+json`: a stable type, the status, and a sentence that says what was wrong,
// where, and what to do. It is an error that renders its own answer, so whoever finds the mistake throws it and is done.

struct Problem: Error, Hashable, Sendable {
    var kind: Kind
    var detail: String
    /// Which event of the request, from 0.
    var index: Int?
    /// The attribute, header, parameter or member at fault.
    var field: String?
    var retryAfterSeconds: Int?
    /// For 405: the methods that would do.
    var allowed: [String] = []
    /// Further members that are JSON already.
    var members: [Member] = []

    struct Member: Hashable, Sendable {
        var name: String
        var json: [UInt8]
    }

    init(_ kind: Kind, _ detail: String, index: Int? = nil, field: String? = nil, retryAfterSeconds: Int? = nil) {
        self.kind = kind
        self.detail = detail
        self.index = index
        self.field = field
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Stable names: scripts match on `type`.
    enum Kind: String, Hashable, Sendable, CaseIterable {
        case invalidEvent = "invalid-event"
        case invalidRequest = "invalid-request"
        case invalidPolicy = "invalid-policy"
        case unauthenticated
        case forbidden
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case requestTimeout = "request-timeout"
        case conflict
        case tooLarge = "too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case expectationFailed = "expectation-failed"
        case overloaded
        case headerTooLarge = "header-too-large"
        case internalError = "internal-error"
        case notImplemented = "not-implemented"
        case unavailable

        var status: HTTPResponse.Status {
            switch self {
            case .invalidEvent, .invalidRequest, .invalidPolicy: .badRequest
            case .unauthenticated: .unauthorized
            case .forbidden: .forbidden
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .requestTimeout: .requestTimeout
            case .conflict: .conflict
            case .tooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .expectationFailed: .expectationFailed
            case .overloaded: .tooManyRequests
            case .headerTooLarge: .requestHeaderFieldsTooLarge
            case .internalError: .internalServerError
            case .notImplemented: .notImplemented
            case .unavailable: .serviceUnavailable
            }
        }

        var title: String {
            switch self {
            case .invalidEvent: "The event is not valid"
            case .invalidRequest: "The request is not valid"
            case .invalidPolicy: "The policy is not valid"
            case .unauthenticated: "A bearer token is needed"
            case .forbidden: "The token may not do this"
            case .notFound: "Nothing of that name"
            case .methodNotAllowed: "The method is not for this path"
            case .requestTimeout: "The request stopped half way"
            case .conflict: "The state forbids it"
            case .tooLarge: "The request is too large"
            case .unsupportedMediaType: "The body's type is not supported"
            case .expectationFailed: "The expectation can't be met"
            case .overloaded: "Too many requests"
            case .headerTooLarge: "The header is too large"
            case .internalError: "Something went wrong here"
            case .notImplemented: "The request asks for what this server doesn't do"
            case .unavailable: "Not possible at the moment"
            }
        }
    }

    static let typePrefix = "https://greenroom.dev/problems/"
    static let contentType = "application/problem+json"

    var body: [UInt8] {
        var json = JSONWriter(reservingBytes: 256 + detail.utf8.count)
        json.openObject()
        json.member("type", Self.typePrefix + kind.rawValue)
        json.member("title", kind.title)
        json.member("status", kind.status.code)
        json.member("detail", detail)
        if let index { json.member("index", index) }
        if let field { json.member("field", field) }
        for member in members {
            json.key(member.name)
            json.raw(member.json)
        }
        json.closeObject()
        return json.bytes
    }

    private var fields: HTTPFields {
        var fields = HTTPFields()
        fields[.contentType] = Self.contentType
        if let retryAfterSeconds { fields[.retryAfter] = String(retryAfterSeconds) }
        if !allowed.isEmpty { fields[.allow] = allowed.joined(separator: ", ") }
        if kind == .unauthenticated { fields[.wwwAuthenticate] = "Bearer realm=\"greenroom\"" }
        return fields
    }
}

extension Problem {
    var response: Response {
        var response = Response(kind.status, contentType: Self.contentType, .bytes(body))
        response.fields = fields
        return response
    }

    /// What the transport refuses.
    init(_ refusal: Refusal) {
        let (kind, more): (Kind, String) =
            switch refusal.kind {
            case .malformed: (.invalidRequest, "")
            case .notImplemented: (.notImplemented, "")
            case .timeout: (.requestTimeout, "")
            case .tooLarge: (.tooLarge, ": send the events in several requests, or as application/x-ndjson")
            case .headerTooLarge: (.headerTooLarge, "")
            case .expectation: (.expectationFailed, "")
            case .overloaded: (.overloaded, "")
            case .unavailable: (.unavailable, "")
            }
        self.init(kind, refusal.detail + more, field: refusal.field, retryAfterSeconds: refusal.retryAfterSeconds)
    }

    init(_ fault: EventFault) {
        self.init(.invalidEvent, fault.field.map { "\($0): \(fault.problem)" } ?? fault.problem, index: fault.index, field: fault.field)
    }

    /// Every event of a request has the source and id of an earlier one, and says something else.
    init(allConflicts receipt: AppendReceipt) {
        let first = receipt.conflictPositions.first
        self.init(
            .conflict,
            "the log has an event with this source and id at position \(first?.seq ?? 0), and it says something else: an event of its own needs an id of its own",
            index: first?.index, field: "id")
        members = [
            Member(name: "accepted", json: Array(String(receipt.accepted).utf8)),
            Member(name: "duplicates", json: Array(String(receipt.duplicates).utf8)),
            Member(name: "conflicts", json: Acknowledgement.conflicts(receipt)),
        ]
    }

    init(_ error: AppendError, retryAfterSeconds: Int) {
        switch error {
        case .invalid(let index, _): self.init(.invalidEvent, error.sentence, index: index)
        case .overloaded(let seconds): self.init(.overloaded, error.sentence, retryAfterSeconds: seconds)
        case .tooLarge: self.init(.tooLarge, error.sentence)
        case .notWritable, .closed: self.init(.unavailable, error.sentence, retryAfterSeconds: retryAfterSeconds)
        }
    }

    init(_ fault: ControlFault) {
        switch fault {
        case .notFound: self.init(.notFound, fault.sentence)
        case .conflict: self.init(.conflict, fault.sentence)
        case .invalid(let field, _): self.init(.invalidRequest, fault.sentence, field: field)
        case .overloaded(let seconds): self.init(.overloaded, fault.sentence, retryAfterSeconds: seconds)
        case .unavailable: self.init(.unavailable, fault.sentence, retryAfterSeconds: 1)
        }
    }
}
