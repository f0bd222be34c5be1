// Where do metrics and traces go, and how often?

package struct OTLPConfiguration: Hashable, Sendable {
    /// The collector's base address: `/v1/metrics` and `/v1/traces` are below it.
    package var target: OutboundTarget
    package var sendsMetrics = true
    package var sendsTraces = true
    package var metricsSeconds = 60
    package var tracesSeconds = 5
    package var serviceName = "greenroom"

    package init(endpoint: String) { target = OutboundTarget(url: endpoint) }

    package static let secondsMost = 3_600

    /// The target of one signal.
    func target(_ path: String) -> OutboundTarget {
        var base = target.url[...]
        while base.hasSuffix("/") { base.removeLast() }
        var target = target
        target.url = base + path
        return target
    }
}
