// Which values of a polled trigger make no sense, or would be unsafe?
//
// An address that carries a user's name or password would put it into the log; a file outside the folder of secrets would
// let a policy's author send any file of the service's machine to an address of their choice.

extension PolicyRules {
    mutating func checkPoll(_ poll: Poll, of trigger: Trigger, _ path: String) {
        guard case .observed(trigger.name, [], _) = trigger.source else {
            return refuse("\(path).name", "the metric of a polled trigger has the trigger's name and no labels")
        }
        check(poll.intervalSeconds, "\(path).intervalSeconds", in: 1...PolicyLimits.pollSeconds)
        check(poll.timeoutSeconds, "\(path).timeoutSeconds", in: 1...PolicyLimits.pollTimeoutSeconds)
        switch poll.source {
        case .prometheus(let serverAddress, let query, _):
            checkAddress(serverAddress, "\(path).serverAddress")
            if query.isEmpty || query.utf8.count > PolicyLimits.queryBytes || !isPrintable(query, with: "\n\t") {
                refuse(
                    "\(path).query", "must be a PromQL expression of at most \(PolicyLimits.queryBytes) bytes without control characters")
            }
        case .natsJetStream(let monitoringEndpoint, let account, let stream, let consumer):
            checkAddress(monitoringEndpoint, "\(path).monitoringEndpoint")
            for (field, name) in [("account", account), ("stream", stream), ("consumer", consumer)] where !isNATSName(name) {
                refuse("\(path).\(field)", "must be a name of at most \(PolicyLimits.nameBytes) bytes without spaces, ., * and >")
            }
        }
        checkFiles(poll, path)
    }

    private mutating func checkAddress(_ address: String, _ path: String) {
        let bytes = Array(address.utf8)
        let isPlain = bytes.allSatisfy { (0x21...0x7E).contains($0) } && bytes.count <= PolicyLimits.addressBytes
        let host = ["http://", "https://"].first(where: address.hasPrefix).map { address.dropFirst($0.count) }
        guard isPlain, let host, let first = host.first, first != "/" else {
            return refuse(path, "must be a URL that begins with http:// or https://, such as http://prometheus:9090")
        }
        if !isLogged, let port = Self.port(of: host),
            !port.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") <= 9 }) || !PolicyLimits.ports.contains(Int(port) ?? 0)
        {
            refuse(
                path,
                "has the port \"\(port.prefix(20))\"; a port is a number from \(PolicyLimits.ports.lowerBound) to \(PolicyLimits.ports.upperBound)"
            )
        }
        if host.contains("@") { refuse(path, "must not carry a user or password; name a bearerTokenFile or tls files") }
        if host.contains("?") || host.contains("#") { refuse(path, "must end with the host or a path; the query has its own fields") }
    }

    /// What stands behind the host's colon, up to the path; nil where there is no colon.
    private static func port(of address: Substring) -> Substring? {
        var authority = address.prefix { !"/?#".contains($0) }
        // Who is named before the host is refused, and never quoted.
        if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
        // Colons of an IPv6 address stand in brackets.
        let afterHost = authority.lastIndex(of: "]").map { authority[authority.index(after: $0)...] } ?? authority
        return afterHost.lastIndex(of: ":").map { afterHost[afterHost.index(after: $0)...] }
    }

    private func isNATSName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= PolicyLimits.nameBytes && isPrintable(name) && !name.contains { " .*>/\\".contains($0) }
    }

    private mutating func checkFiles(_ poll: Poll, _ path: String) {
        let files = [
            ("bearerTokenFile", poll.bearerTokenFile), ("tls.caFile", poll.tls?.caFile), ("tls.certFile", poll.tls?.certFile),
            ("tls.keyFile", poll.tls?.keyFile),
        ]
        for case (let field, let file?) in files where !isInsideFolder(file) {
            refuse(
                "\(path).\(field)",
                "must be a path within the service's folder of secrets, such as prometheus/token, without a leading / and without ..")
        }
        if (poll.tls?.certFile == nil) != (poll.tls?.keyFile == nil) {
            refuse(
                "\(path).tls", "certFile and keyFile belong together; give both or none",
                comparedWith: ["\(path).tls.certFile", "\(path).tls.keyFile"])
        }
    }

    private func isInsideFolder(_ file: String) -> Bool {
        guard file.utf8.count <= PolicyLimits.addressBytes, isPrintable(file) else { return false }
        return file.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != ".." && $0 != "." }
    }
}
