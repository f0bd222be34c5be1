import Domain
import EventLog
import Foundation
import State
import Testing
import Views

@testable import Series

@Suite("The file beside the log")
struct SeriesFileTests {
    private func answer(_ series: PoolSeries, _ made: RandomLog) async throws -> SeriesView? {
        try await series.series(of: "ns/a", SeriesQuery(from: RandomLog.start, to: made.scheduler.now, points: 500))
    }

    @Test func oneThatCantBeReadIsMadeAnew() async throws {
        let made = try RandomLog(seed: 21)
        for _ in 0..<100 { made.step(longest: 5_000_000) }
        let first = made.series()
        try first.open()
        try first.catchUp()
        let before = try await answer(first, made)
        let expected = try #require(before)
        first.close()
        let path = SeriesFile.path(besideLog: made.log.path)
        for name in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + name) }
        try Data("this is no database, whatever it was before".utf8).write(to: URL(fileURLWithPath: path))
        let second = made.series()
        try second.open()
        #expect(second.position == 0)
        try second.catchUp()
        #expect(try await answer(second, made) == expected)
        second.close()
    }

    @Test func theFileOfAnotherLogIsNotTaken() async throws {
        let (one, other) = (try RandomLog(seed: 22), try RandomLog(seed: 23))
        for _ in 0..<50 { one.step(longest: 5_000_000); other.step(longest: 5_000_000) }
        let series = one.series()
        try series.open()
        try series.catchUp()
        series.close()
        try FileManager.default.copyItem(
            atPath: SeriesFile.path(besideLog: one.log.path), toPath: SeriesFile.path(besideLog: other.log.path))
        let second = other.series()
        try second.open()
        #expect(second.position == 0)
        second.close()
    }

    @Test func itGoesOnFromWhatWasSaved() async throws {
        let made = try RandomLog(seed: 24)
        for _ in 0..<50 { made.step(longest: 5_000_000) }
        let first = made.series()
        try first.open()
        try first.catchUp()
        first.close()
        let second = made.series()
        try second.open()
        #expect(second.position == made.log.head.seq)
        second.close()
    }

    /// A pool's policies, pauses, crashes and others' replicas are marked, and those of one step are one.
    @Test func whatHappenedIsMarked() async throws {
        let made = try RandomLog(seed: 25)
        made.send(.poolPaused, "ns/a", pool: "ns/a", #"{"in":true,"out":false,"by":"ops"}"#)
        made.scheduler.advance(seconds: 100)
        made.send(.actorRequested, "ns/x", pool: "ns/a", #"{"pool":"ns/a"}"#)
        made.send(.workerReady, "ns/v", pool: "ns/a", #"{"pool":"ns/a","node":"n","slots":1}"#)
        made.send(.actorCrashed, "ns/x", worker: "ns/v", #"{"reason":"boom"}"#)
        let series = made.series()
        try series.open()
        try series.catchUp()
        for isSaved in [false, true] {
            if isSaved { try series.save() }
            let found = try await answer(series, made)
            let view = try #require(found)
            #expect(view.marks.map(\.kind).contains("policy") && view.marks.contains { $0.kind == "crash" && $0.text.contains("boom") })
            #expect(view.marks.contains { $0.kind == "pause" && $0.text == "scale-in paused by ops" })
            // As one step all of a kind are one.
            let coarse = try await series.series(of: "ns/a", SeriesQuery(from: RandomLog.start, to: made.scheduler.now, points: 2))
            let whole = try #require(coarse)
            #expect(whole.marks.count <= Set(whole.marks.map(\.kind)).count * 2)
            #expect(whole.marks.reduce(0) { $0 + $1.count } == view.marks.reduce(0) { $0 + $1.count })
        }
        let paused = try #require(WhenCondition("paused"))
        let answer = try await series.newest(paused, of: "ns/a", before: .max)
        let found = try #require(answer?.found)
        #expect(try made.log.event(at: found.seq)?.events.first?.kind == .poolPaused)
        series.close()
    }

    @Test func whatIsOlderThanALevelKeepsIsThinnedOut() async throws {
        let made = try RandomLog(seed: 26)
        var limits = PoolSeries.Limits()
        limits.unsavedEvents = 1
        let series = made.series(limits: limits)
        try series.open()
        for _ in 0..<200 {
            made.step(longest: 3_600_000_000)
            try series.catchUp()
            try series.save()
        }
        let file = try #require(series.file)
        let id = try #require(made.log.names.find("ns/a"))
        let now = made.scheduler.now
        let day = SeriesChunk.number(ofBucket: SeriesLevel.second.bucket(at: now.adding(microseconds: -86_400_000_000)))
        let kept = try file.chunks(of: id, .second, Int64.min...Int64.max).map(\.number)
        // It is thinned out once an hour; one before the day begins tells how the pool was then.
        #expect(kept.filter { $0 < day }.count <= 30 && kept.count > 2)
        let first = try file.chunks(of: id, .quarter, Int64.min...Int64.max).first?.number
        #expect(first == SeriesChunk.number(ofBucket: SeriesLevel.quarter.bucket(at: RandomLog.start)))
        series.close()
    }

    /// A week of 100 pools, all of it in one answer.
    @Test func aWeekOfAHundredPoolsIsAnsweredAtOnce() async throws {
        let made = try RandomLog(seed: 27)
        let series = made.series()
        try series.open()
        let file = try #require(series.file)
        let start = made.scheduler.now
        var changes = SeriesFile.Changes(position: 0, at: start)
        var random = SeededRandom(1)
        // Each quarter of an hour of the week something happens in each.
        for pool in 1...100 {
            var track = SeriesTrack(.none, at: start)
            var sample = PoolSample.none
            for quarter in 1..<672 {
                for lane in 0..<8 { sample.counts[lane] = Int32(random.below(50)) }
                track.apply(sample, at: start.adding(microseconds: Int64(quarter) * 900_000_000))
            }
            for change in track.changes where change.level == .quarter {
                changes.chunks.append((NameID(UInt32(pool)), change.level, change.number, change.bytes))
            }
        }
        try file.save(changes)
        let clock = ContinuousClock()
        var rows = 0
        let query = SeriesQuery(from: start, to: start.adding(microseconds: 604_800_000_000), points: 700, withMarks: false)
        let later = query.to.adding(microseconds: 864_000_000_000)
        let took = try clock.measure {
            for pool in 1...100 {
                let snapshot = PoolSeries.Snapshot(
                    id: NameID(UInt32(pool)), name: "p", track: SeriesTrack(.none, at: later), marks: [:], seq: 1, asOf: query.to, saves: 0)
                rows += try series.view(snapshot, query).rows.count
            }
        }
        print("a week of 100 pools: \(rows) rows of 9 columns in \(took)")
        #expect(rows > 67_000)
        // In an optimised build a tenth of this.
        #expect(took < .seconds(3))
        series.close()
    }
}
