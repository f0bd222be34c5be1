package import NIOCore
import Synchronization

// What does one event loop know of its own connections and requests?
//
// Everything here is touched on its event loop alone, so nothing is locked: connections, requests that came half, answers under
// way, and this loop's share of the limits. A sweep looks at the time limits a few times a second; no request has a timer of its own.

package final class TransportLoop {
    package let eventLoop: any EventLoop
    /// How many loops share the limits.
    package let loopCount: Int
    let shared: TransportShared
    /// This loop's share.
    package let limits: TransportLimits
    let turns: RequestTurns
    /// Knows its loop, so it is made once that is there.
    private(set) lazy var responder: any Responder = makeResponder(self)
    private let makeResponder: (TransportLoop) -> any Responder

    private(set) var drainingSince: NIODeadline?
    /// Connections so far.
    private var admitted: UInt64 = 0
    package var isDraining: Bool { drainingSince != nil }
    /// The time of the last sweep: good enough for limits of seconds.
    private(set) var now = NIODeadline.now()

    /// `Date` of every answer, formatted once a second.
    package private(set) var date = ""
    private var dateSecond: Int64 = 0

    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Requests whose next part did not come with the same read, and answers whose client still sends.
    private var unfinished: [ObjectIdentifier: Exchange] = [:]
    private var streams: [ObjectIdentifier: Exchange] = [:]
    /// Answers that a task works on: limited where they are let in.
    private var running: [ObjectIdentifier: RunningResponse] = [:]

    private var heldFlushes: [Connection] = []
    private(set) var holdsFlushes = false

    /// Held of bodies being received.
    private(set) var bodyBytes = 0

    init(eventLoop: any EventLoop, shared: TransportShared, loops: Int, responder: @escaping (TransportLoop) -> any Responder) {
        self.eventLoop = eventLoop
        self.shared = shared
        loopCount = loops
        limits = shared.limits.share(ofLoops: loops)
        turns = RequestTurns(eventLoop)
        makeResponder = responder
        renewDate()
    }

    // MARK: - Many answers at once

    /// Does what writes many answers, then flushes each connection once.
    package func coalescingFlushes(_ work: () -> Void) {
        holdsFlushes = true
        work()
        holdsFlushes = false
        for connection in heldFlushes { connection.releaseFlush() }
        heldFlushes.removeAll(keepingCapacity: true)
    }

    func holdFlush(of connection: Connection) { heldFlushes.append(connection) }

    // MARK: - Bodies being received

    func reserveBody(_ count: Int) -> Bool {
        guard bodyBytes + count <= limits.bodyMemoryBytes else { return false }
        bodyBytes += count
        return true
    }

    func releaseBody(_ count: Int) { bodyBytes -= count }

    // MARK: - Who is there

    func add(_ connection: Connection) {
        admitted &+= 1
        connection.admission = admitted
        connections[ObjectIdentifier(connection)] = connection
    }
    func remove(_ connection: Connection) { connections[ObjectIdentifier(connection)] = nil }
    func watch(_ exchange: Exchange) { unfinished[ObjectIdentifier(exchange)] = exchange }
    func unwatch(_ exchange: Exchange) { unfinished[ObjectIdentifier(exchange)] = nil }
    func add(stream: Exchange) { streams[ObjectIdentifier(stream)] = stream }
    func remove(stream: Exchange) { streams[ObjectIdentifier(stream)] = nil }

    func add(running response: RunningResponse) {
        running[ObjectIdentifier(response)] = response
        _ = shared.running.enter()
    }

    func remove(running response: RunningResponse) {
        if running.removeValue(forKey: ObjectIdentifier(response)) != nil { shared.running.leave() }
    }

    /// The connection that has been idle longest; nil where none is.
    var longestIdle: Connection? {
        var longest: Connection?
        for connection in connections.values where connection.isIdle {
            if longest.map({ connection.hasBeenIdleLonger(than: $0) }) ?? true { longest = connection }
        }
        return longest
    }

    /// Handlers of HTTP/2's streams that are still there, of all connections.
    var keptStreams: Int { connections.values.reduce(0) { $0 + $1.keptStreams } }

    /// Looks at every time limit. Copies, since what is found changes the tables.
    func sweep() {
        now = .now()
        renewDate()
        for exchange in Array(unfinished.values) { exchange.checkProgress(now) }
        for stream in Array(streams.values) { stream.checkRunning(now) }
        if limits.answerSeconds != nil { for response in Array(running.values) { response.checkAge(now) } }
        for connection in Array(connections.values) { connection.checkIdle(now) }
    }

    private func renewDate() {
        let second = HTTPDate.secondsNow()
        guard second != dateSecond else { return }
        dateSecond = second
        date = HTTPDate.text(secondsSinceEpoch: second)
        responder.dateChanged(date)
    }

    // MARK: - Stopping

    /// Lets requests in flight finish and nothing new begin.
    func drain() {
        guard !isDraining else { return }
        drainingSince = .now()
        for response in Array(running.values) { response.giveUp() }
        drainConnections()
    }

    /// Those that are open finish what they have begun and close; others may come.
    func drainConnections() {
        for connection in Array(connections.values) { connection.drain() }
    }

    /// The end: what is still open is cut off, and what is answered later goes nowhere.
    func closeAll() {
        responder.closed()
        for connection in Array(connections.values) { connection.closeNow() }
    }
}

@available(*, unavailable)
extension TransportLoop: Sendable {}
