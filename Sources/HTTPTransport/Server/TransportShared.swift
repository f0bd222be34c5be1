import Logging

// What do all connections of one server have in common?
//
// Limits, which never change while the server runs, and counters that several event loops share.

final class TransportShared: Sendable {
    let limits: TransportLimits
    let log: Logger

    let connections: Gate
    let reservedConnections: Gate
    let streams: Gate
    /// Counts bytes.
    let answerBytes: Gate
    /// Tasks that answer. What limits them is the responder's.
    let running = Gate(limit: .max)

    init(limits: TransportLimits, log: Logger) {
        self.limits = limits
        self.log = log
        connections = Gate(limit: limits.connections)
        reservedConnections = Gate(limit: limits.reservedConnections)
        streams = Gate(limit: limits.streams)
        answerBytes = Gate(limit: limits.answerBytes)
    }
}
