import HTTPTypes
package import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix

// How does a program of ours talk to a Greenroom server?
//
// Over one HTTP/2 connection that is opened when first needed and again when it broke. A request that may be sent twice is
// tried again, a few times and with growing pauses, where the server can't be reached or asks for patience; any other
// fails at once. Nothing waits without a limit.

package actor ServiceClient {
    package nonisolated let configuration: ClientConfiguration
    private let group: any EventLoopGroup
    private let inFlight: InFlightLimit
    private let log: Logger
    private var connection: ClientConnection?
    private var opening: Task<Result<ClientConnection, ClientError>, Never>?
    private var isClosed = false

    package init(_ configuration: ClientConfiguration, log: Logger) {
        self.configuration = configuration
        self.log = log
        group = MultiThreadedEventLoopGroup.singleton
        inFlight = InFlightLimit(limit: configuration.limits.inFlight, waiting: configuration.limits.waiting)
    }

    private nonisolated var limits: ClientLimits { configuration.limits }
    private nonisolated var url: String { configuration.url.description }

    // MARK: - One request, one answer

    /// - Throws: `refused` for every status of 400 and above.
    package nonisolated func request(_ request: ClientRequest) async throws(ClientError) -> WholeResponse {
        try await inFlight.enter()
        defer { inFlight.leave() }
        var backoff = RetryBackoff(limits)
        while true {
            do throws(ClientError) {
                return try await once(request)
            } catch {
                guard request.isIdempotent, error.isTransient, backoff.tries + 1 < limits.attempts else { throw error }
                try await pause(&backoff, after: error)
            }
        }
    }

    private nonisolated func once(_ request: ClientRequest) async throws(ClientError) -> WholeResponse {
        let response = try await exchange(request, silenceSeconds: limits.answerSeconds + request.extraSeconds) {
            stream throws(ClientError) in
            try await stream.whole()
        }
        guard response.status < 400 else { throw response.refusal }
        return response
    }

    private nonisolated func pause(_ backoff: inout RetryBackoff, after error: ClientError) async throws(ClientError) {
        var asked: Int?
        if case .refused(_, let problem) = error { asked = problem.retryAfterSeconds }
        let seconds = backoff.nextSeconds(atLeast: asked)
        log.debug("trying again", metadata: ["in": "\(seconds) s", "after": "\(error)"])
        do { try await Task.sleep(for: .seconds(seconds)) } catch { throw .cancelled }
    }

    // MARK: - A stream of lines

    /// Hands `body` the lines of one answer as they come. What `body` doesn't take is not read from the connection.
    package nonisolated func withLines<Value: Sendable>(
        _ request: ClientRequest, _ body: @Sendable (inout ServerLines) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        try await exchange(request, silenceSeconds: limits.silenceSeconds) { stream throws(ClientError) in
            let head = try await stream.head()
            guard head.status.code < 400 else { throw try await stream.rest(of: head).refusal }
            var lines = ServerLines(stream: stream, lineBytes: self.limits.lineBytes)
            return try await body(&lines)
        }
    }

    // MARK: - Connection

    /// Opens a stream, sends the request, and lets `body` read what comes.
    private nonisolated func exchange<Value: Sendable>(
        _ request: ClientRequest, silenceSeconds: Double, _ body: @Sendable (inout ResponseStream) async throws(ClientError) -> Value
    ) async throws(ClientError) -> Value {
        let connection = try await self.connected()
        let limits = limits
        let url = url
        let head = head(of: request)
        do {
            let stream = try await connection.openStream(silenceSeconds: silenceSeconds)
            return try await stream.executeThenClose { inbound, outbound in
                try await outbound.write(.head(head))
                if !request.body.isEmpty { try await outbound.write(.body(ByteBuffer(bytes: request.body))) }
                try await outbound.write(.end(nil))
                var response = ResponseStream(parts: inbound.makeAsyncIterator(), url: url, bytesMost: limits.answerBytes)
                return try await body(&response)
            }
        } catch let error as ClientError {
            if case .unreachable = error { await forget(connection) }
            throw error
        } catch is CancellationError {
            throw .cancelled
        } catch {
            await forget(connection)
            throw .unreachable(url: url, reason: ClientError.reason(error))
        }
    }

    private nonisolated func head(of request: ClientRequest) -> HTTPRequest {
        var head = HTTPRequest(
            method: HTTPRequest.Method(rawValue: request.method) ?? .get, scheme: configuration.url.isSecure ? "https" : "http",
            authority: configuration.url.authority, path: configuration.url.prefix + request.path)
        for (name, value) in request.headers {
            if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
        }
        if let token = configuration.token { head.headerFields[.authorization] = "Bearer \(token)" }
        if !request.body.isEmpty { head.headerFields[.contentLength] = String(request.body.count) }
        return head
    }

    /// The connection, opened where there is none; callers that come together share one attempt.
    private func connected() async throws(ClientError) -> ClientConnection {
        guard !isClosed else { throw .cancelled }
        if let connection, connection.isUsable { return connection }
        connection = nil
        let attempt =
            opening
            ?? Task { [configuration, group] in
                do throws(ClientError) { return .success(try await ClientConnection.open(configuration, on: group)) } catch {
                    return .failure(error)
                }
            }
        opening = attempt
        let result = await attempt.value
        if opening == attempt { opening = nil }
        let opened = try result.get()
        // Closed while it was opened: nobody would close it any more.
        if isClosed {
            await opened.close()
            throw .cancelled
        }
        connection = opened
        return opened
    }

    /// A connection that failed a request is not used for another, since it may be one that the server is leaving. What is
    /// under way on it may end; the server closes it then.
    private func forget(_ broken: ClientConnection) {
        if connection?.channel === broken.channel { connection = nil }
    }

    package func close() async {
        isClosed = true
        await connection?.close()
        connection = nil
    }
}
