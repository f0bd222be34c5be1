// Which runs are being built, and who works on them?
//
// Two threads meet here. The keeper (or the writer itself, where the keeper lags) produces slices; the writer takes them
// and writes them with its commits. The smallest run comes first, always: it is what the next events wait for. A build is
// out of the list's reach while someone produces on it, and holds at most `readyLimit` slices.

import GRDB
import Synchronization

final class DedupeBuilds: Sendable {
    /// What the writer took: in hand until its transaction is through.
    struct Taken: Sendable {
        var run: DedupeRun
        var slice: DedupeSlice
    }

    private struct Job: Sendable {
        let run: DedupeRun
        let build: Held
        var ready: [DedupeSlice] = []
        var isProducing = false
        var isProduced = false
    }

    /// Guarded by `isProducing`: whoever set it has the build alone; when `isProduced` the writer has it.
    private struct Held: @unchecked Sendable { let build: DedupeBuild }

    private let jobs = Mutex<[Job]>([])
    private let readyLimit: Int

    init(readyLimit: Int) { self.readyLimit = readyLimit }

    var isEmpty: Bool { jobs.withLock { $0.isEmpty } }
    var levels: [Int] { jobs.withLock { $0.map(\.run.level) } }

    /// Whether there is something to produce right now.
    var wantsWork: Bool { jobs.withLock { $0.contains { !$0.isProducing && !$0.isProduced && $0.ready.count < readyLimit } } }

    func add(_ build: sending DedupeBuild) {
        let run = build.run
        let held = Held(build: build)
        jobs.withLock { jobs in
            jobs.append(Job(run: run, build: held))
            jobs.sort { ($0.run.level, $0.run.id) < ($1.run.level, $1.run.id) }
        }
    }

    /// Makes one slice for the smallest build that wants one; false where none does.
    func produceOne(_ read: ((Database) throws -> Void) throws -> Void) throws -> Bool {
        guard let (run, held) = claim() else { return false }
        var slice: DedupeSlice?
        do {
            try read { db in slice = try held.build.produce(db) }
        } catch {
            release(run, slice: nil, isProduced: false)
            throw error
        }
        release(run, slice: slice, isProduced: held.build.isProduced)
        return true
    }

    private func claim() -> (Int64, Held)? {
        jobs.withLock { jobs in
            guard let k = jobs.firstIndex(where: { !$0.isProducing && !$0.isProduced && $0.ready.count < readyLimit }) else { return nil }
            jobs[k].isProducing = true
            return (jobs[k].run.id, jobs[k].build)
        }
    }

    private func release(_ run: Int64, slice: DedupeSlice?, isProduced: Bool) {
        jobs.withLock { jobs in
            guard let k = jobs.firstIndex(where: { $0.run.id == run }) else { return }
            if let slice { jobs[k].ready.append(slice) }
            jobs[k].isProducing = false
            jobs[k].isProduced = isProduced
        }
    }

    // MARK: - The writer's side

    /// The next slice to write, the smallest build's first; nil where none is ready.
    func take() -> Taken? {
        jobs.withLock { jobs in
            guard let k = jobs.firstIndex(where: { !$0.ready.isEmpty }) else { return nil }
            return Taken(run: jobs[k].run, slice: jobs[k].ready.removeFirst())
        }
    }

    /// The transaction failed: all of it is still to be written, in the order it was taken.
    func putBack(_ taken: [Taken]) {
        jobs.withLock { jobs in
            for item in taken.reversed() {
                guard let k = jobs.firstIndex(where: { $0.run.id == item.run.id }) else { continue }
                jobs[k].ready.insert(item.slice, at: 0)
            }
        }
    }

    /// Runs all of whose rows have been taken; of one level in the order of their positions. Two may be built at once, one by
    /// the keeper and one by the writer, and a run that came before an older one would leave a gap between runs.
    func finished() -> [DedupeBuild] {
        jobs.withLock { jobs in
            var held: [Held] = []
            var waiting: Set<Int> = []
            for job in jobs {
                if job.isProduced, job.ready.isEmpty, !waiting.contains(job.run.level) {
                    held.append(job.build)
                } else {
                    waiting.insert(job.run.level)
                }
            }
            return held
        }.map(\.build)
    }

    func remove(_ run: Int64) { jobs.withLock { jobs in jobs.removeAll { $0.run.id == run } } }
}
