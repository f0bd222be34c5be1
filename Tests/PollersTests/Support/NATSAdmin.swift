import Foundation
import Testing

// As much of NATS' protocol as makes a stream, a consumer and messages: one connection, one request at a time.

final class NATSAdmin {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        try #require(Peer.connected(descriptor, port))
        _ = receive()
        send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB answers 1\r\nPING\r\n")
        _ = receive()
    }

    deinit { close(descriptor) }

    func create(stream: String, subject: String) {
        request("$JS.API.STREAM.CREATE.\(stream)", #"{"name":"\#(stream)","subjects":["\#(subject)"],"storage":"memory"}"#)
    }

    func create(consumer: String, of stream: String) {
        request(
            "$JS.API.CONSUMER.DURABLE.CREATE.\(stream).\(consumer)",
            #"{"stream_name":"\#(stream)","config":{"durable_name":"\#(consumer)","ack_policy":"explicit","deliver_policy":"all"}}"#)
    }

    /// To a stream's subject; returns once the stream has it.
    func request(_ subject: String, _ body: String) {
        send("PUB \(subject) answers \(body.utf8.count)\r\n\(body)\r\n")
        _ = receive()
    }

    private func send(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }

    private func receive() -> String {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
    }
}
