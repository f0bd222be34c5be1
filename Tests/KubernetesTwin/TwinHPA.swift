import AsyncHTTPClient
import Autoscaling
package import Domain
import Kubernetes
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

// What does a stock HorizontalPodAutoscaler (autoscaling/v2) do with an external metric?
//
// At each sync: read `/scale`, read the metric through the API server, add up the series, compute as Kubernetes 1.36 was recorded to,
// write `/scale` where that differs. A metric without an answer or without a series holds the count. Fifteen seconds pass from
// one sync to the next on a clock of its own, however long the test takes.

package struct TwinHPA: Sendable {
    package struct Spec: Sendable {
        package var namespace: String
        package var deployment: String
        package var metric: String
        /// As text; the controller sends it form-encoded.
        package var selector: String
        /// `AverageValue`, in thousandths.
        package var targetMilli: Int64
        package var bounds: ClosedRange<Int>

        package init(namespace: String, deployment: String, metric: String, selector: String, targetMilli: Int64, bounds: ClosedRange<Int>)
        {
            self.namespace = namespace
            self.deployment = deployment
            self.metric = metric
            self.selector = selector
            self.targetMilli = targetMilli
            self.bounds = bounds
        }
    }

    /// What the metrics API answered.
    package struct Metric: Sendable {
        package var status: Int
        /// The sum; nil where there was no series.
        package var milli: Int64?
        package var body: String
    }

    package static let userAgent = "kube-controller-manager/v0.0.0 (linux/amd64) kubernetes/$Format/horizontal-pod-autoscaler"
    private static let deployments = KubernetesResource(group: "apps", version: "v1", plural: "deployments")
    private static let answerBytes = 4 << 20

    private let spec: Spec
    private let token: String
    private let server: String
    private let http: HTTPClient
    private let client: KubernetesClient
    private var controller: HPAController
    private var now: LogTime

    package init(_ spec: Spec, twin: KubernetesTwin, token: String, from start: LogTime) throws {
        self.spec = spec
        self.token = token
        server = twin.server
        now = start
        controller = HPAController(targetMilli: spec.targetMilli, bounds: spec.bounds, behavior: .kubernetesDefault)
        client = try KubernetesClient(twin.access(token: token), logger: Logger(label: "hpa") { _ in SwiftLogNoOpLogHandler() })
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(twin.certificates.authority))
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.httpVersion = .http1Only
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func close() async {
        try? await http.shutdown()
        await client.close()
    }

    /// One sync; the count that the target is told to have from now on.
    package mutating func sync() async throws -> Int {
        defer { now = now.adding(seconds: HPAController.syncPeriodSeconds) }
        var scale = try await client.get(Self.deployments, namespace: spec.namespace, name: spec.deployment, subresource: "scale")
        let current = scale["spec"]["replicas"].int ?? 0
        guard let milli = try await metric().milli else { return current }
        let existing = scale["status"]["replicas"].int ?? 0
        let wanted = controller.replicas(
            at: HPAController.Sync(at: now, specReplicas: current, statusReplicas: existing, readyReplicas: existing, metricMilli: milli))
        guard wanted != current else { return current }
        scale["spec"]["replicas"] = JSONValue(wanted)
        _ = try await client.update(Self.deployments, namespace: spec.namespace, name: spec.deployment, subresource: "scale", scale.json)
        return wanted
    }

    /// As the controller's client asks for it.
    package func metric() async throws -> Metric {
        let path =
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/\(spec.namespace)/\(spec.metric)?labelSelector=\(Self.formEncoded(spec.selector))"
        var request = HTTPClientRequest(url: server + path)
        request.headers.add(name: "User-Agent", value: Self.userAgent)
        request.headers.add(name: "Accept", value: "application/vnd.kubernetes.protobuf, */*")
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response = try await http.execute(request, timeout: .seconds(30))
        let body = Array(buffer: try await response.body.collect(upTo: Self.answerBytes))
        let items = response.status == .ok ? (try? JSONValue(parsing: body))?["items"].array ?? [] : []
        let values = try items.map { try Quantity.parse($0["value"].string ?? "", decimals: Quantity.milliDecimals) }
        return Metric(
            status: Int(response.status.code), milli: values.isEmpty ? nil : values.reduce(0, +),
            body: String(decoding: body, as: UTF8.self))
    }

    /// Go's `url.QueryEscape`.
    static func formEncoded(_ text: String) -> String {
        let kept = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~".utf8)
        return text.utf8.map { byte in
            if kept.contains(byte) { return String(UnicodeScalar(byte)) }
            if byte == UInt8(ascii: " ") { return "+" }
            let hex = String(byte, radix: 16, uppercase: true)
            return "%" + (hex.count < 2 ? "0" : "") + hex
        }.joined()
    }
}
