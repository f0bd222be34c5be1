package import HTTPTransport

// Where does the server listen, with which certificate, and which clients does it trust?
//
// There is no cleartext: what is served here decides how many pods run, and the API server speaks TLS alone.

package struct ExternalMetricsConfiguration: Hashable, Sendable {
    package var host: String
    /// 0 takes any free port.
    package var port: Int
    /// `clientAuthorityFile` is the request-header CA.
    package var tls: TLSFiles
    /// Who may speak for others under a certificate of that CA; nil believes nobody's `X-Remote-*` headers.
    package var frontProxy: FrontProxy?
    /// Whether those without any credentials may see which metrics there are. The API server always shows a certificate where it has
    /// one for the purpose, so this is for clusters without a request-header CA alone.
    package var allowsAnonymousDiscovery = false
    /// Threads that serve connections. One carries far more than any HPA asks.
    package var eventLoops = 1
    package var limits = ExternalMetricsLimits()

    package init(host: String, port: Int, tls: TLSFiles, frontProxy: FrontProxy? = nil) {
        self.host = host
        self.port = port
        self.tls = tls
        self.frontProxy = frontProxy
    }

    /// What a configuration can't be, in a sentence that says what to do.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var field: String
        package var problem: String
        package var description: String { "\(field): \(problem)" }
    }

    package func validate() throws(Fault) {
        guard (0...65_535).contains(port) else { throw Fault(field: "port", problem: "\(port) is no port: take one of 0 to 65535") }
        guard (1...64).contains(eventLoops) else { throw Fault(field: "eventLoops", problem: "\(eventLoops) event loops: take 1 to 64") }
        if frontProxy != nil, tls.clientAuthorityFile == nil {
            throw Fault(field: "frontProxy", problem: "a proxy can only be known by its certificate: name the request-header CA's file")
        }
        if frontProxy == nil, tls.clientAuthorityFile != nil {
            throw Fault(
                field: "tls.clientAuthorityFile",
                problem: "certificates of this CA would count for nothing: say which names may speak for others")
        }
    }
}
