import Basics

// When may a pool replace workers that died?
//
// Delays double from a minimum to a maximum. Deaths count by rounds: ten workers that were started together and die
// together (a missing library, say) are one failure, not ten. A worker that lived long enough starts the delays anew.
// Times are offsets on a clock of the caller's.

struct RestartBackoff: Sendable {
    private let min: Duration
    private let max: Duration
    private let resetAfter: Duration
    private var failures = 0
    /// Rises with each failure; a worker belongs to the round in which it was started.
    private(set) var round = 0
    /// No start before this moment.
    private(set) var notBefore: Duration?

    init(min: Duration, max: Duration, resetAfter: Duration) {
        self.min = min
        self.max = max
        self.resetAfter = resetAfter
    }

    /// A worker of `round` that lived for `lived` died, or couldn't be started at all.
    mutating func noteDeath(round diedOf: Int, lived: Duration, now: Duration) {
        guard diedOf == round else { return }
        if lived >= resetAfter { failures = 0 }
        failures += 1
        round += 1
        notBefore = now + delay
    }

    /// How long starts must still wait at `now`; nil where they need not.
    mutating func wait(at now: Duration) -> Duration? {
        guard let moment = notBefore, moment > now else {
            notBefore = nil
            return nil
        }
        return moment - now
    }

    /// min × 2^(failures − 1), at most max: 100 ms, 200 ms, 400 ms … 30 s.
    private var delay: Duration { min.doubled(failures - 1, atMost: max) }
}
