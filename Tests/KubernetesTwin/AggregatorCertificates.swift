import Foundation

// By which certificates do an API server and an extension of it know each other?
//
// Two authorities that have nothing to do with one another: one vouches for the front proxy, the other for the extension. Made by
// `openssl`, kept in memory.

package struct AggregatorCertificates: Sendable {
    /// What the ConfigMap `extension-apiserver-authentication` holds.
    package var requestHeaderAuthority: [UInt8]
    package var proxy: [UInt8]
    package var proxyKey: [UInt8]
    /// What an APIService's `caBundle` holds.
    package var servingAuthority: [UInt8]
    package var serving: [UInt8]
    package var servingKey: [UInt8]

    package static let proxyName = "front-proxy-client"

    /// - Parameter host: the extension's name, `SERVICE.NAMESPACE.svc`.
    package static func make(host: String) throws -> AggregatorCertificates {
        let front = try TwinCertificates.issue("request-header authority", "/CN=\(proxyName)", "extendedKeyUsage=clientAuth")
        let serving = try TwinCertificates.issue("serving authority", "/CN=\(host)", "subjectAltName=DNS:\(host)")
        return AggregatorCertificates(
            requestHeaderAuthority: front.authority, proxy: front.certificate, proxyKey: front.key, servingAuthority: serving.authority,
            serving: serving.certificate, servingKey: serving.key)
    }
}
