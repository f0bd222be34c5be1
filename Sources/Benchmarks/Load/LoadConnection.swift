import NIOCore
import NIOHPACK

// How does one connection keep a server busy at the least cost to itself?
//
// It writes HTTP/2 frames from prebuilt bytes and reads only what it needs of the answers: which stream, which status. As
// many streams are open as the plan says; each answer opens the next. What is written while the loop reads leaves in one
// system call. Obeys the server's windows, frame size and stream limit.
//
//     connecting ─SETTINGS→ running ─last answer or time up→ finished
//
// Touched on its event loop alone.

final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case connecting, running, finishing, finished }

    private let plan: LoadPlan
    private let index: Int
    private let block: ByteBuffer
    private let requestsMost: Int
    private let done: EventLoopPromise<LoadReport>

    private var context: ChannelHandlerContext?
    private var phase = Phase.connecting
    private var report = LoadReport()
    private var unread = ByteBuffer()
    private var out = ByteBuffer()
    private var body = ByteBuffer()
    private var decoder = HPACKDecoder(allocator: ByteBufferAllocator(), maxDynamicTableSize: 0, maxHeaderListSize: 16_384)

    private var nextStream: Int32 = 1
    private var sent = 0
    private var open = 0
    private var startedAt: [NIODeadline]
    private var beganAt = NIODeadline.now()
    private var lastAnswerAt = NIODeadline.now()
    /// Whose the rest in `body` is.
    private var bodyStream: Int32 = 0

    private var window = 65_535
    private var streamWindow = 65_535
    private var frameBytes = 16_384
    private var streamsMost = 100
    private var received = 0

    /// A ring as long as the most streams that can be open, by powers of two.
    private static let ringSlots = 4_096

    init(plan: LoadPlan, index: Int, requestsMost: Int, block: ByteBuffer, done: EventLoopPromise<LoadReport>) {
        self.plan = plan
        self.index = index
        self.requestsMost = requestsMost
        self.block = block
        self.done = done
        startedAt = Array(repeating: .distantPast, count: Self.ringSlots)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        out.writeClientPreface()
        flushOut()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(phase == .finished ? nil : "the server closed the connection")
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish("\(error)")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if unread.readableBytes == 0 {
            unread = bytes
        } else {
            unread.discardReadBytes()
            unread.writeBuffer(&bytes)
        }
        readFrames()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if phase == .running { sendMore() }
        flushOut()
    }

    // MARK: - Sending

    /// Opens streams up to the plan's number; called after answers, and by the clock where there is a rate.
    func sendMore() {
        guard phase == .running else { return }
        let now = NIODeadline.now()
        if let seconds = plan.seconds, now - beganAt >= .nanoseconds(Int64(seconds * 1e9)) { return wind(now) }
        let allowed = allowance(now)
        sendBody()
        while body.readableBytes == 0, open < min(plan.inFlightPerConnection, streamsMost), sent < allowed {
            body.clear()
            plan.body(index, sent * plan.connections + index, &body)
            guard body.readableBytes <= streamWindow else {
                return finish("a body of \(body.readableBytes) bytes is more than the server takes at once")
            }
            sendHead(now)
            sendBody()
        }
        if sent >= requestsMost, open == 0 { wind(now) }
    }

    /// How many requests may have been sent by now.
    private func allowance(_ now: NIODeadline) -> Int {
        guard let rate = plan.ratePerSecond else { return requestsMost }
        let elapsedSeconds = Double((now - beganAt).nanoseconds) / 1e9
        return min(requestsMost, Int(elapsedSeconds * rate / Double(plan.connections)) + 1)
    }

    private func sendHead(_ now: NIODeadline) {
        let isEmpty = body.readableBytes == 0
        let flags = isEmpty ? FrameFlag.endHeaders | FrameFlag.endStream : FrameFlag.endHeaders
        out.writeFrameHeader(length: block.readableBytes, type: FrameType.headers, flags: flags, stream: nextStream)
        out.writeImmutableBuffer(block)
        report.sentBytes += body.readableBytes
        startedAt[slot(nextStream)] = now
        bodyStream = nextStream
        sent += 1
        open += 1
        nextStream += 2
        if nextStream < 0 { finish("the connection has no more stream numbers") }
    }

    /// As much of the last request's body as the connection's window lets through; the next request waits for the rest.
    private func sendBody() {
        while body.readableBytes > 0 {
            let count = min(body.readableBytes, frameBytes, window)
            guard count > 0, var part = body.readSlice(length: count) else { return }
            let flags = body.readableBytes == 0 ? FrameFlag.endStream : 0
            out.writeFrameHeader(length: count, type: FrameType.data, flags: flags, stream: bodyStream)
            out.writeBuffer(&part)
            window -= count
        }
    }

    private func slot(_ stream: Int32) -> Int { Int(stream >> 1) & (Self.ringSlots - 1) }

    func flushOut() {
        guard out.readableBytes > 0, let context else { return }
        let bytes = out
        out = context.channel.allocator.buffer(capacity: bytes.readableBytes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    // MARK: - Receiving

    private func readFrames() {
        while phase != .finished, unread.readableBytes >= ByteBuffer.frameHeaderBytes {
            let at = unread.readerIndex
            guard let high = unread.getInteger(at: at, as: UInt16.self), let low = unread.getInteger(at: at + 2, as: UInt8.self),
                let type = unread.getInteger(at: at + 3, as: UInt8.self), let flags = unread.getInteger(at: at + 4, as: UInt8.self),
                let stream = unread.getInteger(at: at + 5, as: Int32.self)
            else { return }
            let length = Int(high) << 8 | Int(low)
            guard length <= 1 << 20 else { return finish("a frame of \(length) bytes") }
            guard unread.readableBytes >= ByteBuffer.frameHeaderBytes + length else { return }
            unread.moveReaderIndex(forwardBy: ByteBuffer.frameHeaderBytes)
            guard let payload = unread.readSlice(length: length) else { return }
            take(type, flags, stream & .max, payload)
        }
    }

    private func take(_ type: UInt8, _ flags: UInt8, _ stream: Int32, _ payload: ByteBuffer) {
        switch type {
        case FrameType.headers: takeHeaders(flags, stream, payload)
        case FrameType.data: takeData(flags, stream, payload)
        case FrameType.windowUpdate:
            if stream == 0, let increment = payload.getInteger(at: payload.readerIndex, as: UInt32.self) { window += Int(increment) }
        case FrameType.settings where flags & FrameFlag.acknowledge == 0: takeSettings(payload)
        case FrameType.ping where flags & FrameFlag.acknowledge == 0:
            out.writeFrameHeader(length: payload.readableBytes, type: FrameType.ping, flags: FrameFlag.acknowledge, stream: 0)
            out.writeImmutableBuffer(payload)
        case FrameType.resetStream:
            report.resets += 1
            answered(stream)
        case FrameType.goAway:
            // With no error it only says that the last answers are on their way.
            let code = payload.getInteger(at: payload.readerIndex + 4, as: UInt32.self) ?? 0
            if code != 0 || open == 0 { finish("the server is going away (code \(code))") } else { phase = .finishing }
        default: break
        }
    }

    private func takeHeaders(_ flags: UInt8, _ stream: Int32, _ payload: ByteBuffer) {
        guard flags & (FrameFlag.padded | FrameFlag.priority) == 0, let status = LoadHeader.status(payload, decoder: &decoder) else {
            return finish("an answer's header can't be read")
        }
        guard status >= 200 else { return }
        report.statuses[status, default: 0] += 1
        if flags & FrameFlag.endStream != 0 { answered(stream) }
    }

    private func takeData(_ flags: UInt8, _ stream: Int32, _ payload: ByteBuffer) {
        received += payload.readableBytes
        if received > 1 << 29 {
            out.writeWindowUpdate(UInt32(received))
            received = 0
        }
        if flags & FrameFlag.endStream != 0 { answered(stream) }
    }

    private func answered(_ stream: Int32) {
        let now = NIODeadline.now()
        report.latency.record(microseconds: (now - startedAt[slot(stream)]).nanoseconds / 1_000)
        report.requests += 1
        lastAnswerAt = now
        open -= 1
        if phase == .finishing, open == 0 { finish(nil) }
    }

    private func takeSettings(_ payload: ByteBuffer) {
        var payload = payload
        while let id = payload.readInteger(as: UInt16.self), let value = payload.readInteger(as: UInt32.self) {
            switch id {
            case 3: streamsMost = min(Int(value), Self.ringSlots / 2)
            case 4: streamWindow = Int(value)
            case 5: frameBytes = Int(value)
            default: break
            }
        }
        out.writeFrameHeader(length: 0, type: FrameType.settings, flags: FrameFlag.acknowledge, stream: 0)
        if phase == .connecting {
            phase = .running
            beganAt = .now()
            lastAnswerAt = beganAt
            sendMore()
        }
    }

    // MARK: - The end

    /// Sends nothing more; ends with the last answer.
    private func wind(_ now: NIODeadline) {
        guard phase == .running else { return }
        phase = .finishing
        if open == 0 { finish(nil) }
    }

    /// Fails a connection whose server answers nothing.
    func checkSilence() {
        let isLate = NIODeadline.now() - lastAnswerAt > .nanoseconds(Int64(plan.answerSeconds * 1e9))
        if isLate, phase == .connecting || open > 0 { finish("no answer for \(plan.answerSeconds) s") }
        sendMore()
        flushOut()
    }

    private func finish(_ fault: String?) {
        guard phase != .finished else { return }
        phase = .finished
        report.fault = fault
        report.seconds = Double((lastAnswerAt - beganAt).nanoseconds) / 1e9
        done.succeed(report)
        context?.close(promise: nil)
    }
}
