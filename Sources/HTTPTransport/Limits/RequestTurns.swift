package import NIOCore

// How much of what has come in does an event loop work on before it looks at its sockets again?
//
// NIO hands on all that was read from a socket, then goes to the next one, and runs what was put off until nothing is left. A few
// connections that sent thousands of small requests in one go would keep a loop for seconds, and whoever comes in meanwhile, a probe
// of liveness too, waits that long. So requests are let in by turns: a fixed number for each, of all the loop's connections together.
// What exceeds it is held by its connection, which reads nothing meanwhile; connections that hold something are let in one after
// another, with a look at the sockets in between. Touched on its event loop alone.

package final class RequestTurns {
    /// Requests of one turn.
    package static let requests = 128
    /// Of one connection, where others hold something too; at least.
    private static let requestsLeast = 4
    /// A task that is due at once would run before the sockets are looked at.
    private static let pause = TimeAmount.microseconds(50)

    private let eventLoop: any EventLoop
    private var left = RequestTurns.requests
    /// At most one for each connection.
    private var held = CircularBuffer<() -> Void>()
    private var share = RequestTurns.requests
    private var isScheduled = false

    package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// How many requests may be let in now.
    package var room: Int { max(min(left, share), 0) }

    package func took(_ requests: Int) {
        guard requests > 0 else { return }
        left -= requests
        schedule()
    }

    /// Runs `work` in a turn to come.
    package func hold(_ work: @escaping () -> Void) {
        held.append(work)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        let me = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Self.pause) { me.value.turn() }
    }

    private func turn() {
        isScheduled = false
        left = Self.requests
        share = max(Self.requests / max(held.count, 1), Self.requestsLeast)
        // Each once: who holds something still comes again behind the others.
        for _ in 0..<held.count where left > 0 { held.popFirst()?() }
        share = Self.requests
        if !held.isEmpty { schedule() }
    }
}

@available(*, unavailable)
extension RequestTurns: Sendable {}
