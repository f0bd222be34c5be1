// Where does the log lie, how is it written, and how much may wait?
//
// Every queue, buffer and slice of the log takes its bound from here; the defaults are what the figures in `docs/decisions`
// were measured with. Tests shrink them until every path is taken in a few hundred events.

package import Domain

extension EventLog {
    package struct Configuration: Sendable {
        package enum Writer: Hashable, Sendable {
            /// A thread of its own commits what is waiting, many callers at a time.
            case thread
            /// Each append commits on its caller's thread before it returns: virtual time, replay, import.
            case inline
        }

        package enum Durability: Hashable, Sendable {
            /// Acknowledged means synced to disk.
            case full
            /// Survives a crash of the process, not of the machine. For tests and what can be made again.
            case off
        }

        package var path: String
        package var writer = Writer.thread
        package var durability = Durability.full
        /// Read once a commit. The log's time never goes back, whatever this answers. Setting it takes `measuringClock` away:
        /// time that is made up has no other beside it.
        package var clock: @Sendable () -> LogTime = EventLog.systemClock { didSet { measuringClock = nil } }
        /// Carries log time on where the clock was set back, and tells that it was set.
        package var measuringClock: (@Sendable () -> Int64)? = EventLog.measuringClock
        package var limits = Limits()
        /// Throws away what the log works out from events (dedupe runs, its saved state) and works it out again while opening.
        package var rebuildsDerived = false
        /// Opens a log though acknowledged events are missing from it; see `acceptLoss`.
        var acceptsLoss = false
        /// What people who run the log should know, as it happens. Called on any of the log's threads: keep it short.
        package var notice: @Sendable (LogNotice) -> Void = { _ in }
        /// Called before each commit. An error from it goes to all of the commit's callers, and nothing is committed. For an
        /// instance that may write only while it leads.
        package var commitRefusal: @Sendable () -> AppendError? = { nil }
        /// Where the log is the projection of a replicated stream; nil where this file is all of it.
        package var replica: ReplicaSettings?
        var hooks = Hooks()

        package init(path: String) { self.path = path }
    }

    package struct Limits: Hashable, Sendable {
        /// Waiting for the writer: beyond either, an append is answered `.overloaded`.
        package var pendingEvents = 131_072
        package var pendingBytes = 64 << 20
        /// One commit takes no further batch beyond either. 4,096 events are about 8 ms of work.
        package var commitEvents = 4_096
        package var commitBytes = 8 << 20

        /// Recent commits kept for followers; who is further behind reads from the file.
        package var recentEvents = 16_384
        package var recentBytes = 8 << 20
        /// Events a follower reads from the file at a time.
        package var catchUpEvents = 4_096

        /// Ids in the in-memory table before it becomes a run.
        package var dedupeTableEvents = 262_144
        /// Runs of one level that make one of the next.
        package var dedupeFanOut = 8
        /// Prepared slices that wait for the writer, a job.
        package var dedupeReadySlices = 8

        /// From here the write-ahead log is copied into the database in the background…
        package var walCheckpointBytes = 16 << 20
        /// …and from here the writer does the rest itself, before its next commit. A file that a long reader let grow beyond
        /// it is cut back once the reader has left.
        package var walLimitBytes = 64 << 20

        /// Events between two savings of the log's own state. Opening after a crash goes through that many again: 0.1 s.
        package var stateEvents: Int64 = 250_000
        /// Of the commits after it so many events have their chain checked while opening, from the end.
        package var tailEvents: Int64 = 262_144
        /// Bytes of a checkpoint written in one transaction.
        package var checkpointPartBytes = 256 << 10
        /// Checkpoints of the folded state that are kept; older ones are thinned out.
        package var checkpointsKept = 4

        /// After a failed commit, how long appends are refused without trying: doubling from the first to the second.
        package var retryFirstMicroseconds: Int64 = 50_000
        package var retryLastMicroseconds: Int64 = 2_000_000
        /// How often the writer looks at what no append brings about: the files' places, the clocks, a write-ahead log that may
        /// be cut back.
        package var tendMicroseconds: Int64 = 1_000_000
        /// While the log can't be written it is said again after so long.
        package var noticeMicroseconds: Int64 = 60_000_000

        package init() {}
    }

    /// Where tests look in. Called on the writer's thread.
    struct Hooks: Sendable {
        var afterCommit: (@Sendable (Head) -> Void)?
        var beforeCompletion: (@Sendable () -> Void)?
    }
}

/// How far the log goes: the last position and its commit's time.
package struct Head: Hashable, Sendable {
    package var seq: Position
    package var at: LogTime

    package init(seq: Position, at: LogTime) {
        self.seq = seq
        self.at = at
    }

    package static let empty = Head(seq: 0, at: LogTime(microseconds: .min))
}
