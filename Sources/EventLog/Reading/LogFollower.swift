// What comes next, for someone who wants every commit once and in order?
//
// A follower remembers one position. It takes recent commits from memory and older ones from the file, a bounded stretch
// at a time, and crosses from one to the other without a gap: both go by position alone. One task uses a follower; a
// thousand followers cost a thousand small objects.

package import Domain
import Synchronization

package final class LogFollower: Sendable {
    private struct State: Sendable {
        var position: Position
        /// Read from the file and not yet handed out.
        var held: ArraySlice<CommittedBatch> = []
    }

    private let state: Mutex<State>
    private let recent: RecentCommits
    private let reader: LogReader
    private let catchUpEvents: Int

    init(after position: Position, recent: RecentCommits, reader: LogReader, catchUpEvents: Int) {
        state = Mutex(State(position: position))
        self.recent = recent
        self.reader = reader
        self.catchUpEvents = catchUpEvents
    }

    /// The last position handed out.
    package var position: Position { state.withLock { $0.position } }

    /// The next commit; nil where there is none yet.
    package func poll() throws(LogError) -> CommittedBatch? {
        if let held = takeHeld() { return held }
        let position = position
        switch recent.next(after: position) {
        case .batch(let batch): return advance(to: batch)
        case .upToDate, .closed: return nil
        case .inFile:
            let batches = try reader.read(after: position, limitEvents: catchUpEvents)
            state.withLock { $0.held = batches[...] }
            return takeHeld()
        }
    }

    /// The next commit, waiting for it; nil once the log is closed, or the task cancelled.
    package func next() async throws(LogError) -> CommittedBatch? {
        while !Task.isCancelled {
            if let batch = try poll() { return batch }
            if case .closed = recent.next(after: position) { return nil }
            await recent.wait(after: position)
        }
        return nil
    }

    private func takeHeld() -> CommittedBatch? {
        state.withLock { state in
            guard let batch = state.held.popFirst() else { return nil }
            state.position = batch.lastSeq
            return batch
        }
    }

    private func advance(to batch: CommittedBatch) -> CommittedBatch {
        state.withLock { $0.position = batch.lastSeq }
        return batch
    }
}
