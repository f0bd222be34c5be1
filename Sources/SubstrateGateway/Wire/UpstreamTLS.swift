import HTTPTransport
import NIOCore
import NIOHPACK
import NIOSSL
import Machine

// With which certificates and which token does the gateway speak to ateapi?
//
// Files are read again for every new connection, and the token for every call of the gateway's own: both may be replaced at any moment.
// With a fault no connection is made, and the calls that wait for it fail with its words. Nothing of a file's contents is in a fault.

struct UpstreamTLS: Sendable {
    static let tokenBytesMost = 16 << 10

    private let settings: GatewayConfiguration.Upstream

    init(_ settings: GatewayConfiguration.Upstream) { self.settings = settings }

    /// nil for an address: the certificate must hold that itself.
    var serverName: String? {
        let name = settings.serverName ?? settings.host
        return HostText.isNumeric(name) ? nil : name
    }

    /// nil for plaintext.
    func context() throws -> NIOSSLContext? {
        guard !settings.isPlaintext else { return nil }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["h2"]
        if let file = settings.caFile { tls.trustRoots = .certificates(try TLSFiles.certificates(of: file)) }
        if !settings.isVerified { tls.certificateVerification = .none }
        if let file = settings.bundleFile {
            let bytes = try SmallFile.read(file, limitBytes: TLSFiles.fileBytesMost)
            tls.certificateChain = try TLSFiles.certificates(of: file).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: bytes, format: .pem))
        }
        return try NIOSSLContext(configuration: tls)
    }

    /// Of a call that the gateway makes for itself.
    func headers(_ method: Method) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":scheme": settings.isPlaintext ? "http" : "https", ":path": method.path,
            ":authority": settings.serverName ?? settings.address, "content-type": "application/grpc", "te": "trailers",
            "user-agent": "greenroom",
        ]
        if let file = settings.tokenFile, let bytes = try? SmallFile.read(file, limitBytes: Self.tokenBytesMost) {
            let token = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace && !$0.isNewline }
            headers.add(name: "authorization", value: "Bearer \(token)", indexing: .neverIndexed)
        }
        return headers
    }
}
