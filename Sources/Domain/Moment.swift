// Which moment of the log is meant?
//
// A position, or a log time: whoever looks at the past names one or the other. Now is no moment; where it may be meant, it is nil.

package enum Moment: Hashable, Sendable {
    case position(Position)
    case time(LogTime)

    /// `12345` or an RFC 3339 time; nil for anything else.
    package init?(_ text: String) {
        if let position = Position(text), position >= 0 {
            self = .position(position)
        } else if let time = LogTime(rfc3339: text) {
            self = .time(time)
        } else {
            return nil
        }
    }

    /// As `init` reads it.
    package var text: String {
        switch self {
        case .position(let position): String(position)
        case .time(let time): time.rfc3339
        }
    }
}
