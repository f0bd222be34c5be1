package import ControlLoop
package import Domain
package import EventLog
import Synchronization
package import Views

// What do callers do who ask for a placement and wait for the answer?
//
// They call what the API calls, the service's own commands, whose tasks run as work of the simulated clock. A caller may go away before
// it is answered. Where the process ends, its connections end with it, and nobody is answered any more.
// Always: a call is answered once, or cut off.

/// Runs tasks where the clock runs everything else.
package final class VirtualExecutor: TaskExecutor {
    private let time: TimeTwin
    package init(time: TimeTwin) { self.time = time }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        time.performJob { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

package final class Callers: @unchecked Sendable {
    // Used on the simulation's own thread alone: its tasks run there.
    package enum Answer: Sendable {
        case placed(worker: String, seq: Position)
        case waiting
        case ended(worker: String, seq: Position)
        case refused(ControlFault)
        /// The connection ended with the process.
        case cutOff
    }

    package struct Call: Sendable {
        package var number: Int
        package var actor: String
        package var pool: String
        package var askedAt: LogTime
        package var until: LogTime
        package var hasGivenUp = false
        package var answers: [Answer] = []
    }

    private let time: TimeTwin
    private let way: WayIn
    private let executor: VirtualExecutor
    private let service: () -> DrivenLoop?
    package private(set) var calls: [Call] = []
    private var tasks: [Int: Task<Void, Never>] = [:]
    /// Appends whose answer is outstanding: where the process ends, it never comes.
    private var appends: [Int: @Sendable (Result<AppendReceipt, AppendError>) -> Void] = [:]
    private var appended = 0
    private var isEnding = false
    private var running = 0
    /// A canary: nobody's task goes on once it has begun.
    package var isDeaf = false
    /// Hears of each answer.
    package var answered: (Call, Answer) -> Void = { _, _ in }

    package init(time: TimeTwin, way: WayIn, service: @escaping () -> DrivenLoop?) {
        self.time = time
        self.way = way
        executor = VirtualExecutor(time: time)
        self.service = service
    }

    /// Tasks haven't come to their ends.
    package var isBusy: Bool { running > 0 }
    package var open: [Call] { calls.filter { $0.answers.isEmpty } }

    package func place(
        _ actor: String, pool: String, waitMilliseconds: Int64, id: String?, deadline: LogTime?, givesUpAfter milliseconds: Int64?
    ) {
        guard let commands = service()?.commands else { return }
        let number = calls.count
        calls.append(
            Call(
                number: number, actor: actor, pool: pool, askedAt: time.now,
                until: time.now.adding(microseconds: waitMilliseconds * 1_000)))
        let request = PlacementRequest(actor: actor, pool: pool, deadline: deadline, id: id)
        running += 1
        tasks[number] = Task(executorPreference: executor) { [weak self, isDeaf] in
            if isDeaf {
                self?.running -= 1
                return
            }
            let answer: Answer
            do throws(ControlFault) {
                switch try await commands.place(request, waitSeconds: Double(waitMilliseconds) / 1e3) {
                case .placed(let worker, _, _, _, _, _, let seq): answer = .placed(worker: worker, seq: seq)
                case .ended(let worker, _, _, let seq): answer = .ended(worker: worker, seq: seq)
                case .waiting: answer = .waiting
                }
            } catch { answer = .refused(error) }
            self?.finish(number, answer)
        }
        guard let milliseconds else { return }
        time.after(microseconds: milliseconds * 1_000) { [weak self] in self?.giveUp(number) }
    }

    package func withdraw(_ actor: String) {
        guard let commands = service()?.commands else { return }
        running += 1
        Task(executorPreference: executor) { [weak self] in
            try? await commands.withdraw(actor, by: "simulation")
            self?.running -= 1
        }
    }

    private func giveUp(_ number: Int) {
        guard calls[number].answers.isEmpty else { return }
        calls[number].hasGivenUp = true
        tasks[number]?.cancel()
    }

    private func finish(_ number: Int, _ answer: Answer) {
        tasks[number] = nil
        running -= 1
        let answer = isEnding ? .cutOff : answer
        calls[number].answers.append(answer)
        answered(calls[number], answer)
    }

    // MARK: - The way into the log

    package func append(_ batch: EventBatch, _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        guard !isEnding else { return completion(.failure(.closed)) }
        appended += 1
        let number = appended
        appends[number] = completion
        way.append(batch) { [weak self] result in self?.appends.removeValue(forKey: number)?(result) }
    }

    // MARK: - The end of a process

    /// The process is gone: its tasks end, and what they would have answered reaches nobody.
    package func end(_ loop: DrivenLoop) {
        isEnding = true
        loop.endWaits()
        loop.endFoldWaits()
        for number in tasks.keys.sorted() { tasks[number]?.cancel() }
        for number in appends.keys.sorted() { appends.removeValue(forKey: number)?(.failure(.closed)) }
        time.finishJobs { loop.endFoldWaits() }
        isEnding = false
    }
}
