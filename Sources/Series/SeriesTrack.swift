import Domain
import State

// What of one pool is in memory?
//
// Its sample, and for each level the chunk that is being filled, with the bucket that is open. Chunks that are full wait here until they
// are saved. Always: time doesn't go back, as the log's doesn't.

struct SeriesTrack: Sendable {
    private(set) var sample: PoolSample
    private(set) var levels: [Level]

    struct Level: Sendable {
        let level: SeriesLevel
        fileprivate(set) var chunk: Int64
        /// Buckets of it that are over.
        fileprivate var over: SeriesChunk
        fileprivate(set) var open: SeriesBucket
        /// Full and not saved yet, in order.
        fileprivate(set) var full: [(number: Int64, bytes: [UInt8])] = []
        fileprivate(set) var isChanged = true

        /// The chunk as it would be saved now.
        var bytes: [UInt8] {
            var chunk = over
            chunk.append(open, level)
            return chunk.bytes
        }

        fileprivate init(_ level: SeriesLevel, _ sample: PoolSample, at time: LogTime) {
            self.level = level
            let number = level.bucket(at: time)
            chunk = SeriesChunk.number(ofBucket: number)
            over = SeriesChunk(number: chunk)
            open = SeriesBucket(number, startingAt: time, with: sample)
        }

        /// From its last chunk as it was saved.
        fileprivate init(_ level: SeriesLevel, chunk: Int64, buckets: [SeriesBucket]) throws(ChunkFault) {
            guard let last = buckets.last else { throw ChunkFault() }
            self.level = level
            self.chunk = chunk
            over = SeriesChunk(number: chunk)
            for bucket in buckets.dropLast() { over.append(bucket, level) }
            open = last
            isChanged = false
        }

        fileprivate mutating func apply(_ sample: PoolSample, at time: LogTime, after before: PoolSample) {
            isChanged = true
            let number = level.bucket(at: time)
            if number != open.number {
                over.append(open, level)
                let next = SeriesChunk.number(ofBucket: number)
                if next != chunk {
                    full.append((chunk, over.bytes))
                    chunk = next
                    over = SeriesChunk(number: next)
                }
                open = SeriesBucket(number, startingAt: level.start(of: number), with: before)
            }
            open.apply(sample, at: time)
        }
    }

    init(_ sample: PoolSample, at time: LogTime) {
        self.sample = sample
        levels = SeriesLevel.allCases.map { Level($0, sample, at: time) }
    }

    /// From the last chunk of each level.
    init(saved: [(number: Int64, bytes: [UInt8])]) throws(ChunkFault) {
        guard saved.count == SeriesLevel.allCases.count else { throw ChunkFault() }
        var levels: [Level] = []
        for (level, chunk) in zip(SeriesLevel.allCases, saved) {
            levels.append(try Level(level, chunk: chunk.number, buckets: try ChunkReader.all(chunk.bytes, number: chunk.number, level)))
        }
        self.levels = levels
        sample = levels[0].open.last
    }

    mutating func apply(_ next: PoolSample, at time: LogTime) {
        for index in levels.indices { levels[index].apply(next, at: time, after: sample) }
        sample = next
    }

    var unsavedBytes: Int { levels.reduce(0) { $0 + $1.full.reduce(0) { $0 + $1.bytes.count } } }
    var isChanged: Bool { levels.contains { $0.isChanged } }

    /// All that isn't saved.
    var changes: [(level: SeriesLevel, number: Int64, bytes: [UInt8])] {
        levels.filter(\.isChanged).flatMap { level in
            level.full.map { (level.level, $0.number, $0.bytes) } + [(level.level, level.chunk, level.bytes)]
        }
    }

    mutating func noteSaved() {
        for index in levels.indices {
            levels[index].full = []
            levels[index].isChanged = false
        }
    }
}
