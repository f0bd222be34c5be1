package import NIOCore
package import ServiceClient

// What is sent, how much of it, and how much at the same time?

package struct LoadPlan: Sendable {
    package var url: BaseURL
    package var token: String?
    /// PEM of the authority that signed the server's certificate; nil trusts the machine's own.
    package var trustFile: String?
    package var method = "POST"
    package var path = "/v1/events"
    package var contentType = "application/cloudevents+json"
    package var connections = 8
    /// Requests without an answer, on each connection.
    package var inFlightPerConnection = 16
    /// Ends after this many requests of all connections…
    package var requests: Int?
    /// …or after this long.
    package var seconds: Double?
    /// Requests a second of all connections; nil sends as fast as answers come.
    package var ratePerSecond: Double?
    /// A request without an answer for this long fails its connection.
    package var answerSeconds = 30.0
    /// Writes the body of a request. Called on an event loop, in the order of `number` for each connection; numbers are
    /// unique over all connections: `number % connections == connection`.
    package var body: @Sendable (_ connection: Int, _ number: Int, _ into: inout ByteBuffer) -> Void

    package init(url: BaseURL, body: @escaping @Sendable (_ connection: Int, _ number: Int, _ into: inout ByteBuffer) -> Void) {
        self.url = url
        self.body = body
    }
}

package struct LoadReport: Hashable, Sendable {
    package var requests = 0
    /// Answers by status.
    package var statuses: [Int: Int] = [:]
    /// Streams that the server reset.
    package var resets = 0
    package var sentBytes = 0
    package var seconds = 0.0
    package var latency = LatencyHistogram()
    /// Why a connection ended early; nil where all went well.
    package var fault: String?

    package var requestsPerSecond: Double { seconds > 0 ? Double(requests) / seconds : 0 }
    package var succeeded: Int { statuses[200] ?? 0 }

    mutating func merge(_ other: LoadReport) {
        requests += other.requests
        statuses.merge(other.statuses, uniquingKeysWith: +)
        resets += other.resets
        sentBytes += other.sentBytes
        seconds = max(seconds, other.seconds)
        latency.merge(other.latency)
        fault = fault ?? other.fault
    }
}
