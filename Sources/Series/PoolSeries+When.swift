package import Domain
import EventLog
import Replay
import State
package import Views

// When did a condition last begin to hold?
//
// Buckets say where it can have begun: from the coarsest level to the finest that is kept. Within the bucket that is left the log itself is
// folded, so the position is exact. How much one question folds is bounded; what wasn't searched is said, to go on from there.

extension PoolSeries {
    /// Buckets that are looked at in the log for one question, and the events that are folded for it.
    fileprivate static let foldsMost = 24
    private static let eventsMost: Int64 = 4_000_000

    package func newest(_ condition: WhenCondition, of pool: String, before: Position) async throws(ControlFault) -> WhenView? {
        guard let snapshot = try snapshot(of: pool) else { return nil }
        switch condition.what {
        case .policyChanged: return try newestMark(.policy, snapshot, before)
        case .crashed: return try newestMark(.crash, snapshot, before)
        case .paused: return try newestMark(.pause, snapshot, before) { $0 != "resumed" && !$0.hasPrefix("resumed ") }
        case .count, .waitedLonger: break
        }
        var search = WhenSearch(
            series: self, snapshot: snapshot, condition: condition, before: before, folds: Self.foldsMost, events: Self.eventsMost)
        return try await search.run()
    }

    /// To the second: of several in the second of `before` the earlier ones may be missed.
    private func newestMark(
        _ kind: MarkKind, _ snapshot: Snapshot, _ before: Position, where isWanted: (String) -> Bool = { _ in true }
    ) throws(ControlFault) -> WhenView {
        let unsaved = snapshot.marks.filter { $0.key.kind == kind && $0.value.seq < before && isWanted($0.value.text) }
        if let newest = unsaved.values.max(by: { $0.seq < $1.seq }) {
            return WhenView(found: WhenView.Found(seq: newest.seq, at: newest.at), searchedTo: newest.seq)
        }
        var before = before
        for _ in 0..<1_000 {
            let found: PoolMark?
            do { found = try opened().newestMark(of: snapshot.id, kind, before: before) } catch let fault as ControlFault {
                throw fault
            } catch {
                throw damaged("\(error)")
            }
            guard let found else { return WhenView(found: nil, searchedTo: 0) }
            if isWanted(found.text) { return WhenView(found: WhenView.Found(seq: found.seq, at: found.at), searchedTo: found.seq) }
            before = found.seq
        }
        return WhenView(found: nil, searchedTo: before)
    }
}

private struct WhenSearch {
    let series: PoolSeries
    let snapshot: PoolSeries.Snapshot
    let condition: WhenCondition
    let before: Position
    var folds: Int
    var events: Int64
    /// Everything from this position on was searched.
    var searchedTo: Position = .max

    private enum End: Error {
        /// So much was looked at that the rest is for another question.
        case exhausted
        case fault(ControlFault)
    }

    mutating func run() async throws(ControlFault) -> WhenView {
        let level = SeriesLevel.quarter
        let to: LogTime
        do throws(LogError) {
            // Who waits goes on waiting until the commit at `before`.
            to = before == .max ? snapshot.asOf : try series.log.event(at: before)?.at ?? snapshot.asOf
        } catch { throw .unavailable(error.description) }
        let from = to.adding(microseconds: -level.keptSeconds * 1_000_000)
        do throws(End) {
            let found = try await search(level, level.bucket(at: from)...level.bucket(at: to))
            return WhenView(found: found, searchedTo: found?.seq ?? 0)
        } catch {
            switch error {
            case .exhausted: return WhenView(found: nil, searchedTo: searchedTo == .max ? before : searchedTo)
            case .fault(let fault): throw fault
            }
        }
    }

    private mutating func search(_ level: SeriesLevel, _ numbers: ClosedRange<Int64>) async throws(End) -> WhenView.Found? {
        let (before, buckets): (PoolSample?, [SeriesBucket])
        do throws(ControlFault) { (before, buckets) = try series.buckets(snapshot, level, numbers) } catch { throw .fault(error) }
        for index in buckets.indices.reversed() {
            guard !Task.isCancelled else { throw .exhausted }
            let bucket = buckets[index]
            // Nothing changes until the next bucket; who waits goes on waiting.
            let isFirst = index == 0 && before == nil
            let next = index + 1 < buckets.count ? buckets[index + 1].number : numbers.upperBound + 1
            let end = min(level.start(of: waits ? next : bucket.number + 1), max(snapshot.asOf, level.start(of: bucket.number)))
            guard mayBegin(bucket, until: end, isFirst) else { continue }
            let last = waits ? next - 1 : bucket.number
            if let finer = SeriesLevel(rawValue: level.rawValue - 1),
                snapshot.asOf.microseconds(since: level.start(of: bucket.number)) <= finer.keptSeconds * 1_000_000
            {
                let span = finer.bucket(at: level.start(of: bucket.number))...(finer.bucket(at: level.start(of: last + 1)) - 1)
                if let found = try await search(finer, span) { return found }
            } else if let found = try await fold(from: level.start(of: bucket.number), to: level.start(of: last + 1)) {
                return found
            }
        }
        return try grown(from: before, level, numbers, buckets.first)
    }

    /// Before the first bucket of a stretch nothing changes, and who waits goes on waiting.
    private func grown(
        from before: PoolSample?, _ level: SeriesLevel, _ numbers: ClosedRange<Int64>, _ first: SeriesBucket?
    ) throws(End) -> WhenView.Found? {
        guard waits, let before else { return nil }
        let start = level.start(of: numbers.lowerBound)
        let end = min(level.start(of: first?.number ?? numbers.upperBound + 1), snapshot.asOf)
        guard let moment = grown(before, holds(before, at: start), from: start, until: end) else { return nil }
        do throws(LogError) {
            let seq = try series.log.position(at: moment)
            return seq < self.before ? WhenView.Found(seq: seq, at: moment) : nil
        } catch { throw .fault(.unavailable(error.description)) }
    }

    private var waits: Bool { if case .waitedLonger = condition.what { true } else { false } }

    /// Whether the condition may begin to hold within the bucket.
    private func mayBegin(_ bucket: SeriesBucket, until end: LogTime, _ isFirst: Bool) -> Bool {
        switch condition.what {
        case .count(let count, let comparison, let bound):
            let may = comparison.mayHold(Int64(bucket.low[count.rawValue]), Int64(bucket.high[count.rawValue]), bound)
            return may.some && (may.notAll || isFirst)
        case .waitedLonger(let microseconds):
            return bucket.waitHigh(until: end) > microseconds && (bucket.waitLow <= microseconds || isFirst)
        case .policyChanged, .paused, .crashed: return false
        }
    }

    /// Folds the stretch, and finds the last moment in it at which the condition began to hold.
    private mutating func fold(from: LogTime, to: LogTime) async throws(End) -> WhenView.Found? {
        guard folds > 0, events > 0, !Task.isCancelled else { throw .exhausted }
        folds -= 1
        var state: State
        do throws(StateArchive.Fault) { state = try await series.archive.state(at: .time(from.adding(microseconds: -1))) } catch {
            switch error {
            case .full: throw .fault(.overloaded(retryAfterSeconds: 1))
            case .log(let error): throw .fault(.unavailable(error.description))
            }
        }
        var known = state.sample(of: snapshot.id)
        var held = known.map { holds($0, at: from) } ?? false
        var found: WhenView.Found?
        var (seq, at) = (state.position, from)
        let start = state.position
        stretch: while true {
            let batches = try read(after: state.position)
            if batches.isEmpty { break }
            for batch in batches {
                if batch.at >= to { break stretch }
                // It may have grown until this commit.
                let grown = grown(known, held, from: at, until: batch.at)
                if let grown, seq < before { found = WhenView.Found(seq: seq, at: grown) }
                if batch.lastSeq >= before { return found }
                events -= Int64(batch.events.count)
                _ = state.fold(batch, names: series.log.names)
                known = state.sample(of: snapshot.id)
                let holdsNow = known.map { holds($0, at: batch.at) } ?? false
                if holdsNow, !held, grown == nil { found = WhenView.Found(seq: batch.lastSeq, at: batch.at) }
                held = holdsNow
                (seq, at) = (batch.lastSeq, batch.at)
            }
            // The first one is folded whatever it takes: else the question would never get beyond it.
            if Task.isCancelled || (events <= 0 && folds < PoolSeries.foldsMost - 1) { throw .exhausted }
        }
        if let grown = grown(known, held, from: at, until: min(to, snapshot.asOf)), seq < before {
            found = WhenView.Found(seq: seq, at: grown)
        }
        searchedTo = min(searchedTo, start + 1)
        return found
    }

    private func read(after position: Position) throws(End) -> [CommittedBatch] {
        do throws(LogError) { return try series.log.read(after: position, limitEvents: 4_096) } catch {
            throw .fault(.unavailable(error.description))
        }
    }

    private func holds(_ sample: PoolSample, at time: LogTime) -> Bool {
        switch condition.what {
        case .count(let count, let comparison, let bound): comparison.holds(Int64(sample[count]), bound)
        case .waitedLonger(let microseconds): SeriesBucket.wait(sample, at: time) > microseconds
        case .policyChanged, .paused, .crashed: false
        }
    }

    /// When the wait of who waited first grew beyond the bound, where it did between two moments.
    private func grown(_ sample: PoolSample?, _ held: Bool, from: LogTime, until: LogTime) -> LogTime? {
        guard case .waitedLonger(let microseconds) = condition.what, !held, let oldest = sample?.oldestRequestedAt else { return nil }
        let moment = oldest.adding(microseconds: microseconds)
        return moment >= from && moment < until ? moment : nil
    }
}
