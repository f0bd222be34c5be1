import ControlLoop
import EventLog
import ExternalMetrics
import HTTPTransport
import Kubernetes
import Logging
import Output
import ServiceLifecycle

// How does `serve` open the external metrics API?
//
// Values come from the loop, front proxies and reviews from the cluster where there is one. It has a client of its own with short
// deadlines. So a request for metrics is answered within seconds or not at all, and reviews don't hold up other requests.

struct ServedExternalMetrics: Service {
    private let service: ExternalMetricsService
    private let client: KubernetesClient?
    private let address: String

    /// - Parameter access: nil asks no cluster about anybody.
    init(
        _ configuration: ExternalMetricsConfiguration, access: ClusterAccess?, loop: ControlLoop, logger: Logger,
        onStart: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) throws {
        client = try access.map { try Self.client($0, logger) }
        address = "\(configuration.host):\(configuration.port)"
        service = ExternalMetricsService(
            configuration, source: ViewMetricSource({ await loop.metricReadings() }, now: EventLog.systemClock),
            access: client,
            frontProxies: configuration.frontProxy == nil ? client.map { FrontProxySource($0) } : nil, log: logger, onStart: onStart)
    }

    private static func client(_ access: ClusterAccess, _ logger: Logger) throws -> KubernetesClient {
        var limits = KubernetesClientLimits()
        limits.connectTimeout = .seconds(3)
        limits.readTimeout = .seconds(5)
        limits.retryAfterAttempts = 1
        limits.longestRetryAfter = .seconds(2)
        do throws(ClusterAccessFault) { return try KubernetesClient(access, limits: limits, logger: logger) } catch {
            throw Fault(.usage, "kubernetes: \(error)", do: "name a kubeconfig under `kubernetes`, or run in a pod with a service account")
        }
    }

    func run() async throws {
        let result = await running()
        await client?.close()
        try result.get()
    }

    private func running() async -> Result<Void, any Error> {
        do {
            return .success(try await service.run())
        } catch let fault as ExternalMetricsConfiguration.Fault {
            return .failure(Fault(.usage, "externalMetrics.\(fault)"))
        } catch let fault as TLSFiles.Fault {
            return .failure(
                Fault(.usage, "externalMetrics.tls: \(fault)", do: "name PEM files that belong together and that this user may read"))
        } catch let fault as ExternalMetricsServer.BindFault {
            return .failure(
                Fault(.unreachable, "externalMetrics.listen: \(fault.sentence)", do: "stop what listens there, or name another address"))
        } catch let fault as FrontProxyFault {
            return .failure(Fault(.unreachable, "externalMetrics.frontProxy: \(fault)"))
        } catch {
            return .failure(error)
        }
    }
}

extension BindFault {
    /// What the system said, in words.
    var sentence: String { "can't listen on \(address): \(words)" }

    private var words: String {
        let known = [
            ("errno: 98", "something else listens there already"), ("errno: 13", "this user may not open that port"),
            ("errno: 99", "this machine has no such address"),
        ]
        if let word = known.first(where: { problem.contains($0.0) }) { return word.1 }
        return problem.contains("errno:") ? "the system refuses it" : problem
    }
}
