import NIOCore
import NIOHPACK

// Which bytes make a request on the wire?
//
// The header block of a load's requests is always the same, so it is encoded once, without the dynamic table: a stateless
// block means the same in every request and on every connection.

enum FrameType {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
}

enum FrameFlag {
    static let endStream: UInt8 = 1
    static let acknowledge: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 32
}

extension ByteBuffer {
    static let frameHeaderBytes = 9

    mutating func writeFrameHeader(length: Int, type: UInt8, flags: UInt8, stream: Int32) {
        writeInteger(UInt8(truncatingIfNeeded: length >> 16))
        writeInteger(UInt16(truncatingIfNeeded: length))
        writeInteger(type)
        writeInteger(flags)
        writeInteger(stream)
    }

    mutating func writeClientPreface() {
        writeStaticString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        let settings: [(id: UInt16, value: UInt32)] = [(1, 0), (2, 0), (4, 1 << 20)]
        writeFrameHeader(length: settings.count * 6, type: FrameType.settings, flags: 0, stream: 0)
        for (id, value) in settings {
            writeInteger(id)
            writeInteger(value)
        }
        writeWindowUpdate(1 << 30)
    }

    mutating func writeWindowUpdate(_ increment: UInt32) {
        writeFrameHeader(length: 4, type: FrameType.windowUpdate, flags: 0, stream: 0)
        writeInteger(increment)
    }
}

enum LoadHeader {
    static func block(of plan: LoadPlan) -> ByteBuffer {
        var fields: [(String, String)] = [
            (":method", plan.method), (":scheme", plan.url.isSecure ? "https" : "http"), (":authority", plan.url.authority),
            (":path", plan.url.prefix + plan.path), ("content-type", plan.contentType),
        ]
        if let token = plan.token { fields.append(("authorization", "Bearer \(token)")) }
        var block = ByteBuffer()
        for (name, value) in fields {
            // A literal without indexing, neither string compressed (RFC 7541, 6.2.2).
            block.writeInteger(UInt8(0))
            write(name, &block)
            write(value, &block)
        }
        return block
    }

    private static func write(_ text: String, _ block: inout ByteBuffer) {
        var length = text.utf8.count
        if length < 127 {
            block.writeInteger(UInt8(length))
        } else {
            block.writeInteger(UInt8(127))
            length -= 127
            while length >= 128 {
                block.writeInteger(UInt8(length & 127 | 128))
                length >>= 7
            }
            block.writeInteger(UInt8(length))
        }
        block.writeString(text)
    }

    /// The status in a response's header block, which our settings keep free of the dynamic table.
    static func status(_ block: ByteBuffer, decoder: inout HPACKDecoder) -> Int? {
        // Indexed fields of the static table, the common case, in one byte.
        switch block.getInteger(at: block.readerIndex, as: UInt8.self) {
        case 0x88: return 200
        case 0x89: return 204
        default:
            var block = block
            guard let headers = try? decoder.decodeHeaders(from: &block) else { return nil }
            return headers.first(name: ":status").flatMap { Int($0) }
        }
    }
}
