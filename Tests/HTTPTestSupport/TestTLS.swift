package import NIOSSL

// A client's TLS that asks for no more than encryption: the certificates of tests vouch for themselves.

package enum TestTLS {
    package static func handler(_ protocols: String...) throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = protocols
        return try NIOSSLClientHandler(context: try NIOSSLContext(configuration: configuration), serverHostname: nil)
    }
}
