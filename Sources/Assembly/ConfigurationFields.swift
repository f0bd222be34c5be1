import HTTPService
import HTTPTransport
import ExternalMetrics
import JetStreamLog
import KEDAScaler
import ObjectStorage
import Outward
import SubstrateGateway

// Which fields may a configuration have, and what is each for?
//
// One table: `serve --help` and docs/configuration.md are made of it, and a debug build refuses to read a field that isn't in it
// (`ConfigurationSection.take`). Defaults that are figures are those of the code.

package struct ConfigurationField: Hashable, Sendable {
    /// With its sections: `tls.certificate`. `*` stands for a name of the user's choice.
    package let path: String
    /// As it is written, or in words; empty where the field must be given.
    package let standard: String
    package let meaning: String

    fileprivate init(_ path: String, _ standard: String, _ meaning: String) {
        self.path = path
        self.standard = standard
        self.meaning = meaning
    }

    fileprivate func begins(with parts: [Substring]) -> Bool {
        let known = path.split(separator: ".")
        for (k, part) in parts.enumerated() {
            guard k < known.count else { return false }
            // The last name may have dots of its own.
            if known[k] == "*", k == known.count - 1 { return true }
            if known[k] == "*" { continue }
            guard part == known[k] || (known[k] == "s3|gs" && (part == "s3" || part == "gs")) else { return false }
        }
        return true
    }
}

package enum ConfigurationFields {
    package static let all: [ConfigurationField] = [
        general, replicatedLog, processes, kubernetes, keda, externalMetrics, gateway, objectStorage, outward, limits,
    ].flatMap { $0 }

    /// Whether the table has it, or a section of that name.
    package static func has(_ path: String) -> Bool {
        let parts = path.split(separator: ".")
        return refused.contains(path) || all.contains { $0.begins(with: parts) }
    }

    /// Read only to be refused with a better message.
    private static let refused: Set<String> = ["kubernetes.foreignChange"]

    private static let general: [ConfigurationField] = [
        .init("listen", "127.0.0.1:8080", "address for HTTP/2 and HTTP/1.1 without TLS; none opens no port"),
        .init("tls.listen", "", "address for HTTPS"),
        .init("tls.certificate", "", "PEM file of the server's certificate and its chain"),
        .init("tls.key", "", "PEM file of its key"),
        .init("tokens", "none", "file with a line `TOKEN ROLE[,ROLE] [NAME]` a token; roles are ingest, read, admin, worker"),
        .init("allowedHosts", "this machine's", "without tokens: further host names that requests may be sent to"),
        .init("openMetrics", "false", "answer /metrics without a token"),
        .init("eventLoops", "1", "threads that serve HTTP"),
        .init("database", "greenroom.db", "the log's file; its folder must exist"),
        .init("checkpointEvents", "250000", "a checkpoint is saved after this many events"),
        .init(
            "series", "true",
            "keep each pool's counts over time, in a file beside the log that is rebuilt from it; false answers 503 for series and spares a second fold"
        ),
        .init("policies", "none", "files of policies, or folders of such files; SIGHUP reads them again"),
        .init("secrets", "none", "folder of the files that policies name for metrics that are fetched"),
        .init("logging.level", "info", "least severe level to log: trace, debug, info, notice, warning, error, critical"),
        .init("logging.format", "text", "text, or json for one object a line"),
    ]

    private static let replicatedLog: [ConfigurationField] = {
        let snapshots = JetStreamLogConfiguration.Snapshots()
        return [
            .init(
                "log.jetstream.servers", "",
                "NATS servers that the log lies on, version 2.14 or later, as nats://HOST:PORT or tls://HOST:PORT; without `log` it is the file alone"
            ),
            .init(
                "log.jetstream.stream", JetStreamLogSettings.standardStream,
                "the stream's name, and what the subjects of the instances begin with"),
            .init("log.jetstream.replicas", "3", "servers that hold each message: 1, 3 or 5"),
            .init("log.jetstream.instance", "$POD_NAME, else the host's name", "this instance's name; each needs its own"),
            .init("log.jetstream.user", "none", "user name"),
            .init("log.jetstream.passwordFile", "none", "file with the user's password"),
            .init("log.jetstream.tokenFile", "none", "file with a token"),
            .init("log.jetstream.nkeyFile", "none", "file with a user's nkey seed"),
            .init("log.jetstream.credentialsFile", "none", "credentials file as `nsc` writes it"),
            .init(
                "log.jetstream.tls.ca", "the system's",
                "PEM file of the authority of the servers' certificates; with `tls`, TLS is required"),
            .init("log.jetstream.tls.certificate", "none", "PEM file of this client's certificate"),
            .init("log.jetstream.tls.key", "none", "PEM file of its key"),
            .init("log.jetstream.tls.handshakeFirst", "false", "begin with TLS, as servers with handshake_first expect"),
            .init(
                "log.jetstream.leaseSeconds", "15",
                "the leader acts for so long after its last accepted message; another stands for election after 1.1 to 2.1 times this"),
            .init(
                "log.jetstream.snapshots.everyEvents", "\(snapshots.everyEvents)",
                "a copy of the log is kept in the object store after so many events; 0 keeps none, and the stream is never purged"),
            .init("log.jetstream.snapshots.keep", "\(snapshots.keep)", "copies kept, 1 to 100; the stream is purged to the oldest"),
        ]
    }()

    private static let processes: [ConfigurationField] = [
        .init("workers.server", "the service's own address", "where workers of kind: Process reach the service"),
        .init("workers.arguments", "none", "further arguments of each `greenroom worker` that is started, such as --ca-file and its file"),
        .init("workers.nodes", "none", "names of nodes the workers are spread over, as if this machine were several"),
        .init("workers.tokenFile", "none", "file with the token that the workers send"),
    ]

    private static let kubernetes: [ConfigurationField] = [
        .init("kubernetes.kubeconfig", "the pod's service account, else $KUBECONFIG, else ~/.kube/config", "access to the cluster"),
        .init("kubernetes.namespace", "the access's own", "namespace of targets that name none"),
        .init("kubernetes.policyNamespaces", "all", "namespaces whose policy objects are followed"),
        .init("kubernetes.policyAddresses", "none", "link-local or loopback addresses that policy objects may use"),
        .init("kubernetes.election.lease", "greenroom", "name of the Lease that says who acts"),
        .init("kubernetes.election.namespace", "kubernetes.namespace", "its namespace"),
        .init("kubernetes.election.identity", "$POD_NAME, else the host's name", "this instance's name in it"),
        .init("kubernetes.election.leaseDurationSeconds", "15", "others may take the lease after this long without renewal"),
        .init("kubernetes.election.renewDeadlineSeconds", "10", "a leader that couldn't renew for this long stops acting"),
        .init("kubernetes.election.retryPeriodSeconds", "2", "between two tries to renew or take it"),
    ]

    private static let keda: [ConfigurationField] = {
        let limits = KEDAScalerConfiguration.Limits()
        return [
            .init("keda.address", "127.0.0.1:9090", "address of the external scaler for KEDA; an IP address"),
            .init("keda.tls.certificate", "", "PEM file of the scaler's certificate"),
            .init("keda.tls.key", "", "PEM file of its key"),
            .init("keda.tls.clientCA", "none", "PEM file: only clients with certificates of this authority are accepted"),
            .init("keda.plaintext", "false", "allow an address beyond loopback without TLS"),
            .init("keda.limits.messageBytes", "\(limits.messageBytes)", "one request's message"),
            .init("keda.limits.connections", "\(limits.connections)", "connections at once"),
            .init("keda.limits.callsPerConnection", "\(limits.callsPerConnection)", "calls of one connection at once"),
            .init("keda.limits.streams", "\(limits.streams)", "streams at once"),
            .init("keda.limits.handshakeSeconds", text(limits.handshakeSeconds), "for a TLS handshake"),
            .init("keda.limits.idleSeconds", text(limits.idleSeconds), "a connection without a call is closed after this"),
            .init("keda.limits.keepaliveSeconds", text(limits.keepaliveSeconds), "a silent connection is asked for a sign of life"),
            .init("keda.limits.drainSeconds", text(limits.drainSeconds), "for calls in flight at a stop"),
        ]
    }()

    private static let externalMetrics: [ConfigurationField] = {
        let limits = ExternalMetricsLimits()
        return [
            .init("externalMetrics.listen", "", "address of the external metrics API for HPAs"),
            .init("externalMetrics.tls.certificate", "", "PEM file of its certificate"),
            .init("externalMetrics.tls.key", "", "PEM file of its key"),
            .init("externalMetrics.frontProxy.clientCA", "as the cluster says", "PEM file of the authority of front proxies"),
            .init("externalMetrics.frontProxy.allowedNames", "", "common names that may speak for others"),
            .init("externalMetrics.anonymousDiscovery", "false", "answer discovery without credentials"),
            .init("externalMetrics.eventLoops", "1", "threads that serve it"),
            .init("externalMetrics.limits.headerBytes", "\(limits.headerBytes)", "a request's header"),
            .init("externalMetrics.limits.headerCount", "\(limits.headerCount)", "fields of a request's header"),
            .init("externalMetrics.limits.bodyBytes", "\(limits.bodyBytes)", "a request's body, which is thrown away"),
            .init("externalMetrics.limits.answerBytesInFlight", "\(limits.answerBytesInFlight)", "answers that clients haven't taken"),
            .init("externalMetrics.limits.connections", "\(limits.connections)", "connections at once"),
            .init("externalMetrics.limits.streamsPerConnection", "\(limits.streamsPerConnection)", "requests of one connection at once"),
            .init("externalMetrics.limits.waitingRequests", "\(limits.waitingRequests)", "requests that wait for a review or the loop"),
            .init("externalMetrics.limits.handshakeSeconds", text(limits.handshakeSeconds), "for a TLS handshake"),
            .init("externalMetrics.limits.requestSeconds", text(limits.requestSeconds), "for a request to come in whole"),
            .init("externalMetrics.limits.answerSeconds", text(limits.answerSeconds), "for what an answer waits for"),
            .init("externalMetrics.limits.writeStallSeconds", text(limits.writeStallSeconds), "for a client to take some of an answer"),
            .init("externalMetrics.limits.lingerSeconds", text(limits.lingerSeconds), "for a client to read the last answer"),
            .init("externalMetrics.limits.idleSeconds", text(limits.idleSeconds), "a connection without a request is closed after this"),
            .init("externalMetrics.limits.drainSeconds", text(limits.drainSeconds), "for requests in flight at a stop"),
        ]
    }()

    private static let gateway: [ConfigurationField] = {
        let gateway = GatewayConfiguration(host: "", port: 0, upstream: GatewayConfiguration.Upstream(host: "", port: 0))
        let limits = gateway.limits
        return [
            .init("gateway.listen", "", "address for agent-substrate's clients: they are pointed here instead of at ateapi"),
            .init("gateway.tls.bundle", "", "PEM file of the gateway's key and certificate chain"),
            .init("gateway.tls.certificate", "", "instead of `bundle`: PEM file of the certificate and its chain"),
            .init("gateway.tls.key", "", "PEM file of its key"),
            .init("gateway.tls.clientCA", "none", "PEM file: clients are asked for certificates of this authority"),
            .init("gateway.plaintext", "false", "allow an address beyond loopback without TLS"),
            .init("gateway.upstream.address", "", "ateapi, for instance api.ate-system.svc:443"),
            .init("gateway.upstream.ca", "the system's", "PEM file of the authority of ateapi's certificate"),
            .init("gateway.upstream.insecureSkipVerify", "false", "accept any certificate, as atenet does"),
            .init("gateway.upstream.serverName", "the address's", "the name that ateapi's certificate must hold"),
            .init("gateway.upstream.bundle", "none", "PEM file of the client's key and certificate"),
            .init("gateway.upstream.tokenFile", "none", "file with the bearer token of the gateway's own calls"),
            .init("gateway.upstream.plaintext", "false", "speak to ateapi without TLS"),
            .init("gateway.parkSeconds", text(gateway.parkSeconds), "how long a resume waits for a worker, at most"),
            .init("gateway.maxParked", "\(gateway.maxParked)", "resumes that wait at once; one more hears what ateapi said"),
            .init("gateway.heal", "\(gateway.heals)", "try a resume that failed half way again, to free its worker"),
            .init(
                "gateway.reconcileSeconds", text(gateway.reconcileSeconds), "between two lists of the fleet; longer beyond 10,000 actors"),
            .init("gateway.pools.*", "as its objects say", "pool of this template (NAMESPACE/TEMPLATE)"),
            .init("gateway.defaultPool", "none", "pool of every other template"),
            .init("gateway.limits.connections", "\(limits.connections)", "connections of callers at once"),
            .init("gateway.limits.callsPerConnection", "\(limits.callsPerConnection)", "calls of one connection at once"),
            .init("gateway.limits.calls", "\(limits.calls)", "calls of all connections at once"),
            .init("gateway.limits.handshakeSeconds", text(limits.handshakeSeconds), "for a TLS handshake"),
            .init("gateway.limits.keepaliveSeconds", text(limits.keepaliveSeconds), "a silent connection is asked for a sign of life"),
            .init("gateway.limits.drainSeconds", text(limits.drainSeconds), "for calls in flight at a stop"),
        ]
    }()

    private static let outward: [ConfigurationField] = {
        let otlp = OTLPConfiguration(endpoint: "")
        let seconds = "\(otlp.target.timeoutSeconds)"
        return [
            .init("sinks.*.url", "", "where this sink gets its events as CloudEvents, by POST"),
            .init("sinks.*.mode", "binary", "binary (attributes as headers) or structured (one JSON object)"),
            .init(
                "sinks.*.events", EventSelection.standard.map(\.rawValue).joined(separator: ", "),
                "topics (decisions, limits, failures, crashes, policies) or kinds of events"),
            .init("sinks.*.pools", "all", "only these: NAMESPACE/NAME or NAMESPACE/*"),
            .init("sinks.*.shadows", "false", "decisions of shadow policies, too"),
            .init("sinks.*.from", "now", "where a new sink begins: now or beginning"),
            .init("sinks.*.tokenFile", "none", "file with its bearer token, read for each request"),
            .init("sinks.*.headersFile", "none", "file with lines `Name: value`, sent with each request"),
            .init("sinks.*.ca", "the system's", "PEM file of the authority of its certificate"),
            .init("sinks.*.timeoutSeconds", seconds, "for one response"),
            .init("otlp.endpoint", "none", "an OpenTelemetry collector's address, such as http://collector:4318; nothing is sent without"),
            .init("otlp.metrics", "\(otlp.sendsMetrics)", "send metrics to its /v1/metrics"),
            .init("otlp.metricsSeconds", "\(otlp.metricsSeconds)", "between two sends of metrics"),
            .init("otlp.traces", "\(otlp.sendsTraces)", "send a trace of each turn to its /v1/traces"),
            .init("otlp.tracesSeconds", "\(otlp.tracesSeconds)", "between two looks for turns that ended"),
            .init("otlp.serviceName", otlp.serviceName, "as service.name"),
            .init("otlp.tokenFile", "none", "file with a bearer token, read for each request"),
            .init("otlp.headersFile", "none", "file with lines `Name: value`, sent with each request"),
            .init("otlp.ca", "the system's", "PEM file of the authority of its certificate"),
            .init("otlp.timeoutSeconds", seconds, "for one response"),
        ]
    }()

    private static let objectStorage: [ConfigurationField] = {
        let survey = SnapshotSurvey.Configuration()
        return [
            .init("objectStorage.s3|gs.endpoint", "Amazon's, Google's", "the store's address"),
            .init("objectStorage.s3|gs.region", "$AWS_REGION, else us-east-1; for gs auto", "the region requests are signed for"),
            .init("objectStorage.s3|gs.style", "virtualHosted at Amazon, else path", "path or virtualHosted"),
            .init("objectStorage.s3|gs.authority", "the system's", "PEM file of the authority of the store's certificate"),
            .init("objectStorage.s3|gs.anonymous", "false", "don't sign requests"),
            .init("objectStorage.s3|gs.keyFiles.accessKeyId", "the environment's", "file in `secrets`"),
            .init("objectStorage.s3|gs.keyFiles.secretAccessKey", "the environment's", "file in `secrets`"),
            .init("objectStorage.s3|gs.keyFiles.sessionToken", "none", "file in `secrets`"),
            .init("objectStorage.looksPerSecond", text(survey.looksPerSecond), "requests to the stores, at most"),
            .init("objectStorage.trustSeconds", text(survey.trustSeconds), "how long a result is used"),
            .init("objectStorage.golden.everySeconds", text(survey.goldensEverySeconds), "between two looks for templates' snapshots"),
            .init("objectStorage.golden.locations", "none", "LOCATION of LOCATION/TEMPLATE/SNAPSHOT"),
            .init("objectStorage.golden.templates.*", "none", "LOCATION of this template's LOCATION/SNAPSHOT"),
        ]
    }()

    private static let limits: [ConfigurationField] = {
        let limits = ServerLimits()
        return [
            .init("limits.bodyBytes", "\(limits.bodyBytes)", "one request's body; beyond it 413"),
            .init("limits.lineBytes", "\(limits.lineBytes)", "one line of a stream of events; beyond it 413"),
            .init("limits.headerBytes", "\(limits.headerBytes)", "a request's header; beyond it 431"),
            .init("limits.headerCount", "\(limits.headerCount)", "fields of a request's header; beyond it 431"),
            .init("limits.headerBlockBytes", "\(limits.headerBlockBytes)", "HTTP/2: up to this a header is answered with 431"),
            .init("limits.bodyMemoryBytes", "\(limits.bodyMemoryBytes)", "bodies being received, together; beyond it 429"),
            .init("limits.connections", "\(limits.connections)", "connections at once"),
            .init("limits.reservedConnections", "\(limits.reservedConnections)", "connections beyond those, for health checks"),
            .init("limits.streamsPerConnection", "\(limits.streamsPerConnection)", "requests of one HTTP/2 connection at once"),
            .init("limits.streams", "\(limits.streams)", "requests of all connections at once"),
            .init("limits.connectionAnswerBytes", "\(limits.connectionAnswerBytes)", "answers that a connection hasn't taken"),
            .init("limits.answerBytes", "\(limits.answerBytes)", "answers that clients haven't taken, together; beyond it 503"),
            .init("limits.requestsAwaitingLog", "\(limits.requestsAwaitingLog)", "requests that wait for the log; beyond it 429"),
            .init("limits.bytesAwaitingLog", "\(limits.bytesAwaitingLog)", "bytes of events that wait for the log; beyond it 429"),
            .init("limits.questions", "\(limits.requests)", "reads being answered; beyond it 429"),
            .init("limits.waitingPlacements", "\(limits.waitingPlacements)", "placements that wait for a worker; beyond it 429"),
            .init("limits.followStreams", "\(limits.followStreams)", "streams of events being followed; beyond it 429"),
            .init("limits.pageItems", "\(limits.pageItems)", "items of a page where the request names no number"),
            .init("limits.pageItemsMost", "\(limits.pageItemsMost)", "items of a page, at most"),
            .init("limits.handshakeSeconds", text(limits.handshakeSeconds), "for a TLS handshake"),
            .init("limits.readinessSeconds", text(limits.readinessSeconds), "for a readiness check to answer"),
            .init("limits.idleSeconds", text(limits.idleSeconds), "a connection without a request is closed after this"),
            .init("limits.stallSeconds", text(limits.stallSeconds), "for the next part of a request's body"),
            .init("limits.requestSeconds", text(limits.requestSeconds), "for a request to come in whole"),
            .init("limits.writeStallSeconds", text(limits.writeStallSeconds), "for a client to take some of an answer"),
            .init("limits.heartbeatSeconds", text(limits.heartbeatSeconds), "between signs of life on a silent stream"),
            .init("limits.placementWaitSeconds", text(limits.placementWaitSeconds), "the longest `wait` of a placement"),
            .init("limits.drainSeconds", text(limits.drainSeconds), "for requests in flight at a stop"),
        ]
    }()

    private static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() && abs(seconds) < 1e9 ? String(Int(seconds)) : String(seconds)
    }
}

// MARK: - Shown

extension ConfigurationFields {
    /// For a terminal of 80 columns: a field a line, its meaning broken where it doesn't fit.
    package static let help = all.map(helpLines).joined(separator: "\n")

    private static let columns = 78

    private static func helpLines(_ field: ConfigurationField) -> String {
        let standard = field.standard.isEmpty ? "required" : field.standard
        var lines: [String] = []
        var line = " "
        for word in "\(field.path) (\(standard)): \(field.meaning)".split(separator: " ") {
            if line.count + 1 + word.count > columns, !line.allSatisfy({ $0 == " " }) {
                lines.append(line)
                line = "   "
            }
            line += " " + word
        }
        return (lines + [line]).joined(separator: "\n")
    }

    /// The table of docs/configuration.md.
    package static let markdown =
        "| field | default | |\n|---|---|---|\n"
        + all.map { field in
            "| `\(field.path.replacing("|", with: "\\|"))` | \(field.standard.isEmpty ? "required" : field.standard) | \(field.meaning) |\n"
        }.joined()
}

extension ServiceConfiguration {
    /// Listens there instead; nothing changes where the text is no address.
    package mutating func listen(on text: String) {
        if let address = Self.address(text) { server.cleartext = address }
    }

    package static func isAddress(_ text: String) -> Bool { address(text) != nil }

    /// `HOST:PORT`, or `[IPv6]:PORT`; nil for anything else.
    static func address(_ text: String) -> ServerConfiguration.Address? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : ServerConfiguration.Address(host: host, port: port)
    }
}
