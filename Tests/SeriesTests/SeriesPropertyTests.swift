import Domain
import EventLog
import Foundation
import State
import Testing
import Views

@testable import Series

@Suite("The series says what the log says")
struct SeriesPropertyTests {
    /// Every step of random answers equals the same step read from the log, at every level, whether it is in memory or in the file.
    @Test(arguments: [(UInt64(1), Int64(3_000_000)), (2, 40_000_000), (3, 600_000_000), (4, 7_200_000_000), (5, 200_000)])
    func everyStepEqualsTheLog(seed: UInt64, longest: Int64) async throws {
        let made = try RandomLog(seed: seed)
        var limits = PoolSeries.Limits()
        limits.unsavedEvents = 64
        var series = made.series(limits: limits)
        try series.open()
        var random = SeededRandom(seed &+ 100)
        for round in 0..<6 {
            for _ in 0..<70 { made.step(longest: longest) }
            try series.catchUp()
            if round % 2 == 0 { try series.save() }
            if round % 3 == 1 {
                // Another process goes on from the file; one whose file is deleted makes it anew.
                series.close()
                if round == 4 { try FileManager.default.removeItem(atPath: SeriesFile.path(besideLog: made.log.path)) }
                series = made.series(limits: limits)
                try series.open()
                try series.catchUp()
            }
            try await check(series, made, &random)
        }
        series.close()
    }

    private func check(_ series: PoolSeries, _ made: RandomLog, _ random: inout SeededRandom) async throws {
        let truth = try BruteForce(made.log)
        let now = made.scheduler.now
        let whole = Int(now.microseconds(since: RandomLog.start)) + 1
        for _ in 0..<12 {
            let pool = RandomLog.pools[random.below(RandomLog.pools.count)]
            let from = RandomLog.start.adding(microseconds: Int64(random.below(whole)) - 5_000_000)
            let to = from.adding(microseconds: Int64(random.below(Int(now.microseconds(since: from)) + 1)))
            let query = SeriesQuery(from: from, to: to, points: 2 + random.below(60))
            guard let view = try await series.series(of: pool, query) else {
                #expect(truth.moments[pool] == nil)
                continue
            }
            #expect(view.from <= from && view.to > to && view.seq == made.log.head.seq)
            check(view, truth, query, now)
        }
    }

    private func check(_ view: SeriesView, _ truth: BruteForce, _ query: SeriesQuery, _ now: LogTime) {
        var (next, row): (Int, SeriesView.Row?) = (0, nil)
        let steps = view.to.microseconds(since: view.from) / (view.stepSeconds * 1_000_000)
        #expect(steps <= Int64(query.points), "\(query)")
        for step in 0..<steps {
            let seconds = step * view.stepSeconds
            let start = view.from.adding(microseconds: seconds * 1_000_000)
            guard start <= now else { break }
            if next < view.rows.count, view.rows[next].seconds == seconds {
                row = view.rows[next]
                next += 1
            }
            let expected = truth.step(view.pool, from: start, to: start.adding(microseconds: view.stepSeconds * 1_000_000), asOf: now)
            let bands = Set(view.bands.filter { $0.fromSeconds <= seconds && seconds < $0.toSeconds }.map(\.kind))
            let found = row.map { row in
                BruteForce.Step(
                    low: PoolSample.Count.allCases.map { Int(row.low[$0.rawValue]) },
                    high: PoolSample.Count.allCases.map { Int(row.high[$0.rawValue]) }, waitLow: row.waitLowMicroseconds,
                    waitHigh: row.waitHighMicroseconds, bands: bands)
            }
            #expect(found == expected, "\(view.pool) \(start) + \(view.stepSeconds) s of \(query)")
            guard found == expected else { return }
        }
        #expect(next == view.rows.count)
    }

    /// Conditions are found where a reading of the whole log finds them.
    @Test(arguments: [(UInt64(11), Int64(3_000_000)), (12, 40_000_000), (13, 900_000_000)])
    func conditionsAreFoundWhereTheLogHasThem(seed: UInt64, longest: Int64) async throws {
        let made = try RandomLog(seed: seed)
        let series = made.series()
        try series.open()
        for _ in 0..<300 { made.step(longest: longest) }
        try series.catchUp()
        let truth = try BruteForce(made.log)
        var random = SeededRandom(seed)
        let names: [(String, Int)] = [("demand", 0), ("desired", 1), ("ready", 2), ("busy", 3), ("starting", 4), ("waiting", 5)]
        for _ in 0..<40 {
            let pool = RandomLog.pools[random.below(RandomLog.pools.count)]
            let (name, lane) = names[random.below(names.count)]
            let comparison = WhenCondition.Comparison.allCases[random.below(5)]
            let bound = random.below(5)
            let condition = try #require(WhenCondition("\(name) \(comparison.rawValue) \(bound)"))
            let before = random.below(4) == 0 ? Position.max : Position(1 + random.below(Int(made.log.head.seq)))
            let found = try await everything(series, condition, pool, before)
            let expected = truth.newest(pool, before: before) { comparison.holds(Int64($0.counts[lane]), Int64(bound)) }
            #expect(found?.seq == expected, "\(condition.text) of \(pool) before \(before)")
        }
        for _ in 0..<20 {
            let pool = RandomLog.pools[random.below(RandomLog.pools.count)]
            let microseconds = Int64(random.below(Int(longest) * 8))
            let condition = try #require(WhenCondition("oldestWait>\(Double(microseconds) / 1e6)"))
            guard case .waitedLonger(let read) = condition.what else { continue }
            let before = random.below(4) == 0 ? Position.max : Position(1 + random.below(Int(made.log.head.seq)))
            let found = try await everything(series, condition, pool, before)
            let expected = truth.waitedLonger(pool, before: before, than: read, asOf: made.scheduler.now)
            #expect(found?.at == expected, "\(condition.text) of \(pool) before \(before)")
        }
        series.close()
    }

    /// Goes on where one answer stopped.
    private func everything(
        _ series: PoolSeries, _ condition: WhenCondition, _ pool: String, _ before: Position
    ) async throws -> WhenView.Found? {
        var before = before
        for _ in 0..<200 {
            guard let view = try await series.newest(condition, of: pool, before: before) else { return nil }
            if let found = view.found { return found }
            guard view.searchedTo > 0, view.searchedTo < before else { return nil }
            before = view.searchedTo
        }
        Issue.record("the search doesn't end")
        return nil
    }
}
