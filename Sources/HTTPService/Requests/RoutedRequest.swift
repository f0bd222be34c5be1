import Domain
import HTTPTypes

// What does a route know of its request?
//
// A complete value: the route's parameters, the query, the body, and the parts of the service that the route may use.

struct RoutedRequest: Sendable {
    var shared: ServiceShared
    var head: HTTPRequest
    /// Path parameters by name, decoded.
    var path: [String: String]
    var query: Query
    var body: [UInt8]
    /// The name of the token it came with; nil where the server asks for none.
    var principal: String?
    /// It came in by the role `worker` alone.
    var isOfWorker = false
    /// Whether it may be a worker's own: its token reports for workers, or there are no tokens.
    var mayBeWorkers = true

    var parts: ServiceParts { shared.parts }
    var limits: ServerLimits { shared.limits }

    func parameter(_ name: String) -> String { path[name] ?? "" }

    /// `NAMESPACE/NAME` of the path.
    var poolName: String { "\(parameter("namespace"))/\(parameter("name"))" }

    /// The page that is asked for.
    func pageLimit() throws(Problem) -> Int {
        Int(try query.integer("limit", in: 1...Int64(limits.pageItemsMost)) ?? Int64(limits.pageItems))
    }
}
