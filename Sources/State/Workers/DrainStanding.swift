package import Domain

// May workers of this pool be told to go, and since when not?
//
// A drain that outlasts the policy's time is given up. Then no worker is drained for a while, twice as long each time it happens
// again. So a pool of long turns isn't drained at every commit. A worker that goes, or a policy, ends the count.

package struct DrainStanding: Hashable, Sendable {
    package static let firstPauseSeconds = 60
    package static let longestPauseSeconds = 3_600

    /// Given up since a worker last went.
    package private(set) var attempts = 0
    /// Given up since the log began.
    package private(set) var total = 0
    /// No worker is drained before this.
    package private(set) var pausedUntil = LogTime.zero
    /// Why it was given up last, in a sentence; nil once it is tried again.
    package private(set) var problem: String?

    package func isPaused(at now: LogTime) -> Bool { now < pausedUntil }

    /// 60, 120, 240 … at most 3,600 s.
    package mutating func gaveUp(_ why: String, at now: LogTime) {
        let seconds = min(Self.firstPauseSeconds << min(attempts, 16), Self.longestPauseSeconds)
        attempts += 1
        total += 1
        pausedUntil = now.adding(seconds: seconds)
        problem = why
    }

    /// A worker is drained, or none needs to be any more.
    package mutating func triedAgain() { problem = nil }

    package mutating func succeeded() {
        attempts = 0
        problem = nil
    }

    package mutating func forget() {
        succeeded()
        pausedUntil = .zero
    }
}

extension DrainStanding {
    package func encode(into writer: inout ByteWriter) {
        writer.integer(Int64(attempts))
        writer.integer(Int64(total))
        writer.time(pausedUntil)
        writer.optional(problem) { $0.string($1) }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        attempts = try reader.tally()
        total = try reader.tally()
        pausedUntil = try reader.time()
        problem = try reader.optional { reader throws(ByteFault) in try reader.string() }
    }
}

extension State {
    /// Workers that were told to go longer ago than the policy allows and still hold actors, in the order they came.
    package func overdueDrains(_ pool: Int) -> [Int] {
        guard pools[pool].workers.drainingBusy > 0, let policy = pools[pool].policy?.policy else { return [] }
        return pools[pool].members.filter { index in
            workers[index].isChosen && workers[index].used > 0 && workers[index].drainedAt.adding(seconds: policy.drainTimeoutSeconds) <= at
        }
    }

    /// When the pool's drains are to be looked at again though nothing happens; in the future. Mutating, so that the state is
    /// looked at where it lies: it is asked for every pool of every commit, and handing over a copy retains all it holds.
    package mutating func drainDeadline(_ pool: Int) -> LogTime? {
        // The common case first: this is asked at every commit.
        guard pools[pool].workers.drainingBusy > 0 || pools[pool].drains.isPaused(at: at) else { return nil }
        guard pools[pool].isFollowed, let policy = pools[pool].policy?.policy else { return nil }
        var earliest: LogTime?
        func note(_ time: LogTime) { if time > at { earliest = earliest.map { min($0, time) } ?? time } }
        note(pools[pool].drains.pausedUntil)
        guard pools[pool].workers.drainingBusy > 0 else { return earliest }
        for index in pools[pool].members where workers[index].isChosen && workers[index].used > 0 {
            note(workers[index].drainedAt.adding(seconds: policy.drainTimeoutSeconds))
        }
        return earliest
    }
}
