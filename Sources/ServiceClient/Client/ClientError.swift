import Foundation
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

// Why did a request fail?

package enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection, or it broke before the answer was whole.
    case unreachable(url: String, reason: String)
    /// The server answered no.
    case refused(status: Int, problem: ServerProblem)
    /// The answer is not what the route answers, or too large.
    case unexpected(url: String, reason: String)
    /// This client has as many requests under way and waiting as it may.
    case busy(limit: Int)
    case cancelled

    package var description: String {
        switch self {
        case .unreachable(let url, let reason): "can't reach \(url): \(reason)"
        case .refused(let status, let problem): "the server refused (\(status)): \(problem.detail)"
        case .unexpected(let url, let reason): "\(url) answered what it should not: \(reason)"
        case .busy(let limit): "\(limit) requests are under way already"
        case .cancelled: "cancelled"
        }
    }

    /// Whether the same request may do better later.
    var isTransient: Bool {
        switch self {
        case .unreachable: true
        case .refused(let status, _): status == 429 || status == 503
        case .unexpected, .busy, .cancelled: false
        }
    }
}

/// What a server says about a refusal (RFC 9457).
package struct ServerProblem: Hashable, Sendable {
    /// The last part of `type`, for instance `invalid-event`.
    package var kind: String
    package var detail: String
    package var index: Int?
    package var field: String?
    package var retryAfterSeconds: Int?

    package init(kind: String, detail: String, index: Int? = nil, field: String? = nil, retryAfterSeconds: Int? = nil) {
        self.kind = kind
        self.detail = detail
        self.index = index
        self.field = field
        self.retryAfterSeconds = retryAfterSeconds
    }
}

extension ClientError {
    /// Why a connection could not be made, in words.
    package static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "the name \(error.host) can't be resolved"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as HandshakeFault: error.problem
        case let error as ChannelError: reason(error)
        case let error as NIOSSLError: HandshakeFault.words(error)
        case is NIOSSLExtraError: HandshakeFault.otherName
        case is any NIOHTTP2Error: "it doesn't speak HTTP/2 there: check the port, and whether the address begins with http:// or https://"
        default: "the connection broke"
        }
    }

    private static func reason(_ error: ChannelError) -> String {
        if case .connectTimeout = error { return "no answer in time: check the address, and that no firewall is in between" }
        return "the server closed the connection"
    }
}
