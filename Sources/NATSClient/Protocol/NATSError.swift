// Why did something fail, and can it have reached the server?
//
// Who publishes must know the difference: what wasn't sent can't be stored; what was sent and not answered may be (a leader that lost
// its quorum answers nothing and stores all of it when the quorum is back: seen on 2.9 and 2.14).

package enum NATSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection now. Nothing was sent.
    case notConnected(reason: String)
    /// As much is pending as may be. Nothing was sent.
    case busy(what: String, limit: Int)
    /// Larger than the server takes, headers included. Nothing was sent.
    case payloadTooLarge(bytes: Int, most: Int)
    /// A subject or a header that can't be one. Nothing was sent.
    case invalid(String)
    /// The client was shut down. Nothing was sent.
    case closed
    /// The connection broke after it was sent: what became of it isn't known.
    case connectionLost(reason: String)
    /// It was sent, and no answer came in time: what became of it isn't known.
    case timeout(Duration)
    /// The task was cancelled, perhaps after it was sent.
    case cancelled
    /// Nobody listens on the subject. It was dropped.
    case noResponders(subject: String)
    /// The credentials don't allow it. It was dropped.
    case denied(String)
    /// A subscription's reader was too slow, and messages were dropped.
    case slowReader(limit: Int)
    /// The server is older than this client takes.
    case serverTooOld(server: String, version: String, least: NATSVersion)
    /// The server refused the connection.
    case refused(server: String, problem: NATSServerProblem)
    /// No connection came about.
    case unreachable(server: String, reason: String)
    /// What the server sent isn't the protocol.
    case protocolFault(server: String, problem: String)

    /// Whether it is certain that the server has nothing of it.
    package var leftNothing: Bool {
        switch self {
        case .notConnected, .busy, .payloadTooLarge, .invalid, .closed, .serverTooOld, .refused, .unreachable: true
        case .noResponders, .denied: true
        case .connectionLost, .timeout, .cancelled, .slowReader, .protocolFault: false
        }
    }

    package var description: String {
        switch self {
        case .notConnected(let reason): "not connected to NATS: \(reason)"
        case .busy(let what, let limit): "\(limit) \(what) are pending, the limit: try again later"
        case .payloadTooLarge(let bytes, let most):
            "the message has \(bytes) bytes with its headers, and the server takes \(most): raise its max_payload or send less"
        case .invalid(let problem): problem
        case .closed: "the NATS client was shut down"
        case .connectionLost(let reason): "the connection to NATS broke before the answer: \(reason)"
        case .timeout(let duration): "NATS gave no answer within \(duration)"
        case .cancelled: "cancelled"
        case .noResponders(let subject): "nobody listens on \"\(subject)\""
        case .denied(let problem): "NATS denied it: \(problem)"
        case .slowReader(let limit): "the reader of a subscription fell behind by more than \(limit) messages or their bytes"
        case .serverTooOld(let server, let version, let least):
            "NATS server \(server) has version \(version); at least \(least) is needed: upgrade it"
        case .refused(let server, let problem): "NATS server \(server) refused the connection: \(problem)"
        case .unreachable(let server, let reason): "can't reach NATS server \(server): \(reason)"
        case .protocolFault(let server, let problem): "NATS server \(server) broke the protocol: \(problem)"
        }
    }
}

/// What the server sent can't be read; the connection is of no use any more.
package struct NATSProtocolFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
