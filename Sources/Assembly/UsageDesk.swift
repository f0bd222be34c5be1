import Domain
import EventLog
import Machine
import Replay
import Views

// How does a running service count what was used, beside its work?
//
// One report at a time: it reads the log and folds it, which takes a core. Another request gets 429 meanwhile. A
// caller that leaves ends the count after the slice it is at.

final class UsageDesk: Sendable {
    private let log: EventLog
    private let isBusy = Locked(false)

    private static let retryAfterSeconds = 5

    init(log: EventLog) { self.log = log }

    func report(_ query: UsageQuery) async throws(ControlFault) -> UsageReport {
        let isFree = isBusy.withValue { busy in
            defer { busy = true }
            return !busy
        }
        guard isFree else { throw .overloaded(retryAfterSeconds: Self.retryAfterSeconds) }
        defer { isBusy.withValue { $0 = false } }
        do throws(UsageRunError) {
            var run = try UsageRun(log, query)
            // Whoever left reads no answer: what was counted so far is as good.
            while !Task.isCancelled, try run.step() { await Task.yield() }
            return run.finish()
        } catch {
            switch error {
            case .log(let fault): throw .unavailable(fault.description)
            case .fault(let fault): throw .invalid(field: fault.field, problem: fault.problem)
            }
        }
    }
}
