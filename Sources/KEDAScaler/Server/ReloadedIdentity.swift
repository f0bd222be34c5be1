import HTTPTransport
import NIOCertificateReloading
import NIOSSL

// Which certificate does KEDA's next connection meet?
//
// The files' contents as they are now: they are read again whenever they change, as for the other servers. The authority for
// clients' certificates is read once, at the start: gRPC's transport takes nothing newer.

final class ReloadedIdentity: CertificateReloader {
    let tls: ReloadingTLSContext
    /// Who vouches for clients; nil asks them for no certificate.
    let clientAuthorities: [NIOSSLCertificate]?

    init(_ files: TLSFiles) throws(TLSFiles.Fault) {
        tls = try ReloadingTLSContext(TLSFiles(certificateFile: files.certificateFile, keyFile: files.keyFile))
        clientAuthorities = if let file = files.clientAuthorityFile { try TLSFiles.certificates(of: file) } else { nil }
    }

    var sslContextConfigurationOverride: NIOSSLContextConfigurationOverride {
        let identity = tls.identity
        var override = NIOSSLContextConfigurationOverride()
        override.certificateChain = identity.certificates.map { .certificate($0) }
        override.privateKey = .privateKey(identity.key)
        return override
    }
}
