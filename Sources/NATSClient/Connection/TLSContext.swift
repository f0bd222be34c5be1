import Machine
import NIOSSL

// Which TLS do we speak to a server?
//
// The certificate is always verified, with its name: a server's address by number is verified against the number in the certificate,
// or, where another server told of it, against that one's name. The files are read again for each connection, so that new certificates
// count without a restart.

struct TLSProblem: Error, CustomStringConvertible {
    var description: String
}

extension NATSTLS {
    /// A file that is larger is no certificate.
    private static let fileBytesMost = 1 << 20

    func handler(for server: NATSAddress) throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let trustFile {
            configuration.trustRoots = .certificates(try Self.certificates(trustFile))
        }
        if let certificateFile {
            guard let keyFile else { throw TLSProblem(description: "\(certificateFile) has no key: name the key's file") }
            configuration.certificateChain = try Self.certificates(certificateFile).map { .certificate($0) }
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: try Self.bytes(keyFile), format: .pem))
            } catch is NIOSSLError {
                throw TLSProblem(description: "\(keyFile): no private key in PEM could be read")
            }
        }
        let name = server.tlsName ?? (server.isNumeric ? nil : server.host)
        return try NIOSSLClientHandler(context: try NIOSSLContext(configuration: configuration), serverHostname: name)
    }

    private static func certificates(_ path: String) throws -> [NIOSSLCertificate] {
        let bytes = try bytes(path)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw TLSProblem(description: "\(path): no certificate in PEM could be read")
        }
        return certificates
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        do { return try SmallFile.read(path, limitBytes: fileBytesMost) } catch { throw TLSProblem(description: "\(path): \(error)") }
    }
}
