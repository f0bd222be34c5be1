package import NIOCore

// How does an HTTP/2 connection refuse the stream that is one too many?
//
// RFC 9113, 5.1.2, makes that the stream's error: it is reset with REFUSED_STREAM, which tells the client to send the request
// again, and the others go on. NIO's handler ends the connection instead. So NIO gets a wider limit than the client's settings say:
// `AdvertisedStreams` puts ours into the settings as they leave, and `Connection` counts its streams with `StreamCount`.

package struct StreamCount {
    package let limit: Int
    private var open = 0
    /// Closed ones among them: a stream's handlers live until the event loop comes by again.
    private var kept = 0
    private var refused = 0

    package init(limit: Int) { self.limit = limit }

    /// A client that goes on after so many refusals between two sweeps doesn't listen.
    package var refusalsMost: Int { max(limit * 8, 64) }
    /// What NIO is told.
    package static func handlerLimit(for limit: Int) -> Int { limit + 16_384 }

    package var keptCount: Int { kept }

    /// Whether the stream just opened is one too many.
    package var isExceeded: Bool { open > limit || kept > limit * 2 + 8 }

    package mutating func opened() {
        open += 1
        kept += 1
    }

    package mutating func closed() { open -= 1 }
    package mutating func freed() { kept -= 1 }

    /// Counts a refusal; false where the connection is to end.
    package mutating func refuse() -> Bool {
        refused += 1
        return refused <= refusalsMost
    }

    package mutating func swept() { refused = 0 }
}

/// Tells the client a smaller limit than NIO's handler keeps to. Stands right before that handler and sees its first frame.
package final class AdvertisedStreams: ChannelOutboundHandler {
    package typealias OutboundIn = IOData
    package typealias OutboundOut = IOData

    private static let frameHeaderBytes = 9
    private static let settingsType: UInt8 = 4
    private static let maxConcurrentStreams: UInt16 = 3

    private let limit: UInt32
    private var isDone = false

    package init(limit: Int) { self.limit = UInt32(clamping: limit) }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isDone, case .byteBuffer(let bytes) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        isDone = true
        context.write(wrapOutboundOut(.byteBuffer(Self.settings(bytes, limit: limit))), promise: promise)
    }

    package static func settings(_ frame: ByteBuffer, limit: UInt32) -> ByteBuffer {
        var frame = frame
        let start = frame.readerIndex
        guard frame.getInteger(at: start + 3, as: UInt8.self) == settingsType else { return frame }
        var entry = start + frameHeaderBytes
        while entry + 6 <= frame.writerIndex {
            if frame.getInteger(at: entry, as: UInt16.self) == maxConcurrentStreams { frame.setInteger(limit, at: entry + 2) }
            entry += 6
        }
        return frame
    }
}

@available(*, unavailable)
extension AdvertisedStreams: Sendable {}
