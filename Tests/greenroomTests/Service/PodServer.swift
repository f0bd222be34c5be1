import Foundation
import Machine
import Synchronization

// A pod's HTTP server, on loopback: one answer to each request, as the test says at that moment.

final class PodServer: Sendable {
    enum Response: Sendable {
        case text(String)
        case status(Int)
        /// Nothing, for as long as the other side waits.
        case silence
    }

    let port: Int
    private let descriptor: Int32
    private let silent = Mutex<[Int32]>([])
    private let isStopped = Mutex(false)

    /// - Parameter answer: called on a thread of the server's, for each request.
    init(_ response: @escaping @Sendable () -> Response) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        descriptor = listener
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                serve(connection, response)
            }
        }
    }

    private func serve(_ connection: Int32, _ response: () -> Response) {
        var buffer = [UInt8](repeating: 0, count: 8_192)
        var request = ""
        while !request.contains("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else {
                close(connection)
                return
            }
            request += String(decoding: buffer[..<count], as: UTF8.self)
        }
        switch response() {
        case .silence: return silent.withLock { $0.append(connection) }
        case .status(let status): send("HTTP/1.1 \(status) No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", connection)
        case .text(let text): send("HTTP/1.1 200 OK\r\ncontent-length: \(text.utf8.count)\r\nconnection: close\r\n\r\n\(text)", connection)
        }
        close(connection)
    }

    private func send(_ text: String, _ connection: Int32) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { Foundation.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    func stop() {
        guard
            isStopped.withLock({ isStopped in
                defer { isStopped = true }; return !isStopped
            })
        else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
        for connection in silent.withLock({ $0 }) { close(connection) }
    }
}
