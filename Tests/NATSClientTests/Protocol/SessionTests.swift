import NIOCore
import Testing

@testable import NATSClient

// What a session does about what a server says, in order, and what it never does.

@Suite struct SessionTests {
    private func fresh(_ change: (inout NATSConfiguration) -> Void = { _ in }, server: String = "nats://127.0.0.1:4222") throws
        -> NATSSession
    {
        let address = try NATSAddress(server)
        var configuration = NATSConfiguration(servers: [address])
        change(&configuration)
        return NATSSession(NATSSession.Identity(configuration, server: address))
    }

    private static let info =
        #"INFO {"server_id":"N","server_name":"n1","version":"2.14.0","proto":1,"headers":true,"max_payload":1024,"connect_urls":["127.0.0.1:1"]} "#
        + "\r\n"

    private func sent(_ steps: [NATSSession.Step]) -> String {
        steps.map { if case .send(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { "" } }.joined()
    }

    private func received(_ text: String, _ session: inout NATSSession) -> [NATSSession.Step] { session.received(ByteBuffer(string: text)) }

    @Test func greets() throws {
        var session = try fresh { $0.credentials = .password(user: "me", password: "pass/word") }
        #expect(session.connected().isEmpty)
        let line = sent(received(Self.info, &session))
        #expect(line.hasPrefix("CONNECT {") && line.hasSuffix("}\r\nPING\r\n"))
        for part in [
            #""headers":true"#, #""no_responders":true"#, #""verbose":false"#, #""protocol":1"#, #""user":"me""#, #""pass":"pass/word""#,
            #""tls_required":false"#,
        ] { #expect(line.contains(part), "\(part) in \(line)") }
        #expect(received("PONG\r\n", &session) == [.ready])
        #expect(received("PING\r\n", &session) == [.send(Array("PONG\r\n".utf8))])
        // A part of INFO leaves the rest as it was.
        #expect(received(#"INFO {"connect_urls":["127.0.0.1:1","127.0.0.1:2"],"ldm":true}"# + "\r\n", &session) == [.informed])
        #expect(session.info.maxPayload == 1_024 && session.info.connectURLs?.count == 2 && session.info.isLameDuck == true)
    }

    @Test func recordedGreetingsLeadToReady() throws {
        for name in ["basic: INFO CONNECT", "auth: token ok", "cluster: connect_urls"] {
            for version in ["2.9.10", "2.14.0"] {
                var session = try fresh { $0.leastVersion = NATSVersion(2, 9, 0) }
                var isReady = false
                let recording = try Recording.named(name, version)
                // In the recording the client asked for more than this one does, but the greeting comes first.
                for line in recording.lines {
                    guard case .server(let bytes) = line, !isReady else { continue }
                    isReady = session.received(ByteBuffer(bytes: bytes)).contains(.ready)
                }
                #expect(isReady, "\(name), \(version)")
            }
        }
    }

    @Test func recordedRefusalsAreNamed() throws {
        for (name, problem): (String, NATSServerProblem) in [
            ("auth: no credentials", .authorization), ("auth: wrong password", .authorization), ("auth: token wrong", .authorization),
            ("auth: no CONNECT within", .authenticationTimeout), ("jwt: already expired", .authorization),
            ("limit: max_connections (rerun)", .maximumConnections),
        ] {
            var session = try fresh()
            let steps = session.received(ByteBuffer(bytes: try Recording.named(name).fromServer))
            #expect(steps.last == .failed(.refused(server: "127.0.0.1:4222", problem: problem)), "\(name): \(steps)")
        }
    }

    @Test func deniedSubjectsKeepTheConnection() throws {
        var session = try fresh()
        let steps = session.received(ByteBuffer(bytes: try Recording.named("auth: permission").fromServer))
        let complaints = steps.compactMap { if case .complained(let problem) = $0 { problem } else { nil } }
        #expect(
            complaints == [.publishDenied(subject: "bad.x"), .subscribeDenied(subject: "bad.x"), .subscribeDenied(subject: "bad.y")])
        #expect(session.phase == .ready)
    }

    private static let texts: [(String, NATSServerProblem, Bool)] = [
        ("Authorization Violation", .authorization, false), ("User Authentication Expired", .authenticationExpired, false),
        ("Maximum Payload Violation", .maximumPayload, false), ("Invalid Subject", .invalidSubject, true),
        ("maximum subscriptions exceeded", .maximumSubscriptions, true), ("Stale Connection", .staleConnection, false),
        ("Permissions Violation for Subscription to \"bad.y\" using queue \"q\"", .subscribeDenied(subject: "bad.y"), true),
        ("maximum control line exceeded", .other("maximum control line exceeded"), false),
    ]

    @Test(arguments: texts) func complaint(_ text: String, _ problem: NATSServerProblem, _ keeps: Bool) {
        #expect(NATSServerProblem(text) == problem)
        #expect(problem.keepsConnection == keeps)
    }

    @Test func oldServersGetNoCredentials() throws {
        for version in ["2.9.10", "2.13.9", "2.14.0-RC.1", "dev", ""] {
            var session = try fresh { $0.credentials = .token("secret") }
            let steps = received(#"INFO {"version":"\#(version)","headers":true}"# + "\r\n", &session)
            #expect(steps == [.failed(.serverTooOld(server: "127.0.0.1:4222", version: version, least: NATSVersion(2, 14, 0)))])
        }
        for version in ["2.14.0", "2.14.1-RC.1", "2.15.2", "3.0.0"] {
            var session = try fresh()
            #expect(sent(received(#"INFO {"version":"\#(version)","headers":true}"# + "\r\n", &session)).hasPrefix("CONNECT"))
        }
    }

    // MARK: TLS

    private static let secureInfo = #"INFO {"version":"2.14.0","headers":true,"tls_required":true}"# + "\r\n"

    @Test func tlsAfterInfo() throws {
        var session = try fresh()
        #expect(received(Self.secureInfo, &session) == [.startTLS])
        #expect(sent(session.secured()).contains(#""tls_required":true"#))
        #expect(received("PONG\r\n", &session) == [.ready])
    }

    @Test func tlsBeforeInfo() throws {
        var session = try fresh { $0.tls.order = .handshakeFirst }
        #expect(session.connected() == [.startTLS])
        #expect(session.secured().isEmpty)
        #expect(sent(received(Self.secureInfo, &session)).hasPrefix("CONNECT"))
    }

    @Test func whatComesInClearWhereTLSBeginsIsRefused() throws {
        // In the same read, and in the next one.
        for cut in [false, true] {
            var session = try fresh { $0.credentials = .token("secret") }
            var steps = cut ? received(Self.secureInfo, &session) : []
            steps += received((cut ? "" : Self.secureInfo) + "INFO {}\r\n", &session)
            guard case .failed(.protocolFault) = steps.last else {
                Issue.record("it was taken: \(steps)")
                return
            }
            #expect(session.secured().isEmpty && sent(steps).isEmpty)
        }
    }

    @Test func nothingSecretGoesInClearWhereTLSIsRequiredHere() throws {
        for change: (inout NATSConfiguration) -> Void in [{ $0.tls.isRequired = true }, { $0.credentials = .token("secret") }] {
            var session = try fresh(change, server: "tls://127.0.0.1:4222")
            let steps = received(Self.info, &session)
            #expect(sent(steps).isEmpty)
            guard case .failed(.unreachable) = steps.last else {
                Issue.record("it went on: \(steps)")
                return
            }
        }
    }

    // MARK: Keys

    /// Of the recording of nkeys: the seed was taken out of it, so the signature is checked with the public key.
    @Test func aNonceIsSignedAsItStands() throws {
        let recording = try Recording.named("nkey: handshake")
        guard case .server(let bytes) = recording.lines[0], case .info(let info)? = try frames(bytes, piece: .max).first else {
            Issue.record("the recording doesn't begin with INFO")
            return
        }
        #expect(info.nonce == "UHOtkwYU-cVZdnI")
        let key = try NKeyMaker.fresh()
        var session = try fresh { $0.credentials = .nkey(key.key) }
        let line = sent(session.received(ByteBuffer(bytes: bytes)))
        #expect(line.contains(#""nkey":"\#(key.key.publicKey)""#))
        let sig = try #require(line.split(separator: #""sig":""#).last?.split(separator: "\"").first)
        #expect(sig.utf8.count == 86 && !sig.contains("="))
        #expect(NKeyMaker.verifies(String(sig), of: "UHOtkwYU-cVZdnI", by: key))
        // No nonce, no signature: the server isn't set up for it.
        var other = try fresh { $0.credentials = .nkey(key.key) }
        guard case .failed(.unreachable) = received(Self.info, &other).last else {
            Issue.record("it went on without a nonce")
            return
        }
    }

    // MARK: Silence

    @Test func aServerThatIsSilentIsLeft() throws {
        var session = try fresh()
        _ = received(Self.info + "PONG\r\n", &session)
        #expect(session.phase == .ready)
        #expect(session.ticked() == [.send(Array("PING\r\n".utf8))])
        #expect(session.ticked() == [.send(Array("PING\r\n".utf8))])
        // Anything at all shows that it is alive.
        #expect(received("+OK\r\n", &session).isEmpty)
        #expect(session.ticked().count == 1 && session.ticked().count == 1)
        guard case .failed(.connectionLost) = session.ticked().last else {
            Issue.record("it stays")
            return
        }
        #expect(session.ticked().isEmpty && received("PONG\r\n", &session).isEmpty)
    }

    @Test func messagesBeforeTheirTimeAreAFault() throws {
        for text in ["PONG\r\n", "MSG a 1 1\r\nx\r\n", Self.info + "MSG a 1 1\r\nx\r\n"] {
            var session = try fresh()
            guard case .failed(.protocolFault) = received(text, &session).last else {
                Issue.record("\(text) was taken")
                return
            }
        }
    }
}
