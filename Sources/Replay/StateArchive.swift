package import Domain
package import EventLog
package import State
import Synchronization

// How do many ask for states of the past without each folding the log anew?
//
// A few states that were asked for are kept; one is found again for every moment up to the next commit, and is the beginning for a moment
// soon after it. Few are folded at once, some wait for their turn, and one more is refused. Always: what is answered is the same as
// `History.state` answers.

package final class StateArchive: Sendable {
    package enum Fault: Error, Sendable {
        /// So many fold or wait already.
        case full(limit: Int)
        case log(LogError)
    }

    private struct Kept {
        var state: State
        /// The last position at which this is the state.
        var until: Position
        var lastUse: UInt64
    }

    private struct Book {
        var kept: [Kept] = []
        var uses: UInt64 = 0
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Beyond so many events a checkpoint may be nearer.
    private static let nearEvents: Int64 = 200_000

    private let log: EventLog
    private let keptMost: Int
    private let runningMost: Int
    private let waitingMost: Int
    private let book = Mutex(Book())

    package init(log: EventLog, kept: Int = 3, running: Int = 2, waiting: Int = 16) {
        self.log = log
        keptMost = kept
        runningMost = running
        waitingMost = waiting
    }

    /// The state after the last commit at or before `moment`.
    package func state(at moment: Moment) async throws(Fault) -> State {
        let position: Position
        do throws(LogError) {
            switch moment {
            case .position(let asked): position = min(asked, log.head.seq)
            case .time(let time): position = try log.position(at: time)
            }
        } catch { throw .log(error) }
        if let found = found(position) { return found }
        guard await enter() else { throw .full(limit: runningMost + waitingMost) }
        defer { leave() }
        // Whoever was before may have asked the same.
        if let found = found(position) { return found }
        do throws(LogError) { return try fold(to: position) } catch { throw .log(error) }
    }

    // MARK: - Kept states

    private func found(_ position: Position) -> State? {
        book.withLock { book in
            guard let index = book.kept.firstIndex(where: { $0.state.position <= position && position <= $0.until }) else { return nil }
            book.uses += 1
            book.kept[index].lastUse = book.uses
            return book.kept[index].state
        }
    }

    private func fold(to position: Position) throws(LogError) -> State {
        let near = book.withLock { book in
            book.kept.map(\.state).filter { $0.position <= position && position - $0.position <= Self.nearEvents }
                .max { $0.position < $1.position }
        }
        let (state, until) = try History.fold(near ?? State.nearest(to: position, in: log), of: log, to: position)
        book.withLock { book in
            book.uses += 1
            book.kept.append(Kept(state: state, until: until, lastUse: book.uses))
            if book.kept.count > keptMost, let oldest = book.kept.indices.min(by: { book.kept[$0].lastUse < book.kept[$1].lastUse }) {
                book.kept.remove(at: oldest)
            }
        }
        return state
    }

    // MARK: - Turns

    private func enter() async -> Bool {
        enum Turn { case now, later, never }
        var turn = Turn.never
        await withCheckedContinuation { continuation in
            turn = book.withLock { book in
                if book.running < runningMost {
                    book.running += 1
                    return .now
                }
                guard book.waiting.count < waitingMost else { return .never }
                book.waiting.append(continuation)
                return .later
            }
            if turn != .later { continuation.resume() }
        }
        return turn != .never
    }

    private func leave() {
        let next = book.withLock { book -> CheckedContinuation<Void, Never>? in
            guard !book.waiting.isEmpty else {
                book.running -= 1
                return nil
            }
            return book.waiting.removeFirst()
        }
        next?.resume()
    }
}
