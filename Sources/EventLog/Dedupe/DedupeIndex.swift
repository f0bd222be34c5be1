// Was this (source, id) appended before, and where?
//
//   events ──▶ table ──full──▶ frozen ──built──▶ runs, level 0 ──8 merged──▶ level 1 ──▶ level 2 …
//
// The newest ids are in a table in memory; a full table becomes a sorted run in the file, and eight runs become one of the
// next level. Nothing is ever inserted at a random place of a B-tree, so random ids cost what rising ones do, and an id is
// rewritten once a level. A question goes to the table, the frozen tables, then past each run's filter; whatever seems to
// match is compared with the event itself, so the answer is exact. Building happens beside the writer (`DedupeBuilds`);
// what it makes is written a few slices a commit, paid for by that commit's events, so no commit waits for a large one.
//
// Belongs to the writer. All but `builds` is touched only inside the writer's access.

import Domain
import GRDB

final class DedupeIndex {
    /// What an event pays for, in entries: so many, and so many more for each level above the first. A level needs one and a
    /// quarter (its filter) and a little for removing the runs below; the rest is how fast it catches up after a pause.
    private static let creditPerEvent = 3
    private static let creditPerLevel = 2
    /// Unused credit is kept up to this, a large commit's worth.
    private static let creditLimit = 65_536
    /// Full tables that may wait to be built; beyond it the writer builds.
    private static let frozenLimit = 2
    private static let removalRowsPerStep = 64

    let builds: DedupeBuilds
    private let limits: EventLog.Limits
    private(set) var table: DedupeTable
    private(set) var frozen: [DedupeTable] = []
    /// By position; larger runs are older.
    private(set) var runs: [DedupeLiveRun] = []
    private var removals: [Removal] = []
    private var nextRun: Int64 = 1
    private var credit = 0
    /// A level has twice the runs that make one of the next: the writer helps with merging.
    private var mergesAreLate = false
    private var addedSlots: [Int] = []
    private var step = Step()
    /// Nobody reads it: without it the loads that warm the cache would be left out.
    private var warmth: UInt64 = 0

    /// Rows of a run that is no longer needed.
    private struct Removal {
        var run: Int64
        var buckets: Range<Int>
        var parts: Range<Int>
    }

    /// What the transaction under way did, to be kept or taken back with it.
    private struct Step {
        var taken: [DedupeBuilds.Taken] = []
        var finished: [DedupeBuild] = []
        var removals: [Removal]?
        var credit = 0
    }

    init(limits: EventLog.Limits, firstSeq: Int64) {
        self.limits = limits
        builds = DedupeBuilds(readyLimit: limits.dedupeReadySlices)
        table = DedupeTable(firstSeq: firstSeq, capacity: limits.dedupeTableEvents)
    }

    /// Positions up to here are in runs.
    var coveredSeq: Int64 { runs.last?.run.lastSeq ?? 0 }
    var hasWork: Bool { !builds.isEmpty || !removals.isEmpty }
    var bytes: Int { table.bytes + frozen.reduce(0) { $0 + $1.bytes } + runs.reduce(0) { $0 + $1.filter.bytes } }

    // MARK: - Questions

    /// Makes room for the events of the next commit.
    func makeRoom(for events: Int) {
        guard table.count + events > table.capacity else { return }
        if table.count > 0 {
            frozen.append(table)
            builds.add(DedupeBuild(run: takeRunID(), table: table))
        }
        table = DedupeTable(firstSeq: frozen.last.map { $0.lastSeq + 1 } ?? coveredSeq + 1, capacity: max(limits.dedupeTableEvents, events))
    }

    /// Whether so many more find room in the newest table, beside what is added already.
    func hasRoom(for events: Int) -> Bool { table.count + events <= table.capacity }

    /// Somewhere an id may be: a run, by its index, or a frozen table, by the complement of its index.
    typealias Candidate = (event: Int, place: Int)

    /// Which runs and frozen tables may hold which of these hashes, in the order of the hashes, newest first. Goes place by
    /// place, so that the processor has many independent loads under way.
    func candidates(_ hashes: [UInt64], skipping isNew: [Bool]) -> [Candidate] {
        let events = hashes.indices.filter { !isNew[$0] }
        let asked = events.count == hashes.count ? hashes : events.map { hashes[$0] }
        guard !asked.isEmpty, !(runs.isEmpty && frozen.isEmpty) else { return [] }
        var found: [Candidate] = []
        for (k, older) in frozen.enumerated() {
            for (index, hash) in asked.enumerated() where older.mayContain(hash) { found.append((events[index], ~k)) }
        }
        let patterns = asked.map { DedupeFilter.pattern($0) }
        var answers = [UInt8](repeating: 0, count: asked.count)
        for (k, live) in runs.enumerated() {
            asked.withUnsafeBufferPointer { asked in
                patterns.withUnsafeBufferPointer { patterns in
                    answers.withUnsafeMutableBufferPointer { live.filter.query(asked, patterns, $0) }
                }
            }
            for index in answers.indices where answers[index] != 0 { found.append((events[index], k)) }
        }
        found.sort { ($0.event, $0.place < 0 ? 0 : 1, -$0.place) < ($1.event, $1.place < 0 ? 0 : 1, -$1.place) }
        return found
    }

    /// Draws the newest table's slots of these hashes into the cache.
    func warm(_ hashes: ArraySlice<UInt64>) { for hash in hashes { warmth ^= table.touch(hash) } }

    /// Whether the newest table may hold it: almost always no.
    @inline(__always)
    func mayBeInTable(_ hash: UInt64) -> Bool { table.mayContain(hash) }

    /// The first position of an id, given where it may be; `isIt` compares with the event at a position.
    func find(_ hash: UInt64, in candidates: ArraySlice<Candidate>, _ store: DedupeStore, _ isIt: (Int64) throws -> Bool) throws -> Int64? {
        if let seq = try table.find(hash, isIt) { return seq }
        for (_, place) in candidates {
            if place < 0 {
                if let seq = try frozen[~place].find(hash, isIt) { return seq }
            } else {
                for seq in try store.positions(in: runs[place].run, hash: hash) where try isIt(seq) { return seq }
            }
        }
        return nil
    }

    @inline(__always)
    func add(_ hash: UInt64) { addedSlots.append(table.append(hash)) }

    // MARK: - Maintenance, inside a commit's transaction

    /// Writes and removes what this commit's events pay for.
    func writeMaintenance(events: Int, _ store: DedupeStore, _ db: Database, producesInline: Bool) throws {
        let levels = runs.first?.run.level ?? 0
        step.credit = min(credit + events * (Self.creditPerEvent + Self.creditPerLevel * levels), Self.creditLimit)
        let tablesAreLate = frozen.count > Self.frozenLimit
        try writeSlices(store, db, producesInline: producesInline || tablesAreLate || mergesAreLate, untilTablesAreBuilt: tablesAreLate)
        try finishBuilds(store)
        try removeRows(store)
    }

    private func writeSlices(_ store: DedupeStore, _ db: Database, producesInline: Bool, untilTablesAreBuilt: Bool) throws {
        while step.credit > 0 || untilTablesAreBuilt {
            guard let taken = builds.take() else {
                guard producesInline, try builds.produceOne({ try $0(db) }) else { return }
                continue
            }
            if untilTablesAreBuilt, step.credit <= 0, taken.run.level > 0 {
                builds.putBack([taken])
                return
            }
            if step.taken.last?.run.id != taken.run.id { try store.write(taken.run, state: .building) }
            step.taken.append(taken)
            step.credit -= taken.slice.cost
            try store.write(taken.slice)
        }
    }

    private func finishBuilds(_ store: DedupeStore) throws {
        for build in builds.finished() {
            try store.write(build.run, state: .live)
            for old in build.merged { try store.write(old, state: .removing) }
            step.finished.append(build)
        }
    }

    private func removeRows(_ store: DedupeStore) throws {
        while step.credit > 0, var removal = (step.removals ?? removals).first {
            var left = step.removals ?? removals
            let buckets = removal.buckets.prefix(Self.removalRowsPerStep)
            let parts = removal.parts.prefix(max(0, Self.removalRowsPerStep - buckets.count) / 8)
            try store.removeChunks(removal.run, buckets)
            try store.removeFilters(removal.run, parts)
            removal.buckets = buckets.upperBound..<removal.buckets.upperBound
            removal.parts = parts.upperBound..<removal.parts.upperBound
            step.credit -= buckets.count * 64 + parts.count * 512
            if removal.buckets.isEmpty, removal.parts.isEmpty {
                try store.removeRun(removal.run)
                left.removeFirst()
            } else {
                left[0] = removal
            }
            step.removals = left
        }
    }

    // MARK: - After the transaction

    func keep() {
        addedSlots.removeAll(keepingCapacity: true)
        if let left = step.removals { removals = left }
        credit = max(step.credit, 0)
        for build in step.finished { install(build) }
        step = Step()
    }

    func drop() {
        table.remove(addedSlots)
        addedSlots.removeAll(keepingCapacity: true)
        builds.putBack(step.taken)
        step = Step()
    }

    private func install(_ build: DedupeBuild) {
        builds.remove(build.run.id)
        let old = Set(build.merged.map(\.id))
        if old.isEmpty { frozen.removeFirst() }
        runs.removeAll { old.contains($0.run.id) }
        let place = runs.firstIndex { $0.run.firstSeq > build.run.firstSeq } ?? runs.count
        guard let filter = build.filter else { preconditionFailure("run \(build.run.id) is finished but has no filter") }
        runs.insert(DedupeLiveRun(run: build.run, filter: filter), at: place)
        for run in build.merged { remove(run) }
        planMerges()
        let perLevel = Dictionary(grouping: runs, by: \.run.level)
        mergesAreLate = perLevel.contains { $0.value.count >= limits.dedupeFanOut * 2 && $0.key < largestLevel }
    }

    private func remove(_ run: DedupeRun) {
        removals.append(Removal(run: run.id, buckets: 0..<run.buckets, parts: 0..<run.filterParts))
    }

    /// Starts a merge at each level that has enough runs and none under way.
    private func planMerges() {
        let busy = Set(builds.levels)
        let byLevel = Dictionary(grouping: runs.map(\.run), by: \.level)
        for level in byLevel.keys.sorted() where !busy.contains(level + 1) && level < largestLevel {
            let oldest = (byLevel[level] ?? []).prefix(limits.dedupeFanOut)
            guard oldest.count == limits.dedupeFanOut else { continue }
            guard oldest.reduce(0, { $0 + $1.events }) <= DedupeEntry.runEventsLimit else { continue }
            builds.add(DedupeBuild(run: takeRunID(), merging: Array(oldest)))
        }
    }

    /// Runs of this level are as large as runs get.
    private var largestLevel: Int {
        var level = 0
        var events = limits.dedupeTableEvents
        while events * limits.dedupeFanOut <= DedupeEntry.runEventsLimit {
            events *= limits.dedupeFanOut
            level += 1
        }
        return level
    }

    private func takeRunID() -> Int64 {
        defer { nextRun += 1 }
        return nextRun
    }

    // MARK: - Opening

    /// The live runs of the file. What a crash left half written, or what doesn't fit together, is removed, and the events
    /// from there on are to be added again.
    func load(_ db: Database) throws {
        var sound = true
        let rows = try Row.fetchAll(db, sql: "SELECT * FROM dedupe_runs ORDER BY first_seq, state")
        for row in rows {
            let run = DedupeRun(row)
            nextRun = max(nextRun, run.id + 1)
            guard DedupeRun.State(rawValue: row["state"]) == .live else { remove(run); continue }
            if sound, run.firstSeq == coveredSeq + 1, let filter = try run.loadFilter(db) {
                runs.append(DedupeLiveRun(run: run, filter: filter))
            } else {
                sound = false
                remove(run)
            }
        }
        table = DedupeTable(firstSeq: coveredSeq + 1, capacity: limits.dedupeTableEvents)
        planMerges()
    }

    /// Adds an event that was committed earlier; true where the table is full and maintenance should run.
    func addCommitted(_ hash: UInt64) {
        makeRoom(for: 1)
        _ = table.append(hash)
    }

    var isBehind: Bool { frozen.count >= Self.frozenLimit }
}
