import Dispatch
import Machine
import Synchronization

// How does a thread that may wait use a stream?
//
// The log's writer is a thread of its own, and not a task: it sends, does other work, and then waits for the answer. Never called on
// a task or on an event loop, which would stand still.

/// A publish that is under way.
package final class PublishTicket: Sendable {
    private let answered = DispatchSemaphore(value: 0)
    private let result = Locked<PublishOutcome?>(nil)

    fileprivate func settle(_ outcome: PublishOutcome) {
        result.value = outcome
        answered.signal()
    }

    /// What came of it; nil while no answer came and its time isn't over.
    package var outcome: PublishOutcome? { result.value }

    /// Waits for it; at most as long as the publish's timeout.
    package func wait() -> PublishOutcome {
        while true {
            answered.wait()
            answered.signal()
            if let outcome = result.value { return outcome }
        }
    }
}

extension JetStream {
    /// Publishes; it is on its way, in the order of the calls, when this returns.
    package func send(_ message: StreamPublish, timeout: Duration? = nil) -> PublishTicket {
        let ticket = PublishTicket()
        publish(message, timeout: timeout ?? self.timeout) { ticket.settle($0) }
        return ticket
    }

    /// Waits for work that is asynchronous, on a thread that may wait. Each request of the work has its own deadline.
    package func waiting<Value: Sendable>(
        _ work: @escaping @Sendable (JetStream) async throws(JetStreamError) -> Value
    ) throws(JetStreamError) -> Value {
        let done = DispatchSemaphore(value: 0)
        let result = Locked<Result<Value, JetStreamError>?>(nil)
        Task {
            do throws(JetStreamError) { result.value = .success(try await work(self)) } catch { result.value = .failure(error) }
            done.signal()
        }
        while true {
            done.wait()
            if let result = result.value { return try result.get() }
        }
    }
}

/// What has arrived of a stream, for a reader that takes it when it has time for it.
///
/// A bounded number of messages is fetched ahead, in order, each once. When it is full, nothing is fetched until something is taken.
package final class StreamTail: Sendable {
    private struct State {
        var arrived: [StoredMessage] = []
        var bytes = 0
        var failure: JetStreamError?
        var isStopped = false
        var room: CheckedContinuation<Void, Never>?
        var task: Task<Void, Never>?
    }

    private let reader: OrderedReader
    private let state = Mutex(State())
    private let messagesMost: Int
    private let bytesMost: Int
    private let onArrival: @Sendable () -> Void

    /// - Parameter sequence: the first one that is wanted; 0 takes whatever is the first.
    /// - Parameter onArrival: called on a task when something came or it failed; must be short.
    package init(
        _ js: JetStream, stream: String, from sequence: UInt64, options: OrderedReader.Options = OrderedReader.Options(),
        messagesMost: Int = 4_096, bytesMost: Int = 64 << 20, onArrival: @escaping @Sendable () -> Void = {}
    ) {
        reader = OrderedReader(js, stream: stream, from: sequence, options: options)
        self.messagesMost = messagesMost
        self.bytesMost = bytesMost
        self.onArrival = onArrival
    }

    /// Begins to fetch. Called once.
    package func start() {
        let task = Task { await self.run() }
        state.withLock { $0.task = task }
    }

    private func run() async {
        while !Task.isCancelled {
            do throws(JetStreamError) {
                let message = try await reader.next()
                state.withLock { state in
                    state.arrived.append(message)
                    state.bytes += message.payload.count
                }
                onArrival()
                await roomToGo()
            } catch {
                state.withLock { $0.failure = $0.failure ?? error }
                onArrival()
                return
            }
        }
    }

    private func isFull(_ state: State) -> Bool { state.arrived.count >= messagesMost || state.bytes >= bytesMost }

    private func roomToGo() async {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isStopped || !isFull(state) { return true }
                state.room = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    /// What has arrived, in order, at most so many. Throws what can't be mended, after everything that came before it was taken.
    package func take(atMost limit: Int) throws(JetStreamError) -> [StoredMessage] {
        let (taken, failure, room) = state.withLock { state in
            let taken = Array(state.arrived.prefix(max(0, limit)))
            state.arrived.removeFirst(taken.count)
            for message in taken { state.bytes -= message.payload.count }
            let failure = taken.isEmpty && state.arrived.isEmpty ? state.failure : nil
            guard !isFull(state) else { return (taken, failure, CheckedContinuation<Void, Never>?.none) }
            defer { state.room = nil }
            return (taken, failure, state.room)
        }
        room?.resume()
        if let failure { throw failure }
        return taken
    }

    /// When a message or a heartbeat last came, by the client's clock.
    package var lastHeard: Duration? { reader.lastHeard }

    /// Ends it; what has arrived may still be taken.
    package func stop() async {
        let (task, room) = state.withLock { state in
            state.isStopped = true
            defer { state.room = nil }
            return (state.task, state.room)
        }
        task?.cancel()
        room?.resume()
        await reader.stop()
        await task?.value
    }
}
