import Foundation

// Which addresses may a policy not have the service ask?
//
// Whoever may write a policy object of a cluster isn't the operator of the service. Behind link-local and loopback addresses
// stand what only the service's own machine may reach: a cloud's credentials, a sidecar's administration, the service itself.
// So they are refused for such policies, in every form that leads there, but for those that the configuration allows. The
// rule is about addresses, not names: it is asked after a name was resolved, and what is connected to is what it allowed.

/// An IPv4 address (4 bytes) or an IPv6 address (16). An IPv4 address within IPv6 (`::ffff:127.0.0.1`) is that IPv4 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    /// `192.0.2.1` or `2001:db8::1`, written in full; nil for everything else that some resolvers take (`0x7f.1`).
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(bytes: withUnsafeBytes(of: &four) { Array($0) })
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(bytes: withUnsafeBytes(of: &six) { Array($0) })
        } else {
            return nil
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The IPv4 address that a gateway would make of it: NAT64, 6to4, and the old form without ffff.
    var embedded: IPAddress? {
        guard bytes.count == 16 else { return nil }
        let isNAT64 = bytes[..<12].elementsEqual([0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])
        let isOld = bytes[..<12].allSatisfy { $0 == 0 } && bytes[12...].contains { $0 > 1 }
        if isNAT64 || isOld { return IPAddress(bytes: Array(bytes[12...])) }
        return bytes[0] == 0x20 && bytes[1] == 0x02 ? IPAddress(bytes: Array(bytes[2..<6])) : nil
    }
}

/// `127.0.0.1`, `169.254.20.0/24`, `::1`.
package struct AddressPrefix: Hashable, Sendable {
    private let address: IPAddress
    private let bits: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        self.address = address
        let all = address.bytes.count * 8
        guard parts.count == 2 else {
            bits = all
            return
        }
        guard let bits = Int(parts[1]), (0...all).contains(bits) else { return nil }
        self.bits = bits
    }

    func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = bits / 8
        guard other.bytes[..<whole].elementsEqual(address.bytes[..<whole]) else { return false }
        let rest = bits % 8
        return rest == 0 || (other.bytes[whole] ^ address.bytes[whole]) >> UInt8(8 - rest) == 0
    }
}

package struct AddressRule: Hashable, Sendable {
    private let allowed: [AddressPrefix]

    /// - Parameter allowed: those that may be asked all the same.
    package init(allowed: [AddressPrefix] = []) { self.allowed = allowed }

    /// What stands at the address, where it may not be asked; nil where it may.
    func refusal(of address: IPAddress) -> String? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        for (prefix, what) in Self.refused where prefix.contains(address) { return what }
        return address.embedded.flatMap { refusal(of: $0) }
    }

    /// Why this URL can't be right, without looking up names: it is an address that is refused, however written, or a name
    /// that stands for one everywhere. nil where only a look-up can tell.
    package func refusal(ofURL url: String) -> String? {
        guard let host = PollURL(url)?.host else { return nil }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        let known = name == "localhost" || name.hasSuffix(".localhost") ? "127.0.0.1" : Self.names.contains(name) ? "169.254.169.254" : name
        guard let address = HostAddresses.numeric(known), let what = refusal(of: address) else { return nil }
        return "leads to \(address), \(what)"
    }

    /// Names that clouds give to the address of their credentials.
    private static let names: Set<String> = ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "instance-data"]

    private static let refused: [(AddressPrefix, String)] = [
        ("127.0.0.0/8", "a loopback address"), ("::1", "a loopback address"), ("0.0.0.0/8", "an address of the machine itself"),
        ("::", "an address of the machine itself"),
        ("169.254.0.0/16", "a link-local address"), ("fe80::/10", "a link-local address"),
        // Where clouds answer with credentials outside the link-local range.
        ("fd00:ec2::254", "a cloud's metadata address"), ("fd20:ce::254", "a cloud's metadata address"),
        ("100.100.100.200", "a cloud's metadata address"),
        ("168.63.129.16", "a cloud's metadata address"), ("192.0.0.192", "a cloud's metadata address"),
        ("224.0.0.0/4", "a multicast address"), ("ff00::/8", "a multicast address"), ("255.255.255.255", "a broadcast address"),
    ].compactMap { text, what in AddressPrefix(text).map { ($0, what) } }
}
