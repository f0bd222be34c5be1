import Domain
import State
package import Views

// What did a pool's counts do in a stretch of time?
//
// Chunks that are in memory come before those of the file, so an answer is the state of the series at one position.

extension PoolSeries: SeriesReading {
    /// Of an answer, at most; older ones are counted alone.
    private static let marksMost = 1_000
    private static let retries = 3

    /// What of a pool is in memory, at one position.
    struct Snapshot {
        var id: NameID
        var name: String
        var track: SeriesTrack
        var marks: [MarkKey: PoolMark]
        var seq: Position
        /// Until when the last sample is known to hold.
        var asOf: LogTime
        var saves: Int
    }

    package func series(of pool: String, _ query: SeriesQuery) async throws(ControlFault) -> SeriesView? {
        guard let snapshot = try snapshot(of: pool) else { return nil }
        return try view(snapshot, query)
    }

    package func series(_ query: SeriesQuery, after: String?, limit: Int) async throws(ControlFault) -> [SeriesView] {
        _ = try opened()
        let names = book.withLock { Array($0.tracks.keys) }.map { log.names.text(of: $0) }.sorted()
        var views: [SeriesView] = []
        for name in names where after.map({ name > $0 }) ?? true {
            guard views.count < limit, !Task.isCancelled else { break }
            if let view = try await series(of: name, query) { views.append(view) }
        }
        return views
    }

    // MARK: - Parts

    func opened() throws(ControlFault) -> SeriesFile {
        guard let file else {
            throw .unavailable(
                "the series of pools is being opened, or can't be: the log of the service says which; ask again in a few seconds")
        }
        return file
    }

    func snapshot(of pool: String) throws(ControlFault) -> Snapshot? {
        _ = try opened()
        guard let id = log.names.find(pool) else { return nil }
        let head = log.head.seq
        let clock = now()
        return book.withLock { book in
            guard let track = book.tracks[id] else { return nil }
            // Where nothing is left to fold, nothing has changed until now.
            let asOf = book.position >= head ? max(book.at, clock) : book.at
            return Snapshot(
                id: id, name: pool, track: track, marks: book.marks.filter { $0.key.pool == id }, seq: book.position, asOf: asOf,
                saves: book.saves)
        }
    }

    /// The chunks of a level that touch the numbers, with the last one before them.
    func chunks(_ snapshot: Snapshot, _ level: SeriesLevel, _ numbers: ClosedRange<Int64>) throws(ControlFault) -> [(Int64, [UInt8])] {
        let file = try opened()
        let memory = snapshot.track.levels[level.rawValue]
        var found: [Int64: [UInt8]] = [:]
        do {
            for chunk in try file.chunks(of: snapshot.id, level, numbers) where chunk.number < memory.chunk {
                found[chunk.number] = chunk.bytes
            }
        } catch { throw damaged("\(error)") }
        for chunk in memory.full + [(memory.chunk, memory.bytes)] where chunk.number <= numbers.upperBound {
            found[chunk.number] = chunk.bytes
        }
        let all = found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        let before = all.lastIndex { $0.0 < numbers.lowerBound } ?? 0
        return Array(all[before...])
    }

    func damaged(_ problem: String) -> ControlFault {
        .unavailable(
            "the series of pools can't be read (\(problem)): stop the service, delete \(SeriesFile.path(besideLog: log.path)), start it")
    }

    /// Buckets with these numbers, in order, and what was before the first.
    func buckets(
        _ snapshot: Snapshot, _ level: SeriesLevel, _ numbers: ClosedRange<Int64>
    ) throws(ControlFault) -> (before: PoolSample?, buckets: [SeriesBucket]) {
        let span = SeriesChunk.number(ofBucket: numbers.lowerBound)...SeriesChunk.number(ofBucket: numbers.upperBound)
        var before: PoolSample?
        var buckets: [SeriesBucket] = []
        for (number, bytes) in try chunks(snapshot, level, span) {
            let read: [SeriesBucket]
            do throws(ChunkFault) { read = try ChunkReader.all(bytes, number: number, level) } catch {
                throw damaged("chunk \(number) is damaged")
            }
            for bucket in read {
                if bucket.number < numbers.lowerBound {
                    before = bucket.last
                } else if bucket.number <= numbers.upperBound {
                    buckets.append(bucket)
                }
            }
        }
        return (before, buckets)
    }

    func view(_ snapshot: Snapshot, _ query: SeriesQuery) throws(ControlFault) -> SeriesView {
        let (level, perStep) = SeriesLevel.choice(from: query.from, to: query.to, points: query.points, newest: snapshot.asOf)
        let first = SeriesLevel.floored(level.bucket(at: query.from), by: perStep) * perStep
        let steps = min(Int64(SeriesQuery.pointsMost) + 2, (max(level.bucket(at: query.to), first) - first) / perStep + 1)
        let end = level.start(of: first + steps * perStep)
        var view = SeriesView(
            pool: snapshot.name, from: level.start(of: first), to: end, stepSeconds: level.seconds * perStep, seq: snapshot.seq,
            through: min(snapshot.asOf, end))
        let (before, buckets) = try buckets(snapshot, level, first...(first + steps * perStep - 1))
        var rows = RowBuilder(before: before)
        var next = 0
        for step in 0..<steps {
            let start = first + step * perStep
            guard level.start(of: start) <= snapshot.asOf else { break }
            rows.begin(at: level.start(of: start))
            while next < buckets.count, buckets[next].number < start + perStep {
                rows.add(buckets[next])
                next += 1
            }
            rows.end(
                at: min(level.start(of: start + perStep), snapshot.asOf), seconds: step * view.stepSeconds, stepSeconds: view.stepSeconds)
        }
        (view.rows, view.bands) = rows.finish()
        if query.withMarks { try addMarks(snapshot, &view) }
        return view
    }

    private func addMarks(_ snapshot: Snapshot, _ view: inout SeriesView) throws(ControlFault) {
        let (first, step) = (SeriesLevel.second.bucket(at: view.from), view.stepSeconds)
        let seconds = first...(SeriesLevel.second.bucket(at: view.to) - 1)
        var marks: [(kind: MarkKind, mark: PoolMark)] = []
        var unsaved = snapshot.marks
        for _ in 0..<Self.retries {
            do { marks = try opened().marks(of: snapshot.id, seconds, step: step) } catch let fault as ControlFault { throw fault } catch {
                throw damaged("\(error)")
            }
            // Saved in between they would count twice, or not at all.
            let (isSame, left) = book.withLock { book in
                (book.saves == snapshot.saves, book.marks.filter { $0.key.pool == snapshot.id })
            }
            if isSame { break }
            unsaved = left
        }
        for (key, mark) in unsaved.sorted(by: { $0.value.seq < $1.value.seq }) where seconds.contains(key.second) {
            let place = (key.second - first) / step
            let same = marks.lastIndex { $0.kind == key.kind && (SeriesLevel.second.bucket(at: $0.mark.at) - first) / step == place }
            if let same { marks[same].mark.add(mark) } else { marks.append((key.kind, mark)) }
        }
        marks.sort { ($0.mark.seq, $0.kind.rawValue) < ($1.mark.seq, $1.kind.rawValue) }
        view.marksLeftOut = max(0, marks.count - Self.marksMost)
        view.marks = marks.suffix(Self.marksMost).map {
            SeriesView.Mark(kind: $0.kind.name, seq: $0.mark.seq, at: $0.mark.at, count: $0.mark.count, text: $0.mark.text)
        }
    }
}

/// Makes rows of buckets, step by step.
private struct RowBuilder {
    private var rows: [SeriesView.Row] = []
    private var bands: [SeriesView.Band] = []
    /// The band of each kind that reaches to the last step, as an index.
    private var open = [Int?](repeating: nil, count: PoolBands.named.count)
    private var current: SeriesBucket?
    private var last: PoolSample?

    init(before: PoolSample?) { last = before }

    mutating func begin(at start: LogTime) { current = last.map { SeriesBucket(0, startingAt: start, with: $0) } }

    mutating func add(_ bucket: SeriesBucket) {
        if current == nil { current = bucket } else { current?.merge(bucket) }
        last = bucket.last
    }

    mutating func end(at end: LogTime, seconds: Int64, stepSeconds: Int64) {
        guard let current else { return }
        let row = SeriesView.Row(
            seconds: seconds, low: current.low, high: current.high, waitLowMicroseconds: current.waitLow,
            waitHighMicroseconds: current.waitHigh(until: end))
        if rows.last.map({ !$0.isSame(as: row) }) ?? true { rows.append(row) }
        for (index, named) in PoolBands.named.enumerated() {
            if !current.bands.contains(named.band) {
                open[index] = nil
            } else if let place = open[index] {
                bands[place].toSeconds = seconds + stepSeconds
            } else {
                open[index] = bands.count
                bands.append(SeriesView.Band(kind: named.name, fromSeconds: seconds, toSeconds: seconds + stepSeconds))
            }
        }
    }

    func finish() -> ([SeriesView.Row], [SeriesView.Band]) { (rows, bands) }
}
