// What was just committed, for those who follow?
//
// The newest commits in memory, bounded by events and by bytes, and the followers that wait for the next one. A follower within
// these bounds never touches the file. One that is further behind reads the file. Publishing costs one pass over those who actually
// wait.

import Basics
import Domain
import Synchronization

final class RecentCommits: Sendable {
    enum Answer: Sendable {
        case batch(CommittedBatch)
        /// Nothing after that position yet.
        case upToDate
        /// Committed, but no longer here.
        case inFile
        case closed
    }

    private struct State: Sendable {
        /// In order and without a gap; the first `start` have left.
        var batches: [CommittedBatch] = []
        var start = 0
        var events = 0
        var bytes = 0
        var head: Position
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextTicket = 0
        var isClosed = false
    }

    private let state: Mutex<State>
    /// Where the log ended when it was opened.
    let openingHead: Head
    private let eventsLimit: Int
    private let bytesLimit: Int

    init(head: Head, limits: EventLog.Limits) {
        openingHead = head
        state = Mutex(State(head: head.seq))
        eventsLimit = limits.recentEvents
        bytesLimit = limits.recentBytes
    }

    func publish(_ batch: CommittedBatch) {
        let woken = state.withLock { state in
            state.batches.append(batch)
            state.events += batch.events.count
            state.bytes += Self.bytes(batch)
            state.head = batch.lastSeq
            evict(&state)
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return Array(state.waiting.values)
        }
        for continuation in woken { continuation.resume() }
    }

    private func evict(_ state: inout State) {
        while state.events > eventsLimit || state.bytes > bytesLimit, state.start < state.batches.count {
            let oldest = state.batches[state.start]
            state.events -= oldest.events.count
            state.bytes -= Self.bytes(oldest)
            state.batches[state.start] = CommittedBatch(at: oldest.at, events: [], bytes: [])
            state.start += 1
        }
        // Moved together once half of the array has left: each batch is moved once.
        if state.start > 64, state.start * 2 > state.batches.count {
            state.batches.removeFirst(state.start)
            state.start = 0
        }
    }

    private static func bytes(_ batch: CommittedBatch) -> Int {
        batch.bytes.count + batch.events.count * MemoryLayout<CommittedEvent>.stride
    }

    /// The commit that holds the first event after `position`, without what lies before.
    func next(after position: Position) -> Answer {
        state.withLock { state in
            guard position < state.head else { return state.isClosed ? .closed : .upToDate }
            let low = state.batches[state.start...].firstPlace { $0.lastSeq <= position }
            guard low < state.batches.count, state.batches[low].firstSeq <= position + 1 else { return .inFile }
            var batch = state.batches[low]
            if batch.firstSeq <= position { batch.events.removeFirst(Int(position - batch.firstSeq + 1)) }
            return .batch(batch)
        }
    }

    /// Returns once there is something after `position`, the log is closed, or the task is cancelled.
    func wait(after position: Position) async {
        let ticket = state.withLock { state in
            defer { state.nextTicket += 1 }
            return state.nextTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if position < state.head || state.isClosed || Task.isCancelled { return true }
                    state.waiting[ticket] = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
        }
    }

    func close() {
        let woken = state.withLock { state in
            state.isClosed = true
            defer { state.waiting.removeAll() }
            return Array(state.waiting.values)
        }
        for continuation in woken { continuation.resume() }
    }

    var bytes: Int { state.withLock { $0.bytes } }
}
