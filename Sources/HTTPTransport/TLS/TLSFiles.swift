package import NIOSSL
import Machine

// Which files make up a TLS server's identity, and what do they hold now?
//
// A certificate with its chain, its key, and, where clients may show certificates, the authorities that vouch for them. All are
// read in one go and made into one context, so a key never meets another key's certificate. While files are replaced one after
// another, the moment in between is a fault and not an identity. TLS 1.2 or later; HTTP/2 or HTTP/1.1 by ALPN.

package struct TLSFiles: Hashable, Sendable {
    /// PEM: the server's certificate, then those that lead to its CA.
    package var certificateFile: String
    /// PEM.
    package var keyFile: String
    /// PEM: who vouches for client certificates. nil asks clients for none. With it a client may still come without a
    /// certificate; one that shows a certificate nobody here vouches for is refused in the handshake.
    package var clientAuthorityFile: String?

    /// A file that is larger is no certificate.
    package static let fileBytesMost = 1 << 20

    package init(certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientAuthorityFile = clientAuthorityFile
    }

    /// What keeps the files from being used, in words that name the file. Never holds any of a file's contents.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var path: String
        package var problem: String
        package var description: String { "\(path): \(problem)" }
    }

    /// The files' bytes at one moment.
    struct Contents: Equatable {
        var certificate: [UInt8]
        var key: [UInt8]
        var clientAuthority: [UInt8]?
    }

    func read() throws(Fault) -> Contents {
        var contents = Contents(certificate: try Self.bytes(of: certificateFile), key: try Self.bytes(of: keyFile))
        if let clientAuthorityFile { contents.clientAuthority = try Self.bytes(of: clientAuthorityFile) }
        return contents
    }

    /// Certificate and key, whatever they are used in.
    package struct Identity: Sendable {
        /// The server's own, then those that lead to its CA.
        package var certificates: [NIOSSLCertificate]
        package var key: NIOSSLPrivateKey
    }

    func identity(_ contents: Contents) throws(Fault) -> Identity {
        let chain = try Self.certificates(contents.certificate, certificateFile)
        do { return Identity(certificates: chain, key: try NIOSSLPrivateKey(bytes: contents.key, format: .pem)) } catch {
            throw Fault(path: keyFile, problem: "no private key in PEM could be read: \(error)")
        }
    }

    func context(_ contents: Contents, _ identity: Identity) throws(Fault) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: identity.certificates.map { .certificate($0) }, privateKey: .privateKey(identity.key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        // For the client's last word, which many never send: a place is held for it all the while.
        configuration.shutdownTimeout = .milliseconds(1_000)
        if let authority = contents.clientAuthority {
            configuration.trustRoots = .certificates(try Self.certificates(authority, clientAuthorityFile ?? "the client authority given"))
            configuration.certificateVerification = .optionalVerification
            // A client with several certificates, or with none of ours, chooses by this list.
            configuration.sendCANameList = true
        }
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw Fault(path: certificateFile, problem: "it and \(keyFile) can't be used together: \(error)")
        }
    }

    /// Those of a PEM file, for who believes what they vouch for.
    package static func certificates(of file: String) throws(Fault) -> [NIOSSLCertificate] { try certificates(bytes(of: file), file) }

    private static func certificates(_ pem: [UInt8], _ path: String) throws(Fault) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do { certificates = try NIOSSLCertificate.fromPEMBytes(pem) } catch {
            throw Fault(path: path, problem: "no certificate in PEM could be read: \(error)")
        }
        guard !certificates.isEmpty else { throw Fault(path: path, problem: "it holds no certificate in PEM") }
        return certificates
    }

    private static func bytes(of path: String) throws(Fault) -> [UInt8] {
        do throws(SmallFile.Fault) { return try SmallFile.read(path, limitBytes: fileBytesMost) } catch {
            throw Fault(path: path, problem: "\(error)")
        }
    }
}
