import NIOSSL

// How does the TLS port introduce itself?
//
// TLS 1.2 or later, HTTP/2 or HTTP/1.1 by ALPN, no client certificates.

enum TLSContext {
    struct Fault: Error, CustomStringConvertible {
        var path: String
        var problem: String
        var description: String { "\(path): \(problem)" }
    }

    static func make(_ tls: ServerConfiguration.TLS) throws(Fault) -> NIOSSLContext {
        let certificates: [NIOSSLCertificate]
        do { certificates = try NIOSSLCertificate.fromPEMFile(tls.certificateFile) } catch {
            throw Fault(path: tls.certificateFile, problem: "no certificate in PEM could be read: \(error)")
        }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(file: tls.keyFile, format: .pem) } catch {
            throw Fault(path: tls.keyFile, problem: "no private key in PEM could be read: \(error)")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw Fault(path: tls.certificateFile, problem: "it and \(tls.keyFile) can't be used: \(error)")
        }
    }
}
