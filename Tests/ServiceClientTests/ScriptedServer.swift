import HTTPTypes
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import NIOPosix
import Synchronization

@testable import ServiceClient

// A server over HTTP/2 that answers each request with what the test's closure says.

final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method = ""
        var path = ""
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    }

    struct Reply: Sendable {
        var status = 200
        var headers: [(name: String, value: String)] = []
        var parts: [[UInt8]] = []
        /// The connection ends after the parts, in the middle of the answer.
        var breaks = false
        var isSilent = false

        init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
            self.status = status
            self.headers = headers
            parts = body.isEmpty ? [] : [body]
        }

        init(status: Int, parts: [String], breaks: Bool = false) {
            self.status = status
            self.parts = parts.map { Array($0.utf8) }
            self.breaks = breaks
        }

        /// Ends the connection without an answer.
        static var breaking: Reply {
            var reply = Reply(status: 0)
            reply.breaks = true
            return reply
        }

        static var silent: Reply {
            var reply = Reply(status: 0)
            reply.isSilent = true
            return reply
        }
    }

    private struct Seen {
        var connections = 0
        var bodies: [[UInt8]] = []
    }

    let url: BaseURL
    private let seen: Mutex<Seen>
    var requestCount: Int { seen.withLock { $0.bodies.count } }
    var connectionCount: Int { seen.withLock { $0.connections } }
    var bodies: [[UInt8]] { seen.withLock { $0.bodies } }

    private init(port: Int) {
        url = BaseURL(host: "127.0.0.1", port: port)
        seen = Mutex(Seen())
    }

    fileprivate func connected() { seen.withLock { $0.connections += 1 } }
    fileprivate func received(_ body: [UInt8]) { seen.withLock { $0.bodies.append(body) } }

    static func run(_ response: @escaping @Sendable (Request) -> Reply, _ body: (ScriptedServer) async throws -> Void) async throws {
        let box = Box()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    box.open.withLock { $0.append(channel) }
                    box.owner.withLock { $0 }?.connected()
                    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
                        mode: .server, connectionConfiguration: .init(), streamConfiguration: .init()
                    ) { stream in
                        stream.eventLoop.makeCompletedFuture {
                            try stream.pipeline.syncOperations.addHandlers([
                                HTTP2FramePayloadToHTTPServerCodec(),
                                ReplyHandler(connection: channel, response: response, server: { box.owner.withLock { $0 } }),
                            ])
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = ScriptedServer(port: listener.localAddress?.port ?? 0)
        box.owner.withLock { $0 = server }
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        try await listener.close()
        for channel in box.open.withLock({ $0 }) { try? await channel.close() }
        try result.get()
    }

    private final class Box: Sendable {
        let owner = Mutex<ScriptedServer?>(nil)
        let open = Mutex<[any Channel]>([])
    }
}

private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    private let connection: any Channel
    private let response: @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
    private let server: () -> ScriptedServer?
    private var request = ScriptedServer.Request()

    init(
        connection: any Channel, response: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply,
        server: @escaping () -> ScriptedServer?
    ) {
        self.connection = connection
        self.response = response
        self.server = server
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request.method = head.method.rawValue
            request.path = head.path ?? ""
            request.headers = head.headerFields.map { ($0.name.canonicalName, $0.value) }
        case .body(let bytes): request.body.append(contentsOf: bytes.readableBytesView)
        case .end: reply(context)
        }
    }

    private func reply(_ context: ChannelHandlerContext) {
        server()?.received(request.body)
        let reply = response(request)
        if reply.isSilent { return }
        if reply.status > 0 {
            var head = HTTPResponse(status: .init(code: reply.status))
            for (name, value) in reply.headers {
                if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
            }
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            for part in reply.parts { context.writeAndFlush(wrapOutboundOut(.body(ByteBuffer(bytes: part))), promise: nil) }
        }
        if reply.breaks {
            let connection = connection
            // What was written leaves first.
            context.eventLoop.scheduleTask(in: .milliseconds(20)) { connection.close(promise: nil) }
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
