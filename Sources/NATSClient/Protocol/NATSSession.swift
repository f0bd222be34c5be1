import Foundation
package import NIOCore

// What follows from what the server said?
//
// One connection's protocol without its I/O: bytes and facts come in, steps come out. The order is fixed: INFO, TLS where it is asked
// for, CONNECT with PING, and nothing else until the PONG, since a refusal comes in its place. Credentials are sent only over TLS where
// TLS is required, and only to a server whose version is new enough. Bytes that came in clear after an INFO that asks for TLS are
// refused: whoever stands in between could have put them there.

package struct NATSSession: Sendable {
    package enum Step: Hashable, Sendable {
        case startTLS
        case send([UInt8])
        /// The connection may be used.
        case ready
        /// The server told something of itself or of its cluster.
        case informed
        case message(NATSMessage)
        /// The server complains, and the connection stays.
        case complained(NATSServerProblem)
        /// The connection must be closed; no step follows.
        case failed(NATSError)
    }

    package enum Phase: Hashable, Sendable { case awaitingInfo, startingTLS, awaitingPong, ready, over }

    package struct Identity: Sendable {
        package var server: NATSAddress
        package var credentials: NATSCredentials
        package var tls: NATSTLS
        package var name: String
        package var leastVersion: NATSVersion

        package init(_ configuration: NATSConfiguration, server: NATSAddress) {
            self.server = server
            credentials = configuration.credentials
            tls = configuration.tls
            name = configuration.name
            leastVersion = configuration.leastVersion
        }
    }

    /// PINGs without an answer that end the connection.
    package static let unansweredMost = 2

    package private(set) var phase = Phase.awaitingInfo
    package private(set) var info = NATSServerInfo()
    private let identity: Identity
    private var parser: NATSParser
    private var isSecure = false
    private var unanswered = 0

    package init(_ identity: Identity, limits: NATSParser.Limits = NATSParser.Limits()) {
        self.identity = identity
        parser = NATSParser(limits: limits)
    }

    private var server: String { "\(identity.server)" }

    /// TCP stands.
    package mutating func connected() -> [Step] {
        guard phase == .awaitingInfo, identity.tls.order == .handshakeFirst else { return [] }
        phase = .startingTLS
        return [.startTLS]
    }

    /// TLS stands.
    package mutating func secured() -> [Step] {
        guard phase == .startingTLS else { return [] }
        isSecure = true
        phase = .awaitingInfo
        return info.version == nil ? [] : greet()
    }

    /// It is time for a PING.
    package mutating func ticked() -> [Step] {
        guard phase == .ready else { return [] }
        guard unanswered < Self.unansweredMost else {
            return fail(.connectionLost(reason: "\(server) didn't answer \(Self.unansweredMost) PINGs"))
        }
        unanswered += 1
        return [.send(Array("PING\r\n".utf8))]
    }

    package mutating func received(_ bytes: ByteBuffer) -> [Step] {
        guard phase != .over else { return [] }
        if phase == .startingTLS {
            return fail(.protocolFault(server: server, problem: "it sent something in clear where TLS begins"))
        }
        parser.append(bytes)
        // Anything that comes shows that the server is alive; its PONG may stand behind megabytes of messages.
        unanswered = 0
        var steps: [Step] = []
        while phase != .over {
            do {
                guard let frame = try parser.next() else { break }
                steps += react(to: frame)
            } catch {
                steps += fail(.protocolFault(server: server, problem: error.description))
            }
            if phase == .startingTLS {
                if parser.bytesLeft > 0 {
                    steps.removeAll { $0 == .startTLS }
                    steps += fail(.protocolFault(server: server, problem: "it sent something in clear where TLS begins"))
                }
                break
            }
        }
        return steps
    }

    private mutating func react(to frame: NATSParser.Frame) -> [Step] {
        switch (frame, phase) {
        case (.error(let text), _): return complained(NATSServerProblem(text))
        case (.ok, _): return []
        case (.ping, .awaitingPong), (.ping, .ready): return [.send(Array("PONG\r\n".utf8))]
        case (.info(let newer), .awaitingInfo):
            info.merge(newer)
            return firstInfo()
        case (.info(let newer), _):
            info.merge(newer)
            return phase == .ready ? [.informed] : []
        case (.pong, .awaitingPong):
            phase = .ready
            return [.ready]
        case (.pong, .ready): return []
        case (.message(let message), .ready): return [.message(message)]
        default: return fail(.protocolFault(server: server, problem: "it sent \(Self.name(frame)) before its time"))
        }
    }

    private static func name(_ frame: NATSParser.Frame) -> String {
        switch frame {
        case .info: "INFO"
        case .message: "a message"
        case .ping: "PING"
        case .pong: "PONG"
        case .ok: "+OK"
        case .error: "-ERR"
        }
    }

    private mutating func complained(_ problem: NATSServerProblem) -> [Step] {
        if phase == .ready, problem.keepsConnection { return [.complained(problem)] }
        if phase == .ready { return fail(.connectionLost(reason: "\(server) closed it: \(problem)")) }
        return fail(.refused(server: server, problem: problem))
    }

    private mutating func firstInfo() -> [Step] {
        let wantsTLS = info.isTLSRequired == true || identity.server.requiresTLS || identity.tls.isRequired
        guard !isSecure, wantsTLS else { return greet() }
        guard info.isTLSRequired == true || info.isTLSAvailable == true else {
            return fail(.unreachable(server: server, reason: "it doesn't offer TLS, which is required here"))
        }
        phase = .startingTLS
        return [.startTLS]
    }

    private mutating func greet() -> [Step] {
        guard let version = info.version.flatMap(NATSVersion.init), version >= identity.leastVersion else {
            return fail(.serverTooOld(server: server, version: info.version ?? "unknown", least: identity.leastVersion))
        }
        guard info.hasHeaders == true else { return fail(.unreachable(server: server, reason: "its headers are turned off: turn them on")) }
        do {
            let connect = try ConnectLine(identity, nonce: info.nonce, isSecure: isSecure).json
            phase = .awaitingPong
            return [.send(Array("CONNECT ".utf8) + connect + Array("\r\nPING\r\n".utf8))]
        } catch {
            return fail(.unreachable(server: server, reason: error.description))
        }
    }

    private mutating func fail(_ error: NATSError) -> [Step] {
        phase = .over
        return [.failed(error)]
    }
}

/// What CONNECT says. It has secrets: it is encoded and never described.
private struct ConnectLine {
    private struct Wire: Encodable {
        var verbose = false
        var pedantic = false
        var tls_required: Bool
        var lang = "swift"
        var version = "1"
        var `protocol` = 1
        var echo = true
        var headers = true
        var no_responders = true
        var name: String
        var user: String?
        var pass: String?
        var auth_token: String?
        var nkey: String?
        var jwt: String?
        var sig: String?
    }

    private var wire: Wire

    init(_ identity: NATSSession.Identity, nonce: String?, isSecure: Bool) throws(NKey.Fault) {
        wire = Wire(tls_required: isSecure, name: identity.name)
        func signed(_ key: NKey) throws(NKey.Fault) -> String {
            guard let nonce else { throw NKey.Fault(description: "it sent no nonce to sign: it isn't set up for nkeys or JWTs") }
            return try key.signature(of: nonce)
        }
        switch identity.credentials {
        case .none: break
        case .password(let user, let password): (wire.user, wire.pass) = (user, password)
        case .token(let token): wire.auth_token = token
        case .nkey(let key): (wire.nkey, wire.sig) = (key.publicKey, try signed(key))
        case .jwt(let jwt, let key): (wire.jwt, wire.sig) = (jwt, try signed(key))
        }
    }

    var json: [UInt8] {
        get throws(NKey.Fault) {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            do { return Array(try encoder.encode(wire)) } catch { throw NKey.Fault(description: "CONNECT could not be written") }
        }
    }
}
