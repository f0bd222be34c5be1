import Basics
import Domain
import Testing
@testable import Autoscaling

@Suite struct WindowMaximumTests {
    /// The list HPA keeps: every sample, looked through at each question.
    private struct Naive {
        var samples: [(value: Int, at: LogTime)] = []

        func highest(with value: Int, in window: Window, at now: LogTime) -> Int {
            let cutoff = now.adding(seconds: -window.seconds)
            return samples.reduce(value) { $1.at > cutoff || (window.countsItsEdge && $1.at == cutoff) ? max($0, $1.value) : $0 }
        }
    }

    @Test("answers as the list of all samples would", arguments: 0..<40)
    func equalsTheNaiveList(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let window = Window(seconds: random.int(0...30), countsItsEdge: random.chance(50))
        var queue = WindowMaximum()
        var naive = Naive()
        var now = LogTime.s(1_000)
        for _ in 0..<400 {
            now = now.adding(microseconds: Int64(random.pick([0, 1, 500_000, 1_000_000, 7_000_000])))
            if random.chance(60) {
                let value = random.int(-9...9)
                queue.record(value, at: now, keeping: window)
                naive.samples.append((value, now))
            }
            let asked = random.int(-9...9)
            let later = now.adding(microseconds: Int64(random.pick([0, 0, 1_000_000, 30_000_000])))
            #expect(queue.highest(with: asked, in: window, at: later) == naive.highest(with: asked, in: window, at: later))
        }
    }

    @Test("the moment it names is the first at which the maximum is below the level", arguments: 0..<20)
    func fallsBelowIsExact(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) &+ 99)
        let window = Window(seconds: 20, countsItsEdge: seed % 2 == 0)
        var queue = WindowMaximum()
        var now = LogTime.s(100)
        for _ in 0..<100 {
            now = now.adding(seconds: random.int(0...4))
            queue.record(random.int(1...20), at: now, keeping: window)
            let level = random.int(1...20)
            guard let moment = queue.fallsBelow(level, in: window, at: now) else {
                #expect(queue.highest(with: 0, in: window, at: now) < level)
                continue
            }
            #expect(moment > now)
            #expect(queue.highest(with: 0, in: window, at: moment.adding(microseconds: -1)) >= level)
            #expect(queue.highest(with: 0, in: window, at: moment) < level)
        }
    }

    @Test("keeps only what can still be the answer")
    func keepsFallingValues() {
        var queue = WindowMaximum()
        for (second, value) in [3, 9, 4, 6, 5].enumerated() { queue.record(value, at: .s(second), keeping: Window(seconds: 60)) }
        #expect(queue.entries.map(\.value) == [9, 6, 5])
    }

    @Test("is bounded, and holds longer rather than shorter where it joins")
    func isBounded() {
        var queue = WindowMaximum()
        let window = Window(seconds: 100_000)
        for second in 0..<5_000 {
            queue.record(100_000 - second, at: .s(second), keeping: window)
            #expect(queue.entries.count <= WindowMaximum.mostEntries)
        }
        #expect(queue.highest(with: 0, in: window, at: .s(5_000)) == 100_000)
        #expect(queue.highest(with: 0, in: window, at: .s(102_500)) >= 97_499)
    }
}
