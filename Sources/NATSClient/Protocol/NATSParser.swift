package import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// Which frames do these bytes hold?
//
// Bytes come in pieces of any size; the same frames come out however they were cut. A line and a message have a largest size. Fields of
// a line are separated by runs of blanks: 2.9 leaves two where a reply subject is empty. The first fault ends it: what follows a frame
// that can't be read can't be read either.

package struct NATSParser: Sendable {
    package enum Frame: Hashable, Sendable {
        case info(NATSServerInfo)
        case message(NATSMessage)
        case ping
        case pong
        case ok
        case error(String)
    }

    package struct Limits: Hashable, Sendable {
        /// INFO names every server of a cluster, so its line may be long.
        package var lineBytes = 64 << 10
        /// Headers and payload of one message.
        package var messageBytes = 16 << 20

        package init() {}
    }

    private struct Body {
        var message: NATSMessage
        var headerBytes: Int
        var totalBytes: Int
    }

    private let limits: Limits
    private var buffer = ByteBuffer()
    /// How many readable bytes are known to hold no line's end.
    private var scanned = 0
    private var body: Body?
    private var fault: NATSProtocolFault?

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// Bytes that came and belong to no frame yet.
    package var bytesLeft: Int { buffer.readableBytes }

    package mutating func append(_ bytes: ByteBuffer) {
        var bytes = bytes
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            if buffer.readerIndex > 64 << 10, buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next frame that is whole; nil where more bytes are needed.
    package mutating func next() throws(NATSProtocolFault) -> Frame? {
        if let fault { throw fault }
        do {
            if body != nil { return try readBody() }
            guard let line = try readLine() else { return nil }
            return try frame(of: line)
        } catch {
            fault = error
            buffer.clear()
            throw error
        }
    }

    private mutating func readLine() throws(NATSProtocolFault) -> [UInt8]? {
        let end = buffer.withUnsafeReadableBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, bytes.count > scanned else { return nil }
            let start = base + scanned
            return memchr(start, Int32(UInt8(ascii: "\n")), bytes.count - scanned).map { UnsafeRawPointer($0) - base }
        }
        guard let end else {
            scanned = buffer.readableBytes
            if scanned > limits.lineBytes { throw NATSProtocolFault("a line has more than \(limits.lineBytes) bytes") }
            return nil
        }
        scanned = 0
        guard end <= limits.lineBytes, var line = buffer.readBytes(length: end) else {
            throw NATSProtocolFault("a line has more than \(limits.lineBytes) bytes")
        }
        buffer.moveReaderIndex(forwardBy: 1)
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    private mutating func frame(of line: [UInt8]) throws(NATSProtocolFault) -> Frame? {
        let verbEnd = line.firstIndex(where: Self.isBlank) ?? line.endIndex
        let arguments = line[verbEnd...].drop(while: Self.isBlank)
        switch String(decoding: line[..<verbEnd].prefix(8), as: UTF8.self).uppercased() {
        case "MSG": return try begin(arguments, hasHeaders: false)
        case "HMSG": return try begin(arguments, hasHeaders: true)
        case "PING": return .ping
        case "PONG": return .pong
        case "+OK": return .ok
        case "-ERR": return .error(Self.unquoted(arguments))
        case "INFO": return .info(try NATSServerInfo(json: arguments))
        default: throw NATSProtocolFault("\"\(String(decoding: line.prefix(40), as: UTF8.self))\" is no operation")
        }
    }

    /// `subject sid [reply] [header bytes] total bytes`
    private mutating func begin(_ arguments: ArraySlice<UInt8>, hasHeaders: Bool) throws(NATSProtocolFault) -> Frame? {
        let fields = arguments.split(whereSeparator: Self.isBlank)
        let sizes = hasHeaders ? 2 : 1
        guard fields.count == 2 + sizes || fields.count == 3 + sizes else {
            throw NATSProtocolFault("a message's line has \(fields.count) fields")
        }
        guard let sid = Self.number(fields[1]), let total = fields.last.flatMap(Self.number) else {
            throw NATSProtocolFault("a message's line has a field that is no number")
        }
        let head = hasHeaders ? Self.number(fields[fields.count - 2]) : 0
        guard let head, head <= total else { throw NATSProtocolFault("a message's headers are longer than the message") }
        guard total <= UInt64(limits.messageBytes) else {
            throw NATSProtocolFault("a message has \(total) bytes; at most \(limits.messageBytes) are read")
        }
        let message = NATSMessage(
            subject: String(decoding: fields[0], as: UTF8.self), subscription: sid,
            reply: fields.count == 3 + sizes ? String(decoding: fields[2], as: UTF8.self) : nil)
        body = Body(message: message, headerBytes: Int(head), totalBytes: Int(total))
        return try readBody()
    }

    private mutating func readBody() throws(NATSProtocolFault) -> Frame? {
        guard var body, buffer.readableBytes >= body.totalBytes + 2 else { return nil }
        guard let head = buffer.readBytes(length: body.headerBytes),
            let payload = buffer.readBytes(length: body.totalBytes - body.headerBytes),
            buffer.readInteger(as: UInt16.self) == 0x0D0A
        else { throw NATSProtocolFault("a message isn't followed by the end of a line") }
        self.body = nil
        if !head.isEmpty { (body.message.status, body.message.headers) = NATSHeaders.read(head) }
        body.message.payload = payload
        return .message(body.message)
    }

    private static func unquoted(_ text: ArraySlice<UInt8>) -> String {
        var text = text
        while let last = text.last, isBlank(last) { text.removeLast() }
        if text.count >= 2, text.first == UInt8(ascii: "'"), text.last == UInt8(ascii: "'") { text = text.dropFirst().dropLast() }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
        }
        return value
    }
}
