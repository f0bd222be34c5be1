import HTTPTransport

// How much may a client ask of this server at once?
//
// Every buffer, wait and count takes its bound from here; what isn't named is the transport's own. What exceeds one is answered as its
// comment says, never queued without end.

package struct ExternalMetricsLimits: Hashable, Sendable {
    // MARK: Sizes

    /// Names and values of a request's header together. Beyond it 431.
    package var headerBytes = 16 << 10
    /// Header fields of one request; beyond it 431.
    package var headerCount = 100
    /// A body that a request brings along is read and thrown away up to this size; beyond it 413.
    package var bodyBytes = 64 << 10
    /// Answers that clients have not taken yet, of all connections together; beyond it 503.
    package var answerBytesInFlight = 64 << 20

    // MARK: Counts

    /// Connections at the same time; one more takes the place of the one that has been idle longest. Where none is idle it is closed as
    /// soon as it is accepted.
    package var connections = 1_000
    /// Streams of one HTTP/2 connection; one more is refused by the protocol.
    package var streamsPerConnection = 128
    /// Requests that wait for a review or for the loop; one more is answered 429.
    package var waitingRequests = 512

    // MARK: Times

    /// A TLS handshake must be done after this long.
    package var handshakeSeconds = 10.0
    /// A request must have arrived whole after this long: over HTTP/1.1 from its first byte.
    package var requestSeconds = 10.0
    /// What an answer waits for must be there after this long, or it is 503.
    package var answerSeconds = 10.0
    /// A client must have taken its answer after this long, or is cut off.
    package var writeStallSeconds = 30.0
    /// After an early refusal the rest of its request is read and thrown away for this long: a client looks at its answer only once
    /// it has sent everything.
    package var lingerSeconds = 2.0
    /// A connection without a request is closed after this long. Longer than a Go client keeps one (90 s), so that the client
    /// closes it first and no request meets a closing connection.
    package var idleSeconds = 180.0
    /// A stopping server gives requests in flight this long.
    package var drainSeconds = 10.0

    package init() {}

    /// One connection's part of `answerBytesInFlight`. An aggregator's one connection carries all that HPAs ask.
    private static let connectionAnswerBytes = 16 << 20

    var transport: TransportLimits {
        var limits = TransportLimits()
        limits.headerBytes = headerBytes
        limits.headerCount = headerCount
        limits.bodyBytes = bodyBytes
        limits.answerBytes = answerBytesInFlight
        limits.connectionAnswerBytes = min(answerBytesInFlight, Self.connectionAnswerBytes)
        limits.connections = connections
        // Nothing here is about the instance's health.
        limits.reservedConnections = 0
        limits.streamsPerConnection = streamsPerConnection
        limits.handshakeSeconds = handshakeSeconds
        limits.stallSeconds = requestSeconds
        limits.requestSeconds = requestSeconds
        limits.answerSeconds = answerSeconds
        limits.writeStallSeconds = writeStallSeconds
        limits.lingerSeconds = lingerSeconds
        limits.idleSeconds = idleSeconds
        limits.drainSeconds = drainSeconds
        return limits
    }
}
