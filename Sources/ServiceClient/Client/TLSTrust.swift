import HTTPTransport
package import NIOSSL

// Which servers does a client believe?

package enum TLSTrust {
    package static func context(_ configuration: ClientConfiguration) throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["h2"]
        if let file = configuration.trustFile {
            do throws(TLSFiles.Fault) { tls.trustRoots = .certificates(try TLSFiles.certificates(of: file)) } catch {
                throw HandshakeFault(
                    problem: "the trusted certificates can't be read: \(error): check --ca-file and GREENROOM_CA_FILE")
            }
        }
        do { return try NIOSSLContext(configuration: tls) } catch {
            throw HandshakeFault(
                problem: "the trusted certificates \(configuration.trustFile ?? "of this machine") can't be used: \(error)")
        }
    }

    /// What SNI names: never an address.
    package static func serverName(_ host: String) -> String? {
        HostText.isNumeric(host) ? nil : host
    }
}
