import Metrics

// How many requests, with which outcome, how long?
//
// All counters are made beforehand: no request looks anything up by name.

final class RequestMetrics: Sendable {
    private static let statuses: [Int] = [200, 304, 400, 401, 403, 404, 405, 406, 408, 413, 429, 431, 503]

    private let counters: [Int: Counter]
    private let timer = Timer(label: "greenroom_external_metrics_request_seconds")

    init() {
        counters = Dictionary(
            uniqueKeysWithValues: Self.statuses.map { status in
                (status, Counter(label: "greenroom_external_metrics_requests_total", dimensions: [("status", String(status))]))
            })
    }

    func answered(status: Int, nanoseconds: Int64) {
        counters[status]?.increment()
        timer.recordNanoseconds(nanoseconds)
    }
}
