import AsyncHTTPClient
import HTTPCalls
import HTTPTransport
import NIOCore
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

    init(_ configuration: StoreConfiguration) throws(TLSFiles.Fault) {
        limits = configuration.limits
        var http = HTTPClient.Configuration(redirectConfiguration: .disallow)
        http.timeout.connect = .seconds(Int64(limits.connectSeconds))
        http.connectionPool.idleTimeout = .seconds(Int64(limits.idleConnectionSeconds))
        // Whether to try again is the store's question, which counts attempts.
        http.connectionPool.retryConnectionEstablishment = false
        http.decompression = .disabled
        if let file = configuration.authorityFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(try TLSFiles.certificates(of: file))
            http.tlsConfiguration = tls
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: http)
    }

    func shutdown() async { try? await client.shutdown() }

    func response(to wire: StoreRequest.Wire) async throws -> StoreResponse {
        var request = HTTPClientRequest(url: wire.url)
        request.method = .init(rawValue: wire.method)
        for header in wire.headers { request.headers.add(name: header.name, value: header.value) }
        request.headers.add(name: "user-agent", value: "greenroom")
        do {
            return try await withDeadline(seconds: limits.answerSeconds, orThrow: { Failure(problem: .unreachable, reason: $0) }) {
                [request] in
                let response = try await client.execute(request, timeout: .seconds(Int64(limits.answerSeconds)))
                var answer = StoreResponse(status: Int(response.status.code))
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
            let reason = connectionProblem(error, handshake: "its certificate isn't of a trusted authority, or for another name") {
                "no HTTP answer (\(PlainText.of("\(type(of: $0))", limit: 60)))"
            }
            throw Failure(problem: .unreachable, reason: reason)
        }
    }
}
