import NIOCore

// From when on do our settings hold for a new HTTP/2 connection?
//
// A client sends its first request along with its preface, before it has seen our settings, and NIO decodes header blocks by the
// protocol's small defaults until the client acknowledged ours. A first request with too large a header would then end the
// connection where every later one is answered with 431. Our settings only allow more than the defaults, so they may hold from the
// start. This handler makes the client's acknowledgement appear right behind its own settings, and drops the real one when it
// comes. Then it only passes on.
//
//     preface ─24 bytes→ first settings ─frame→ awaiting the real acknowledgement ─frame→ passing

struct EarlySettings {
    private enum Phase { case preface, firstSettings, awaitingAcknowledgement, passing }

    private static let frameHeaderBytes = 9
    private static let settingsType: UInt8 = 4
    private static let acknowledgement: [UInt8] = [0, 0, 0, settingsType, 1, 0, 0, 0, 0]

    private var phase = Phase.preface
    /// Of the preface or of a frame: bytes that still pass unseen.
    private var passingBytes = ProtocolSniffer.preface.count
    /// The acknowledgement is put in once those have passed.
    private var mustAcknowledge = false
    /// A frame's header that has come in part.
    private var held: [UInt8] = []

    var isPassing: Bool { phase == .passing }

    /// What is to be read in place of `bytes`.
    mutating func transform(_ bytes: ByteBuffer) -> ByteBuffer {
        var bytes = bytes
        guard phase != .passing else { return bytes }
        var out = ByteBuffer()
        out.reserveCapacity(bytes.readableBytes + held.count + Self.acknowledgement.count)
        while phase != .passing {
            let count = min(passingBytes, bytes.readableBytes)
            if var part = bytes.readSlice(length: count) { out.writeBuffer(&part) }
            passingBytes -= count
            guard passingBytes == 0 else { return out }
            if mustAcknowledge {
                out.writeBytes(Self.acknowledgement)
                mustAcknowledge = false
                phase = .awaitingAcknowledgement
            }
            if phase == .preface { phase = .firstSettings }
            guard let header = takeHeader(&bytes) else { return out }
            judge(header, &out)
        }
        out.writeBuffer(&bytes)
        return out
    }

    private mutating func takeHeader(_ bytes: inout ByteBuffer) -> [UInt8]? {
        held += bytes.readBytes(length: min(Self.frameHeaderBytes - held.count, bytes.readableBytes)) ?? []
        guard held.count == Self.frameHeaderBytes else { return nil }
        defer { held = [] }
        return held
    }

    private mutating func judge(_ header: [UInt8], _ out: inout ByteBuffer) {
        let isSettings = header[3] == Self.settingsType
        let isAcknowledgement = isSettings && header[4] & 1 != 0
        if phase == .awaitingAcknowledgement, isAcknowledgement {
            phase = .passing
            return
        }
        out.writeBytes(header)
        passingBytes = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        if phase == .firstSettings {
            // Anything else here is a fault of the client's, which NIO answers.
            if isSettings, !isAcknowledgement { mustAcknowledge = true } else { phase = .passing }
        }
    }
}

final class EarlySettingsHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var settings = EarlySettings()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if settings.isPassing { return context.fireChannelRead(data) }
        let bytes = settings.transform(unwrapInboundIn(data))
        if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
    }
}
