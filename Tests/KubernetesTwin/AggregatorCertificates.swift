import Foundation

// By which certificates do an API server and an extension of it know each other?
//
// Two authorities that have nothing to do with one another: one vouches for the front proxy, the other for the extension. Made by
// `openssl`, kept in memory.

public struct AggregatorCertificates: Sendable {
    /// What the ConfigMap `extension-apiserver-authentication` holds.
    public var requestHeaderAuthority: [UInt8]
    public var proxy: [UInt8]
    public var proxyKey: [UInt8]
    /// What an APIService's `caBundle` holds.
    public var servingAuthority: [UInt8]
    public var serving: [UInt8]
    public var servingKey: [UInt8]

    public static let proxyName = "front-proxy-client"

    /// - Parameter host: the extension's name, `SERVICE.NAMESPACE.svc`.
    public static func make(host: String) throws -> AggregatorCertificates {
        let front = try TwinCertificates.issue("request-header authority", "/CN=\(proxyName)", "extendedKeyUsage=clientAuth")
        let serving = try TwinCertificates.issue("serving authority", "/CN=\(host)", "subjectAltName=DNS:\(host)")
        return AggregatorCertificates(
            requestHeaderAuthority: front.authority, proxy: front.certificate, proxyKey: front.key, servingAuthority: serving.authority,
            serving: serving.certificate, servingKey: serving.key)
    }
}
