import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

// How does one request get one answer?
//
// Bounded in time and in size, and never sent on to where an answer points: a signature is made for one host. What went wrong on
// the way is one line in our own words.

struct StoreTransport: Sendable {
    private let client: HTTPClient
    private let limits: StoreConfiguration.Limits

    struct Failure: Error, Sendable {
        var problem: StoreFault.Problem
        var reason: String
    }

    init(_ configuration: StoreConfiguration) {
        limits = configuration.limits
        var http = HTTPClient.Configuration(redirectConfiguration: .disallow)
        http.timeout.connect = .seconds(Int64(limits.connectSeconds))
        http.connectionPool.idleTimeout = .seconds(Int64(limits.idleConnectionSeconds))
        // Whether to try again is the store's question, which counts attempts.
        http.connectionPool.retryConnectionEstablishment = false
        http.decompression = .disabled
        if let file = configuration.authorityFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(file)
            http.tlsConfiguration = tls
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: http)
    }

    func shutdown() async { try? await client.shutdown() }

    func answer(to wire: StoreRequest.Wire) async throws -> StoreAnswer {
        var request = HTTPClientRequest(url: wire.url)
        request.method = .init(rawValue: wire.method)
        for header in wire.headers { request.headers.add(name: header.name, value: header.value) }
        request.headers.add(name: "user-agent", value: "greenroom")
        do {
            return try await withDeadline { [request] in
                let response = try await client.execute(request, timeout: .seconds(Int64(limits.answerSeconds)))
                var answer = StoreAnswer(status: Int(response.status.code))
                answer.region = response.headers.first(name: "x-amz-bucket-region")
                answer.retryAfterSeconds = response.headers.first(name: "retry-after").flatMap { Int($0) }
                answer.contentLength = response.headers.first(name: "content-length").flatMap { Int64($0) }
                for try await part in response.body {
                    guard answer.body.count + part.readableBytes <= limits.bodyBytes else {
                        throw Failure(problem: .tooLarge, reason: "it sent more than \(limits.bodyBytes) bytes")
                    }
                    answer.body.append(contentsOf: part.readableBytesView)
                }
                return answer
            }
        } catch let failure as Failure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw Failure(problem: .unreachable, reason: Self.reason(error))
        }
    }

    /// The first to end decides: the answer whole, or the time given.
    private func withDeadline(_ ask: @escaping @Sendable () async throws -> StoreAnswer) async throws -> StoreAnswer {
        try await withThrowingTaskGroup(of: StoreAnswer.self) { group in
            group.addTask { try await ask() }
            group.addTask {
                try await Task.sleep(for: .seconds(limits.answerSeconds))
                throw Failure(problem: .unreachable, reason: "no answer within \(limits.answerSeconds) s")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private static func reason(_ error: any Error) -> String {
        // BoringSSL's and NIO's own words are about their sources.
        if error is NIOSSLError { return "the TLS handshake failed: its certificate isn't of a trusted authority, or for another name" }
        if let error = error as? NIOConnectionError {
            guard let first = error.connectionErrors.first else { return "\(error.host) has no address" }
            return reason(first.error)
        }
        if let error = error as? IOError { return error.errnoCode == ECONNREFUSED ? "the connection was refused" : "no connection (errno \(error.errnoCode))" }
        return switch error as? HTTPClientError {
        case .some(.connectTimeout): "no connection in time"
        case .some(.deadlineExceeded), .some(.readTimeout): "no answer in time"
        case .some(.remoteConnectionClosed): "the connection was closed"
        default: "no HTTP answer (\(PlainText.of("\(type(of: error))", limit: 60)))"
        }
    }
}
