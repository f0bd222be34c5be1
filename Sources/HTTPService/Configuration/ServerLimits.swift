import Views
import Domain
package import HTTPTransport

// How much may a client ask of the API at once?
//
// What the transport bounds on every port, and what is this service's own. What exceeds a limit is answered with the status its
// comment names, never queued without end. Limits that are shared by event loops are divided evenly among them.

@dynamicMemberLookup
package struct ServerLimits: Hashable, Sendable {
    /// Sizes, connections, streams and times. Its members are here too: `limits.bodyBytes`.
    package var transport = TransportLimits()

    package subscript<Value>(dynamicMember path: any WritableKeyPath<TransportLimits, Value> & Sendable) -> Value {
        get { transport[keyPath: path] }
        set { transport[keyPath: path] = newValue }
    }

    // MARK: Sizes

    /// One line of a stream of events; beyond it 413.
    package var lineBytes = EventLimits.eventBytes

    // MARK: Counts

    /// Requests that wait for the log; one more is answered 429.
    package var requestsAwaitingLog = 8_192
    /// Bytes of events that wait for the log; beyond it 429.
    package var bytesAwaitingLog = 64 << 20
    /// Of one stream of lines: reading stops while this much waits for the log.
    package var streamBytesAwaitingLog = 1 << 20
    /// Events of a stream of lines that are appended together.
    package var streamChunkEvents = 4_096
    /// Questions being answered; one more is answered 429.
    package var requests = 256
    /// Questions about readiness being answered; one more is answered 429.
    package var healthRequests = 64
    /// Placements that wait for a worker; one more is answered 429.
    package var waitingPlacements = 4_096
    /// Streams of events being followed; one more is answered 429.
    package var followStreams = 500
    /// Watches that are open; one more is answered 429. So is one more of a single token.
    package var watches = 200
    package var watchesOfOne = 32
    /// A watch says no more within this time.
    package var watchSeconds = 0.25
    /// Items of one page where the request names no number, and at most.
    package var pageItems = 1_000
    package var pageItemsMost = 10_000
    /// Events read from the log at a time for one stream.
    package var readEvents = 512

    // MARK: Times

    /// What is asked about readiness must be known after this long, or counts as failing.
    package var readinessSeconds = 2.0
    /// The longest `wait` of a placement; beyond it 400. What the loop allows, unless it is less here.
    package var placementWaitSeconds = PlacementRequest.longestWaitSeconds

    package init() {}

    /// One event loop's share of what is counted per loop.
    func share(ofLoops loops: Int) -> ServerLimits {
        var share = self
        share.requestsAwaitingLog = max(requestsAwaitingLog / loops, 1)
        share.bytesAwaitingLog = max(bytesAwaitingLog / loops, transport.bodyBytes)
        return share
    }
}
