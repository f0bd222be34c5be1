// What does the server complain of?
//
// `-ERR '…'` has a text and no number. The texts here were seen on 2.9.10 and 2.14.0. Some end the connection; permissions and
// subjects don't: such a publish or subscription was dropped, and who waits for an answer would only time out.

package enum NATSServerProblem: Hashable, Sendable {
    /// User, password, token, key or JWT are wrong or missing.
    case authorization
    case authenticationTimeout
    /// The JWT ran out while connected.
    case authenticationExpired
    case publishDenied(subject: String)
    case subscribeDenied(subject: String)
    case maximumPayload
    case invalidSubject
    case maximumConnections
    case maximumSubscriptions
    case staleConnection
    case other(String)

    package init(_ text: String) {
        let lower = text.lowercased()
        self =
            if lower.hasPrefix("permissions violation for publish to") {
                .publishDenied(subject: Self.quoted(text))
            } else if lower.hasPrefix("permissions violation for subscription to") {
                .subscribeDenied(subject: Self.quoted(text))
            } else {
                switch lower {
                case "authorization violation": .authorization
                case "authentication timeout": .authenticationTimeout
                case "user authentication expired", "account authentication expired": .authenticationExpired
                case "maximum payload violation": .maximumPayload
                case "invalid subject": .invalidSubject
                case "maximum connections exceeded": .maximumConnections
                case "maximum subscriptions exceeded": .maximumSubscriptions
                case "stale connection": .staleConnection
                default: .other(String(text.prefix(300)))
                }
            }
    }

    private static func quoted(_ text: String) -> String {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.count >= 3 ? String(parts[1].prefix(NATSSubject.bytesMost)) : ""
    }

    /// Whether the connection stays.
    package var keepsConnection: Bool {
        switch self {
        case .publishDenied, .subscribeDenied, .invalidSubject, .maximumSubscriptions: true
        default: false
        }
    }
}

extension NATSServerProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .authorization: "it doesn't accept these credentials"
        case .authenticationTimeout: "the credentials didn't reach it in time"
        case .authenticationExpired: "the credentials have expired: get new ones"
        case .publishDenied(let subject): "these credentials may not publish to \"\(subject)\""
        case .subscribeDenied(let subject): "these credentials may not subscribe to \"\(subject)\""
        case .maximumPayload: "a message was larger than its max_payload"
        case .invalidSubject: "a subscription's subject is invalid"
        case .maximumConnections: "it has as many connections as its max_connections allows"
        case .maximumSubscriptions: "the connection has as many subscriptions as max_subscriptions allows"
        case .staleConnection: "it got no answer to its PINGs"
        case .other(let text): "it says \"\(text)\""
        }
    }
}
