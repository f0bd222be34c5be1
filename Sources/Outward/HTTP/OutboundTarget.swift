import Foundation

// Where does something go, and what proves who sends it?

package struct OutboundTarget: Hashable, Sendable {
    package var url: String
    /// Read anew for each request, as secrets rotate under their mounts: one line.
    package var tokenFile: String?
    /// Lines `Name: value`, for services that want a key in a header of their own.
    package var headersFile: String?
    /// PEM of the authority that signed the server's certificate; nil trusts the system's.
    package var caFile: String?
    package var timeoutSeconds = 10

    package init(url: String) { self.url = url }

    package static let timeoutSecondsMost = 300

    /// What is wrong with an address; nil where it can be used.
    package static func problem(with url: String) -> String? {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = parts.host, !host.isEmpty
        else { return "must be a URL such as https://events.example/greenroom" }
        if let port = parts.port, !(1...65_535).contains(port) { return "has no port from 1 to 65535" }
        if parts.user != nil || parts.password != nil { return "must not hold a password: name a file under tokenFile or headersFile" }
        if parts.fragment != nil { return "must not have a fragment" }
        return nil
    }

    /// For messages: without the query, which may be a secret.
    var shown: String { url.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "" }
}
