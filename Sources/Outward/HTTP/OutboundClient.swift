import AsyncHTTPClient
import Foundation
import HTTPCalls
import Machine
import NIOCore
import NIOHTTP1
import NIOSSL

// How does one POST end?
//
// Bounded in time and in what is read of the answer. Redirects aren't followed: a token must not travel on. Nothing of a
// secret is in a problem's words.

package struct OutboundRequest: Hashable, Sendable {
    package var headers: [Header]
    package var body: [UInt8]

    package struct Header: Hashable, Sendable {
        package var name: String
        package var value: String
    }

    package init(contentType: String, body: [UInt8]) {
        headers = [Header(name: "content-type", value: contentType)]
        self.body = body
    }
}

package enum OutboundAnswer: Hashable, Sendable {
    case status(Int, retryAfterSeconds: Int?, body: [UInt8])
    /// There was none: a clause that says why.
    case failed(String)

    package var isSuccess: Bool {
        if case .status(let status, _, _) = self { (200..<300).contains(status) } else { false }
    }

    /// What a person reads; nil of a success.
    package var problem: String? {
        switch self {
        case .failed(let why): why
        case .status(let status, _, _): (200..<300).contains(status) ? nil : Self.words(status)
        }
    }

    private static func words(_ status: Int) -> String {
        switch status {
        case 300..<400: "it answered \(status), and redirects aren't followed: give the final address"
        case 401, 403: "it answered \(status): check the token"
        case 404: "it answered 404: check the path"
        default: "it answered \(status)"
        }
    }
}

/// What sends; tests give their own.
package protocol OutboundPosting: Sendable {
    func post(_ request: OutboundRequest) async -> OutboundAnswer
    func shutdown() async
}

package struct OutboundClient: OutboundPosting {
    private let client: HTTPClient
    private let target: OutboundTarget

    private static let connectSeconds: Int64 = 5
    private static let idleConnectionSeconds: Int64 = 60
    /// Answers say little that matters here.
    private static let answerBytesMost = 65_536
    private static let secretBytesMost = 65_536
    private static let retryAfterSecondsMost = 600

    package init(_ target: OutboundTarget) {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(Self.connectSeconds)
        configuration.connectionPool.idleTimeout = .seconds(Self.idleConnectionSeconds)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.decompression = .disabled
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.target = target
    }

    package func shutdown() async { try? await client.shutdown() }

    package func post(_ request: OutboundRequest) async -> OutboundAnswer {
        do {
            return try await withDeadline(seconds: target.timeoutSeconds, orThrow: { OutboundFault($0) }) { [client, target] in
                try await Self.send(request, to: target, by: client)
            }
        } catch let fault as OutboundFault {
            return .failed(fault.problem)
        } catch is CancellationError {
            return .failed("the service stops")
        } catch {
            return .failed(connectionProblem(error, handshake: "check ca and the server's name", other: { _ in "the connection failed" }))
        }
    }

    private static func send(_ sent: OutboundRequest, to target: OutboundTarget, by client: HTTPClient) async throws -> OutboundAnswer {
        var request = HTTPClientRequest(url: target.url)
        request.method = .POST
        for header in sent.headers { request.headers.add(name: header.name, value: header.value) }
        request.headers.add(name: "user-agent", value: "greenroom")
        if let file = target.headersFile {
            for header in try headers(file) { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        }
        if let file = target.tokenFile { request.headers.replaceOrAdd(name: "authorization", value: "Bearer \(try token(file))") }
        if let file = target.caFile { request.tlsConfiguration = try trust(file) }
        request.body = .bytes(ByteBuffer(bytes: sent.body))
        let response = try await client.execute(request, timeout: .seconds(Int64(target.timeoutSeconds)))
        let body = try? await response.body.collect(upTo: answerBytesMost)
        let after = response.headers.first(name: "retry-after").flatMap { Int($0) }.map { min(max(0, $0), retryAfterSecondsMost) }
        return .status(Int(response.status.code), retryAfterSeconds: after, body: body.map { Array($0.readableBytesView) } ?? [])
    }

    // MARK: - Files

    private static func read(_ file: String) throws(OutboundFault) -> [UInt8] {
        do throws(SmallFile.Fault) { return try SmallFile.read(file, limitBytes: secretBytesMost) } catch {
            throw OutboundFault("the file \(file) \(error)")
        }
    }

    private static func token(_ file: String) throws(OutboundFault) -> String {
        let text = String(decoding: try read(file), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw OutboundFault("the file \(file) doesn't hold one token in one line")
        }
        return text
    }

    private static func headers(_ file: String) throws(OutboundFault) -> [OutboundRequest.Header] {
        let lines = String(decoding: try read(file), as: UTF8.self).split(whereSeparator: \.isNewline)
        return try lines.map { (line: Substring) throws(OutboundFault) in
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy(isNameByte),
                parts[1].utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { throw OutboundFault("the file \(file) must hold lines `Name: value`") }
            return OutboundRequest.Header(name: parts[0], value: parts[1])
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func trust(_ file: String) throws(OutboundFault) -> TLSConfiguration {
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(try read(file)), !certificates.isEmpty else {
            throw OutboundFault("the file \(file) holds no certificate in PEM")
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(certificates)
        return configuration
    }
}

struct OutboundFault: Error, Hashable, Sendable {
    let problem: String
    init(_ problem: String) { self.problem = problem }
}
