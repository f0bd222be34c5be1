import Basics
import Domain
import HTTPTransport
import HTTPTypes

// What is one row of the route table?

struct Route: Sendable {
    enum Work: Sendable {
        /// The hot path: bodies of events into the log.
        case ingest
        case respond(@Sendable (RoutedRequest) async throws -> Response)
        /// Answered on the event loop, before any queue and under no limit.
        case now(@Sendable () -> Response)
    }

    /// Which limit counts the request while it is in flight.
    enum Limit: Sendable { case requests, placements, events, watches, health }

    /// Its place in the table, and in the metrics.
    var index = 0
    var method: HTTPRequest.Method
    /// For instance `/v1/pools/{namespace}/{name}`.
    var template: String
    /// nil needs no token.
    var role: Role?
    /// Whether the role `worker` does as well.
    var allowsWorkers: Bool
    /// The query parameters it knows.
    var parameters: [String]
    /// A read of the state whose `after` is a position that it waits for. Where a listing has pages, `after` is the page's.
    let awaitsPosition: Bool
    /// A screen of the page: its script reads the query, and the server doesn't.
    var leavesQuery = false
    var limit: Limit
    var work: Work
    let segments: [Segment]

    enum Segment: Hashable, Sendable {
        case fixed(String)
        case parameter(String)
    }

    var isMetrics: Bool { template == "/metrics" }
    var isHealth: Bool { limit == .health }
    /// Answered by an instance that stands by, too: it is about the instance, not about pools. The page opens there as well, and its
    /// data routes say who leads.
    var isOperational: Bool { isMetrics || role == nil }

    init(
        _ method: HTTPRequest.Method, _ template: String, role: Role?, workers allowsWorkers: Bool = false, query parameters: [String] = [],
        limit: Limit = .requests, _ work: Work
    ) {
        self.method = method
        self.template = template
        self.role = role
        self.allowsWorkers = allowsWorkers
        awaitsPosition = parameters.contains("at") && !parameters.contains("after")
        self.parameters = awaitsPosition ? parameters + ["after"] : parameters
        self.limit = limit
        self.work = work
        segments = template.split(separator: "/").map { part in
            part.hasPrefix("{") ? .parameter(String(part.dropFirst().dropLast())) : .fixed(String(part))
        }
    }

    func matches(_ parts: [Substring]) -> Bool {
        guard parts.count == segments.count else { return false }
        for (part, segment) in zip(parts, segments) {
            if case .fixed(let text) = segment, text != part { return false }
        }
        return true
    }

    func pathParameters(of target: RequestTarget) throws(Problem) -> [String: String] {
        var values: [String: String] = [:]
        for (part, segment) in zip(target.segments, segments) {
            guard case .parameter(let name) = segment else { continue }
            guard let value = PercentCoding.decode(part), value.utf8.count <= EventLimits.nameBytes, !value.utf8.contains(0) else {
                throw Problem(.invalidRequest, "\(name) in the path must be UTF-8 of at most \(EventLimits.nameBytes) bytes", field: name)
            }
            values[name] = value
        }
        return values
    }
}

/// A request's path and query, apart.
struct RequestTarget {
    /// Not decoded yet: a name with a slash in it is one segment.
    let segments: [Substring]
    let query: Substring

    init(_ path: String) {
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        segments = (parts.first ?? "").split(separator: "/")
        query = parts.count > 1 ? parts[1] : ""
    }
}
