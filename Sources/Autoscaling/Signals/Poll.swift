// Where does an outside metric come from that nobody sends by itself?
//
// A trigger with a `poll` is a trigger of an observed metric, named as the trigger is, whose values the service fetches: the
// poller asks, appends `queue.observed`, and the decision reads that event like any other. So nothing here is looked at when
// deciding, and replay asks nobody. Secrets are named by file, never by value: a policy is in the log and shown to readers.

package struct Poll: Hashable, Sendable {
    package var source: Source
    package var intervalSeconds = Poll.defaultIntervalSeconds
    /// For one request, from the first packet to the answer's last byte.
    package var timeoutSeconds = Poll.defaultTimeoutSeconds
    /// A file with a bearer token, relative to the service's folder of secrets.
    package var bearerTokenFile: String?
    package var tls: TLS?
    /// Whether a queue's value also counts what was delivered and isn't acknowledged yet: work in flight is work (KEDA's meaning).
    package var countsInFlight = true

    /// What Prometheus' own default scrape interval makes of "soon", as KEDA's is 30 s.
    package static let defaultIntervalSeconds = 15
    package static let defaultTimeoutSeconds = 5

    package init(
        source: Source, intervalSeconds: Int = Poll.defaultIntervalSeconds, timeoutSeconds: Int = Poll.defaultTimeoutSeconds,
        bearerTokenFile: String? = nil,
        tls: TLS? = nil
    ) {
        self.source = source
        self.intervalSeconds = intervalSeconds
        self.timeoutSeconds = timeoutSeconds
        self.bearerTokenFile = bearerTokenFile
        self.tls = tls
    }

    package enum Source: Hashable, Sendable {
        /// The one value that an instant query has. `ignoreNullValues`: an empty result is 0 (KEDA's default), else a failure.
        case prometheus(serverAddress: String, query: String, ignoreNullValues: Bool)
        /// The messages of a consumer that were not delivered yet, and those in flight, as the server's monitoring endpoint tells (`/jsz`).
        case natsJetStream(monitoringEndpoint: String, account: String, stream: String, consumer: String)

        package static let defaultAccount = "$G"

        /// The trigger's `type`.
        package var type: String {
            switch self {
            case .prometheus: "prometheus"
            case .natsJetStream: "nats-jetstream"
            }
        }

        /// The URL that is asked, without path and query.
        package var address: String {
            switch self {
            case .prometheus(let serverAddress, _, _): serverAddress
            case .natsJetStream(let monitoringEndpoint, _, _, _): monitoringEndpoint
            }
        }
    }

    /// Files in PEM, relative to the service's folder of secrets.
    package struct TLS: Hashable, Sendable {
        /// nil trusts what the system trusts.
        package var caFile: String?
        /// A client certificate, and its key: both or none.
        package var certFile: String?
        package var keyFile: String?

        package init(caFile: String? = nil, certFile: String? = nil, keyFile: String? = nil) {
            self.caFile = caFile
            self.certFile = certFile
            self.keyFile = keyFile
        }
    }

    /// All files it reads.
    package var files: [String] { [bearerTokenFile, tls?.caFile, tls?.certFile, tls?.keyFile].compactMap { $0 } }
}

extension Trigger {
    /// A trigger whose metric is fetched; the metric's name is the trigger's.
    package static func polled(
        name: String, _ poll: Poll, thresholdMilli: Int64, activationThresholdMilli: Int64 = 0, metricType: MetricType = .averageValue,
        staleAfterSeconds: Int? = nil
    ) -> Trigger {
        var trigger = Trigger(
            name: name, source: .observed(metric: name, selector: [], staleAfterSeconds: staleAfterSeconds), thresholdMilli: thresholdMilli,
            activationThresholdMilli: activationThresholdMilli, metricType: metricType)
        trigger.poll = poll
        return trigger
    }

    var staleAfterSeconds: Int? {
        if case .observed(_, _, let seconds) = source { seconds } else { nil }
    }
}
