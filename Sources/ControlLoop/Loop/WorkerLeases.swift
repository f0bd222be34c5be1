import Basics
import Domain

// Which workers that gave a `ttlSeconds` are silent, and since when?
//
// A lease lives in memory alone: signs of life come several times a minute from each worker, and none of them is news for the log. What
// the log gets is the end, `worker.gone` with reason `lost`. A worker has its lease until it is gone, from its last sign of life on, or,
// where it came before this run, from the beginning of the run on. While a stream of its placements is open it needs no other sign.
//
// A loop that looks late can't tell a silent worker from itself having been away (a machine that slept, a clock that was set, a disk
// that stood still). Then all leases begin anew.

struct WorkerLeases {
    /// Later than this after a lease's end the loop itself was away.
    static let lateMicroseconds: Int64 = 5_000_000

    private struct Lease {
        var seconds: Int
        /// nil where there was none in this run.
        var seenAt: LogTime?
        var streams = 0
        /// Position of its last `worker.ready`.
        var ready: Position
        /// Its end is on its way to the log.
        var isEnding = false

        mutating func count(streams step: Int, at now: LogTime) {
            streams = max(0, streams + step)
            seenAt = now
        }
    }

    /// By the worker's number.
    private var leases: [Int: Lease] = [:]
    private var deadlines = EarliestTimes()
    /// Streams that are open, by the worker's name as it was asked for. As many as the server lets in.
    private var streams: [String: Int] = [:]

    var first: LogTime? { deadlines.first }
    var isEmpty: Bool { leases.isEmpty }

    // MARK: - What the log says

    /// The worker said that it is ready, or is known from an earlier run.
    /// - Parameters:
    ///   - names: by which streams may ask for it.
    ///   - isHeard: it spoke just now.
    mutating func begin(_ worker: Int, seconds: Int, ready: Position, names: [String], isHeard: Bool, at now: LogTime) {
        let open = streams.isEmpty ? 0 : names.reduce(0) { $0 + (streams[$1] ?? 0) }
        let earlier = leases[worker].flatMap { $0.ready <= ready ? $0.seenAt : nil }
        leases[worker] = Lease(seconds: seconds, seenAt: isHeard || open > 0 ? now : earlier, streams: open, ready: ready)
        setDeadline(worker, from: now)
    }

    mutating func end(_ worker: Int) {
        guard leases.removeValue(forKey: worker) != nil else { return }
        deadlines[worker] = nil
    }

    /// Another instance counts them from here on. Which streams are open here stays known.
    mutating func endAll() {
        leases = [:]
        deadlines = EarliestTimes()
    }

    var namesWithStreams: [String] { Array(streams.keys) }

    // MARK: - Signs of life

    /// nil where it has no lease.
    mutating func hear(_ worker: Int, at now: LogTime) -> Int? {
        // Once its loss is on its way to the log it is too late.
        guard leases[worker]?.isEnding == false else { return nil }
        leases[worker]?.seenAt = now
        setDeadline(worker, from: now)
        return leases[worker]?.seconds
    }

    /// A stream of placements was opened (`step` 1), or ended (-1).
    /// - Parameter workers: who is meant, of those that are known by now.
    mutating func count(streamOf name: String, by step: Int, workers: [Int], at now: LogTime) {
        let open = (streams[name] ?? 0) + step
        streams[name] = open > 0 ? open : nil
        for worker in workers where leases[worker] != nil {
            leases[worker]?.count(streams: step, at: now)
            setDeadline(worker, from: now)
        }
    }

    // MARK: - Time

    /// Those whose lease has ended, by number, with the `worker.ready` that is meant; each is given once.
    mutating func takeEnded(_ now: LogTime) -> [(worker: Int, ready: Position)] {
        guard let first = deadlines.first, first <= now else { return [] }
        guard now.microseconds(since: first) <= Self.lateMicroseconds else {
            beginAnew(at: now)
            return []
        }
        var ended: [(worker: Int, ready: Position)] = []
        for (worker, _) in deadlines.reached(now) {
            deadlines[worker] = nil
            leases[worker]?.isEnding = true
            if let lease = leases[worker] { ended.append((worker, lease.ready)) }
        }
        return ended
    }

    /// Nobody knows who spoke meanwhile; what was to end may not have come to the log.
    mutating func beginAnew(at now: LogTime) {
        for worker in leases.keys {
            leases[worker]?.isEnding = false
            setDeadline(worker, from: now)
        }
    }

    /// When it was heard last: now, where a stream is open. nil where it wasn't in this run, or has no lease.
    func lastSeen(_ worker: Int, at now: LogTime) -> LogTime? {
        guard let lease = leases[worker] else { return nil }
        return lease.streams > 0 ? now : lease.seenAt
    }

    private mutating func setDeadline(_ worker: Int, from now: LogTime) {
        guard let lease = leases[worker] else { return }
        deadlines[worker] = lease.streams > 0 || lease.isEnding ? nil : now.adding(seconds: lease.seconds)
    }
}
