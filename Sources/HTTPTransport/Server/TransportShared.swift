import Logging

// What do all connections of one server have in common?
//
// Limits, which never change while the server runs, and counters that several event loops share.

final class TransportShared: Sendable {
    let limits: TransportLimits
    let log: Logger

    let connections: SharedLimit
    let reservedConnections: SharedLimit
    let streams: SharedLimit
    /// Counts bytes.
    let answerBytes: SharedLimit
    /// Tasks that answer. What limits them is the responder's.
    let running = SharedLimit(limit: .max)

    init(limits: TransportLimits, log: Logger) {
        self.limits = limits
        self.log = log
        connections = SharedLimit(limit: limits.connections)
        reservedConnections = SharedLimit(limit: limits.reservedConnections)
        streams = SharedLimit(limit: limits.streams)
        answerBytes = SharedLimit(limit: limits.answerBytes)
    }
}
