import NIOCore
import NIOHPACK
import NIOHTTP2

// What does ateapi answer to one question of the gateway's own?
//
// A resume on its way upstream is such a call: it belongs to no caller, and ends with an answer, a broken connection or its own time.
// `ended` is called exactly once.

final class UnaryCall: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload
    typealias Ended = (Result<GRPCResponse, UpstreamFault>) -> Void

    private let address: String
    private let ended: Ended
    private var isOver = false
    private var headers: HPACKHeaders?
    private var body = ByteBuffer()
    private var timer: Scheduled<Void>?
    private var channel: (any Channel)?

    private init(_ address: String, _ ended: @escaping Ended) {
        self.address = address
        self.ended = ended
    }

    /// - Parameter seconds: without an answer after that long the call is given up and reset.
    static func begin(
        on pool: UpstreamPool, _ eventLoop: any EventLoop, headers: HPACKHeaders, body: ByteBuffer, seconds: Int64, _ ended: @escaping Ended
    ) {
        let call = UnaryCall(pool.address, ended)
        let bound = NIOLoopBound(call, eventLoop: eventLoop)
        call.timer = eventLoop.scheduleTask(in: .seconds(seconds)) { bound.value.expire(seconds) }
        pool.open(call) { result in
            switch result {
            case .success(let channel): call.send(on: channel, headers, body)
            case .failure(let fault): call.end(.failure(fault))
            }
        }
    }

    private func send(on channel: any Channel, _ headers: HPACKHeaders, _ body: ByteBuffer) {
        guard !isOver else { return channel.close(promise: nil) }
        self.channel = channel
        channel.write(HTTP2Frame.FramePayload.headers(.init(headers: headers)), promise: nil)
        channel.writeAndFlush(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(body), endStream: true)), promise: nil)
    }

    private func expire(_ seconds: Int64) {
        end(.failure(.late(seconds)))
        channel?.close(promise: nil)
    }

    private func end(_ result: Result<GRPCResponse, UpstreamFault>) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        ended(result)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let part):
            if let headers {
                end(.success(GRPCResponse(headers: headers, body: body, trailers: part.headers)))
            } else if part.endStream {
                end(.success(GRPCResponse(headers: part.headers)))
            } else if part.headers.first(name: ":status")?.first != "1" {
                headers = part.headers
            }
        case .data(let part):
            guard case .byteBuffer(var bytes) = part.data else { return }
            guard body.readableBytes + bytes.readableBytes <= GRPCWire.messageBytesMost * 4 + GRPCWire.prefixBytes else {
                end(.failure(UpstreamFault(code: .resourceExhausted, description: "an answer of ateapi's is too large for greenroom")))
                return context.close(promise: nil)
            }
            body.writeBuffer(&bytes)
            if part.endStream { end(.failure(.lost(address))) }
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.failure(.lost(address)))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(.lost(address)))
        context.fireChannelInactive()
    }
}
