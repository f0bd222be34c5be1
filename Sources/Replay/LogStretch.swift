package import Domain
package import EventLog

// From where to where?
//
// A stretch of the log between two moments, both included: every position from the first to the last, and the log times of
// both. A time means the first commit at or after it where the stretch begins, the last at or before it where it ends.

package struct LogStretch: Hashable, Sendable {
    package var first: Position
    package var last: Position
    package var firstAt: LogTime
    package var lastAt: LogTime

    /// Nil where no event lies between the two.
    package init?(of log: EventLog, from: Moment? = nil, to: Moment? = nil) throws(LogError) {
        first =
            switch from {
            case nil: 1
            case .position(let position): max(1, position)
            case .time(let time): try log.position(at: time.adding(microseconds: -1)) + 1
            }
        last =
            switch to {
            case nil: log.head.seq
            case .position(let position): min(position, log.head.seq)
            case .time(let time): try log.position(at: time)
            }
        guard first <= last else { return nil }
        let head = log.head.at
        firstAt = try log.event(at: first)?.at ?? head
        lastAt = try log.event(at: last)?.at ?? head
    }

    /// Log time from the first commit to the last.
    package var seconds: Double { lastAt.seconds(since: firstAt) }
}
