import Metrics

// What is counted of the gateway?
//
// One set of handles, made once; they may be used from any thread.

final class GatewayMetrics: Sendable {
    /// Resumes that were sent to ateapi, tries after the first included.
    let upstream = Counter(label: "greenroom_gateway_resumes_upstream_total")
    let parked = Counter(label: "greenroom_gateway_resumes_parked_total")
    let joined = Counter(label: "greenroom_gateway_resumes_joined_total")
    /// Parked callers that left by themselves.
    let left = Counter(label: "greenroom_gateway_parked_ended_total", dimensions: [("end", "left")])
    let expired = Counter(label: "greenroom_gateway_parked_ended_total", dimensions: [("end", "expired")])
    /// Not parked, as `maxParked` were.
    let full = Counter(label: "greenroom_gateway_parked_ended_total", dimensions: [("end", "full")])
    let noEligiblePool = Counter(label: "greenroom_gateway_no_eligible_pool_total")
    let halfFailed = Counter(label: "greenroom_gateway_resumes_half_failed_total")
    let healed = Counter(label: "greenroom_gateway_resumes_healed_total")
    /// From the first call to the worker.
    let parkedSeconds = Timer(label: "greenroom_gateway_parked_seconds")
    let notesLost = Counter(label: "greenroom_gateway_events_lost_total")
    let lists = Counter(label: "greenroom_gateway_lists_total", dimensions: [("outcome", "ok")])
    let listsFailed = Counter(label: "greenroom_gateway_lists_total", dimensions: [("outcome", "failed")])
    let differences = Counter(label: "greenroom_gateway_differences_total")

    private let parkedNow = Gauge(label: "greenroom_gateway_parked_resumes")
    private let halfFailedNow = Gauge(label: "greenroom_gateway_half_failed_resumes")
    private let connections = Gauge(label: "greenroom_gateway_upstream_connections")

    func show(parked: Int, halfFailed: Int, connections: Int) {
        parkedNow.record(parked)
        halfFailedNow.record(halfFailed)
        self.connections.record(connections)
    }

    func show(stuck: [StuckState: Int]) {
        for state in StuckState.allCases {
            Gauge(label: "greenroom_substrate_stuck_actors", dimensions: [("state", state.rawValue)]).record(stuck[state] ?? 0)
        }
    }
}
