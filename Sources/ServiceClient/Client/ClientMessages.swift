// What goes out and what comes back?

public struct ClientRequest: Sendable {
    public var method: String
    /// Begins with a slash; query included, encoded.
    public var path: String
    /// Beyond what the client adds itself; names in lower case.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// Whether sending it twice does no more than sending it once. Events are exactly that, by (source, id).
    public var isIdempotent: Bool
    /// How much longer than usual the answer may take: what the server was asked to wait.
    public var extraSeconds = 0.0

    public init(_ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [], isIdempotent: Bool) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.isIdempotent = isIdempotent
    }

    public static func get(_ path: String) -> ClientRequest { ClientRequest("GET", path, isIdempotent: true) }

    /// Events to be appended: a JSON array of CloudEvents, or one of them.
    public static func events(_ json: [UInt8], isBatch: Bool) -> ClientRequest {
        let type = isBatch ? "application/cloudevents-batch+json" : "application/cloudevents+json"
        return ClientRequest("POST", "/v1/events", headers: [("content-type", type)], body: json, isIdempotent: true)
    }
}

public struct ClientAnswer: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
