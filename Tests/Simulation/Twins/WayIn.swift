import ControlLoop
package import Domain
package import EventLog

// What becomes of a batch on its way into the log?
//
// In the service it waits in a queue, is committed by another thread, and the answer comes back later. Here it may be refused,
// come late (and everything behind it), or get in although it is reported as failed. Always: batches get in, in the order in
// which they were handed in.

package enum AppendFault: Hashable, Sendable {
    case refused
    /// It is in the log, and the caller hears that it isn't.
    case answerLost
    case late(milliseconds: Int)
}

package final class WayIn {
    private struct Waiting {
        var batch: EventBatch
        var fault: AppendFault?
        var completion: @Sendable (Result<AppendReceipt, AppendError>) -> Void
    }

    private let time: TimeTwin
    private var log: EventLog?
    private var faults: [AppendFault] = []
    private var queue: [Waiting] = []
    private var isPassing = false
    private var isHalted = false
    private var life = 0
    /// Batches that waited at once, at most.
    package private(set) var longest = 0
    /// When something last went wrong here, measured.
    package private(set) var faultyAt: Int64 = .min / 2

    package init(time: TimeTwin) { self.time = time }

    /// A process has the log open. What another had in its queue is gone.
    package func lead(to log: EventLog?) {
        self.log = log
        queue = []
        isPassing = false
        isHalted = false
        life += 1
    }

    /// The process that has the log stands still: who hands something in waits for it.
    package func halt(_ isHalted: Bool) {
        self.isHalted = isHalted
        faultyAt = time.passed
        if !isHalted, !isPassing { passOn() }
    }

    package func add(_ fault: AppendFault, times: Int) { faults += Array(repeating: fault, count: times) }
    package func heal() { faults = [] }
    package var isFaulty: Bool { !faults.isEmpty || !queue.isEmpty || isHalted }

    package func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        guard log != nil else { return completion(.failure(.closed)) }
        let fault = faults.isEmpty ? nil : faults.removeFirst()
        if fault != nil { faultyAt = time.passed }
        if fault == .refused { return completion(.failure(.notWritable(reason: "simulated", hint: "wait"))) }
        queue.append(Waiting(batch: batch, fault: fault, completion: completion))
        longest = max(longest, queue.count)
        if !isPassing { passOn() }
    }

    private func passOn() {
        isPassing = true
        while !isHalted, let next = queue.first {
            if case .late(let milliseconds) = next.fault {
                queue[0].fault = nil
                let later = Later(self, life)
                return time.after(microseconds: Int64(milliseconds) * 1_000) { later.goOn() }
            }
            queue.removeFirst()
            commit(next)
        }
        isPassing = false
    }

    private func commit(_ waiting: Waiting) {
        guard let log else { return }
        if !queue.isEmpty { faultyAt = time.passed }
        let isLost = waiting.fault == .answerLost
        log.append(waiting.batch) { result in
            waiting.completion(isLost ? .failure(.notWritable(reason: "simulated: its answer is lost", hint: "wait")) : result)
        }
    }

    /// Carried across the clock's closure: the simulation runs on one thread.
    private final class Later: @unchecked Sendable {
        // Used on the simulation's own thread alone.
        private weak var way: WayIn?
        private let life: Int
        init(_ way: WayIn, _ life: Int) { (self.way, self.life) = (way, life) }
        func goOn() {
            guard let way, way.life == life else { return }
            way.isPassing = false
            way.passOn()
        }
    }
}
