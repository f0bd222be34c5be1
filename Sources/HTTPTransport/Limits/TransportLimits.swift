// How much may a client ask of a port at once?
//
// Every buffer, wait and count of the transport takes its bound from here. What exceeds one is answered with the status its comment
// names, never queued without end. Limits that are shared by event loops are divided evenly among them.

package struct TransportLimits: Hashable, Sendable {
    // MARK: Sizes

    /// One request body that is taken whole; beyond it 413. A body that is taken in parts has no total.
    package var bodyBytes = 8 << 20
    /// Names and values of a request's header together; beyond it 431.
    package var headerBytes = 16 << 10
    /// Header fields of one request; beyond it 431.
    package var headerCount = 100
    /// A header block over HTTP/2 up to this size is decoded, so that it can be answered with 431; beyond it the connection ends.
    package var headerBlockBytes = 1 << 20
    /// Bodies being received, of all requests together; beyond it 429.
    package var bodyMemoryBytes = 256 << 20

    /// Of answers, what clients haven't taken yet: of one connection, and of all. Beyond it an answer is 503, and a stream waits.
    package var connectionAnswerBytes = 4 << 20
    package var answerBytes = 256 << 20

    // MARK: Counts

    /// Connections at the same time; one more takes the place of the one that has been idle longest. Where none is idle, it
    /// comes in by the reserve.
    package var connections = 2_000
    /// Connections beyond those, which hear what the responder lets them hear; one more is closed as soon as it is accepted.
    package var reservedConnections = 64
    /// Streams of one HTTP/2 connection, and of all together; one more is refused by the protocol.
    package var streamsPerConnection = 128
    package var streams = 16_384

    // MARK: Times

    /// A TLS handshake must be done after this long, or the connection is closed.
    package var handshakeSeconds = 10.0
    /// A connection of the reserve without a request is closed after this long.
    package var reserveSeconds = 2.0
    /// A connection without a request is closed after this long.
    package var idleSeconds = 60.0
    /// A request that stops half way is answered 408 after this long.
    package var stallSeconds = 10.0
    /// A request must have arrived whole after this long, or is answered 408. Does not bind a body that is taken in parts.
    package var requestSeconds = 60.0
    /// A client that takes none of its answer for this long is cut off: its HTTP/2 stream, or its connection.
    package var writeStallSeconds = 30.0
    /// After an early answer the rest of the request is read and thrown away, up to this size and without a longer pause than this.
    /// Many clients read the answer only once they have sent everything.
    package var lingerBytes = 16 << 20
    package var lingerSeconds = 2.0
    /// A stream of events says something at least this often.
    package var heartbeatSeconds = 15.0
    /// What an answer waits for must be there after this long, or it is 503; nil leaves it to the responder.
    package var answerSeconds: Double?
    /// A stopping server gives requests in flight this long.
    package var drainSeconds = 20.0
    /// What `Retry-After` names where nothing gives a number.
    package var retryAfterSeconds = 1

    package init() {}

    /// How often time limits are looked at.
    var sweepSeconds: Double {
        let times = [
            idleSeconds, stallSeconds, requestSeconds, writeStallSeconds, lingerSeconds, heartbeatSeconds, handshakeSeconds, reserveSeconds,
        ]
        return min(max(min(times.min() ?? 1, answerSeconds ?? 1) / 4, 0.01), 1)
    }

    /// One event loop's share of what is counted per loop.
    func share(ofLoops loops: Int) -> TransportLimits {
        var share = self
        share.bodyMemoryBytes = max(bodyMemoryBytes / loops, bodyBytes)
        return share
    }
}
