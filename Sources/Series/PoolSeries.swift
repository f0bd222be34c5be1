package import Domain
package import EventLog
package import Logging
package import Replay
import State
import Synchronization
import Views

// How is a series kept up to date, and who asks it?
//
// It reads the log as any follower does and folds it a second time, apart from the loop: the loop neither waits for it nor knows of it.
// What it folds is in memory at once and in its file a little later; after a crash it goes on from what was saved. While it is behind,
// it answers up to where it is and says so.

package final class PoolSeries: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Pools that have a series; those that come when there are so many have none.
        package var pools = 16_384
        /// It saves once so much is unsaved,
        package var unsavedEvents: Int64 = 100_000
        package var unsavedBytes = 4 << 20
        /// or so long after it saved last.
        package var saveSeconds = 10.0

        package init() {}
    }

    /// What readers see.
    struct Book: Sendable {
        /// nil where it isn't open.
        var file: SeriesFile?
        var position: Position = 0
        var at = LogTime.zero
        var tracks: [NameID: SeriesTrack] = [:]
        /// Not saved yet.
        var marks: [MarkKey: PoolMark] = [:]
        /// How often it was saved.
        var saves = 0
    }

    /// What only whoever folds touches.
    private struct Folding {
        var state = State()
        var unsavedEvents: Int64 = 0
        var unsavedBytes = 0
        var savedAt = ContinuousClock.now
        var thinnedAt = LogTime.zero
    }

    let log: EventLog
    let archive: StateArchive
    /// The log's time.
    let now: @Sendable () -> LogTime
    private let limits: Limits
    private let logger: Logger
    private let folding = Mutex(Folding())
    let book = Mutex(Book())

    /// Between two thinnings of the file.
    private static let thinSeconds = 3_600.0
    private static let retrySeconds = 5.0
    /// Between two looks whether to stop, or to save.
    private static let sliceEvents = 4_096

    package init(log: EventLog, archive: StateArchive, now: @escaping @Sendable () -> LogTime, limits: Limits = Limits(), logger: Logger) {
        self.log = log
        self.archive = archive
        self.now = now
        self.limits = limits
        self.logger = logger
    }

    /// The file, where it is open.
    var file: SeriesFile? { book.withLock { $0.file } }
    var position: Position { book.withLock { $0.position } }

    // MARK: - Running

    /// Follows the log until the task is cancelled or the log closes; then saves.
    package func run() async {
        var told = ""
        while !Task.isCancelled {
            do {
                try open()
                try await follow()
                break
            } catch {
                guard !Task.isCancelled else { break }
                // Once until it is something else.
                if told != "\(error)" {
                    logger.error("the series of pools can't be kept, and is tried again", metadata: ["error": "\(error)"])
                }
                told = "\(error)"
                try? await Task.sleep(for: .seconds(Self.retrySeconds))
            }
        }
        close()
    }

    /// Opens the file, and folds up to where it was saved.
    package func open() throws {
        guard file == nil else { return }
        let (file, saved) = try SeriesFile.open(beside: log)
        let state = try History.state(of: log, at: .position(saved.position))
        if saved.position == 0, log.head.seq > 0 {
            logger.notice("the series of pools is made from the log", metadata: ["file": "\(file.path)"])
        }
        folding.withLock { $0.state = state }
        book.withLock { book in
            book.file = file
            book.position = saved.position
            book.at = state.at
            book.tracks = saved.tracks
        }
    }

    private func follow() async throws {
        let follower = log.follower(after: position)
        var isCaughtUp = false
        while !Task.isCancelled {
            let began = ContinuousClock.now
            var count = 0
            while count < Self.sliceEvents, let batch = try follower.poll() {
                take(batch)
                count += batch.events.count
            }
            try saveIfDue()
            if count == 0 {
                isCaughtUp = true
                guard let batch = try await follower.next() else { return }
                take(batch)
            } else if isCaughtUp {
                // Whoever appends and decides comes first: a third of a core is enough, and it catches up when they rest.
                try? await Task.sleep(for: (ContinuousClock.now - began) * 2)
            }
            await Task.yield()
        }
    }

    /// Folds what is in the log now.
    package func catchUp() throws {
        let follower = log.follower(after: position)
        while let batch = try follower.poll() { take(batch) }
    }

    private func take(_ batch: CommittedBatch) {
        folding.withLock { folding in
            let change = folding.state.fold(batch, names: log.names)
            let samples = folding.state.samples(after: change)
            let marks = MarkReader(batch, change, folding.state).marks
            folding.unsavedEvents += Int64(batch.events.count)
            folding.unsavedBytes += book.withLock { book in
                book.position = batch.lastSeq
                book.at = batch.at
                for (key, mark) in marks where book.tracks[key.pool] != nil || book.tracks.count < limits.pools {
                    if book.marks[key] == nil { book.marks[key] = mark } else { book.marks[key]?.add(mark) }
                }
                return samples.reduce(0) { $0 + Self.note($1.sample, of: $1.pool, at: batch.at, in: &book, limits) }
            }
        }
    }

    /// Answers about how many bytes it adds to what is unsaved.
    private static func note(_ sample: PoolSample, of pool: NameID, at time: LogTime, in book: inout Book, _ limits: Limits) -> Int {
        guard let known = book.tracks[pool]?.sample else {
            guard book.tracks.count < limits.pools else { return 0 }
            book.tracks[pool] = SeriesTrack(sample, at: time)
            return 0
        }
        // What stays as it is needs no bucket.
        guard known != sample else { return 0 }
        book.tracks[pool]?.apply(sample, at: time)
        return 32
    }

    // MARK: - Saving

    private func saveIfDue() throws {
        let isDue = folding.withLock { folding in
            let seconds = (ContinuousClock.now - folding.savedAt) / .seconds(1)
            return folding.unsavedEvents >= limits.unsavedEvents || folding.unsavedBytes >= limits.unsavedBytes
                || (folding.unsavedEvents > 0 && seconds >= limits.saveSeconds)
        }
        if isDue { try save() }
    }

    /// Saves all that isn't saved. Only whoever folds saves, so nothing changes meanwhile.
    package func save() throws {
        try folding.withLock { folding in
            guard let file, folding.unsavedEvents > 0 else { return }
            let changes = book.withLock { book in
                var changes = SeriesFile.Changes(position: book.position, at: book.at)
                for (pool, track) in book.tracks where track.isChanged {
                    for change in track.changes { changes.chunks.append((pool, change.level, change.number, change.bytes)) }
                }
                changes.marks = book.marks
                return changes
            }
            try file.save(changes)
            book.withLock { book in
                for pool in Set(changes.chunks.map(\.pool)) { book.tracks[pool]?.noteSaved() }
                book.marks = [:]
                book.saves += 1
            }
            (folding.unsavedEvents, folding.unsavedBytes) = (0, 0)
            folding.savedAt = ContinuousClock.now
            guard changes.at.seconds(since: folding.thinnedAt) >= Self.thinSeconds else { return }
            try file.thinOut(at: changes.at)
            folding.thinnedAt = changes.at
        }
    }

    package func close() {
        do { try save() } catch {
            logger.warning("the series of pools was not saved: it is folded again at the next start", metadata: ["error": "\(error)"])
        }
        let file = book.withLock { book in
            defer { book.file = nil }
            return book.file
        }
        file?.close()
    }
}
