import Crypto
import Foundation
import NATSServers
import Testing
import TestSupport

@testable import NATSClient

// Who may connect, over what: real servers that ask for passwords, tokens, keys, JWTs and TLS, and one that is too old.

@Suite(.serialized) struct AccessOnServersTests {
    private func withServer(_ extra: String, _ body: (NATSServer) async throws -> Void) async throws {
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { _ in extra }
        defer { server.remove() }
        try await server.start()
        try await body(server)
    }

    /// Why it doesn't connect; nil where it does.
    private func refusal(
        _ server: NATSServer, _ change: (inout NATSConfiguration) throws -> Void = { _ in }
    ) async throws -> NATSError? {
        let client = NATSClient(try configuration([server], change), logger: quietLogger())
        client.start()
        var refusal: NATSError?
        try await eventually("it connects, or says why not") {
            guard case .connecting(let problem) = client.state else { return true }
            refusal = problem
            return problem != nil
        }
        do { _ = try await client.request("nobody.home", timeout: .seconds(5)) } catch {
            if refusal == nil, error != .noResponders(subject: "nobody.home") { refusal = error }
        }
        await client.shutdown()
        return refusal
    }

    private func denied(_ server: NATSServer) -> NATSError { .refused(server: server.address, problem: .authorization) }

    @Test(.timeLimit(.minutes(2)))
    func passwordsAndPermissions() async throws {
        try await withServer(
            """
            authorization { users: [
              { user: me, password: right, permissions: { publish: ["ok.>", "_INBOX.>"], subscribe: ["ok.>", "_INBOX.>", "nobody.>"] } }
            ] }
            """
        ) { server in
            #expect(try await refusal(server) == denied(server))
            #expect(
                try await refusal(server) { $0.credentials = .password(user: "me", password: "wrong") } == denied(server))
            let good = try configuration([server]) { $0.credentials = .password(user: "me", password: "right") }
            try await withClient(good) { client in
                // A request that is denied fails at once: the server drops it and answers nothing.
                await #expect(throws: NATSError.denied("these credentials may not publish to \"secret.x\"")) {
                    try await client.request("secret.x", timeout: .seconds(20))
                }
                let subscription = try client.subscribe("secret.y")
                await #expect(throws: NATSError.denied("these credentials may not subscribe to \"secret.y\"")) {
                    try await subscription.next()
                }
                // The connection stays.
                let ok = try client.subscribe("ok.1")
                try client.publish("ok.1", payload: [5])
                #expect(try await ok.next().payload == [5])
            }
        }
    }

    @Test("credentials that may not hear answers are refused, in words", .timeLimit(.minutes(2)))
    func noInbox() async throws {
        try await withServer("authorization { users: [ { user: me, password: right, permissions: { subscribe: \"ok.>\" } } ] }") { server in
            let client = NATSClient(
                try configuration([server]) { $0.credentials = .password(user: "me", password: "right") }, logger: quietLogger())
            client.start()
            try await eventually("the state says it") {
                guard case .connecting(.refused(_, .subscribeDenied(let subject))) = client.state else { return false }
                return subject == "\(client.inbox).*"
            }
            await client.shutdown()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func tokensAndKeys() async throws {
        let key = try NKeyMaker.fresh()
        let other = try NKeyMaker.fresh()
        try await withServer("authorization { token: \"t0ken\" }") { server in
            let wrong = try await refusal(server) { $0.credentials = .token("wrong") }
            let right = try await refusal(server) { $0.credentials = .token("t0ken") }
            #expect(wrong == denied(server) && right == nil)
        }
        try await withServer("authorization { users: [ { nkey: \(key.key.publicKey) } ] }") { server in
            let right = try await refusal(server) { $0.credentials = .nkey(key.key) }
            let wrong = try await refusal(server) { $0.credentials = .nkey(other.key) }
            #expect(wrong == denied(server) && right == nil)
        }
    }

    // MARK: JWT

    private struct Signer {
        let pair = Curve25519.Signing.PrivateKey()
        let kind: UInt8
        var publicText: String { NKeyMaker.text(Array(pair.publicKey.rawRepresentation), kind: kind) }

        func jwt(_ name: String, subject: String, nats: String) throws -> String {
            let header = NKey.urlSafe(Data(#"{"typ":"JWT","alg":"ed25519-nkey"}"#.utf8))
            let claims = NKey.urlSafe(
                Data(
                    #"{"jti":"\#(UUID().uuidString)","iat":1700000000,"iss":"\#(publicText)","sub":"\#(subject)","name":"\#(name)","nats":\#(nats)}"#
                        .utf8))
            return "\(header).\(claims).\(NKey.urlSafe(try pair.signature(for: Data("\(header).\(claims)".utf8))))"
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func credentialsFiles() async throws {
        let `operator` = Signer(kind: 14 << 3)
        let account = Signer(kind: 0)
        let user = try NKeyMaker.fresh()
        let operatorJWT = try `operator`.jwt("op", subject: `operator`.publicText, nats: #"{"type":"operator","version":2}"#)
        let accountJWT = try `operator`.jwt(
            "acc", subject: account.publicText,
            nats:
                #"{"type":"account","version":2,"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1}}"#
        )
        let userJWT = try account.jwt(
            "usr", subject: user.key.publicKey, nats: #"{"type":"user","version":2,"subs":-1,"data":-1,"payload":-1,"pub":{},"sub":{}}"#)
        try await withServer(
            "operator: \"\(operatorJWT)\"\nresolver: MEMORY\nresolver_preload: { \(account.publicText): \"\(accountJWT)\" }"
        ) { server in
            let file = server.folder.appendingPathComponent("user.creds")
            func write(_ seed: String) throws {
                try
                    "-----BEGIN NATS USER JWT-----\n\(userJWT)\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n\(seed)\n------END USER NKEY SEED------\n"
                    .write(to: file, atomically: true, encoding: .utf8)
            }
            try write(user.seed)
            #expect(try await refusal(server) { $0.credentials = try NATSCredentials.file(file.path) } == nil, "\(server.log)")
            // Another's key signs for this user.
            try write(try NKeyMaker.fresh().seed)
            #expect(try await refusal(server) { $0.credentials = try NATSCredentials.file(file.path) } == denied(server))
        }
    }

    // MARK: TLS

    @Test(.timeLimit(.minutes(2)), arguments: [false, true])
    func tls(_ handshakeFirst: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-nats-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let authority = try await CertificateAuthority.make("nats-authority", in: folder) else { return }
        let identity = try await authority.issue(
            "server", subject: "/CN=nats", alternativeNames: "IP:127.0.0.1,DNS:localhost", usage: "serverAuth")
        let client = try await authority.issue("client", subject: "/CN=greenroom")
        let stranger = try #require(try await CertificateAuthority.make("stranger", in: folder))
        let first = handshakeFirst ? "handshake_first: true" : ""
        func tls(_ change: (inout NATSTLS) -> Void = { _ in }) -> NATSTLS {
            var tls = NATSTLS()
            tls.order = handshakeFirst ? .handshakeFirst : .infoFirst
            tls.trustFile = authority.certificate
            change(&tls)
            return tls
        }
        let files = "cert_file: \"\(identity.certificate)\", key_file: \"\(identity.key)\", timeout: 3"
        try await withServer("authorization { token: \"t0ken\" }\ntls { \(files)\n\(first) }") { server in
            func attempt(_ address: String? = nil, _ tls: NATSTLS) async throws -> NATSError? {
                try await refusal(server) {
                    $0.tls = tls
                    $0.credentials = .token("t0ken")
                    if let address { $0.servers = [try NATSAddress(address)] }
                }
            }
            #expect(try await attempt(nil, tls()) == nil)
            #expect(try await attempt("tls://localhost:\(server.port)", tls()) == nil)
            guard case .unreachable(_, let reason) = try await attempt(nil, tls { $0.trustFile = stranger.certificate }) else {
                Issue.record("a certificate of a stranger was trusted")
                return
            }
            #expect(reason.contains("isn't signed by an authority that is trusted here"))
            guard case .unreachable(_, let missing) = try await attempt(nil, tls { $0.trustFile = "/nonexistent" }) else {
                Issue.record("it went on without its trust file")
                return
            }
            #expect(missing.contains("/nonexistent"))
        }
        try await withServer("tls { \(files), verify: true, ca_file: \"\(authority.certificate)\"\n\(first) }") { server in
            let known = tls {
                $0.certificateFile = client.certificate
                $0.keyFile = client.key
            }
            #expect(try await refusal(server) { $0.tls = known } == nil)
            let unknown = try await refusal(server) { $0.tls = tls() }
            guard case .unreachable(_, let reason) = unknown else {
                Issue.record("it connected without a certificate")
                return
            }
            #expect(reason.contains("client certificate"), "\(reason)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func clearTextIsRefusedWhereTLSIsRequiredHere() async throws {
        try await withServer("") { server in
            let found = try await refusal(server) { $0.tls.isRequired = true }
            guard case .unreachable(_, let reason) = found else {
                Issue.record("it connected in clear")
                return
            }
            #expect(reason.contains("doesn't offer TLS"))
        }
    }

    // MARK: Versions and limits

    @Test("2.9 of Debian is refused, in words", .timeLimit(.minutes(2)))
    func oldServer() async throws {
        guard let program = await NATSProgram.old() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let found = try await refusal(server)
        guard case .serverTooOld(let place, let version, let least) = found else {
            Issue.record("it wasn't refused: \(String(describing: found))")
            return
        }
        #expect(place == server.address && version.hasPrefix("2.9.") && least == NATSVersion(2, 14, 0))
        #expect("\(try #require(found))" == "NATS server \(place) has version \(version); at least 2.14.0 is needed: upgrade it")
    }

    @Test("what is pending is bounded: one more is refused and was not sent", .timeLimit(.minutes(2)))
    func bounded() async throws {
        try await withServer("") { server in
            let limited = try configuration([server]) {
                $0.limits.requests = 10
                $0.limits.subscriptions = 1
            }
            try await withClient(limited) { client in
                let silent = try client.subscribe("silent")
                #expect(throws: NATSError.busy(what: "subscriptions", limit: 1)) { try client.subscribe("another") }
                let (results, continuation) = AsyncStream.makeStream(of: Result<NATSMessage, NATSError>.self)
                for _ in 0..<12 { client.request("silent", timeout: .seconds(20)) { continuation.yield($0) } }
                var failures: [NATSError] = []
                for await result in results.prefix(2) {
                    if case .failure(let error) = result { failures.append(error) }
                }
                #expect(failures == [.busy(what: "requests", limit: 10), .busy(what: "requests", limit: 10)])
                // One answer makes room for one request.
                for _ in 0..<10 { _ = try await silent.next() }
                await client.shutdown()
                var lost = 0
                for await result in results.prefix(10) {
                    if case .failure(.connectionLost) = result { lost += 1 }
                }
                #expect(lost == 10)
                await #expect(throws: NATSError.closed) { try await client.request("silent", timeout: .seconds(1)) }
            }
        }
    }

    @Test("a server that doesn't read: bytes are bounded as well", .timeLimit(.minutes(2)))
    func boundedBytes() async throws {
        try await withServer("") { server in
            let limited = try configuration([server]) {
                $0.limits.pendingBytes = 1 << 20
                $0.limits.pingSeconds = 60
            }
            try await withClient(limited) { client in
                server.signal(SIGSTOP)
                defer { server.signal(SIGCONT) }
                var sent = 0
                try await eventually("it is full") {
                    do {
                        try client.publish("a", payload: [UInt8](repeating: 1, count: 100_000))
                        sent += 1
                        return false
                    } catch NATSError.busy { return true }
                }
                #expect(client.load.bytes <= 1 << 20)
                #expect(sent >= 10)
            }
        }
    }
}
