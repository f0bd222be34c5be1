import ControlLoop
import Domain

// What does the actuator say of workers that can't say it themselves?
//
// `worker.gone` for those that died, `scale.failed` for those that died before they were ready or don't become it, `worker.draining` for those that
// don't react. The source is this run of the service
// on this log and ids rise within it, so no id is ever used twice.

struct WorkerReports: Sendable {
    private let source: String
    private var last: Int64

    /// - Parameter startMicroseconds: when this run began, since 1970: ids rise from there.
    init(owner: String, startMicroseconds: Int64) {
        source = "/greenroom/local-workers/\(owner)"
        last = startMicroseconds
    }

    mutating func gone(_ worker: String, reason: String, at time: LogTime) -> EventBatch {
        event(.workerGone, worker, reason: reason, at: time)
    }

    mutating func draining(_ worker: String, reason: String, at time: LogTime) -> EventBatch {
        event(.workerDraining, worker, reason: reason, at: time)
    }

    mutating func failedStart(_ worker: String, of pool: String, _ problem: String, attempt: Int, hasEnded: Bool, at time: LogTime)
        -> EventBatch
    {
        last += 1
        return .failedStart(
            of: worker, in: pool, problem: problem, attempt: attempt, hasEnded: hasEnded, source: source, id: String(last), time: time)
    }

    private mutating func event(_ kind: EventKind, _ worker: String, reason: String, at time: LogTime) -> EventBatch {
        last += 1
        var body = JSONWriter()
        body.openObject()
        body.member("reason", reason)
        body.closeObject()
        var batch = EventBatch()
        batch.append(kind, source: source, id: String(last), subject: worker, time: time, body: body.bytes)
        return batch
    }
}
