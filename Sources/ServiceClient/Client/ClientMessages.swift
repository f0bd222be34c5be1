// What goes out and what comes back?

package struct ClientRequest: Sendable {
    package var method: String
    /// Begins with a slash; query included, encoded.
    package var path: String
    /// Beyond what the client adds itself; names in lower case.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Whether sending it twice does no more than sending it once. Events are exactly that, by (source, id).
    package var isIdempotent: Bool
    /// How much longer than usual the answer may take: what the server was asked to wait.
    package var extraSeconds = 0.0

    package init(_ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [], isIdempotent: Bool) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.isIdempotent = isIdempotent
    }

    package static func get(_ path: String) -> ClientRequest { ClientRequest("GET", path, isIdempotent: true) }

    /// Events to be appended: a JSON array of CloudEvents, or one of them.
    package static func events(_ json: [UInt8], isBatch: Bool) -> ClientRequest {
        let type = isBatch ? "application/cloudevents-batch+json" : "application/cloudevents+json"
        return ClientRequest("POST", "/v1/events", headers: [("content-type", type)], body: json, isIdempotent: true)
    }
}

package struct WholeResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
