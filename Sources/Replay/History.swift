package import Domain
package import EventLog
package import State

// What was the state at a moment of the log?
//
// From the nearest checkpoint, then the tail: the same fold as the live loop's.

package enum History {
    /// Events read from the file at a time.
    static let sliceEvents = 16_384

    /// The commits after `position`, as many as are read at once; none that begins after `last`.
    package static func slice(of log: EventLog, after position: Position, through last: Position) throws(LogError) -> [CommittedBatch] {
        guard position < last else { return [] }
        return try log.read(after: position, limitEvents: Int(min(Int64(sliceEvents), last - position)))
    }

    /// The state after the last commit at or before `moment`; commits are whole, so a position inside one means the one before.
    ///
    /// - Parameter ignoringCheckpoints: folds from the beginning: for checking the checkpoints themselves.
    package static func state(of log: EventLog, at moment: Moment, ignoringCheckpoints: Bool = false) throws(LogError) -> State {
        let last: Position =
            switch moment {
            case .position(let position): position
            case .time(let time): try log.position(at: time)
            }
        return try fold(ignoringCheckpoints ? State() : State.nearest(to: last, in: log), of: log, to: last).state
    }

    /// The same from a state at or before `last`; `until` is the last position at which it is the state.
    static func fold(_ state: consuming State, of log: EventLog, to last: Position) throws(LogError) -> (state: State, until: Position) {
        var state = state
        while true {
            let batches = try log.read(after: state.position, limitEvents: sliceEvents)
            if batches.isEmpty { return (state, state.position) }
            for batch in batches {
                if batch.lastSeq > last { return (state, batch.lastSeq - 1) }
                _ = state.fold(batch, names: log.names)
            }
        }
    }
}
