import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

// What do all clients of other servers share?
//
// One deadline over a whole response, and our own words for why there was none: BoringSSL's and NIO's texts are about their sources.

/// The first to end decides: the answer whole, or the time given.
package func withDeadline<Response: Sendable>(
    seconds: Int, orThrow late: @escaping @Sendable (_ problem: String) -> any Error,
    _ query: @escaping @Sendable () async throws -> Response
) async throws -> Response {
    try await withThrowingTaskGroup(of: Response.self) { group in
        group.addTask { try await query() }
        group.addTask {
            try await Task.sleep(for: .seconds(seconds))
            throw late("no answer within \(seconds) s")
        }
        defer { group.cancelAll() }
        guard let response = try await group.next() else { throw CancellationError() }
        return response
    }
}

/// Why there was no connection, or no answer on it.
///
/// - Parameters:
///   - handshake: what to say of a failed TLS handshake beyond that.
///   - other: what isn't the connection's, or has no words here.
package func connectionProblem(_ error: any Error, handshake: String, other: (any Error) -> String) -> String {
    if error is NIOSSLError || error is NIOSSLExtraError { return "the TLS handshake failed: \(handshake)" }
    if let error = error as? NIOConnectionError {
        guard let first = error.connectionErrors.first else { return "\(error.host) has no address" }
        return connectionProblem(first.error, handshake: handshake, other: other)
    }
    if let error = error as? IOError {
        return error.errnoCode == ECONNREFUSED ? "the connection was refused" : "no connection (errno \(error.errnoCode))"
    }
    return switch error as? HTTPClientError {
    case .some(.connectTimeout): "no connection in time"
    case .some(.deadlineExceeded), .some(.readTimeout): "no answer in time"
    case .some(.remoteConnectionClosed): "the connection was closed"
    default: other(error)
    }
}
