import NIOCore

// How long may a request take to arrive?
//
// A request whose parts come with one read is never looked at here. One that does not is watched: the sweep of its event
// loop compares its last progress with the limits. After an early answer the same watch bounds how long the rest of the
// request is waited for.

extension RequestHandler {
    func watch() {
        guard !isWatched else { return }
        isWatched = true
        lastProgressAt = state.now
        state.watch(self)
    }

    func unwatch() {
        guard isWatched else { return }
        isWatched = false
        state.unwatch(self)
    }

    func checkProgress(_ now: NIODeadline) {
        let still = now - lastProgressAt
        if input == .collecting || input == .lines, isStopWaiting(still, now) { return serverStops() }
        switch input {
        case .collecting:
            if still > .seconds(limits.stallSeconds) {
                refuse(Problem(.requestTimeout, "the body stopped half way: nothing came for \(limits.stallSeconds) s"))
            } else if now - startedAt > .seconds(limits.requestSeconds) {
                refuse(Problem(.requestTimeout, "the request did not end within \(limits.requestSeconds) s"))
            }
        case .lines:
            if let unreadSince, now - unreadSince > .seconds(limits.writeStallSeconds) { return cutOff() }
            if isReadingPaused { lastProgressAt = now } else if still > .seconds(limits.idleSeconds) { linesStalled() }
        case .swallowing:
            if output == .ended, still > .seconds(limits.lingerSeconds) { cutOff() }
        case .idle, .complete: break
        }
    }

    /// A stopping server doesn't wait for a silent client, nor long for a stream without end. It tells each how far it came while there
    /// is still time.
    private func isStopWaiting(_ still: TimeAmount, _ now: NIODeadline) -> Bool {
        guard let since = state.drainingSince else { return false }
        let draining = now - since
        if draining > .seconds(limits.lingerSeconds), still > .seconds(limits.lingerSeconds) { return true }
        return input == .lines && draining > .seconds(limits.drainSeconds / 2)
    }

    private func serverStops() {
        let problem = Problem(.unavailable, "the server is stopping: send the rest again", retryAfterSeconds: limits.retryAfterSeconds)
        guard input == .lines else { return refuse(problem) }
        lines?.stop(problem)
        pumpLines()
    }
}
