// Where is a server?
//
// `nats://HOST[:PORT]`, `tls://HOST[:PORT]` or `HOST[:PORT]`; the port is 4222 where there is none. HOST may be a name, an IPv4
// address, or an IPv6 address in brackets. `tls://` never speaks in clear. Credentials don't belong in it: they would end in logs.

package struct NATSAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var requiresTLS: Bool
    /// The name that the certificate must have, where it isn't the host's: a server that was learned by its IP address has the name of
    /// the server that told of it.
    package var tlsName: String?

    package init(host: String, port: Int, requiresTLS: Bool = false, tlsName: String? = nil) {
        self.host = host
        self.port = port
        self.requiresTLS = requiresTLS
        self.tlsName = tlsName
    }

    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var text: String
        package var problem: String
        package var description: String { "\"\(text)\" is no NATS server's address: \(problem)" }
    }

    package init(_ text: String) throws(Fault) {
        // What stands before an @ may be a secret, so it isn't repeated.
        let shown = text.contains("@") ? "…@…" : String(text.prefix(200))
        func fault(_ problem: String) -> Fault { Fault(text: shown, problem: problem) }
        var rest = text[...]
        if let scheme = rest.range(of: "://") {
            switch rest[..<scheme.lowerBound] {
            case "nats": requiresTLS = false
            case "tls": requiresTLS = true
            default: throw fault("it must begin with nats:// or tls://, as in nats://127.0.0.1:4222")
            }
            rest = rest[scheme.upperBound...]
        } else {
            requiresTLS = false
        }
        if rest.contains("@") { throw fault("credentials don't belong in an address: name them in their own field") }
        if rest.hasSuffix("/") { rest.removeLast() }
        guard rest.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), !rest.contains(where: { "/?#".contains($0) }) else {
            throw fault("it may hold a host and a port, and nothing else")
        }
        guard let (host, port) = Self.split(rest), !host.isEmpty, host.utf8.count <= 253 else { throw fault("there is no host in it") }
        self.host = String(host)
        guard let port else {
            self.port = 4_222
            return
        }
        guard port.utf8.count <= 5, port.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(port), (1...65_535).contains(number)
        else { throw fault("\"\(port)\" is no port: take 1 to 65535") }
        self.port = number
    }

    private static func split(_ authority: Substring) -> (host: Substring, port: Substring?)? {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            return (authority[authority.index(after: authority.startIndex)..<end], after.isEmpty ? nil : after.dropFirst())
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, let host = parts.first else { return nil }
        return (host, parts.count == 2 ? parts[1] : nil)
    }

    var isNumeric: Bool { host.contains(":") || host.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 } }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether it leads to the same server, whatever is known of its certificate.
    func isSamePlace(as other: NATSAddress) -> Bool { host == other.host && port == other.port }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
