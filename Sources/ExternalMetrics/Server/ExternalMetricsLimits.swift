package import HTTPTransport

// How much may a client ask of this server at once?
//
// What the transport bounds on every port, with this port's own figures, and what is this server's own. What exceeds a limit is
// answered as its comment says, never queued without end.

@dynamicMemberLookup
package struct ExternalMetricsLimits: Hashable, Sendable {
    /// Sizes, connections, streams and times. Its members are here too: `limits.headerBytes`.
    private var transport: TransportLimits

    package subscript<Value>(dynamicMember path: any WritableKeyPath<TransportLimits, Value> & Sendable) -> Value {
        get { transport[keyPath: path] }
        set { transport[keyPath: path] = newValue }
    }

    /// Answers that clients have not taken yet, of all connections together; beyond it 503.
    package var answerBytesInFlight = 64 << 20
    /// Requests that wait for a review or for the loop; one more is answered 429.
    package var waitingRequests = 512
    /// What an answer waits for must be there after this long, or it is 503.
    package var answerSeconds = 10.0

    package init() {
        transport = TransportLimits()
        // A body that a request brings along is read and thrown away.
        transport.bodyBytes = 64 << 10
        transport.connections = 1_000
        // Nothing here is about the instance's health.
        transport.reservedConnections = 0
        transport.requestSeconds = 10
        // Longer than a Go client keeps a connection (90 s), so that the client closes it first and no request meets a closing one.
        transport.idleSeconds = 180
        transport.drainSeconds = 10
    }

    /// One connection's part of `answerBytesInFlight`. An aggregator's one connection carries all that HPAs ask.
    private static let connectionAnswerBytes = 16 << 20

    /// What the transport holds to. A request has no body worth waiting for: it may take as long half way as it may in all.
    var ofTransport: TransportLimits {
        var limits = transport
        limits.stallSeconds = transport.requestSeconds
        limits.answerBytes = answerBytesInFlight
        limits.connectionAnswerBytes = min(answerBytesInFlight, Self.connectionAnswerBytes)
        limits.answerSeconds = answerSeconds
        return limits
    }
}
