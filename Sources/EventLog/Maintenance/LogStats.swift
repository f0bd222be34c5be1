// How large is the log, how fast is it written, and what does it keep in memory?

package import Domain

/// Figures of the commits since the log was opened.
package struct CommitFigures: Hashable, Sendable {
    package var commits = 0
    package var events = 0
    package var requests = 0
    /// Begin to synced, all commits together.
    package var microseconds: Int64 = 0
    package var slowestMicroseconds: Int64 = 0
    /// Commits by duration: bucket n counts those below 2^n × 64 µs that fit no lower one; the last takes the rest.
    package var byDuration = [Int](repeating: 0, count: 16)

    package init() {}

    mutating func note(events: Int, requests: Int, microseconds: Int64) {
        commits += 1
        self.events += events
        self.requests += requests
        self.microseconds += microseconds
        slowestMicroseconds = max(slowestMicroseconds, microseconds)
        let steps = max(0, Int64.bitWidth - (microseconds / 64).leadingZeroBitCount)
        byDuration[min(steps, byDuration.count - 1)] += 1
    }

    /// An upper bound of the duration that this share of commits stayed below, in µs.
    package func quantileMicroseconds(_ share: Double) -> Int64 {
        var left = Double(commits) * share
        for (k, count) in byDuration.enumerated() {
            left -= Double(count)
            if left <= 0 { return min(64 << Int64(k), max(slowestMicroseconds, 1)) }
        }
        return slowestMicroseconds
    }
}

package struct LogStats: Hashable, Sendable {
    package var head: Head
    package var firstAt: LogTime?
    package var commits: Int64
    package var names: Int
    package var superseded: Int64
    package var checkpoints: Int
    package var fileBytes: Int64
    package var walBytes: Int64
    /// Pages of the file that are free for reuse.
    package var freeBytes: Int64
    package var dedupeRuns: Int
    /// What the log holds in memory for dedupe, subjects and recent commits, beside the dictionary.
    package var memoryBytes: Int
    package var pendingEvents: Int
    package var sinceOpening: CommitFigures
}

extension EventLog {
    /// Figures of the commits since opening; cheap.
    package var commitFigures: CommitFigures { writing?.writer.commitFigures ?? CommitFigures() }
    /// Events that wait for the writer or are being written; cheap.
    package var pendingEvents: Int { writing?.writer.pendingEvents ?? 0 }
    /// Bytes of the write-ahead log that are not copied back yet; cheap.
    package var walBytes: Int { writing?.writer.walBytes ?? 0 }

    /// All of it. Counts the rows of `commits`: for a person who asks, not for every scrape.
    package func stats() throws(LogError) -> LogStats {
        let (file, names, checkpoints, superseded) = try catalog.read("look at") { db in
            let pages = try Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            let free = try Int64.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
            let pageBytes = try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0
            let commits = try Int64.fetchOne(db, sql: "SELECT count(*) FROM commits") ?? 0
            let firstAt = try Int64.fetchOne(db, sql: "SELECT at FROM commits ORDER BY first_seq LIMIT 1")
            let runs = try Int.fetchOne(db, sql: "SELECT count(*) FROM dedupe_runs WHERE state = 1") ?? 0
            return (
                (bytes: pages * pageBytes, free: free * pageBytes, commits: commits, firstAt: firstAt, runs: runs), catalog.names.count,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM checkpoints WHERE owner = 'loop'") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT count(*) FROM superseded") ?? 0
            )
        }
        return LogStats(
            head: head, firstAt: file.firstAt.map { LogTime(microseconds: $0) }, commits: file.commits, names: names,
            superseded: superseded,
            checkpoints: checkpoints, fileBytes: file.bytes, walBytes: Int64(walBytes), freeBytes: file.free,
            dedupeRuns: file.runs, memoryBytes: try memoryBytes(), pendingEvents: pendingEvents,
            sinceOpening: commitFigures)
    }

    private func memoryBytes() throws(LogError) -> Int {
        guard let writing else { return 0 }
        do {
            return try writing.writer.withEngine { engine, _ in engine.dedupe.bytes } + writing.subjects.bytes + recentBytes
        } catch { throw LogError(wrapping: error, operation: "look at", path: path) }
    }
}
