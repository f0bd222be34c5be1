import Domain
import HTTPServing
import HTTPTypes
import NIOCore

// What does one event loop know of its own connections and requests?
//
// Everything here is touched on its event loop alone, so nothing is locked: connections, requests that wait for the log,
// requests that came half, open streams, and this loop's share of the limits. A sweep looks at the time limits a few times
// a second; no request has a timer of its own.

final class EventLoopState {
    let eventLoop: any EventLoop
    let shared: ServerShared
    /// This loop's share.
    let limits: ServerLimits
    let mailbox: CompletionMailbox
    let turns: RequestTurns

    private(set) var drainingSince: NIODeadline?
    var isDraining: Bool { drainingSince != nil }
    /// The time of the last sweep: good enough for limits of seconds.
    private(set) var now = NIODeadline.now()

    /// `Date` of every answer, made anew once a second.
    private(set) var date = ""
    /// The header of every acknowledgement but its length.
    private(set) var acknowledgementFields = HTTPFields()
    private var dateSecond: Int64 = 0

    private var connections: [ObjectIdentifier: Connection] = [:]
    /// Requests whose next part did not come with the same read, and answers whose client still sends.
    private var unfinished: [ObjectIdentifier: RequestHandler] = [:]
    private var streams: [ObjectIdentifier: RequestHandler] = [:]
    /// Answers that wait for something: limited where they are let in.
    private var waits: [ObjectIdentifier: RunningAnswer] = [:]

    private var waiting: [Waiting] = []
    private var freeTickets: [Int] = []
    private var spareAnswers: [CompletionMailbox.Answer] = []
    private var heldFlushes: [Connection] = []
    private(set) var isDelivering = false

    private var requestsAwaitingLog = 0
    private var bytesAwaitingLog = 0
    /// Held of bodies being received.
    private(set) var bodyBytes = 0

    private struct Waiting {
        var request: RequestHandler?
        var bytes: Int
    }

    init(eventLoop: any EventLoop, shared: ServerShared, loops: Int) {
        self.eventLoop = eventLoop
        self.shared = shared
        limits = shared.limits.share(ofLoops: loops)
        mailbox = CompletionMailbox(eventLoop: eventLoop)
        turns = RequestTurns(eventLoop)
        renewDate()
    }

    // MARK: - The way to the log and back

    /// Hands a batch to the log; false where this loop's share of what may wait is used up.
    func append(_ batch: EventBatch, bytes: Int, for request: RequestHandler) -> Bool {
        guard requestsAwaitingLog < limits.requestsAwaitingLog, bytesAwaitingLog + bytes <= limits.bytesAwaitingLog else { return false }
        requestsAwaitingLog += 1
        bytesAwaitingLog += bytes
        let ticket: Int
        if let free = freeTickets.popLast() {
            ticket = free
            waiting[ticket] = Waiting(request: request, bytes: bytes)
        } else {
            ticket = waiting.count
            waiting.append(Waiting(request: request, bytes: bytes))
        }
        let mailbox = mailbox
        let me = NIOLoopBound(self, eventLoop: eventLoop)
        shared.parts.log.append(batch) { result in mailbox.deliver(result, ticket: ticket, to: me) }
        return true
    }

    /// Writes all answers that are there, then flushes each connection once.
    func collectAnswers() {
        var answers = mailbox.take(leaving: &spareAnswers)
        isDelivering = true
        for answer in answers {
            let entry = waiting[answer.ticket]
            waiting[answer.ticket].request = nil
            freeTickets.append(answer.ticket)
            requestsAwaitingLog -= 1
            bytesAwaitingLog -= entry.bytes
            entry.request?.appended(answer.result)
        }
        isDelivering = false
        for connection in heldFlushes { connection.releaseFlush() }
        heldFlushes.removeAll(keepingCapacity: true)
        answers.removeAll(keepingCapacity: true)
        spareAnswers = answers
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

    func add(_ connection: Connection) { connections[ObjectIdentifier(connection)] = connection }
    func remove(_ connection: Connection) { connections[ObjectIdentifier(connection)] = nil }
    func watch(_ request: RequestHandler) { unfinished[ObjectIdentifier(request)] = request }
    func unwatch(_ request: RequestHandler) { unfinished[ObjectIdentifier(request)] = nil }
    func add(stream: RequestHandler) { streams[ObjectIdentifier(stream)] = stream }
    func remove(stream: RequestHandler) { streams[ObjectIdentifier(stream)] = nil }
    func add(waiting answer: RunningAnswer) { waits[ObjectIdentifier(answer)] = answer }
    func remove(waiting answer: RunningAnswer) { waits[ObjectIdentifier(answer)] = nil }

    /// The connection that has been idle longest; nil where none is.
    var longestIdle: Connection? {
        var longest: Connection?
        for connection in connections.values where connection.isIdle {
            if longest.map({ connection.lastRequestAt < $0.lastRequestAt }) ?? true { longest = connection }
        }
        return longest
    }

    /// Handlers of HTTP/2's streams that are still there, of all connections.
    var keptStreams: Int { connections.values.reduce(0) { $0 + $1.keptStreams } }

    /// Looks at every time limit. Copies, since what is found changes the tables.
    func sweep() {
        now = .now()
        renewDate()
        for request in Array(unfinished.values) { request.checkProgress(now) }
        for stream in Array(streams.values) { stream.checkStream(now) }
        for connection in Array(connections.values) { connection.checkIdle(now) }
    }

    private func renewDate() {
        let second = HTTPDate.secondsNow()
        guard second != dateSecond else { return }
        dateSecond = second
        date = HTTPDate.text(secondsSinceEpoch: second)
        acknowledgementFields = [.contentType: "application/json", .date: date]
    }

    /// Lets requests in flight finish and nothing new begin.
    func drain() {
        guard !isDraining else { return }
        drainingSince = .now()
        for answer in Array(waits.values) { answer.giveUp() }
        for connection in Array(connections.values) { connection.drain() }
    }

    /// The end: what is still open is cut off, and what the log still answers goes nowhere.
    func closeAll() {
        mailbox.close()
        for connection in Array(connections.values) { connection.closeNow() }
    }
}
