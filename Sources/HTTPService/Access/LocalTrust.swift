import Domain
import HTTPTransport
import HTTPTypes

// May whoever sits at this machine's browser do that?
//
// A server without tokens trusts everybody who reaches its loopback port, and a browser on this machine reaches it for any page it
// shows. So two things are asked of each request that has a role. Its host must be this machine: a page whose name was made to point
// here (DNS rebinding) still sends its own name. Its origin, where a browser sends one, must be that host: else another site's page
// asks. And what a page may send elsewhere without asking first (a POST of a form or plain text) is no way to change state; PUT and
// DELETE are asked for beforehand by every browser, and nothing here answers that.

struct LocalTrust: Sendable {
    /// In lower case.
    private let names: Set<String>
    /// Someone bound an address that others reach: then an address as host is as good as a name. It can't be rebound.
    private let takesAddresses: Bool

    init(_ configuration: ServerConfiguration) {
        let addresses = [configuration.cleartext, configuration.tls?.address].compactMap { $0 }
        names = Set((configuration.allowedHosts + addresses.map(\.host)).map { $0.lowercased() })
        takesAddresses = addresses.contains { !$0.isLoopback }
    }

    /// - Parameter known: the authority that was let in last, which costs a comparison.
    func admit(_ facts: HeadFacts, to route: Route, known: inout String?) throws(Problem) {
        let host = facts.rules.host ?? ""
        if known != host || known == nil {
            guard let authority = Authority(host), isOurs(authority.host) else {
                throw Problem(
                    .forbidden,
                    "without tokens only requests from this machine are accepted, and \(Self.shown(host)) isn't its name: use localhost or 127.0.0.1, name it under `allowedHosts`, "
                        + "or set up tokens", field: "host")
            }
            known = host
        }
        if let origin = facts.origin { try check(origin, host) }
        if case .respond = route.work { try check(facts.contentType, route.method) }
    }

    private func isOurs(_ host: String) -> Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || names.contains(host) { return true }
        let address = ServerConfiguration.Address(host: host, port: 0)
        return address.isLoopback || (takesAddresses && address.isNumeric)
    }

    private func check(_ origin: String, _ host: String) throws(Problem) {
        let usual = origin.hasPrefix("https://") ? 443 : 80
        let rest = origin.hasPrefix("https://") ? origin.dropFirst(8) : origin.hasPrefix("http://") ? origin.dropFirst(7) : ""
        if let from = Authority(String(rest)), let to = Authority(host), from.host == to.host, (from.port ?? usual) == (to.port ?? usual) {
            return
        }
        throw Problem(
            .forbidden, "a page of \(Self.shown(origin)) may not send requests to this server: only its own pages may", field: "origin")
    }

    private func check(_ contentType: String?, _ method: HTTPRequest.Method) throws(Problem) {
        let name = contentType.map { MediaType.name(of: $0) }
        switch method {
        case .post:
            // A browser asks before it sends another site one of these.
            if let name, name == "application/json" || name.hasSuffix("+json") || name == "application/yaml" { return }
            throw Problem(
                .unsupportedMediaType,
                "\(name.map { Self.shown($0) } ?? "no Content-Type") is not taken: send the object as application/json, or a policy as application/yaml",
                field: "content-type")
        case .put:
            // curl's own default is a form's type, and a browser asks before any PUT.
            guard let name, name == "text/plain" || name == "multipart/form-data" else { return }
            throw Problem(.unsupportedMediaType, "\(name) is not taken: send application/yaml or application/json", field: "content-type")
        default: return
        }
    }

    private static func shown(_ text: String) -> String { "\"\(String(text.prefix(100)))\"" }
}
