import HTTPServing
import Logging
import NIOCore
import Synchronization

// What do all connections of one server have in common?
//
// Values that never change while the server runs, counters with limits, and the list of who is connected.

final class ServerShared: Sendable {
    let responder: Responder
    let limits: ExternalMetricsLimits
    let tls: ReloadingTLSContext
    let metrics = RequestMetrics()
    let log: Logger
    let connections: Gate
    let waitingRequests: Gate

    private let answerBytes = Atomic<Int>(0)
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(responder: Responder, limits: ExternalMetricsLimits, tls: ReloadingTLSContext, log: Logger) {
        self.responder = responder
        self.limits = limits
        self.tls = tls
        self.log = log
        connections = Gate(limit: limits.connections)
        waitingRequests = Gate(limit: limits.waitingRequests)
    }

    // MARK: - Answers under way

    func reserve(answerBytes count: Int) -> Bool {
        let before = answerBytes.add(count, ordering: .relaxed).oldValue
        if before + count <= limits.answerBytesInFlight { return true }
        release(answerBytes: count)
        return false
    }

    func release(answerBytes count: Int) { answerBytes.subtract(count, ordering: .relaxed) }

    // MARK: - Who is connected

    func add(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = channel } }
    func remove(_ channel: any Channel) { channels.withLock { $0[ObjectIdentifier(channel)] = nil } }
    var openChannels: [any Channel] { channels.withLock { Array($0.values) } }
}
