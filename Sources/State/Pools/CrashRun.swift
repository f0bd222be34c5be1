package import Domain

// Do a pool's workers, or the turns on them, fail one after the other?
//
// Counted in a row: a turn that ends with its state kept begins the count anew. A worker that had no actor counts only if it was lost
// soon after it was ready. What happened long ago says nothing of now, so whoever shows it says at what time they look.

package struct CrashRun: Hashable, Sendable {
    /// From so many in a row on the pool's workers count as failing.
    package static let tolerated = 2
    /// A run whose last failure is older is over.
    package static let memorySeconds = 3_600
    /// A worker that is lost within this time of its first word, without an actor, never worked.
    package static let youthSeconds = 600
    /// Characters of an error that are kept.
    static let errorLimit = 256

    package internal(set) var count: Int
    /// What was said of the last one.
    package internal(set) var error: String
    package internal(set) var at: LogTime

    package func isPersistent(at now: LogTime) -> Bool { count > Self.tolerated && isRecent(at: now) }
    package func isRecent(at now: LogTime) -> Bool { now <= at.adding(seconds: Self.memorySeconds) }

    /// `5 failures in a row; the last: exited with status 127`
    package var sentence: String { count == 1 ? error : "\(count) failures in a row; the last: \(error)" }
}

extension CrashRun {
    func encode(into writer: inout ByteWriter) {
        writer.integer(Int64(count))
        writer.string(error)
        writer.time(at)
    }

    init(from reader: inout ByteReader) throws(ByteFault) {
        count = try reader.tally()
        error = try reader.string()
        at = try reader.time()
    }
}

extension State {
    /// A turn ended badly, by its own word.
    mutating func noteCrash(_ home: Int, _ error: String, _ fold: inout Fold) {
        fold.change.measured.append(.actorCrashed(pool: home))
        noteFailure(home, error, &fold)
    }

    /// A worker that nobody had sent away is gone, with so many actors. Without any it counts while it was young. In a pool whose policy only
    /// recommends, somebody else may have sent it away, so there it doesn't count.
    mutating func noteLoss(_ home: Int, _ reason: String, actors: Int, readySince: LogTime, _ fold: inout Fold) {
        let mayBeOthers = pools[home].policy.map { $0.policy.mode != .auto } ?? false
        guard actors > 0 || (!mayBeOthers && fold.at < readySince.adding(seconds: CrashRun.youthSeconds)) else { return }
        noteFailure(home, reason.isEmpty ? "a worker is gone" : "a worker is gone: \(reason)", &fold)
    }

    private mutating func noteFailure(_ home: Int, _ error: String, _ fold: inout Fold) {
        let before = pools[home].crashes.flatMap { $0.isRecent(at: fold.at) ? $0.count : nil } ?? 0
        pools[home].crashes = CrashRun(count: before.addingClamped(1), error: String(error.prefix(CrashRun.errorLimit)), at: fold.at)
    }
}
