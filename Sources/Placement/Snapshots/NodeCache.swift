import Domain

// What is one node's cache worth, and how full is it?
//
// Sums over the entries of one node, kept with every change: bytes in all, and bytes that would be restored again, by the
// quarter of an hour in which they were last used. An entry counts half as much with each quarter of an hour; a paused
// actor's snapshot, its only up-to-date copy, counts in full as long as it is there.

struct NodeCache: Hashable, Sendable {
    static let epochMicroseconds: Int64 = 900 * 1_000_000
    /// Quarters of an hour told apart; what was last used before them is worth nothing.
    static let epochs = 16

    let name: NameID
    /// Bytes it is taken to hold; moved by what the node reports.
    var capacityBytes: Int64
    private(set) var usedBytes: Int64 = 0
    private(set) var pausedBytes: Int64 = 0
    private(set) var entries = 0
    var lastUse = LogTime.zero
    /// Most and least recently used entry that may be evicted; -1 where there is none.
    var newest: Int32 = -1
    var oldest: Int32 = -1

    private var bytesByEpoch = [Int64](repeating: 0, count: epochs)
    private var newestEpoch: Int64 = .min / 2

    init(name: NameID, capacityBytes: Int64) {
        self.name = name
        self.capacityBytes = capacityBytes
    }

    static func epoch(_ time: LogTime) -> Int64 { time.microseconds / epochMicroseconds }

    /// Counts an entry (`step` 1), or takes it out (-1).
    mutating func count(_ entry: SnapshotCache.Entry, by step: Int64) {
        entries += Int(step)
        usedBytes += entry.bytes * step
        switch entry.use {
        case .paused: pausedBytes += entry.bytes * step
        case .outdated: break
        case .latest:
            let epoch = Self.epoch(entry.lastUse)
            if step > 0 { advance(to: epoch) }
            guard epoch > newestEpoch - Int64(Self.epochs) else { return }
            bytesByEpoch[Self.slot(epoch)] += entry.bytes * step
        }
    }

    /// Bytes that would be restored from here again, each counted by how recently it was.
    func valueBytes(at now: LogTime) -> Int64 {
        let nowEpoch = Self.epoch(now)
        var value = pausedBytes
        for back in 0..<Int64(Self.epochs) {
            let epoch = newestEpoch - back
            let age = max(0, nowEpoch - epoch)
            guard age < Int64(Self.epochs) else { break }
            value += bytesByEpoch[Self.slot(epoch)] >> age
        }
        return value
    }

    private static func slot(_ epoch: Int64) -> Int { Int(((epoch % Int64(epochs)) + Int64(epochs)) % Int64(epochs)) }

    private mutating func advance(to epoch: Int64) {
        guard epoch > newestEpoch else { return }
        for back in 0..<min(epoch - newestEpoch, Int64(Self.epochs)) { bytesByEpoch[Self.slot(epoch - back)] = 0 }
        newestEpoch = epoch
    }
}
