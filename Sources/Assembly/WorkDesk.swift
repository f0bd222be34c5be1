import Dispatch
import Machine
import Views

// How does a running service do what takes a while, beside its work?
//
// One piece at a time and for a limited time, on a thread of its own at low priority: on a small machine it must not take the threads
// that answer requests. Another caller gets 429 meanwhile. The work ends soon after its caller left or its time is over: it looks
// whether its task is cancelled.

final class WorkDesk: Sendable {
    private let thread: LowPriorityThread
    private let limit: Duration
    private let tooLong: String
    private let isBusy = Locked(false)

    private static let retryAfterSeconds = 5

    /// - Parameter tooLong: what is said where the time is over, and what to do.
    init(_ name: String, limit: Duration, tooLong: String) {
        thread = LowPriorityThread("dev.greenroom.\(name)")
        self.limit = limit
        self.tooLong = tooLong
    }

    func run<Value: Sendable>(
        _ work: @escaping @Sendable () async throws(ControlFault) -> Value
    ) async throws(ControlFault) -> Value {
        let isFree = isBusy.withValue { busy in
            defer { busy = true }
            return !busy
        }
        guard isFree else { throw .overloaded(retryAfterSeconds: Self.retryAfterSeconds) }
        defer { isBusy.withValue { $0 = false } }
        let (thread, limit) = (thread, limit)
        let first = await withTaskGroup(of: Result<Value, ControlFault>?.self) { group in
            group.addTask(executorPreference: thread) {
                do throws(ControlFault) { return .success(try await work()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let first else { throw .unavailable(tooLong) }
        return try first.get()
    }
}

/// A serial queue that tasks can prefer.
private final class LowPriorityThread: TaskExecutor {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: name, qos: .utility) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
