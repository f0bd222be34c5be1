import Basics
import NIOCore
import NIOHPACK

// How does a gRPC call look on HTTP/2?
//
// As far as the gateway reads it: the five bytes before a message, a status with its text, a deadline. Everything else of a call is
// forwarded as it came. Nothing here trusts a length or a number from outside.

enum GRPCWire {
    /// Flag and length.
    static let prefixBytes = 5
    /// What ateapi takes, and more than it sends.
    static let messageBytesMost = 4 << 20

    /// The only message of a body; nil where there is none, more than one, or where it is compressed.
    static func message(of body: ByteBuffer) -> ByteBuffer? {
        guard let flag = body.getInteger(at: body.readerIndex, as: UInt8.self), flag == 0,
            let length = body.getInteger(at: body.readerIndex + 1, as: UInt32.self),
            body.readableBytes == prefixBytes + Int(length)
        else { return nil }
        return body.getSlice(at: body.readerIndex + prefixBytes, length: Int(length))
    }

    /// A message with its prefix.
    static func body(_ message: some Collection<UInt8>) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(prefixBytes + message.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(clamping: message.count))
        buffer.writeBytes(message)
        return buffer
    }

    /// `100m`, `15S`; nil where there is no deadline, or no number of at most eight digits with a unit.
    static func timeout(_ headers: HPACKHeaders) -> TimeAmount? {
        guard let text = headers.first(name: "grpc-timeout"), let unit = text.utf8.last else { return nil }
        let digits = text.dropLast()
        guard (1...8).contains(digits.utf8.count), digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let count = Int64(digits)
        else { return nil }
        switch unit {
        case UInt8(ascii: "n"): return .nanoseconds(count)
        case UInt8(ascii: "u"): return .microseconds(count)
        case UInt8(ascii: "m"): return .milliseconds(count)
        case UInt8(ascii: "S"): return .seconds(count)
        case UInt8(ascii: "M"): return .minutes(count)
        case UInt8(ascii: "H"): return .hours(min(count, 100_000))
        default: return nil
        }
    }

    /// A status message is percent-coded; what is no UTF-8 in it is replaced.
    static func decoded(_ text: String) -> String { String(decoding: PercentCoding.decoded(Array(text.utf8)[...]), as: UTF8.self) }

    static func encoded(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                Hex.append(byte, capital: true, to: &out)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// An answer that is a status alone.
    static func statusOnly(_ code: GRPCCode, _ text: String) -> HPACKHeaders {
        [
            ":status": "200", "content-type": "application/grpc", "grpc-status": "\(code.rawValue)", "grpc-message": encoded(text),
        ]
    }
}

/// gRPC's own numbers.
package enum GRPCCode: Int, Hashable, Sendable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
}

/// A whole answer, to be given to as many callers as wait for it.
package struct GRPCResponse: Sendable {
    /// Of an answer that is a status alone, the only ones.
    var headers: HPACKHeaders
    var body: ByteBuffer
    var trailers: HPACKHeaders?

    init(headers: HPACKHeaders, body: ByteBuffer = ByteBuffer(), trailers: HPACKHeaders? = nil) {
        self.headers = headers
        self.body = body
        self.trailers = trailers
    }

    init(_ code: GRPCCode, _ text: String) { self.init(headers: GRPCWire.statusOnly(code, text)) }

    private var ending: HPACKHeaders { trailers ?? headers }

    package var code: GRPCCode { ending.first(name: "grpc-status").flatMap { Int($0) }.flatMap(GRPCCode.init(rawValue:)) ?? .unknown }
    package var text: String { GRPCWire.decoded(ending.first(name: "grpc-message") ?? "") }
    /// How long the handler took, as ateapi says it.
    var serverMicroseconds: Int64? { ending.first(name: "x-server-elapsed-us").flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil } }
    package var message: [UInt8]? { GRPCWire.message(of: body).map { Array($0.readableBytesView) } }
}
