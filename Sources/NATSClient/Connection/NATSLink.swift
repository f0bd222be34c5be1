import Machine
import NIOCore
import NIOPosix
import Synchronization

// What is one connection to one server?
//
// Writers on any thread put bytes into its outbox; one flush on its event loop writes what has gathered, so that publishes that come
// together leave together. What waits to be written is bounded, and what the machine hasn't taken yet counts.

final class NATSLink: Sendable {
    private struct Outbox {
        var buffer = ByteBuffer()
        /// In the buffer, and written but not yet taken.
        var pendingBytes = 0
        var isFlushScheduled = false
        var isOver = false
    }

    let server: NATSAddress
    let number: UInt64
    /// Opens when nothing comes over it any more.
    let ended = Latch()
    /// Opens when the server asks its clients to leave.
    let leaving = Latch()
    private let channel: any Channel
    private let outbox = Mutex(Outbox())
    private let known: Locked<NATSServerInfo>
    private let end = Locked<NATSError?>(nil)
    private let pendingMost: Int

    private init(_ channel: any Channel, server: NATSAddress, number: UInt64, info: Locked<NATSServerInfo>, pendingMost: Int) {
        self.channel = channel
        self.server = server
        self.number = number
        self.pendingMost = pendingMost
        known = info
    }

    var info: NATSServerInfo { known.value }
    var endReason: NATSError? { end.value }
    var pendingBytes: Int { outbox.withLock { $0.pendingBytes } }

    /// Whom a link tells of what comes, once it is in use. Called on the event loop.
    struct Hearer: Sendable {
        var message: @Sendable (NATSMessage, NATSLink) -> Void
        var informed: @Sendable (NATSServerInfo, NATSLink) -> Void
        var complained: @Sendable (NATSServerProblem, NATSLink) -> Void
        var ended: @Sendable (NATSError, NATSLink) -> Void
    }

    static func open(
        _ configuration: NATSConfiguration, to server: NATSAddress, number: UInt64, on loop: any EventLoop, hearer: Hearer
    ) async throws(NATSError) -> NATSLink {
        var parserLimits = NATSParser.Limits()
        parserLimits.messageBytes = configuration.limits.messageBytes
        let session = NATSSession(NATSSession.Identity(configuration, server: server), limits: parserLimits)
        let readiness = loop.makePromise(of: Void.self)
        let info = Locked(NATSServerInfo())
        let early = Locked<NATSLink?>(nil)
        let over = Locked<NATSError?>(nil)
        let report: @Sendable (NATSChannelHandler.Event) -> Void = { event in
            switch event {
            case .ready(let first):
                info.value = first
                readiness.succeed()
            case .informed(let newer):
                info.value = newer
                guard let link = early.value else { return }
                if newer.isLameDuck == true { link.leaving.open() }
                hearer.informed(newer, link)
            case .message(let message): if let link = early.value { hearer.message(message, link) }
            case .complained(let problem): if let link = early.value { hearer.complained(problem, link) }
            case .ended(let error):
                over.value = error
                readiness.fail(error)
                guard let link = early.value else { return }
                // Whoever waits for the end finds that everybody knows of it.
                link.markEnded(error)
                hearer.ended(error, link)
                link.ended.open()
            }
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(configuration.limits.connectSeconds.boundedSeconds * 1e9)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = NATSChannelHandler(
                        session, server: server, limits: configuration.limits, makeTLS: { try configuration.tls.handler(for: server) },
                        report: report)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        do {
            let channel: any Channel
            do { channel = try await bootstrap.connect(host: server.host, port: server.port).get() } catch {
                readiness.fail(error)
                throw error
            }
            // No message comes before the first subscription, which nobody can make before this returns. The end may have come already.
            let link = NATSLink(channel, server: server, number: number, info: info, pendingMost: configuration.limits.pendingBytes)
            early.value = link
            if let error = over.value {
                link.markEnded(error)
                link.ended.open()
            }
            try await readiness.futureResult.get()
            if let error = link.endReason { throw error }
            if info.value.isLameDuck == true { link.leaving.open() }
            return link
        } catch let error as NATSError {
            throw error
        } catch {
            throw .unreachable(server: "\(server)", reason: ConnectionProblem.words(error))
        }
    }

    private func markEnded(_ error: NATSError) {
        end.withValue { $0 = $0 ?? error }
        outbox.withLock { outbox in
            outbox.isOver = true
            outbox.buffer = ByteBuffer()
        }
    }

    func close() { channel.close(promise: nil) }

    /// Closes it, and says why to who asks for its end.
    func close(because error: NATSError) {
        end.withValue { $0 = $0 ?? error }
        close()
    }

    /// Puts bytes behind those that wait.
    /// - Parameter isControl: subscriptions and the like are few, and go even where payloads don't.
    func enqueue(bytes: Int, isControl: Bool = false, _ write: (inout ByteBuffer) -> Void) throws(NATSError) {
        enum Outcome { case queued, mustFlush, full, over }
        let outcome = outbox.withLock { outbox -> Outcome in
            if outbox.isOver { return .over }
            guard isControl || outbox.pendingBytes + bytes <= pendingMost else { return .full }
            let before = outbox.buffer.writerIndex
            write(&outbox.buffer)
            outbox.pendingBytes += outbox.buffer.writerIndex - before
            if outbox.isFlushScheduled { return .queued }
            outbox.isFlushScheduled = true
            return .mustFlush
        }
        switch outcome {
        case .queued: return
        case .mustFlush: channel.eventLoop.execute { self.flush() }
        case .full: throw .busy(what: "bytes", limit: pendingMost)
        case .over: throw .notConnected(reason: endReason.map { "\($0)" } ?? "the connection has just ended")
        }
    }

    private func flush() {
        let bytes = outbox.withLock { outbox in
            defer { outbox.buffer = ByteBuffer() }
            outbox.isFlushScheduled = false
            return outbox.buffer
        }
        guard bytes.readableBytes > 0 else { return }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in self.outbox.withLock { $0.pendingBytes -= bytes.readableBytes } }
        channel.writeAndFlush(bytes, promise: written)
    }
}
