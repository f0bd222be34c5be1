import HTTPTypes
import NIOCore
import NIOHTTPTypes

// What comes back over one stream?

struct ResponseStream {
    private var parts: NIOAsyncChannelInboundStream<HTTPResponsePart>.AsyncIterator
    private let url: String
    private let bytesMost: Int

    init(parts: NIOAsyncChannelInboundStream<HTTPResponsePart>.AsyncIterator, url: String, bytesMost: Int) {
        self.parts = parts
        self.url = url
        self.bytesMost = bytesMost
    }

    private mutating func next() async throws(ClientError) -> HTTPResponsePart? {
        do {
            return try await parts.next()
        } catch is CancellationError {
            throw .cancelled
        } catch {
            throw .unreachable(url: url, reason: ClientError.reason(error))
        }
    }

    /// The final head; what is only informational is skipped.
    mutating func head() async throws(ClientError) -> HTTPResponse {
        while let part = try await next() {
            guard case .head(let head) = part else { break }
            if head.status.kind != .informational { return head }
        }
        throw Task.isCancelled ? .cancelled : .unreachable(url: url, reason: "the connection ended before an answer came")
    }

    /// The next bytes of the body; nil at its end.
    mutating func bytes() async throws(ClientError) -> ByteBuffer? {
        switch try await next() {
        case .body(let bytes): return bytes
        case .end: return nil
        case .head: throw .unexpected(url: url, reason: "a second answer on one stream")
        case nil: throw Task.isCancelled ? .cancelled : .unreachable(url: url, reason: "the connection ended in the middle of an answer")
        }
    }

    mutating func whole() async throws(ClientError) -> WholeResponse {
        try await rest(of: try await head())
    }

    mutating func rest(of head: HTTPResponse) async throws(ClientError) -> WholeResponse {
        var body: [UInt8] = []
        while let bytes = try await bytes() {
            guard body.count + bytes.readableBytes <= bytesMost else {
                throw .unexpected(url: url, reason: "the answer has more than \(bytesMost) bytes")
            }
            body.append(contentsOf: bytes.readableBytesView)
        }
        let headers = head.headerFields.map { (name: $0.name.canonicalName, value: $0.value) }
        return WholeResponse(status: head.status.code, headers: headers, body: body)
    }
}

extension WholeResponse {
    var refusal: ClientError {
        .refused(status: status, problem: ServerProblem(status: status, body: body, retryAfter: header("retry-after")))
    }
}

/// The lines of an answer that may never end. Empty lines, which keep a stream alive, are left out.
package struct ServerLines {
    private var stream: ResponseStream
    private let lineBytes: Int
    private var pending = ByteBuffer()
    private var hasEnded = false

    init(stream: ResponseStream, lineBytes: Int) {
        self.stream = stream
        self.lineBytes = lineBytes
    }

    /// The next line without its end; nil once the server has ended the answer.
    package mutating func next() async throws(ClientError) -> [UInt8]? {
        while true {
            if let end = pending.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending.readBytes(length: end - pending.readerIndex) ?? []
                pending.moveReaderIndex(forwardBy: 1)
                if line.isEmpty { continue }
                return line
            }
            guard !hasEnded else { return pending.readableBytes > 0 ? pending.readBytes(length: pending.readableBytes) : nil }
            guard pending.readableBytes <= lineBytes else { throw .unexpected(url: "", reason: "a line of more than \(lineBytes) bytes") }
            guard var bytes = try await stream.bytes() else {
                hasEnded = true
                continue
            }
            pending.discardReadBytes()
            pending.writeBuffer(&bytes)
        }
    }
}
