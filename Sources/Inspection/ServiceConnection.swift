import Domain
import Logging
import Output
import ServiceClient

// How do commands talk to a service?
//
// `ServiceClient` behind the seam the commands know. A command asks once: who types it sees a failure at once and decides
// for himself whether to try again.

package struct ServiceConnection: ServiceAPI {
    private let client: ServiceClient
    package let url: String

    /// Lines that were read and not yet looked at.
    private static let lineWindow = 256

    /// - Parameter trustFile: PEM of the authority that signed the service's certificate; nil trusts the machine's own.
    package static func open(url: String, token: String?, trustFile: String? = nil) async throws -> ServiceConnection {
        let base: BaseURL
        do { base = try BaseURL(url) } catch { throw Fault(.usage, error.description) }
        var configuration = ClientConfiguration(url: base, token: token)
        configuration.trustFile = trustFile
        configuration.limits.attempts = 1
        return ServiceConnection(
            client: ServiceClient(configuration, log: Logger(label: "greenroom.client") { _ in SwiftLogNoOpLogHandler() }), url: url)
    }

    package func send(_ request: APIRequest) async throws -> APIResponse {
        let headers = request.contentType.map { [(name: "content-type", value: $0)] } ?? []
        let message = ClientRequest(request.method.rawValue, request.path, headers: headers, body: request.body, isIdempotent: true)
        do {
            let response = try await client.request(message)
            return APIResponse(
                status: response.status, body: response.body, retryAfterSeconds: response.header("retry-after").flatMap { Int($0) })
        } catch {
            guard case .refused(let status, let problem) = error else { throw try Self.failure(error, url) }
            return APIResponse(refused: status, problem)
        }
    }

    /// The connection is read by a task of its own; it waits whenever `visit` is a window of lines behind.
    package func forEachLine(_ path: String, _ visit: ([UInt8]) async throws -> Bool) async throws {
        let (lines, line) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.lineWindow))
        let (permits, permit) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(Self.lineWindow))
        for _ in 0..<Self.lineWindow { permit.yield() }
        let client = client
        let result = try await withThrowingTaskGroup(of: ClientError?.self) { group -> ClientError? in
            group.addTask {
                defer { line.finish() }
                return await Self.read(path, from: client, into: line, permits)
            }
            for await next in lines {
                permit.yield()
                guard try await visit(next) else {
                    group.cancelAll()
                    return nil
                }
            }
            return try await group.next() ?? nil
        }
        guard let result else { return }
        if case .refused(let status, let problem) = result {
            throw APIResponse(refused: status, problem).fault(url, APIRequest(path: path))
        }
        throw try Self.failure(result, url)
    }

    private static func read(
        _ path: String, from client: ServiceClient, into line: AsyncStream<[UInt8]>.Continuation, _ permits: AsyncStream<Void>
    ) async -> ClientError? {
        do throws(ClientError) {
            try await client.withLines(.get(path)) { (stream: inout ServerLines) async throws(ClientError) -> Void in
                var permit = permits.makeAsyncIterator()
                while await permit.next() != nil, let next = try await stream.next() { line.yield(next) }
            }
            return nil
        } catch { return error }
    }

    package func close() async { await client.close() }

    private static func failure(_ error: ClientError, _ url: String) throws -> Fault {
        switch error {
        case .cancelled: throw CancellationError()
        case .unreachable(_, let reason):
            reason.contains(": ")
                ? Fault(.unreachable, "can't reach \(url): \(reason)")
                : Fault(
                    .unreachable, "can't reach \(url) (\(reason))",
                    do: "start it with `greenroom serve`, or name another with --server or GREENROOM_SERVER")
        default: Fault(.unreachable, error.description)
        }
    }
}

extension APIResponse {
    /// A refusal, with the server's own words as a problem document again.
    fileprivate init(refused status: Int, _ problem: ServerProblem) {
        self.init(
            status: status, body: Array(JSONValue.object([.init(key: "detail", value: .string(problem.detail))]).compact.utf8),
            retryAfterSeconds: problem.retryAfterSeconds)
    }
}

/// Waiting for a service that was just started.
package enum ServiceReadiness {
    private static let lookInterval = Duration.milliseconds(20)

    /// Whether it says it is ready within `limit`, and as long as it lives.
    package static func wait(_ url: String, limit: Duration, isAlive: () -> Bool = { true }) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline, isAlive() {
            let api = try await ServiceConnection.open(url: url, token: nil)
            let response = try? await api.send(APIRequest(path: "/readyz"))
            await api.close()
            if response?.status == 200 { return true }
            try await Task.sleep(for: lookInterval)
        }
        return false
    }
}
