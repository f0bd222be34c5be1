import NIOCore
import Synchronization

// What came for one reader?
//
// Bounded in messages and bytes. When it overflows, the reader gets what is there and then the error: a gap is never silent. One task
// reads at a time.

final class Mailbox: Sendable {
    enum Item: Sendable {
        case message(NATSMessage)
        /// Messages may have been lost here: the connection was replaced.
        case interrupted
    }

    enum Taken: Sendable {
        case item(Item)
        case nothingInTime
        case ended(NATSError)
    }

    private struct State {
        var items = CircularBuffer<Item>()
        var bytes = 0
        var end: NATSError?
        var waiter: (ticket: UInt64, continuation: CheckedContinuation<Taken, Never>)?
        var nextTicket: UInt64 = 0
        /// The last wait whose time was over, perhaps before it began to wait: on a busy machine an alarm can come first.
        var expired: UInt64 = 0
    }

    private let state = Mutex(State())
    private let messagesMost: Int
    private let bytesMost: Int
    private let loop: any EventLoop

    init(messagesMost: Int, bytesMost: Int, on loop: any EventLoop) {
        self.messagesMost = messagesMost
        self.bytesMost = bytesMost
        self.loop = loop
    }

    /// Whether the reader still gets what comes.
    func put(_ item: Item) -> Bool {
        let (waiter, isOpen) = state.withLock { state -> (CheckedContinuation<Taken, Never>?, Bool) in
            if state.end != nil { return (nil, false) }
            if let waiter = state.waiter {
                state.waiter = nil
                return (waiter.continuation, true)
            }
            var size = 0
            if case .message(let message) = item { size = message.bytes }
            guard state.items.count < messagesMost, state.items.isEmpty || state.bytes + size <= bytesMost else {
                state.end = .slowReader(limit: messagesMost)
                return (nil, false)
            }
            state.items.append(item)
            state.bytes += size
            return (nil, true)
        }
        waiter?.resume(returning: .item(item))
        return isOpen
    }

    func end(_ error: NATSError) {
        let waiter = state.withLock { state -> CheckedContinuation<Taken, Never>? in
            state.end = state.end ?? error
            defer { state.waiter = nil }
            return state.waiter?.continuation
        }
        waiter?.resume(returning: .ended(error))
    }

    /// What is there already; nil where the reader has to wait.
    func takeNow() -> Taken? { state.withLock { Self.take(&$0) } }

    private static func take(_ state: inout State) -> Taken? {
        if let item = state.items.popFirst() {
            if case .message(let message) = item { state.bytes -= message.bytes }
            return .item(item)
        }
        return state.end.map(Taken.ended)
    }

    func take(within bound: Duration?) async -> Taken {
        if let taken = takeNow() { return taken }
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let alarm = bound.map { bound in loop.scheduleTask(in: TimeAmount(bound)) { self.expire(ticket) } }
        defer { alarm?.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let taken = state.withLock { state -> Taken? in
                    if let taken = Self.take(&state) { return taken }
                    if Task.isCancelled || state.waiter != nil { return .ended(.cancelled) }
                    if state.expired == ticket { return .nothingInTime }
                    state.waiter = (ticket, continuation)
                    return nil
                }
                if let taken { continuation.resume(returning: taken) }
            }
        } onCancel: {
            wake(ticket, .ended(.cancelled))
        }
    }

    private func expire(_ ticket: UInt64) {
        state.withLock { $0.expired = max($0.expired, ticket) }
        wake(ticket, .nothingInTime)
    }

    private func wake(_ ticket: UInt64, _ taken: Taken) {
        let waiter = state.withLock { state -> CheckedContinuation<Taken, Never>? in
            guard state.waiter?.ticket == ticket else { return nil }
            defer { state.waiter = nil }
            return state.waiter?.continuation
        }
        waiter?.resume(returning: taken)
    }
}
