import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HTTPTransport
import Testing

@testable import KEDAScaler

@Suite("The scaler's port", .timeLimit(.minutes(2)))
struct ConfigurationTests {
    private func problem(_ configuration: KEDAScalerConfiguration) -> String? {
        do throws(KEDAScalerConfiguration.Fault) { try configuration.validate() } catch { return error.description }
        return nil
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("localhost", true), ("::1", true), ("0.0.0.0", false), ("10.0.0.7", false),
        ("::", false),
    ])
    func `plaintext stays on this machine unless told otherwise`(_ host: String, _ isFine: Bool) {
        var configuration = KEDAScalerConfiguration(address: .init(host: host, port: 9_090))
        #expect((problem(configuration) == nil) == isFine)
        configuration.allowsPlaintextBeyondLoopback = true
        #expect(problem(configuration) == nil)
    }

    @Test func `what can't be is refused in a sentence that says what to do`() {
        #expect(
            problem(KEDAScalerConfiguration(address: .init(host: "greenroom.svc", port: 9_090)))?.hasPrefix(
                "keda.address: greenroom.svc is no IP address: name one") == true)
        #expect(
            problem(KEDAScalerConfiguration(address: .init(host: "127.0.0.1", port: 70_000)))
                == "keda.address: 70000 is no port: take one of 0 to 65535")
        #expect(
            problem(KEDAScalerConfiguration(tls: .init(certificateFile: "/nowhere/c.pem", keyFile: "/nowhere/k.pem")))
                == "keda.tls.certificate: can't read /nowhere/c.pem: check that it exists and that this user may read it")
        var configuration = KEDAScalerConfiguration()
        configuration.limits.streams = 0
        #expect(problem(configuration) == "keda.limits.streams: must be more than 0")
    }

    @Test func `a port that is taken is named`() async throws {
        try await ScalerHarness.run(PoolsTwin([:])) { scaler async throws in
            let taken = scaler.port
            await #expect {
                try await ScalerHarness.run(PoolsTwin([:]), configure: { $0.address.port = taken }) { _ in }
            } throws: { error in
                (error as? KEDAScalerConfiguration.Fault)?.description.contains("can't serve on 127.0.0.1:\(taken)") == true
            }
        }
    }

    @Test func `one connection more than the limit is closed`() async throws {
        try await ScalerHarness.run(PoolsTwin(["ns/p": .idle()]), configure: { $0.limits.connections = 1 }) { scaler async throws in
            #expect(try await !scaler.client.isActive(.of("p")).result)
            #expect(try Self.isClosed(port: scaler.port))
            #expect(try await !scaler.client.isActive(.of("p")).result)
        }
    }

    @Test func `a handshake that isn't done in time ends its connection`() async throws {
        guard let certificates = try await Certificates.make() else {
            return print("*** SKIPPED: openssl is not installed: TLS was not tried")
        }
        defer { certificates.remove() }
        let tls = TLSFiles(certificateFile: certificates.path("server.pem"), keyFile: certificates.path("server.key"))
        let plane = PoolsTwin(["ns/p": .busy()])
        try await ScalerHarness.run(
            plane, security: certificates.trusted,
            configure: { configuration in
                configuration.tls = tls
                configuration.limits.handshakeSeconds = 0.5
            }
        ) { scaler async throws in
            #expect(try Self.isClosed(port: scaler.port))
            // A connection whose handshake is done outlives the time for it.
            #expect(try await scaler.client.isActive(.of("p")).result)
        }
    }

    @Test func `connections that break the protocol as they open a stream leave nothing behind`() async throws {
        try await ScalerHarness.run(PoolsTwin(["ns/p": .idle()])) { scaler async throws in
            for _ in 0..<100 { try Self.breakProtocol(port: scaler.port) }
            let before = try Self.residentBytes()
            for _ in 0..<1_500 { try Self.breakProtocol(port: scaler.port) }
            // Each left 25 KB where its streams weren't told that it ended: 37 MB.
            #expect(try Self.residentBytes() - before < 16 << 20)
            #expect(try await !scaler.client.isActive(.of("p")).result)
        }
    }

    /// In one write: the preface, settings, a request that opens a stream, and a frame that no client may send. Then waits for the end.
    private static func breakProtocol(port: Int) throws {
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        bytes += [0, 0, 0, 4, 0, 0, 0, 0, 0]
        // :method POST, :scheme http, :path / from HPACK's static table, on stream 1.
        bytes += [0, 0, 3, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84]
        // DATA on stream 0.
        bytes += [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        let socket = try connected(port)
        defer { close(socket) }
        #expect(send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        #expect(isEnded(socket))
    }

    private static func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return try #require(Int(pages)) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Connects, says nothing, and reads until the other side closes; false where it doesn't within five seconds.
    private static func isClosed(port: Int) throws -> Bool {
        let socket = try connected(port)
        defer { close(socket) }
        return isEnded(socket)
    }

    private static func connected(_ port: Int) throws -> Int32 {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(socket >= 0)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafeBytes(of: &address) {
            connect(socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
        }
        if connected != 0 { close(socket) }
        try #require(connected == 0)
        return socket
    }

    private static func isEnded(_ socket: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count <= 0 { return count == 0 || errno == ECONNRESET }
        }
    }

    @Test func `with a client CA only its clients are answered`() async throws {
        guard let certificates = try await Certificates.make() else {
            return print("*** SKIPPED: openssl is not installed: TLS was not tried")
        }
        defer { certificates.remove() }
        let tls = TLSFiles(
            certificateFile: certificates.path("server.pem"), keyFile: certificates.path("server.key"),
            clientAuthorityFile: certificates.path("ca.pem"))
        let plane = PoolsTwin(["ns/p": .busy()])
        let trusted = HTTP2ClientTransport.Posix.TransportSecurity.mTLS(
            certificateChain: [.file(path: certificates.path("client.pem"), format: .pem)],
            privateKey: .file(path: certificates.path("client.key"), format: .pem)
        ) { $0.trustRoots = .certificates([.file(path: certificates.path("ca.pem"), format: .pem)]) }
        try await ScalerHarness.run(plane, security: trusted, configure: { $0.tls = tls }) { scaler async throws in
            #expect(try await scaler.client.isActive(.of("p")).result)
        }
        let anonymous = HTTP2ClientTransport.Posix.TransportSecurity.tls {
            $0.trustRoots = .certificates([.file(path: certificates.path("ca.pem"), format: .pem)])
        }
        let answered = try await ScalerHarness.run(plane, security: anonymous, configure: { $0.tls = tls }) { scaler async throws in
            var options = CallOptions.defaults
            options.timeout = .milliseconds(500)
            return (try? await scaler.client.isActive(.of("p"), options: options)) != nil
        }
        #expect(!answered)
        var open = tls
        open.clientAuthorityFile = nil
        try await ScalerHarness.run(plane, security: anonymous, configure: { [open] in $0.tls = open }) { scaler async throws in
            #expect(try await scaler.client.isActive(.of("p")).result)
        }
    }

    @Test(arguments: ["server.pem", "server.key", "ca.pem"])
    func `a pipe in a certificate's place is refused in a line, and nothing waits for it`(_ file: String) async throws {
        guard let certificates = try await Certificates.make() else {
            return print("*** SKIPPED: openssl is not installed: TLS was not tried")
        }
        defer { certificates.remove() }
        let path = certificates.path(file)
        try FileManager.default.removeItem(atPath: path)
        mkfifo(path, 0o600)
        let tls = TLSFiles(
            certificateFile: certificates.path("server.pem"), keyFile: certificates.path("server.key"),
            clientAuthorityFile: certificates.path("ca.pem"))
        await #expect {
            try await ScalerHarness.run(PoolsTwin([:]), configure: { $0.tls = tls }) { _ in }
        } throws: { error in
            "\(error)".contains("\(path): is a named pipe, and only regular files are read")
        }
    }

    @Test func `a certificate that is replaced is shown to the next connection`() async throws {
        guard let first = try await Certificates.make(), let second = try await Certificates.make() else {
            return print("*** SKIPPED: openssl is not installed: TLS was not tried")
        }
        defer { first.remove(); second.remove() }
        let tls = TLSFiles(certificateFile: first.path("server.pem"), keyFile: first.path("server.key"))
        let plane = PoolsTwin(["ns/p": .busy()])
        try await ScalerHarness.run(plane, security: first.trusted, configure: { $0.tls = tls }) { scaler async throws in
            #expect(try await scaler.client.isActive(.of("p")).result)
            #expect(try await !second.isAnswered(port: scaler.port))
            for file in ["server.pem", "server.key"] {
                try Data(contentsOf: URL(fileURLWithPath: second.path(file))).write(
                    to: URL(fileURLWithPath: first.path(file)), options: .atomic)
            }
            let deadline = ContinuousClock.now + .seconds(20)
            var isAnswered = false
            while !isAnswered, ContinuousClock.now < deadline { isAnswered = try await second.isAnswered(port: scaler.port) }
            #expect(isAnswered)
            // The connection from before is still there.
            #expect(try await scaler.client.isActive(.of("p")).result)
        }
    }
}

extension Certificates {
    var trusted: HTTP2ClientTransport.Posix.TransportSecurity {
        .tls { [path = path("ca.pem")] in $0.trustRoots = .certificates([.file(path: path, format: .pem)]) }
    }

    /// Whether a new connection that trusts this CA alone gets an answer within half a second.
    func isAnswered(port: Int) async throws -> Bool {
        let transport = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: trusted)
        return try await withGRPCClient(transport: transport) { client in
            var options = CallOptions.defaults
            options.timeout = .milliseconds(500)
            return (try? await Externalscaler_ExternalScaler.Client(wrapping: client).isActive(.of("p"), options: options)) != nil
        }
    }
}

/// A CA, a server's and a client's certificate, for one test.
private struct Certificates {
    let folder: URL

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// nil without openssl.
    static func make() async throws -> Certificates? {
        let openssl = "/usr/bin/openssl"
        guard FileManager.default.isExecutableFile(atPath: openssl) else { return nil }
        let made = Certificates(
            folder: FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-keda-tls-\(UUID().uuidString)"))
        try FileManager.default.createDirectory(at: made.folder, withIntermediateDirectories: true)
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        try await run(
            openssl, ["req", "-x509", "-subj", "/CN=greenroom test CA", "-keyout", made.path("ca.key"), "-out", made.path("ca.pem")] + key)
        for name in ["server", "client"] {
            try await run(
                openssl,
                [
                    "req", "-x509", "-CA", made.path("ca.pem"), "-CAkey", made.path("ca.key"), "-subj", "/CN=\(name)", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout",
                    made.path("\(name).key"), "-out",
                    made.path("\(name).pem"),
                ] + key)
        }
        return made
    }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        let status: Int32 = try await withCheckedThrowingContinuation { done in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        try #require(status == 0, "openssl \(arguments.joined(separator: " "))")
    }
}
