package import NIOCore

// Which of the HTTP/2 frames that have come in go to the protocol's handler now?
//
// A header opens a stream, with handlers and a request of its own, and a reading of some KB can hold thousands. So only as many
// headers are handed on as the loop's turn has room for (`RequestTurns`); a frame of another kind comes with what stands before it.
// Meanwhile nothing is read. Nothing is changed: the handler sees the same bytes, later. Stands behind the protocol's sniffing.

/// Finds where frames begin.
package struct FrameWalk {
    private static let prefaceBytes = 24
    private static let headerBytes = 9
    private static let headersType: UInt8 = 1

    /// Of the preface, or of a frame, that are still to come.
    private var passingBytes = FrameWalk.prefaceBytes
    /// Of a frame's header, what came with the bytes before.
    private var partial = 0
    private var length = 0
    private var isHeaders = false

    package init() {}

    /// The bytes that hold at most so many headers, of which all are walked over; and how many they hold.
    package mutating func walk(_ bytes: ByteBufferView, headersMost: Int) -> (bytes: Int, headers: Int) {
        var (at, headers) = (bytes.startIndex, 0)
        while at < bytes.endIndex {
            if passingBytes > 0 {
                let count = min(passingBytes, bytes.endIndex - at)
                passingBytes -= count
                at += count
                continue
            }
            // Whether it is one too many is known by the fourth byte; until then nothing was handed on of it.
            let type = at + 3 - partial
            if partial < 4, type < bytes.endIndex, bytes[type] == Self.headersType, headers == headersMost { break }
            take(bytes[at])
            at += 1
            if partial == Self.headerBytes {
                if isHeaders { headers += 1 }
                (partial, passingBytes) = (0, length)
            }
        }
        return (at - bytes.startIndex, headers)
    }

    private mutating func take(_ byte: UInt8) {
        switch partial {
        case 0: length = Int(byte)
        case 1, 2: length = length << 8 | Int(byte)
        case 3: isHeaders = byte == Self.headersType
        default: break
        }
        partial += 1
    }
}

package final class StreamFeed: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = IOData
    package typealias OutboundOut = IOData

    /// A reading is far less; more comes only once reading should have stopped.
    private static let heldBytesMost = 1 << 20

    private let turns: RequestTurns
    private var walk = FrameWalk()
    private var context: ChannelHandlerContext?
    private var held = ByteBuffer()
    private var hasHeldRead = false
    private var hasHeldEnd = false
    private var isFeeding = false

    package init(_ turns: RequestTurns) { self.turns = turns }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func channelInactive(context: ChannelHandlerContext) {
        held = ByteBuffer()
        self.context = nil
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard held.readableBytes == 0, !isFeeding else {
            held.writeBuffer(&bytes)
            if held.readableBytes > Self.heldBytesMost { context.close(promise: nil) }
            return
        }
        feed(bytes, context)
    }

    /// Hands on what there is room for, and holds the rest.
    private func feed(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var bytes = bytes
        let (count, headers) = walk.walk(bytes.readableBytesView, headersMost: turns.room)
        let part = bytes.readSlice(length: count)
        // Before anything is handed on: it may read again, or close.
        held = bytes
        turns.took(headers)
        isFeeding = true
        if let part, part.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(part)) }
        isFeeding = false
        guard self.context != nil, held.readableBytes > 0 else { return held = ByteBuffer() }
        turns.hold { [weak self] in self?.resume() }
    }

    private func resume() {
        guard let context, held.readableBytes > 0 else { return }
        feed(held, context)
        context.fireChannelReadComplete()
        guard held.readableBytes == 0 else { return }
        if hasHeldEnd {
            hasHeldEnd = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if hasHeldRead {
            hasHeldRead = false
            context.read()
        }
    }

    package func read(context: ChannelHandlerContext) {
        if held.readableBytes > 0 { hasHeldRead = true } else { context.read() }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, held.readableBytes > 0 {
            hasHeldEnd = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}

@available(*, unavailable)
extension StreamFeed: Sendable {}
