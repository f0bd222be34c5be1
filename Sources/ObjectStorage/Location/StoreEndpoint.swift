// Which server holds a bucket, and under which host and path?
//
// Amazon's own by region, Google's one, or another that speaks the same (MinIO, Ceph, a test's) at an address of its own. Path
// style puts the bucket into the path, virtual-hosted style before the host. The default is virtual-hosted at Amazon if the
// bucket's name has no dot, since certificates cover one level, and path style otherwise.

package struct StoreEndpoint: Hashable, Sendable {
    package enum Style: String, Hashable, Sendable, CaseIterable { case path, virtualHosted }

    enum Server: Hashable, Sendable {
        case amazon
        /// Scheme, and HOST or HOST:PORT, as a request names it.
        case other(scheme: String, authority: String)
    }

    let server: Server
    let style: Style?

    package static let amazon = StoreEndpoint(server: .amazon, style: nil)
    package static let google = StoreEndpoint(server: .other(scheme: "https", authority: "storage.googleapis.com"), style: .path)

    private init(server: Server, style: Style?) {
        self.server = server
        self.style = style
    }

    /// - Parameter text: `http(s)://HOST[:PORT]`; nil: the store's own.
    package init(_ text: String?, for store: ObjectLocation.Store, style: Style?) throws(EndpointFault) {
        guard let text else {
            self =
                store == .s3
                ? StoreEndpoint(server: .amazon, style: style) : StoreEndpoint(server: Self.google.server, style: style ?? .path)
            return
        }
        self.init(server: try Self.server(text), style: style)
    }

    private static func server(_ text: String) throws(EndpointFault) -> Server {
        for scheme in ["https", "http"] where text.hasPrefix("\(scheme)://") {
            var authority = text.dropFirst(scheme.count + 3)
            if authority.hasSuffix("/") { authority.removeLast() }
            guard !authority.isEmpty, authority.utf8.allSatisfy({ isHostByte($0) }), hasPort(authority) else { break }
            // A default port is no part of the host that is signed.
            let usual = scheme == "https" ? ":443" : ":80"
            return .other(
                scheme: scheme, authority: String(authority.hasSuffix(usual) ? authority.dropLast(usual.count) : authority).lowercased())
        }
        throw EndpointFault(
            description: "\"\(PlainText.of(text, limit: 80))\" is no endpoint: write https://HOST or http://HOST:PORT, without a path")
    }

    /// Whether what stands behind the host's colon, if there is one, is a port. Colons of an IPv6 address stand in brackets.
    private static func hasPort(_ authority: Substring) -> Bool {
        let afterHost = authority.lastIndex(of: "]").map { authority[authority.index(after: $0)...] } ?? authority
        guard let colon = afterHost.lastIndex(of: ":") else { return true }
        return (UInt16(afterHost[afterHost.index(after: colon)...]) ?? 0) > 0
    }

    private static func isHostByte(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "-.:[]".utf8.contains(byte) }

    // MARK: - Requests

    /// Scheme, host and path prefix (empty, or `/BUCKET`) of a bucket in a region.
    func place(of bucket: String, region: String) -> (scheme: String, host: String, path: String) {
        let (scheme, authority) =
            switch server {
            case .amazon: ("https", "s3.\(region).amazonaws.com")
            case .other(let scheme, let authority): (scheme, authority)
            }
        switch style ?? (server == .amazon && !bucket.contains(".") ? .virtualHosted : .path) {
        case .path: return (scheme, authority, "/\(bucket)")
        case .virtualHosted: return (scheme, "\(bucket).\(authority)", "")
        }
    }
}

package struct EndpointFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}
