import Autoscaling
import Domain

// How does a look at an outside metric become an event?
//
// As `queue.observed` of the trigger's pool and metric: with the value, or with null and the error, which the trigger counts
// as a failure.

/// What a look brought.
struct PollValue: Hashable, Sendable {
    var value: Double
    /// Of a queue's value, what is being worked on already.
    var inFlight = 0.0
}

enum PollObservation {
    static let source = "/greenroom/pollers"

    /// `at` tells one look from the next, across restarts too: its microseconds are part of the id.
    static func batch(pool: String, metric: String, outcome: Result<PollValue, PollFault>, at: Int64) -> EventBatch {
        var json = JSONWriter(reservingBytes: 128)
        json.openObject()
        json.member("metric", metric)
        switch outcome {
        case .success(let polled):
            json.member("value", polled.value)
            if polled.inFlight > 0 { json.member("inFlight", polled.inFlight) }
        case .failure(let fault):
            json.key("value")
            json.null()
            json.member("error", fault.description)
        }
        json.closeObject()
        var batch = EventBatch()
        batch.append(.queueObserved, source: source, id: "\(pool)/\(metric)/\(at)", subject: pool, pool: pool, body: json.bytes)
        return batch
    }
}
