// Where is the server?
//
// `http://HOST[:PORT]` speaks HTTP/2 with prior knowledge, `https://…` by ALPN; a path before the routes is kept. HOST may
// be a name, an IPv4 address, or an IPv6 address in brackets.

package struct BaseURL: Hashable, Sendable, CustomStringConvertible {
    package var isSecure: Bool
    package var host: String
    package var port: Int
    /// Begins with a slash and doesn't end with one; empty where the routes begin at the root.
    package var prefix: String

    package init(isSecure: Bool = false, host: String, port: Int, prefix: String = "") {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.prefix = prefix
    }

    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var text: String
        package var problem: String
        package var description: String { "\"\(text)\" is no server's address: \(problem)" }
    }

    package init(_ text: String) throws(Fault) {
        func fault(_ problem: String) -> Fault { Fault(text: String(text.prefix(200)), problem: problem) }
        let rest: Substring
        if text.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else if text.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else {
            throw fault("it must begin with http:// or https://, as in http://127.0.0.1:8080")
        }
        guard !rest.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" || $0 == " " }) else {
            throw fault("it may hold a host, a port and a path, and nothing else")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var path = rest[slash...]
        while path.last == "/" { path.removeLast() }
        prefix = String(path)
        guard let (host, port) = Self.split(rest[..<slash]), !host.isEmpty else { throw fault("there is no host in it") }
        self.host = host
        guard let port else {
            self.port = isSecure ? 443 : 80
            return
        }
        guard let number = Int(port), (1...65_535).contains(number) else { throw fault("\"\(port)\" is no port: take 1 to 65535") }
        self.port = number
    }

    private static func split(_ authority: Substring) -> (host: String, port: Substring?)? {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            return (String(authority[authority.index(after: authority.startIndex)..<end]), after.isEmpty ? nil : after.dropFirst())
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let host = parts.first else { return nil }
        return (String(host), parts.count == 2 ? parts[1] : nil)
    }

    /// `HOST:PORT` as a request names it.
    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    package var description: String { "\(isSecure ? "https" : "http")://\(authority)\(prefix)" }
}
