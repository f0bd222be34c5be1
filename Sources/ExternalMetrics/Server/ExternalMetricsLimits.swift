// How much may a client ask of this server at once?
//
// Every buffer, wait and count takes its bound from here. What exceeds one is answered as its comment says, never queued without end.

package struct ExternalMetricsLimits: Hashable, Sendable {
    // MARK: Sizes

    /// Names and values of a request's header together. Beyond it 431 over HTTP/1.1; over HTTP/2 the connection ends.
    package var headerBytes = 16 << 10
    /// Header fields of one request; beyond it 431.
    package var headerCount = 100
    /// A body that a request brings along is read and thrown away up to this size; beyond it 413.
    package var bodyBytes = 64 << 10
    /// Answers that clients have not taken yet, of all connections together; beyond it 503.
    package var answerBytesInFlight = 64 << 20

    // MARK: Counts

    /// Connections at the same time; one more is closed as soon as it is accepted.
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

    /// How often time limits are looked at.
    var sweepSeconds: Double {
        let shortest = [handshakeSeconds, requestSeconds, answerSeconds, writeStallSeconds, lingerSeconds, idleSeconds].min() ?? 1
        return min(max(shortest / 4, 0.01), 1)
    }
}
