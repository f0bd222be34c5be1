package import Foundation

// Certificates for one run, made by openssl: good for nothing beyond it.

package struct CertificateIdentity: Sendable {
    package var certificate: String
    package var key: String
}

/// A certificate authority in a folder of its own.
package struct CertificateAuthority: Sendable {
    package let folder: URL
    package let name: String
    private let openssl: String

    package var certificate: String { folder.appendingPathComponent("\(name).pem").path }
    private var key: String { folder.appendingPathComponent("\(name).key").path }

    /// nil, said loudly, where openssl is missing.
    package static func make(_ name: String, in folder: URL) async throws -> CertificateAuthority? {
        guard let openssl = Tool.find("openssl") else {
            Tool.skip("openssl is not installed: nothing over TLS was tried")
            return nil
        }
        let authority = CertificateAuthority(folder: folder, name: name, openssl: openssl)
        try await authority.run(
            authority.newKey(authority.certificate, authority.key) + [
                "-subj", "/CN=\(name)", "-addext", "basicConstraints=critical,CA:TRUE",
            ])
        return authority
    }

    /// A certificate under this authority. `subject` as in `/O=a/CN=b`.
    package func issue(_ file: String, subject: String, alternativeNames: String? = nil, usage: String = "clientAuth", days: Int = 2)
        async throws
        -> CertificateIdentity
    {
        let identity = CertificateIdentity(
            certificate: folder.appendingPathComponent("\(file).pem").path, key: folder.appendingPathComponent("\(file).key").path)
        var arguments = newKey(identity.certificate, identity.key, days: days) + ["-subj", subject, "-CA", certificate, "-CAkey", key]
        arguments += ["-addext", "extendedKeyUsage=\(usage)", "-addext", "basicConstraints=critical,CA:FALSE"]
        if let alternativeNames { arguments += ["-addext", "subjectAltName=\(alternativeNames)"] }
        try await run(arguments)
        return identity
    }

    private func newKey(_ certificate: String, _ key: String, days: Int = 2) -> [String] {
        [
            "req", "-x509", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "\(days)", "-keyout",
            key, "-out", certificate,
        ]
    }

    private func run(_ arguments: [String]) async throws {
        let (status, output) = try await Tool.run(openssl, arguments)
        guard status == 0 else { throw Tool.Failed(output: output) }
    }
}
