import NIOCore

// How long may a request take to arrive?
//
// A request whose parts come with one read is never looked at here. One that does not is watched: the sweep of its event
// loop compares its last progress with the limits. After an early answer the same watch bounds how long the rest of the
// request is waited for.

extension Exchange {
    func watch() {
        guard !isWatched else { return }
        isWatched = true
        lastProgressAt = loop.now
        loop.watch(self)
    }

    func unwatch() {
        guard isWatched else { return }
        isWatched = false
        loop.unwatch(self)
    }

    func checkProgress(_ now: NIODeadline) {
        let still = now - lastProgressAt
        if input == .collecting || input == .streaming, isStopWaiting(still, now) { return serverStops() }
        switch input {
        case .collecting:
            if still > .seconds(limits.stallSeconds) {
                refuse(.bodyStalled(limits))
            } else if now - startedAt > .seconds(limits.requestSeconds) {
                refuse(.requestTooSlow(limits))
            }
        case .streaming:
            if let unreadSince, now - unreadSince > .seconds(limits.writeStallSeconds) { return cutOff() }
            if isPaused {
                lastProgressAt = now
            } else if still > .seconds(limits.idleSeconds) {
                receiver?.stopped(.streamStalled(limits), self)
            }
        case .swallowing:
            if output == .ended, still > .seconds(limits.lingerSeconds) { cutOff() }
        case .idle, .complete: break
        }
    }

    /// A stopping server doesn't wait for a silent client, nor long for a stream without end. It tells each how far it came while there
    /// is still time.
    private func isStopWaiting(_ still: TimeAmount, _ now: NIODeadline) -> Bool {
        guard let since = loop.drainingSince else { return false }
        let draining = now - since
        if draining > .seconds(limits.lingerSeconds), still > .seconds(limits.lingerSeconds) { return true }
        return input == .streaming && draining > .seconds(limits.drainSeconds / 2)
    }

    private func serverStops() {
        guard input == .streaming else { return refuse(.stopping(limits)) }
        receiver?.stopped(.stopping(limits), self)
    }
}
