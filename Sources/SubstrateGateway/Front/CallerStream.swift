import NIOCore
import NIOHPACK
import NIOHTTP2

// What becomes of one call?
//
//     HEADERS ─┬─ ResumeActor → its message is gathered → the desk, which answers once or says that it is to be forwarded
//              └─ anything else → a stream to ateapi, and from then on frames go both ways as they are
//
// Forwarded frames keep headers, trailers, codes, texts and the end of either side, and how a side was reset. A side that is slow holds the
// other one back: nothing is read that can't be written. Of a few methods the messages are looked at as they pass (`Tap`).

final class CallerStream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    /// A resume names an actor; one that is longer goes its way unread.
    private static let resumeBytesMost = 16 << 10

    private let core: GatewayCore
    private let release: () -> Void
    private var context: ChannelHandlerContext?
    private var request: HPACKHeaders?
    /// Of a resume, as it is gathered.
    private var gathered = ByteBuffer()
    private var isGathering = false
    private var caller: Caller?
    // Of a forwarded call.
    private var upstream: (any Channel)?
    private var early: [HTTP2Frame.FramePayload] = []
    private var isForwarded = false
    private var wantsRead = false
    private var hasAnswered = false
    /// Of both sides, what there was to say was forwarded.
    private var isRequestWhole = false
    private var isAnswerWhole = false
    private var isOver = false
    private(set) var tap: Tap?

    /// - Parameter release: gives the stream's place back.
    init(_ core: GatewayCore, release: @escaping () -> Void) {
        self.core = core
        self.release = release
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    // MARK: - From the caller

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        if isForwarded { return forward(frame) }
        if isGathering { return gather(frame) }
        guard case .headers(let head) = frame else { return }
        request = head.headers
        let path = head.headers.first(name: ":path") ?? ""
        if path == Method.resumeActor.path, !head.endStream {
            isGathering = true
            return
        }
        tap = Tap(path)
        beginForwarding([frame])
    }

    private func gather(_ frame: HTTP2Frame.FramePayload) {
        guard caller == nil, let request else { return }
        switch frame {
        case .data(let part):
            guard case .byteBuffer(var bytes) = part.data else { return }
            gathered.writeBuffer(&bytes)
            if gathered.readableBytes > Self.resumeBytesMost { return passGathered(end: part.endStream) }
            guard part.endStream else { return }
            guard let message = GRPCWire.message(of: gathered), let call = ResumeCall(message: message) else {
                return passGathered(end: true)
            }
            let caller = Caller(headers: request, call: call, body: gathered, core.eventLoop) { [weak self] response in
                self?.respond(response)
            }
            self.caller = caller
            core.desk.resume(caller)
        case .headers(let trailers): if trailers.endStream { passGathered(end: true) }
        default: break
        }
    }

    /// It isn't what it seemed: it goes its way as it is.
    private func passGathered(end: Bool) {
        guard let request else { return }
        isGathering = false
        beginForwarding([.headers(.init(headers: request)), .data(.init(data: .byteBuffer(gathered), endStream: end))])
    }

    /// The desk's word. After it nothing more is said.
    private func respond(_ response: GRPCResponse) {
        guard let context, !isOver else { return }
        isOver = true
        hasAnswered = true
        caller = nil
        if let trailers = response.trailers {
            context.write(wrapOutboundOut(.headers(.init(headers: response.headers))), promise: nil)
            if response.body.readableBytes > 0 {
                context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(response.body)))), promise: nil)
            }
            context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: trailers, endStream: true))), promise: nil)
        } else {
            context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: response.headers, endStream: true))), promise: nil)
        }
    }

    // MARK: - Forwarding

    private func beginForwarding(_ frames: [HTTP2Frame.FramePayload]) {
        isForwarded = true
        for frame in frames {
            tap?.sent(frame)
            if Self.isLast(frame) { isRequestWhole = true }
        }
        early = frames
        core.pool.open(UpstreamStream(self)) { [weak self] result in
            switch result {
            case .success(let channel): if let self { self.opened(channel) } else { channel.close(promise: nil) }
            case .failure(let fault): self?.respond(fault.response)
            }
        }
    }

    private func opened(_ channel: any Channel) {
        guard !isOver else { return channel.close(promise: nil) }
        upstream = channel
        for frame in early { channel.write(frame, promise: nil) }
        early = []
        channel.flush()
        readIfWanted()
    }

    private func forward(_ frame: HTTP2Frame.FramePayload) {
        guard Self.isCalls(frame) else { return }
        tap?.sent(frame)
        if Self.isLast(frame) { isRequestWhole = true }
        guard let upstream else { return early.append(frame) }
        upstream.write(frame, promise: nil)
    }

    /// What belongs to the call and not to one side's bookkeeping.
    static func isCalls(_ frame: HTTP2Frame.FramePayload) -> Bool {
        switch frame {
        case .data, .headers: true
        default: false
        }
    }

    static func isLast(_ frame: HTTP2Frame.FramePayload) -> Bool {
        switch frame {
        case .data(let part): part.endStream
        case .headers(let part): part.endStream
        default: false
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { upstream?.flush() }

    /// Read only what can be written.
    func read(context: ChannelHandlerContext) {
        guard isForwarded else { return context.read() }
        wantsRead = true
        readIfWanted()
    }

    func readIfWanted() {
        guard wantsRead, let upstream, upstream.isWritable, let context else { return }
        wantsRead = false
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { upstream?.read() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// The caller is gone, or has its answer.
    private func end() {
        release()
        caller?.leave()
        caller = nil
        guard !isOver else { return }
        isOver = true
        early = []
        // A call that is whole ends by itself. Closed a moment before, it would be reset, and a server that counts resets ends the
        // connection, with all the other calls on it.
        if !(isRequestWhole && isAnswerWhole) { upstream?.close(promise: nil) }
        upstream = nil
    }

    // MARK: - From ateapi

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func received(_ frame: HTTP2Frame.FramePayload) {
        guard let context, !isOver, Self.isCalls(frame) else { return }
        hasAnswered = true
        if Self.isLast(frame) { isAnswerWhole = true }
        let isLast = tap?.received(frame) ?? false
        if isLast, let seen = tap?.seen() { core.saw(seen) }
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    func flush() { context?.flush() }

    /// ateapi's side is over before its answer was: reset as it was there or, where the connection broke, UNAVAILABLE.
    func upstreamEnded(_ code: HTTP2ErrorCode?) {
        upstream = nil
        guard let context, !isOver else { return }
        if let code {
            isOver = true
            context.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
        } else if !hasAnswered {
            respond(UpstreamFault.lost(core.pool.address).response)
        } else {
            // The answer had begun: what is left to say are its trailers.
            isOver = true
            let fault = UpstreamFault.lost(core.pool.address)
            let trailers: HPACKHeaders = ["grpc-status": "\(fault.code.rawValue)", "grpc-message": GRPCWire.encoded(fault.description)]
            context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: trailers, endStream: true))), promise: nil)
        }
    }
}

/// The other end of a forwarded call.
private final class UpstreamStream: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private weak var caller: CallerStream?
    private var hasEnded = false
    private var wantsRead = false

    init(_ caller: CallerStream) { self.caller = caller }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        if CallerStream.isLast(frame) { hasEnded = true }
        caller?.received(frame)
    }

    func channelReadComplete(context: ChannelHandlerContext) { caller?.flush() }

    func read(context: ChannelHandlerContext) {
        if caller?.isWritable ?? true { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { caller?.readIfWanted() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let closed = error as? NIOHTTP2Errors.StreamClosed {
            // After the whole answer it takes nothing away.
            if !hasEnded { caller?.upstreamEnded(closed.errorCode) }
            caller = nil
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !hasEnded { caller?.upstreamEnded(nil) }
        caller = nil
        context.fireChannelInactive()
    }
}
