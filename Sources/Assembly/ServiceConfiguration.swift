package import HTTPService
package import Logging
package import Telemetry
import Autoscaling
import EventLog
import ExternalMetrics
import HTTPTransport
import Foundation
import KEDAScaler
import Output
import Outward
import Pollers
import ServiceClient
import SubstrateGateway

// What does `serve` run with?
//
// A YAML file, every field of which has a default; unknown fields are an error that names the nearest known one. Paths in it
// are relative to the file. Without a file: SQLite at ./greenroom.db, cleartext on 127.0.0.1:8080, no pools.

package struct ServiceConfiguration: Sendable {
    package var database = "greenroom.db"
    /// The replicated stream that the log lies on; nil: the file is all of it.
    package var jetstream: JetStreamLogConfiguration?
    package var server = ServerConfiguration()
    /// Files, or folders of files ending in .yaml, .yml or .json.
    var policies: [String] = []
    package var logLevel = Logger.Level.info
    package var logFormat = LogConfiguration.Format.text
    /// Where workers of `kind: Process` reach the service; by default its own cleartext address.
    var workerServerURL: String?
    /// Further arguments of every worker of `kind: Process`.
    package var workerArguments: [String] = []
    /// Nodes that workers of `kind: Process` are spread over, as if this machine were several.
    package var workerNodes: [String] = []
    /// File with the token that workers of `kind: Process` send.
    var workerTokenFile: String?
    /// Folder of the files that policies name for metrics that are fetched; without it none is read.
    var secretsFolder: String?
    var checkpointEvents: Int64 = 250_000
    /// Whether each pool's counts over time are kept.
    var keepsSeries = true
    /// The external scaler for KEDA; nil opens no port for it.
    var keda: KEDAScalerConfiguration?
    /// `external.metrics.k8s.io` for HPAs; nil opens no port for it.
    var externalMetrics: ExternalMetricsConfiguration?
    /// Pools whose workers are pods; nil where there are none.
    var kubernetes: Cluster?
    /// The gateway before agent-substrate's ateapi; nil opens no port for it.
    var gateway: GatewayConfiguration?
    /// Stores whose snapshots are looked at; nil looks at none.
    var objectStorage: ObjectStorageConfiguration?
    /// Where events are sent to.
    var sinks: [SinkConfiguration] = []
    /// An OpenTelemetry collector; nil sends nothing.
    var otlp: OTLPConfiguration?

    struct Cluster: Sendable {
        /// nil: in-cluster files, else `KUBECONFIG` or `~/.kube/config`.
        var kubeconfig: String?
        /// Of targets that name none; nil: the one that the cluster's access says.
        var namespace: String?
        /// Whose policy objects are followed; empty for all.
        var policyNamespaces: [String] = []
        /// Link-local and loopback addresses that policy objects may have asked all the same.
        var policyAddresses: [AddressPrefix] = []
        /// Of several instances over one log, one acts; nil: this one alone does.
        var election: ElectionSettings?
    }

    package init() {}

    /// Reads a configuration file.
    package init(file: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw Fault(.unreachable, "can't read the configuration \(file)", do: "check that it exists and may be read")
        }
        try self.init(yaml: text, file: file)
    }

    /// The form of the log that a configuration asks for, also where the rest of it can't be used: what reads the log's lines is to
    /// read that, too.
    package static func logFormat(ofFile file: String) -> LogConfiguration.Format {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8), var top = try? ConfigurationSection(yaml: text, file: file),
            var logging = (try? top.section("logging")) ?? nil, let name = (try? logging.string("format")) ?? nil
        else { return .text }
        return LogConfiguration.Format(rawValue: name) ?? .text
    }

    package init(yaml text: String, file: String) throws {
        let base = URL(fileURLWithPath: file).deletingLastPathComponent().path
        var top = try ConfigurationSection(yaml: text, file: file)
        if let path = try top.string("database") { database = Self.resolve(path, base) }
        if var log = try top.section("log") { jetstream = try Self.readLog(&log, base) }
        if let listen = try top.string("listen") { server.cleartext = listen == "none" ? nil : try top.address(listen, "listen") }
        if var tls = try top.section("tls") {
            server.tls = ServerConfiguration.TLS(
                address: try tls.address(try tls.required("listen"), "listen"),
                certificateFile: Self.resolve(try tls.required("certificate"), base),
                keyFile: Self.resolve(try tls.required("key"), base))
            try tls.finish()
        }
        if let path = try top.string("tokens") { server.tokensFile = Self.resolve(path, base) }
        server.allowedHosts = try top.strings("allowedHosts")
        if let open = try top.bool("openMetrics") { server.openMetrics = open }
        if let loops = try top.integer("eventLoops") { server.eventLoops = loops }
        policies = try top.strings("policies").map { Self.resolve($0, base) }
        try readLogging(&top)
        try readWorkers(&top, base)
        if let path = try top.string("secrets") { secretsFolder = Self.resolve(path, base) }
        if var section = try top.section("keda") { keda = try Self.readKEDA(&section, base) }
        if var section = try top.section("externalMetrics") { externalMetrics = try Self.readExternalMetrics(&section, base) }
        if var section = try top.section("gateway") { gateway = try Self.readGateway(&section, base) }
        if let series = try top.bool("series") { keepsSeries = series }
        if let events = try top.integer("checkpointEvents") { checkpointEvents = Int64(max(events, 1)) }
        try readKubernetes(&top, base)
        if var section = try top.section("objectStorage") {
            objectStorage = try ObjectStorageConfiguration(&section) { Self.resolve($0, base) }
        }
        if var section = try top.section("sinks") { sinks = try Self.readSinks(&section, base) }
        if var section = try top.section("otlp") { otlp = try Self.readOTLP(&section, base) }
        if var limits = try top.section("limits") { try readLimits(&limits) }
        try top.finish()
        try checkExternalMetrics()
        try checkJetStream(file)
    }

    /// What says who acts must be one thing.
    private func checkJetStream(_ file: String) throws {
        guard jetstream != nil, kubernetes?.election != nil else { return }
        throw Fault(
            .usage, "\(file): kubernetes.election isn't needed beside log.jetstream, whose stream says who acts",
            do: "remove kubernetes.election")
    }

    private mutating func readLogging(_ top: inout ConfigurationSection) throws {
        guard var logging = try top.section("logging") else { return }
        if let level = try logging.string("level") {
            guard let known = Logger.Level(rawValue: level) else {
                throw logging.fault("level", "must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            logLevel = known
        }
        if let format = try logging.string("format") {
            guard let known = LogConfiguration.Format(rawValue: format) else { throw logging.fault("format", "must be text or json") }
            logFormat = known
        }
        try logging.finish()
    }

    private mutating func readWorkers(_ top: inout ConfigurationSection, _ base: String) throws {
        guard var workers = try top.section("workers") else { return }
        workerServerURL = try workers.string("server")
        // Workers would find out one by one, and end.
        if let url = workerServerURL {
            do { _ = try BaseURL(url) } catch { throw workers.fault("server", "is no address of a service: \(error)") }
        }
        workerArguments = try workers.strings("arguments")
        workerNodes = try workers.strings("nodes")
        workerTokenFile = try workers.string("tokenFile").map { Self.resolve($0, base) }
        try workers.finish()
    }

    private static func readKEDA(_ keda: inout ConfigurationSection, _ base: String) throws -> KEDAScalerConfiguration {
        var scaler = KEDAScalerConfiguration()
        if let text = try keda.string("address") {
            let address = try keda.address(text, "address")
            scaler.address = KEDAScalerConfiguration.Address(host: address.host, port: address.port)
        }
        if var tls = try keda.section("tls") {
            scaler.tls = TLSFiles(
                certificateFile: resolve(try tls.required("certificate"), base), keyFile: resolve(try tls.required("key"), base),
                clientAuthorityFile: try tls.string("clientCA").map { resolve($0, base) })
            try tls.finish()
        }
        if let plaintext = try keda.bool("plaintext") { scaler.allowsPlaintextBeyondLoopback = plaintext }
        if var limits = try keda.section("limits") {
            let counts: [(String, WritableKeyPath<KEDAScalerConfiguration.Limits, Int>)] = [
                ("messageBytes", \.messageBytes), ("connections", \.connections), ("callsPerConnection", \.callsPerConnection),
                ("streams", \.streams),
            ]
            let seconds: [(String, WritableKeyPath<KEDAScalerConfiguration.Limits, Double>)] = [
                ("handshakeSeconds", \.handshakeSeconds), ("idleSeconds", \.idleSeconds), ("keepaliveSeconds", \.keepaliveSeconds),
                ("drainSeconds", \.drainSeconds),
            ]
            try limits.take(counts, seconds: seconds, into: &scaler.limits)
            try limits.finish()
        }
        try keda.finish()
        return scaler
    }

    private mutating func readKubernetes(_ top: inout ConfigurationSection, _ base: String) throws {
        guard var section = try top.section("kubernetes") else { return }
        var cluster = Cluster()
        cluster.kubeconfig = try section.string("kubeconfig").map { Self.resolve($0, base) }
        cluster.namespace = try section.string("namespace")
        if try section.string("foreignChange") != nil {
            throw section.fault("foreignChange", "is each policy's own: write spec.foreignChange there")
        }
        cluster.policyNamespaces = try section.strings("policyNamespaces")
        for text in try section.strings("policyAddresses") {
            guard let prefix = AddressPrefix(text) else {
                throw section.fault(
                    "policyAddresses", "must be addresses or prefixes such as 169.254.20.10 or 127.0.0.0/8, and one is \(text.prefix(60))")
            }
            cluster.policyAddresses.append(prefix)
        }
        if var election = try section.section("election") { cluster.election = try ElectionSettings(&election) }
        try section.finish()
        kubernetes = cluster
    }

    private mutating func readLimits(_ limits: inout ConfigurationSection) throws {
        let counts: [(String, WritableKeyPath<ServerLimits, Int>)] = [
            ("bodyBytes", \.bodyBytes), ("lineBytes", \.lineBytes), ("headerBytes", \.headerBytes), ("headerCount", \.headerCount),
            ("headerBlockBytes", \.headerBlockBytes), ("bodyMemoryBytes", \.bodyMemoryBytes), ("connections", \.connections),
            ("reservedConnections", \.reservedConnections), ("streamsPerConnection", \.streamsPerConnection), ("streams", \.streams),
            ("connectionAnswerBytes", \.connectionAnswerBytes), ("answerBytes", \.answerBytes),
            ("requestsAwaitingLog", \.requestsAwaitingLog),
            ("bytesAwaitingLog", \.bytesAwaitingLog), ("questions", \.requests), ("waitingPlacements", \.waitingPlacements),
            ("followStreams", \.followStreams), ("pageItems", \.pageItems), ("pageItemsMost", \.pageItemsMost),
        ]
        let seconds: [(String, WritableKeyPath<ServerLimits, Double>)] = [
            ("handshakeSeconds", \.handshakeSeconds), ("readinessSeconds", \.readinessSeconds), ("idleSeconds", \.idleSeconds),
            ("stallSeconds", \.stallSeconds), ("requestSeconds", \.requestSeconds),
            ("writeStallSeconds", \.writeStallSeconds), ("heartbeatSeconds", \.heartbeatSeconds),
            ("placementWaitSeconds", \.placementWaitSeconds), ("drainSeconds", \.drainSeconds),
        ]
        try limits.take(counts, seconds: seconds, into: &server.limits)
        try limits.finish()
    }

    static func resolve(_ path: String, _ base: String) -> String {
        path.hasPrefix("/") ? path : URL(fileURLWithPath: base).appendingPathComponent(path).standardizedFileURL.path
    }
}
