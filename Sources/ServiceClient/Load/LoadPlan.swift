public import NIOCore

// What is sent, how much of it, and how much at the same time?

public struct LoadPlan: Sendable {
    public var url: BaseURL
    public var token: String?
    public var method = "POST"
    public var path = "/v1/events"
    public var contentType = "application/cloudevents+json"
    public var connections = 8
    /// Requests without an answer, on each connection.
    public var inFlightPerConnection = 16
    /// Ends after this many requests of all connections…
    public var requests: Int?
    /// …or after this long.
    public var seconds: Double?
    /// Requests a second of all connections; nil sends as fast as answers come.
    public var ratePerSecond: Double?
    /// A request without an answer for this long fails its connection.
    public var answerSeconds = 30.0
    /// Writes the body of a request. Called on an event loop, in the order of `number` for each connection; numbers are
    /// unique over all connections: `number % connections == connection`.
    public var body: @Sendable (_ connection: Int, _ number: Int, _ into: inout ByteBuffer) -> Void

    public init(url: BaseURL, body: @escaping @Sendable (_ connection: Int, _ number: Int, _ into: inout ByteBuffer) -> Void) {
        self.url = url
        self.body = body
    }
}

public struct LoadReport: Hashable, Sendable {
    public var requests = 0
    /// Answers by status.
    public var statuses: [Int: Int] = [:]
    /// Streams that the server reset.
    public var resets = 0
    public var sentBytes = 0
    public var seconds = 0.0
    public var latency = LatencyHistogram()
    /// Why a connection ended early; nil where all went well.
    public var fault: String?

    public var requestsPerSecond: Double { seconds > 0 ? Double(requests) / seconds : 0 }
    public var succeeded: Int { statuses[200] ?? 0 }

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
