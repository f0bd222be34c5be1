import Foundation
import Machine

// To which addresses does a host's name lead at this moment?
//
// The system's resolver is asked on threads of its own, as it can't be interrupted; whoever waits for it can be.

enum HostAddresses {
    /// As many of a name's addresses are looked at.
    static let limit = 8

    private static let queue = DispatchQueue(label: "greenroom.pollers.names", attributes: .concurrent)

    /// In the resolver's order, each once; never empty.
    static func resolve(_ host: String) async throws -> [IPAddress] {
        try Task.checkCancellation()
        let response = FirstResult<[IPAddress]>()
        queue.async { response.give(lookUp(host, flags: 0).map { .success($0) } ?? .failure(PollFault("\(host) has no address"))) }
        return try await response.value()
    }

    /// The address that this text is, in any form that a resolver takes for one (`127.1`, `0x7f000001`, `2130706433`); nil for a name.
    static func numeric(_ host: String) -> IPAddress? { lookUp(host, flags: AI_NUMERICHOST)?.first }

    private static func lookUp(_ host: String, flags: Int32) -> [IPAddress]? {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return nil }
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next, addresses.count < limit {
            if let address = address(entry.pointee), !addresses.contains(address) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? nil : addresses
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let socket = entry.ai_addr else { return nil }
        let raw = UnsafeRawPointer(socket)
        switch entry.ai_family {
        case AF_INET: return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { IPAddress(bytes: Array($0)) }
        case AF_INET6: return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { IPAddress(bytes: Array($0)) }
        default: return nil
        }
    }
}
