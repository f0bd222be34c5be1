#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Which port of this machine can a server of our own listen on?
//
// One that was free a moment before: whoever takes it may still find it taken.

package enum LocalPort {
    package struct NoneFree: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String { "no loopback port is free: close some connections" }
    }

    /// A loopback port that nothing listens on now.
    package static func free() throws(NoneFree) -> Int {
        guard let port = bound(to: 0) else { throw NoneFree() }
        return port
    }

    package static func isFree(_ port: Int) -> Bool { bound(to: port) != nil }

    private static func bound(to port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        return result == 0 ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }
}
