import Synchronization

// Has it come to pass?
//
// Something that happens once and stays so: anybody may ask, or wait for it. A wait also ends when its task is cancelled.

package final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var nextTicket = 0
        /// As many as there are tasks that wait: a handful.
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { state.withLock { $0.isOpen } }

    package func open() {
        let woken = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in woken { continuation.resume() }
    }

    package func wait() async {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiting[ticket] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
        }
    }

    /// Returns once one of them is open.
    package static func first(of latches: Latch...) async {
        await withTaskGroup(of: Void.self) { group in
            for latch in latches { group.addTask { await latch.wait() } }
            await group.next()
            group.cancelAll()
        }
    }
}
