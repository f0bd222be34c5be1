// Which sources does nobody outside write under?
//
// What the service concludes, and what its own watches see, goes into the log by its own hand. The loop trusts these sources: it
// numbers its ids by them, and a watch that tells the same again isn't a conflict. So an event that comes over the API may not name one.
//
// `/greenroom/send`, `/greenroom/worker/…` and others that come over the API like anybody's aren't among them.

package enum ReservedSource {
    private static let watches = [
        "/greenroom/kubernetes/", "/greenroom/local-workers/", "/greenroom/objectstorage", "/greenroom/pollers", "/greenroom/gateway",
        "/greenroom/substrate",
    ].map { Array($0.utf8) }

    private static let own = Array(CommittedEvent.ownSource.utf8)

    /// Whether one of the service's watches writes under it.
    package static func isWatch(_ source: UnsafeBufferPointer<UInt8>) -> Bool { watches.contains { source.starts(with: $0) } }

    /// Whether the service alone writes under it.
    package static func contains(_ source: UnsafeBufferPointer<UInt8>) -> Bool {
        source.starts(with: own) && (source.count == own.count || isWatch(source))
    }
}
