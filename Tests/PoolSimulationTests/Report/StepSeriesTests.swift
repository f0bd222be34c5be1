import Basics
import Domain
import Testing
@testable import Simulation

// What survives when a series is thinned?

@Suite struct StepSeriesTests {
    private static func walk(_ count: Int, seed: UInt64) -> StepSeries {
        var random = SplitMix64(seed: seed)
        var series = StepSeries()
        var (at, value) = (0.0, 50)
        for _ in 0..<count {
            at += Double(random.index(below: 1_000)) / 100
            value = max(0, value + random.index(below: 41) - 20)
            series.append(value, atSeconds: at)
        }
        return series
    }

    @Test("each column keeps its first, lowest, highest and last value, in order, and no more", arguments: 1...12)
    func extremes(_ seed: UInt64) {
        let series = Self.walk(4_000, seed: seed)
        let end = series.points.last?.seconds ?? 0
        let columns = 1 + Int(seed) * 17
        let thin = series.thinned(columns: columns, from: 0, to: end)
        #expect(thin.points.count <= columns * 4)
        #expect(zip(thin.points, thin.points.dropFirst()).allSatisfy { $0.seconds <= $1.seconds })
        #expect(Set(thin.points).isSubset(of: Set(series.points)))
        func column(_ seconds: Double) -> Int { min(Int(seconds / end * Double(columns)), columns - 1) }
        let whole = Dictionary(grouping: series.points) { column($0.seconds) }
        for (number, points) in whole {
            // A value that held from before the column may be dropped at its beginning: nothing changed there.
            let before = thin.points.last { column($0.seconds) < number }
            let kept = ([before].compactMap { $0 } + thin.points.filter { column($0.seconds) == number }).map(\.value)
            #expect(kept.max() ?? 0 >= points.map(\.value).max() ?? 0 && kept.min() ?? 0 <= points.map(\.value).min() ?? 0)
            #expect(kept.last == points.last?.value)
        }
    }

    @Test("however long it is fed, it stays bounded and keeps its extremes")
    func bounded() {
        var series = StepSeries()
        for second in 0..<200_000 { series.append(second == 123_457 ? 9_999 : second % 2, atSeconds: Double(second)) }
        #expect(series.points.count <= StepSeries.mostPoints)
        #expect(series.points.first?.seconds == 0 && series.points.last?.seconds == 199_999)
        #expect(series.points.contains(.init(seconds: 123_457, value: 9_999)))
    }

    @Test("at one moment the last value counts; what repeats or returns at once is no change")
    func moments() {
        var series = StepSeries([(0, 1), (2, 1), (3, 5), (3, 4), (4, 7), (4, 4)])
        #expect(series.points == [.init(seconds: 0, value: 1), .init(seconds: 3, value: 4)])
        series.append(6, atSeconds: 1)
        #expect(series.points.last == .init(seconds: 3, value: 6))
    }
}

@Suite struct PoolTimelineTests {
    private func decision(_ seconds: Double, _ from: Int, _ to: Int) -> ReportDecision {
        ReportDecision(seconds: seconds, from: from, to: to, why: ["\(from)→\(to)"])
    }

    @Test("steps in one direction are one move with the last one's reasons; of moves in a column the larger up and down stay")
    func moves() {
        let decisions = [decision(1, 0, 1), decision(2, 1, 4), decision(3, 4, 3), decision(4, 3, 5), decision(5, 5, 0), decision(90, 0, 1)]
        let merged = decisions.merged(columns: 2) { $0 / 100 }
        #expect(merged.map(\.from) == [0, 5, 0] && merged.map(\.to) == [4, 0, 1])
        #expect(merged.map(\.steps) == [2, 1, 1] && merged.map(\.others) == [1, 1, 0])
        #expect(merged[0].why == ["1→4"] && merged[0].seconds == 1 && merged[0].lastSeconds == 2)
        #expect(merged.reduce(0) { $0 + $1.count } == decisions.count)
    }

    @Test("decisions stay bounded, and none is lost from the count")
    func bounded() {
        var timeline = PoolTimeline()
        for index in 0..<20_000 { timeline.note(decision(Double(index), index % 7, (index + 1) % 7)) }
        #expect(timeline.decisions.count <= PoolTimeline.mostDecisions)
        #expect(timeline.decisions.reduce(0) { $0 + $1.count } == 20_000)
        #expect(zip(timeline.decisions, timeline.decisions.dropFirst()).allSatisfy { $0.seconds <= $1.seconds })
    }
}

@Suite struct WaitDistributionTests {
    @Test("the longest waits are kept one by one, the others by rank; those who never waited are counted")
    func ranks() {
        let waits = WaitDistribution(sortedMicroseconds: [Int64](repeating: 0, count: 500_000) + (1...500_000).map { $0 * 1_000 })
        #expect(waits.points.count < 500 && waits.turns == 1_000_000 && waits.unwaited == 500_000)
        #expect(waits.points.prefix(3).map(\.seconds) == [500, 499.999, 499.998])
        #expect(waits.points.last == .init(seconds: 0.001, turns: 500_000))
    }

    @Test("without turns, and without waits")
    func empty() {
        #expect(WaitDistribution.none.points.isEmpty && WaitDistribution.none.unwaited == 0)
        #expect(WaitDistribution(sortedMicroseconds: [0, 0]).unwaited == 2)
    }
}
