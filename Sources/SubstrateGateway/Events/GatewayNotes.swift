import Domain

// What is to be told to the log, in order?
//
// The event loop notes and goes on; the scribe writes. At most `kept` notes wait: beyond that the newest are lost and counted, and the
// next listing of the fleet makes good what they would have said.

enum GatewayNote: Sendable {
    case created(Ateapi_Actor)
    /// It found no worker; the time at which its first caller came.
    case requested(Ateapi_Actor, at: LogTime)
    case withdrawn(ActorKey)
    case running(Ateapi_Actor, microseconds: Int64?)
    case suspended(Ateapi_Actor)
    case paused(Ateapi_Actor)
    case deleted(ActorKey)
    case noEligiblePool(ActorKey)
    case stuck(ActorKey, String)
    /// Actors whose worker the log didn't know are looked at again.
    case settle
}

final class GatewayNotes: Sendable {
    static let kept = 100_000

    let stream: AsyncStream<GatewayNote>
    private let feed: AsyncStream<GatewayNote>.Continuation
    private let metrics: GatewayMetrics

    init(_ metrics: GatewayMetrics) {
        self.metrics = metrics
        (stream, feed) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.kept))
    }

    /// False where it was lost.
    @discardableResult
    func add(_ note: GatewayNote) -> Bool {
        guard case .dropped = feed.yield(note) else { return true }
        metrics.notesLost.increment()
        return false
    }

    func finish() { feed.finish() }
}
