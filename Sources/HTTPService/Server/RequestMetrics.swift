import Metrics
import Synchronization

// How many requests, of which route, with which outcome, how long?
//
// One counter a route and status, one timer a route, all made before or at their first use and then found by number: no
// request looks anything up by name. Statuses are the fixed list of those this server answers with.

final class RequestMetrics: Sendable {
    private static let statuses = [200, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 429, 431, 500, 501, 503]

    private let counters: Mutex<[Counter?]>
    private let timers: [Metrics.Timer]
    private let refused = Counter(label: "greenroom_http_bodies_refused_total")
    private let routeNames: [String]
    /// Statuses by number, so that finding one is a table look-up.
    private let statusIndex: [UInt8]

    init(routes: [Route]) {
        routeNames = routes.map { "\($0.method.rawValue) \($0.template)" } + ["none"]
        timers = routeNames.map { Metrics.Timer(label: "greenroom_http_request_seconds", dimensions: [("route", $0)]) }
        counters = Mutex(Array(repeating: nil, count: routeNames.count * Self.statuses.count))
        var index = [UInt8](repeating: UInt8(Self.statuses.firstIndex(of: 500) ?? 0), count: 600)
        for (k, status) in Self.statuses.enumerated() { index[status] = UInt8(k) }
        statusIndex = index
    }

    /// - Parameter route: its place in the table; nil where the request had none.
    func answered(_ route: Int?, status: Int, nanoseconds: Int64) {
        count(route ?? routeNames.count - 1, status)
        if status == 413 || status == 431 { refused.increment() }
        if let route { timers[route].recordNanoseconds(nanoseconds) }
    }

    private func count(_ route: Int, _ status: Int) {
        let column = Int(statusIndex[min(max(status, 0), 599)])
        let slot = route * Self.statuses.count + column
        counters.withLock { counters in
            if let counter = counters[slot] { return counter.increment() }
            let counter = Counter(
                label: "greenroom_http_requests_total",
                dimensions: [("route", routeNames[route]), ("status", String(Self.statuses[column]))])
            counters[slot] = counter
            counter.increment()
        }
    }
}
