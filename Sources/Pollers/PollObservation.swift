import Autoscaling
import Domain

// How does a look at an outside metric become an event?
//
// As `queue.observed` of the trigger's pool and metric: with the value, or with null and the error, which the trigger counts
// as a failure.

enum PollObservation {
    static let source = "/greenroom/pollers"

    /// `at` tells one look from the next, across restarts too: its microseconds are part of the id.
    static func batch(pool: String, metric: String, outcome: Result<Double, PollFault>, at: Int64) -> EventBatch {
        var json = JSONWriter(reservingBytes: 128)
        json.openObject()
        json.member("metric", metric)
        switch outcome {
        case .success(let value): json.member("value", value)
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
