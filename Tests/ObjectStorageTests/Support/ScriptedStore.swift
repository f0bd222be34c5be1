import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

// A store whose every answer the test writes: good, late, endless, cut or none. In this process, on loopback.

final class ScriptedStore: Sendable {
    struct Request: Sendable {
        var method: String
        var uri: String
        var headers: [String: String]
    }

    enum Response: Sendable {
        case say(Int, headers: [(String, String)] = [], body: [UInt8] = [])
        /// A head that promises more than comes.
        case cut
        /// Nothing, ever.
        case hang
        /// A byte now and then, never the last.
        case drip
        /// Bytes without end.
        case flood
    }

    private let script: @Sendable (Int, Request) -> Response
    private let seen = Mutex<[Request]>([])
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ script: @escaping @Sendable (Int, Request) -> Response) { self.script = script }

    /// - Parameter script: the request's number, from 0, and the request.
    static func with<Result>(_ script: @escaping @Sendable (Int, Request) -> Response, _ body: (ScriptedStore) async throws -> Result)
        async throws -> Result
    {
        let store = ScriptedStore(script)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(store))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        store.channel.withLock { $0 = channel }
        do {
            let result = try await body(store)
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(channel.withLock { $0?.localAddress?.port } ?? 0)" }

    fileprivate func response(_ request: Request) -> Response {
        let number = seen.withLock { seen in
            seen.append(request)
            return seen.count - 1
        }
        return script(number, request)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let store: ScriptedStore
        private var head: HTTPRequestHead?

        init(_ store: ScriptedStore) { self.store = store }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                var headers: [String: String] = [:]
                for header in head.headers { headers[header.name.lowercased()] = header.value }
                carryOut(store.response(Request(method: head.method.rawValue, uri: head.uri, headers: headers)), context)
            }
        }

        private func carryOut(_ response: Response, _ context: ChannelHandlerContext) {
            switch response {
            case .say(let status, let headers, let body):
                var fields = HTTPHeaders(headers)
                if !fields.contains(name: "content-length") { fields.add(name: "content-length", value: "\(body.count)") }
                write(HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields), context)
                if !body.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil) }
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            case .cut:
                write(HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "1000"]), context)
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "<List"))))).whenComplete { _ in
                    bound.value.close(promise: nil)
                }
            case .hang: break
            case .drip, .flood:
                write(HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "1000000000"]), context)
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                let (pause, size) =
                    if case .drip = response { (TimeAmount.milliseconds(50), 1) } else { (TimeAmount.microseconds(10), 65_536) }
                context.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { task in
                    let (handler, context) = bound.value
                    guard context.channel.isActive else { return task.cancel() }
                    guard context.channel.isWritable else { return }
                    context.writeAndFlush(
                        handler.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(repeating: 0x20, count: size)))), promise: nil)
                }
            }
        }

        private func write(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
