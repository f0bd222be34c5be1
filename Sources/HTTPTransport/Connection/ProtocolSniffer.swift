import NIOCore
import NIOTLS

// Does this client speak HTTP/2 or HTTP/1.1?
//
// Both come in on the same port. An HTTP/2 client with prior knowledge begins with a fixed preface that no HTTP/1.1 request begins
// with, so the first byte that differs decides. Under TLS the protocol is what ALPN settled. A client that agreed on HTTP/2 and
// then speaks something else gets its refusal in HTTP/2. Without ALPN its first bytes tell.

enum ProtocolSniffer {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// nil while it could be either.
    static func version(of bytes: some Collection<UInt8>) -> Connection.Version? {
        var count = 0
        for (sent, expected) in zip(bytes, preface) {
            if sent != expected { return .http1 }
            count += 1
        }
        return count == preface.count ? .http2 : nil
    }
}

/// Holds the first bytes back until they tell, sets the pipeline up, and leaves.
final class ProtocolSniffingHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let configure: (any Channel, Connection.Version) throws -> Void
    private var seen: ByteBuffer?

    init(configure: @escaping (any Channel, Connection.Version) throws -> Void) { self.configure = configure }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var seen {
            seen.writeBuffer(&bytes)
            bytes = seen
        }
        guard let version = ProtocolSniffer.version(of: bytes.readableBytesView) else {
            seen = bytes
            return
        }
        seen = nil
        settle(version, context, bytes)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .handshakeCompleted(let agreed?)? = event as? TLSUserEvent else { return }
        settle(agreed == "h2" ? .http2 : .http1, context, nil)
    }

    private func settle(_ version: Connection.Version, _ context: ChannelHandlerContext, _ bytes: ByteBuffer?) {
        do {
            try configure(context.channel, version)
            if let bytes { context.fireChannelRead(wrapInboundOut(bytes)) }
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
