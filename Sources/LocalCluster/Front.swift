import Machine
import NIOCore
import NIOPosix

// How do several instances have one address, as behind a Service of Kubernetes?
//
// A connection goes to the next instance in turn that can be connected to, and stays there until either side ends it.

package final class Front: Sendable {
    package let port: Int
    private let channel: any Channel

    private static let connectLimit = TimeAmount.seconds(2)

    private init(_ channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter port: 0 takes any free one.
    package static func open(port: Int, targets: [Int]) async throws -> Front {
        precondition(!targets.isEmpty, "a front needs at least one target")
        let turn = Locked(0)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                let first = turn.withValue { next in
                    defer { next = (next + 1) % targets.count }
                    return next
                }
                let inTurn = (0..<targets.count).map { targets[(first + $0) % targets.count] }
                connect(client, inTurn[...])
                return client.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: port).get()
        return Front(channel)
    }

    package func close() async { try? await channel.close() }

    /// Joins the client to the first of the targets that takes the connection.
    private static func connect(_ client: any Channel, _ targets: ArraySlice<Int>) {
        guard let target = targets.first else { return client.close(promise: nil) }
        ClientBootstrap(group: client.eventLoop)
            .connectTimeout(connectLimit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: target)
            .whenComplete { result in
                switch result {
                case .success(let server): join(client, server)
                case .failure: connect(client, targets.dropFirst())
                }
            }
    }

    private static func join(_ client: any Channel, _ server: any Channel) {
        do {
            try client.pipeline.syncOperations.addHandler(Joint(to: server))
            try server.pipeline.syncOperations.addHandler(Joint(to: client))
        } catch {
            client.close(promise: nil)
            return server.close(promise: nil)
        }
        guard client.isActive else { return server.close(promise: nil) }
        for channel in [client, server] { channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) } }
    }
}

/// Passes on what one side sends. Both sides are on one event loop; a side that can't be written to stops the reading of the other.
private final class Joint: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { other.write(unwrapInboundIn(data), promise: nil) }

    func channelReadComplete(context: ChannelHandlerContext) { other.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        other.setOption(.autoRead, value: isWritable).whenFailure { _ in }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
