// Does a request keep HTTP's rules about itself?
//
// What a parser lets through and two readers could take two ways is refused before anything else is looked at: no host, several
// hosts or one that is none, lengths or credentials given twice, transfer codings nobody here undoes (RFC 9110, 7.2; RFC 9112,
// 3.2, 6.1 and 6.3; RFC 9113, 8.3.1). Whoever reads a head notes those fields, then checks once. Pure.

package struct RequestRules {
    package enum Version: Sendable { case http1_0, http1_1, http2 }

    package struct Violation: Error, Hashable, Sendable {
        package var field: String
        package var problem: String
        /// 501: well said, and not done here. Else 400.
        package var isNotImplemented = false
    }

    private var hosts = 0
    /// The first that was noted.
    package private(set) var host: String?
    private var hostsDiffer = false
    private var authorizations = 0
    private var contentTypes = 0
    private var origins = 0
    /// What an absolute target names.
    private var targetHost: String?
    private var lengths = 0
    private var hasBadLength = false
    private var transferEncodings = 0
    private var transferEncoding: String?

    package init() {}

    /// A `Host` field, or what stands for one: HTTP/2's `:authority`.
    package mutating func note(host value: String) {
        hosts += 1
        if let host { hostsDiffer = hostsDiffer || host.lowercased() != value.lowercased() } else { host = value }
    }

    package mutating func noteAuthorization() { authorizations += 1 }
    package mutating func noteContentType() { contentTypes += 1 }
    package mutating func noteOrigin() { origins += 1 }

    /// The request's target: a path, or a whole URL, which names a host of its own (RFC 9112, 3.2.2).
    package mutating func note(target: String) { targetHost = Self.host(inTarget: target) }

    /// The host that a whole URL names; nil for a path.
    package static func host(inTarget target: String) -> String? {
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = target.firstRange(of: "://") else { return nil }
        return String(target[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }

    package mutating func note(contentLength value: String) {
        lengths += 1
        hasBadLength = hasBadLength || value.isEmpty || !value.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    package mutating func note(transferEncoding value: String) {
        transferEncodings += 1
        transferEncoding = transferEncoding.map { "\($0),\(value)" } ?? value
    }

    /// Any field, its name in lower case.
    package mutating func note(name: String, value: String) {
        switch name {
        case "host": note(host: value)
        case "authorization": noteAuthorization()
        case "content-type": noteContentType()
        case "origin": noteOrigin()
        case "content-length": note(contentLength: value)
        case "transfer-encoding": note(transferEncoding: value)
        default: break
        }
    }

    package func check(_ version: Version) throws(Violation) {
        try checkHost(version)
        if authorizations > 1 {
            throw Violation(field: "authorization", problem: "authorization is given \(authorizations) times: send it once")
        }
        if contentTypes > 1 { throw Violation(field: "content-type", problem: "content-type is given \(contentTypes) times: send it once") }
        if origins > 1 { throw Violation(field: "origin", problem: "origin is given \(origins) times: send it once") }
        if lengths > 1 { throw Violation(field: "content-length", problem: "content-length is given \(lengths) times: send it once") }
        if hasBadLength { throw Violation(field: "content-length", problem: "content-length must be a whole number") }
        if let transferEncoding { try check(transferEncoding, version) }
    }

    private func checkHost(_ version: Version) throws(Violation) {
        guard let host else {
            if version == .http1_0 { return }
            throw Violation(field: "host", problem: "no host is named: send \(version == .http2 ? ":authority" : "one Host field")")
        }
        if hosts > 1, version != .http2 || hostsDiffer {
            throw Violation(field: "host", problem: "several hosts are named: send one Host field")
        }
        if let targetHost, targetHost.lowercased() != host.lowercased() {
            throw Violation(field: "host", problem: "the target and the Host field name different hosts: send a path, and one Host field")
        }
        guard Authority(host) != nil else { throw Violation(field: "host", problem: "the host is no HOST or HOST:PORT") }
    }

    private func check(_ encoding: String, _ version: Version) throws(Violation) {
        let codings = encoding.split(separator: ",", omittingEmptySubsequences: false).map { Self.trimmed($0).lowercased() }
        guard version == .http1_1 else { throw Violation(field: "transfer-encoding", problem: "transfer-encoding is HTTP/1.1's alone") }
        if lengths > 0 {
            throw Violation(
                field: "transfer-encoding", problem: "transfer-encoding and content-length exclude each other: send one of them")
        }
        if codings == ["chunked"], transferEncodings == 1 { return }
        throw Violation(
            field: "transfer-encoding", problem: "the only transfer coding taken is chunked, once: send the body as it is",
            isNotImplemented: codings.contains { !$0.isEmpty && $0 != "chunked" })
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}

/// A host and perhaps a port, as `Host` and `:authority` name them.
package struct Authority: Hashable, Sendable {
    /// Lower case, without brackets and without a dot at its end.
    package var host: String
    package var port: Int?

    /// nil where it is none. Of names, those that DNS and container networks have: letters, digits, dots, hyphens, underscores.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.bytesMost else { return nil }
        var rest: ArraySlice<UInt8>
        if bytes[0] == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), end > 1, bytes[1..<end].allSatisfy(Self.isInAddress) else {
                return nil
            }
            host = String(decoding: bytes[1..<end], as: UTF8.self).lowercased()
            rest = bytes[(end + 1)...]
        } else {
            let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            guard end > 0, bytes[..<end].allSatisfy(Self.isInName) else { return nil }
            let name = bytes[end - 1] == UInt8(ascii: ".") ? bytes[..<(end - 1)] : bytes[..<end]
            guard !name.isEmpty else { return nil }
            host = String(decoding: name, as: UTF8.self).lowercased()
            rest = bytes[end...]
        }
        guard let colon = rest.popFirst() else { return }
        // A colon without a port after it is RFC 3986's, and means the usual one.
        guard colon == UInt8(ascii: ":"), rest.count <= 5, rest.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard !rest.isEmpty else { return }
        guard let number = Int(String(decoding: rest, as: UTF8.self)), number <= 65_535 else { return nil }
        port = number
    }

    private static let bytesMost = 512

    private static func isInName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "%"):
            true
        default: false
        }
    }

    private static func isInAddress(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "%"): true
        default: false
        }
    }
}
