import HTTPTransport
import SubstrateGateway

// What does the section `gateway` say?
//
// Where the gateway for agent-substrate listens, where ateapi is, and how long resumes are parked. What can't be is refused at the start.

extension ServiceConfiguration {
    static func readGateway(_ section: inout ConfigurationSection, _ base: String) throws -> GatewayConfiguration {
        let listen = try section.address(try section.required("listen"), "listen")
        guard var upstreamSection = try section.section("upstream") else {
            throw section.fault("upstream", "is missing: write `upstream: {address: api.ate-system.svc:443}`")
        }
        let upstream = try readUpstream(&upstreamSection, base)
        var gateway = GatewayConfiguration(host: listen.host, port: listen.port, upstream: upstream)
        if var tls = try section.section("tls") {
            gateway.tls = try readTLS(&tls, base)
            try tls.finish()
        }
        if let plaintext = try section.bool("plaintext") { gateway.allowsPlaintextBeyondLoopback = plaintext }
        if let seconds = try section.number("parkSeconds") { gateway.parkSeconds = seconds }
        if let count = try section.integer("maxParked") { gateway.maxParked = count }
        if let heals = try section.bool("heal") { gateway.heals = heals }
        if let seconds = try section.number("reconcileSeconds") { gateway.reconcileSeconds = seconds }
        if var pools = try section.section("pools") {
            for template in pools.names { gateway.pools[template] = try pools.required(template) }
            try pools.finish()
        }
        gateway.defaultPool = try section.string("defaultPool")
        if var limits = try section.section("limits") {
            let counts: [(String, WritableKeyPath<GatewayConfiguration.Limits, Int>)] = [
                ("connections", \.connections), ("callsPerConnection", \.callsPerConnection), ("calls", \.calls),
            ]
            let seconds: [(String, WritableKeyPath<GatewayConfiguration.Limits, Double>)] = [
                ("handshakeSeconds", \.handshakeSeconds), ("keepaliveSeconds", \.keepaliveSeconds), ("drainSeconds", \.drainSeconds),
            ]
            try limits.take(counts, seconds: seconds, into: &gateway.limits)
            try limits.finish()
        }
        try section.finish()
        return gateway
    }

    /// `bundle` names one PEM file with key and chain, as agent-substrate's own servers take; else `certificate` and `key`.
    private static func readTLS(_ tls: inout ConfigurationSection, _ base: String) throws -> TLSFiles {
        let authority = try tls.string("clientCA").map { resolve($0, base) }
        if let bundle = try tls.string("bundle").map({ resolve($0, base) }) {
            return TLSFiles(certificateFile: bundle, keyFile: bundle, clientAuthorityFile: authority)
        }
        return TLSFiles(
            certificateFile: resolve(try tls.required("certificate"), base), keyFile: resolve(try tls.required("key"), base),
            clientAuthorityFile: authority)
    }

    private static func readUpstream(_ section: inout ConfigurationSection, _ base: String) throws -> GatewayConfiguration.Upstream {
        let address = try section.address(try section.required("address"), "address")
        var upstream = GatewayConfiguration.Upstream(host: address.host, port: address.port)
        upstream.caFile = try section.string("ca").map { resolve($0, base) }
        if let skips = try section.bool("insecureSkipVerify") { upstream.isVerified = !skips }
        upstream.serverName = try section.string("serverName")
        upstream.bundleFile = try section.string("bundle").map { resolve($0, base) }
        upstream.tokenFile = try section.string("tokenFile").map { resolve($0, base) }
        if let plaintext = try section.bool("plaintext") { upstream.isPlaintext = plaintext }
        try section.finish()
        return upstream
    }
}
