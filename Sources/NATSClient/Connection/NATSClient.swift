package import Logging
package import Machine
import NIOCore
import NIOPosix
import Synchronization

// How does the service talk to NATS, whichever server is there?
//
// One connection at a time, over which everything goes; when it breaks, or its server goes away, another one takes its place, and
// subscriptions are made again there. Replies come to one inbox whose last token is the request's number. Nothing waits in a queue for a
// connection: without one, a request is refused at once. Each request has a deadline. What the connection that broke had not answered
// fails as "not known", never as "not done".

package final class NATSClient: Sendable {
    package enum State: Hashable, Sendable {
        /// - Parameter problem: why the last attempt failed.
        case connecting(problem: NATSError?)
        case connected(NATSServerInfo, to: NATSAddress)
        case closed
    }

    struct Registration {
        var subject: String
        var queue: String?
        var mailbox: Mailbox
    }

    struct Pending {
        var subject: String
        var link: UInt64
        var deadline: NIODeadline
        var timeout: Duration
        var done: @Sendable (Result<NATSMessage, NATSError>) -> Void
    }

    struct Core {
        var link: NATSLink?
        var registrations: [UInt64: Registration] = [:]
        var pending: [UInt64: Pending] = [:]
        var nextSid: UInt64 = 1
        var nextToken: UInt64 = 1
        var nextLink: UInt64 = 1
        var isSweepScheduled = false
        var isClosed = false
        var problem: NATSError?
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var task: Task<Void, Never>?
    }

    /// The subscription of the inbox, on each connection.
    static let inboxSid: UInt64 = 0xF000_0000

    package let configuration: NATSConfiguration
    let core = Mutex(Core())
    let loop: any EventLoop
    let logger: Logger
    /// `_INBOX.<random>`: without a dot at its end.
    let inbox: String
    package let clock: MonotonicClock
    private let seed: UInt64

    package init(_ configuration: NATSConfiguration, logger: Logger, clock: MonotonicClock = .real) {
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        loop = MultiThreadedEventLoopGroup.singleton.next()
        inbox = Self.freshInbox()
        seed = .random(in: 0 ... .max)
    }

    static func freshInbox() -> String {
        let token = String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
        return "_INBOX.\(token)"
    }

    // MARK: State

    package var state: State {
        core.withLock { core in
            if core.isClosed { return .closed }
            return core.link.map { .connected($0.info, to: $0.server) } ?? .connecting(problem: core.problem)
        }
    }

    /// Bytes of headers and payload that the connected server takes; nil without a connection.
    package var maxPayload: Int? { core.withLock { $0.link?.info.maxPayload } }

    /// What is under way now.
    package var load: (requests: Int, bytes: Int) { core.withLock { ($0.pending.count, $0.link?.pendingBytes ?? 0) } }

    /// Begins to connect, and stays connected until `shutdown()`. Called once.
    package func start() {
        let task = Task { await self.run() }
        core.withLock { $0.task = task }
    }

    /// Returns once there is a connection.
    package func waitUntilConnected(within bound: Duration) async throws(NATSError) {
        let ticket = core.withLock { core in
            core.nextToken += 1
            return core.nextToken
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = core.withLock { core in
                    if core.link != nil || core.isClosed || Task.isCancelled { return true }
                    core.waiters[ticket] = continuation
                    return false
                }
                if isOver { return continuation.resume() }
                // Only now: an alarm that came before there is somebody to wake would be lost.
                loop.scheduleTask(in: TimeAmount(bound)) { self.wake(ticket) }
            }
        } onCancel: {
            wake(ticket)
        }
        let (isConnected, isClosed, problem) = core.withLock { ($0.link != nil, $0.isClosed, $0.problem) }
        if isClosed { throw .closed }
        if isConnected { return }
        if Task.isCancelled { throw .cancelled }
        throw problem ?? .notConnected(reason: "no server greeted within \(bound)")
    }

    private func wake(_ ticket: UInt64) { core.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume() }

    /// Closes the connection and fails what is under way.
    package func shutdown() async {
        let (task, link, pending, registrations, waiters) = core.withLock { core in
            core.isClosed = true
            defer { (core.link, core.pending, core.registrations, core.waiters) = (nil, [:], [:], [:]) }
            return (core.task, core.link, core.pending, core.registrations, core.waiters)
        }
        for request in pending.values { request.done(.failure(.connectionLost(reason: "the client was shut down"))) }
        for registration in registrations.values { registration.mailbox.end(.closed) }
        for waiter in waiters.values { waiter.resume() }
        link?.close()
        task?.cancel()
        await task?.value
    }

    // MARK: Connecting

    private func run() async {
        var pool = ServerPool(configuration.servers, seed: seed)
        var pause = FullJitter(
            first: .seconds(configuration.limits.backoffFirstSeconds.boundedSeconds),
            longest: .seconds(configuration.limits.backoffLastSeconds.boundedSeconds),
            seed: seed &+ 1)
        var leaving: NATSLink?
        var isFirstRound = true
        while !Task.isCancelled {
            if !isFirstRound { try? await clock.sleep(pause.next()) }
            isFirstRound = false
            pool.beginRound(leaving: leaving?.server)
            while !Task.isCancelled, let server = pool.next() {
                guard let link = await connect(to: server) else { continue }
                leaving?.retire(after: .seconds(configuration.limits.connectSeconds.boundedSeconds), on: loop)
                leaving = nil
                let since = clock.now()
                if configuration.usesLearnedServers { pool.learn(link.info.connectURLs ?? [], from: server) }
                await Latch.first(of: link.ended, link.leaving)
                if configuration.usesLearnedServers { pool.learn(link.info.connectURLs ?? [], from: server) }
                if !link.ended.isOpen { leaving = link }
                // A server that accepts and breaks at once makes the pauses longer, and no loop without them.
                if leaving != nil || clock.now() - since > .seconds(configuration.limits.backoffLastSeconds.boundedSeconds) {
                    pause.reset()
                }
                break
            }
        }
        leaving?.close()
    }

    private func connect(to server: NATSAddress) async -> NATSLink? {
        let number = core.withLock { core in
            core.nextLink += 1
            return core.nextLink
        }
        do {
            let link = try await NATSLink.open(configuration, to: server, number: number, on: loop, hearer: hearer)
            guard adopt(link) else {
                link.close()
                if let error = link.endReason { note(error) }
                return nil
            }
            logger.info(
                "NATS: connected",
                metadata: ["server": "\(server)", "name": "\(link.info.name)", "version": "\(link.info.version ?? "unknown")"])
            return link
        } catch {
            note(error)
            return nil
        }
    }

    /// Why the last attempt failed; said once while it stays the same.
    private func note(_ error: NATSError) {
        let isNews = core.withLock { core in
            defer { core.problem = error }
            return core.problem != error
        }
        if isNews { logger.warning("NATS: \(error)") }
    }

    private var hearer: NATSLink.Hearer {
        NATSLink.Hearer(
            message: { [weak self] message, link in self?.received(message, over: link) },
            informed: { [weak self] info, link in self?.informed(info, over: link) },
            complained: { [weak self] problem, link in self?.complained(problem, over: link) },
            ended: { [weak self] error, link in self?.ended(error, over: link) })
    }

    /// Makes it the connection, with the inbox and all subscriptions in one flush.
    private func adopt(_ link: NATSLink) -> Bool {
        let adopted = core.withLock { core -> (former: NATSLink?, waiters: [CheckedContinuation<Void, Never>], mailboxes: [Mailbox])? in
            if core.isClosed || link.endReason != nil { return nil }
            let former = core.link
            let registrations = core.registrations
            do throws(NATSError) {
                try link.enqueue(bytes: 0, isControl: true) { out in
                    NATSWriter.subscribe("\(inbox).*", queue: nil, sid: Self.inboxSid, into: &out)
                    for (sid, registration) in registrations {
                        NATSWriter.subscribe(registration.subject, queue: registration.queue, sid: sid, into: &out)
                    }
                }
                // The one that is left keeps the inbox, for what it still has to answer.
                try? former?.enqueue(bytes: 0, isControl: true) { out in
                    for sid in registrations.keys { NATSWriter.unsubscribe(sid, into: &out) }
                }
            } catch { return nil }
            core.link = link
            core.problem = nil
            defer { core.waiters = [:] }
            return (former, Array(core.waiters.values), registrations.values.map(\.mailbox))
        }
        guard let adopted else { return false }
        for mailbox in adopted.mailboxes { _ = mailbox.put(.interrupted) }
        for waiter in adopted.waiters { waiter.resume() }
        return true
    }

    private func informed(_ info: NATSServerInfo, over link: NATSLink) {
        if info.isLameDuck == true { logger.info("NATS: the server asks its clients to leave", metadata: ["server": "\(link.server)"]) }
    }

    private func complained(_ problem: NATSServerProblem, over link: NATSLink) {
        logger.warning("NATS: \(problem)", metadata: ["server": "\(link.server)"])
        var failed: [Pending] = []
        var mailboxes: [Mailbox] = []
        var isDeaf = false
        core.withLock { core in
            switch problem {
            case .publishDenied(let subject):
                // Every publish to it is dropped, so each of these would only time out.
                for (token, pending) in core.pending where pending.subject == subject && pending.link == link.number {
                    core.pending[token] = nil
                    failed.append(pending)
                }
            case .subscribeDenied(let subject) where subject == "\(inbox).*":
                isDeaf = true
            case .subscribeDenied(let subject):
                for (sid, registration) in core.registrations where registration.subject == subject {
                    core.registrations[sid] = nil
                    mailboxes.append(registration.mailbox)
                }
            default: break
            }
        }
        // Without the inbox no request gets an answer: better no connection, and a state that says why. Not under the lock: on its own
        // loop a channel closes at once, and its end is told before this returns.
        if isDeaf { link.close(because: .refused(server: "\(link.server)", problem: problem)) }
        for pending in failed { pending.done(.failure(.denied("\(problem)"))) }
        for mailbox in mailboxes { mailbox.end(.denied("\(problem)")) }
    }

    private func ended(_ error: NATSError, over link: NATSLink) {
        let error = link.endReason ?? error
        let reason = if case .connectionLost(let reason) = error { reason } else { "\(error)" }
        let (failed, isCurrent, isClosed) = core.withLock { core in
            let isCurrent = core.link === link
            if isCurrent {
                core.link = nil
                if case .connectionLost = error { core.problem = .notConnected(reason: reason) } else { core.problem = error }
            }
            let failed = core.pending.filter { $0.value.link == link.number }
            for token in failed.keys { core.pending[token] = nil }
            return (failed.values.map { $0 }, isCurrent, core.isClosed)
        }
        if isCurrent, !isClosed { logger.warning("NATS: the connection ended: \(reason)", metadata: ["server": "\(link.server)"]) }
        for pending in failed { pending.done(.failure(.connectionLost(reason: reason))) }
    }
}

extension NATSLink {
    /// Closes it when what it still has to answer had time to come.
    func retire(after bound: Duration, on loop: any EventLoop) {
        loop.scheduleTask(in: TimeAmount(bound)) { self.close() }
    }
}
