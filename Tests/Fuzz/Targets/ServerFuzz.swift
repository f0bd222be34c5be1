import ExternalMetrics
import HTTPTransport
import NIOCore
import NIOEmbedded
import NIOHTTP1

// Do the servers hold before a request is known: a certificate's subject, the bytes of an HTTP/1.1 connection?

enum ServerFuzz {
    static func der(_ input: [UInt8]) throws {
        try hold(CertificateSubject.commonName(der: input) == CertificateSubject.commonName(der: input), "the name isn't the same twice")
    }

    /// The first byte says into which pieces the rest is cut. However it is cut, a connection gets as many answers.
    static func http1(_ input: [UInt8]) throws {
        guard let cut = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = try answers(bytes, pieces: bytes.count)
        let cutUp = try answers(bytes, pieces: 1 + Int(cut))
        // What follows a fault depends on what was read with it.
        try hold(
            whole == cutUp || whole.hasFault || cutUp.hasFault,
            "whole it has \(whole.requests) requests, in pieces of \(1 + Int(cut)) bytes \(cutUp.requests)")
    }

    private struct Taken: Equatable {
        var requests = 0
        var hasFault = false
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        var taken = Taken()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                var rules = RequestRules()
                rules.note(target: head.uri)
                for (name, value) in head.headers { rules.note(name: name.lowercased(), value: value) }
                _ = try? rules.check(head.version == .http1_0 ? .http1_0 : .http1_1)
            case .body: break
            case .end:
                taken.requests += 1
                context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .noContent))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { taken.hasFault = true }
    }

    private static func answers(_ bytes: [UInt8], pieces: Int) throws -> Taken {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let answering = Answering()
        try channel.pipeline.syncOperations.addHandlers(HTTP1Front.handlers(.init(), turns: RequestTurns(loop)).handlers)
        try channel.pipeline.syncOperations.addHandler(answering)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        var rest = bytes[...]
        while !rest.isEmpty, channel.isActive {
            do { try channel.writeInbound(ByteBuffer(bytes: rest.prefix(max(pieces, 1)))) } catch { answering.taken.hasFault = true }
            rest = rest.dropFirst(max(pieces, 1))
            loop.advanceTime(by: .milliseconds(1))
        }
        for _ in 0..<64 { loop.advanceTime(by: .milliseconds(1)) }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return answering.taken
    }
}
