import ExternalMetrics
import HTTPTransport
import Output

// What does `externalMetrics:` of the configuration say?
//
//     listen: 0.0.0.0:6443
//     tls: {certificate: …, key: …}
//     frontProxy: {clientCA: …, allowedNames: […]}    # else as the cluster says, where there is `kubernetes:`
//
// Somebody must be believed: a front proxy named here, or whoever the cluster of `kubernetes:` vouches for.

extension ServiceConfiguration {
    static func readExternalMetrics(_ section: inout ConfigurationSection, _ base: String) throws -> ExternalMetricsConfiguration {
        let address = try section.address(try section.required("listen"), "listen")
        guard var tls = try section.section("tls") else {
            throw section.fault("tls", "is missing: name certificate and key, there is no cleartext here")
        }
        var files = TLSFiles(
            certificateFile: resolve(try tls.required("certificate"), base), keyFile: resolve(try tls.required("key"), base))
        try tls.finish()
        var frontProxy: FrontProxy?
        if var proxy = try section.section("frontProxy") {
            files.clientAuthorityFile = resolve(try proxy.required("clientCA"), base)
            let names = try proxy.strings("allowedNames")
            guard !names.isEmpty else { throw proxy.fault("allowedNames", "is missing: list the common names that may speak for others") }
            frontProxy = FrontProxy(allowedNames: names)
            try proxy.finish()
        }
        var served = ExternalMetricsConfiguration(host: address.host, port: address.port, tls: files, frontProxy: frontProxy)
        if let open = try section.bool("anonymousDiscovery") { served.allowsAnonymousDiscovery = open }
        if let loops = try section.integer("eventLoops") { served.eventLoops = loops }
        if var limits = try section.section("limits") { try readLimits(&limits, &served.limits) }
        try section.finish()
        do throws(ExternalMetricsConfiguration.Fault) { try served.validate() } catch { throw section.fault(error.field, error.problem) }
        return served
    }

    /// Refuses what could answer nobody.
    func checkExternalMetrics() throws {
        guard let externalMetrics, externalMetrics.frontProxy == nil, kubernetes == nil else { return }
        throw Fault(
            .usage, "externalMetrics: no client could have access, as there is neither a front proxy nor a cluster",
            do: "give `externalMetrics.frontProxy`, or `kubernetes: {}` to take it from the cluster")
    }

    private static func readLimits(_ section: inout ConfigurationSection, _ limits: inout ExternalMetricsLimits) throws {
        let counts: [(String, WritableKeyPath<ExternalMetricsLimits, Int>)] = [
            ("headerBytes", \.headerBytes), ("headerCount", \.headerCount), ("bodyBytes", \.bodyBytes),
            ("answerBytesInFlight", \.answerBytesInFlight),
            ("connections", \.connections), ("streamsPerConnection", \.streamsPerConnection), ("waitingRequests", \.waitingRequests),
        ]
        let seconds: [(String, WritableKeyPath<ExternalMetricsLimits, Double>)] = [
            ("handshakeSeconds", \.handshakeSeconds), ("requestSeconds", \.requestSeconds), ("answerSeconds", \.answerSeconds),
            ("writeStallSeconds", \.writeStallSeconds), ("lingerSeconds", \.lingerSeconds), ("idleSeconds", \.idleSeconds),
            ("drainSeconds", \.drainSeconds),
        ]
        try section.take(counts, seconds: seconds, into: &limits)
        try section.finish()
    }
}
