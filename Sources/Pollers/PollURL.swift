// Which host does a poll's address name?
//
// Read by hand and written anew from its parts, so that what was checked and what is asked can't be two things.

struct PollURL: Hashable, Sendable {
    /// `http` or `https`.
    var scheme: String
    /// In lower case, without the brackets of an IPv6 address.
    var host: String
    var isIPv6: Bool
    /// As written: `:9090`, or nothing.
    var port: String
    /// As written, from the first `/` on, without one at its end.
    var path: String

    /// nil where a host stands there that no server has.
    init?(_ text: String) {
        guard let scheme = ["http", "https"].first(where: { text.hasPrefix("\($0)://") }) else { return nil }
        self.scheme = scheme
        let rest = text.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        while path.hasSuffix("/") { path.removeLast() }
        self.path = String(path)
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]"),
                IPAddress(String(authority[authority.index(after: authority.startIndex)..<end])) != nil
            else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end].lowercased()
            port = String(authority[authority.index(after: end)...])
            isIPv6 = true
        } else {
            host = authority.prefix { $0 != ":" }.lowercased()
            port = String(authority.dropFirst(host.count))
            isIPv6 = false
            // What every parser of URLs takes as it stands.
            guard !host.isEmpty, host.utf8.allSatisfy({ $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || "._-".utf8.contains($0) }) else { return nil }
        }
        guard port.isEmpty || (port.hasPrefix(":") && UInt16(port.dropFirst()).map { $0 > 0 } ?? false) else { return nil }
    }

    var text: String { "\(scheme)://\(isIPv6 ? "[\(host)]" : host)\(port)\(path)" }
}
