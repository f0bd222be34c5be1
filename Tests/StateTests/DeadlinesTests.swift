import Basics
import Domain
import State
import Synchronization
import Testing

// Do deadlines in their tree say what a plain list says, and does one change cost steps, and no pass over all of them?

@Suite struct DeadlinesTests {
    private typealias Entry = Deadlines<Int>.Entry

    @Test(arguments: [1, 2, 3])
    func `they say what a plain list says`(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var deadlines = Deadlines<Int>()
        var plain: [Int: Int64] = [:]
        for _ in 0..<4_000 {
            let key = Int.random(in: 0..<600, using: &generator)
            if let at = plain[key] {
                let wasThere = deadlines.remove(key, at: LogTime(microseconds: at))
                #expect(wasThere)
                plain[key] = nil
            } else {
                // Of few moments, so that many are the same.
                let at = Int64(Int.random(in: 0..<40, using: &generator))
                let wasThere = deadlines.remove(key, at: LogTime(microseconds: at))
                #expect(!wasThere)
                deadlines.add(key, at: LogTime(microseconds: at))
                plain[key] = at
            }
            let sorted = plain.map { Entry(at: LogTime(microseconds: $0.value), key: $0.key) }.sorted()
            let now = LogTime(microseconds: Int64(Int.random(in: 0..<45, using: &generator)))
            let others = Set(sorted.prefix(Int.random(in: 0..<5, using: &generator)) + sorted.suffix(2))
            let limit = Int.random(in: 0..<20, using: &generator)
            #expect(deadlines.count == sorted.count && deadlines.isEmpty == sorted.isEmpty && deadlines.first == sorted.first?.at)
            #expect(deadlines.first(after: now) == sorted.first { $0.at > now }?.at)
            #expect(deadlines.first(except: others) == sorted.first { !others.contains($0) }?.at)
            #expect(
                deadlines.reached(now, except: others, limit: limit)
                    == Array(sorted.filter { $0.at <= now && !others.contains($0) }.prefix(limit)))
            #expect(others.allSatisfy(deadlines.contains) && !deadlines.contains(Entry(at: now, key: 1_000)))
        }
    }

    /// Says how often it was compared.
    private struct Counted: Comparable, Hashable {
        static let comparisons = Atomic<Int>(0)
        var number: Int

        static func < (a: Counted, b: Counted) -> Bool {
            comparisons.wrappingAdd(1, ordering: .relaxed)
            return a.number < b.number
        }
    }

    @Test func `a hundred thousand of one moment cost steps each, in whatever order they come and go`() {
        let count = 100_000
        var generator = SplitMix64(seed: 7)
        let orders: [[Int]] = [
            Array(0..<count), Array((0..<count).reversed()), (0..<count).map { ($0, generator.next()) }.sorted { $0.1 < $1.1 }.map(\.0),
        ]
        let moment = LogTime(microseconds: 1)
        for coming in orders {
            for going in orders {
                var deadlines = Deadlines<Counted>()
                Counted.comparisons.store(0, ordering: .relaxed)
                var longest = 0
                for (k, number) in coming.enumerated() {
                    deadlines.add(Counted(number: number), at: moment)
                    if k % 5_000 == 0 { longest = max(longest, deadlines.longestMove) }
                }
                longest = max(longest, deadlines.longestMove)
                for (k, number) in going.enumerated() {
                    deadlines.remove(Counted(number: number), at: moment)
                    if k % 5_000 == 0 { longest = max(longest, deadlines.longestMove) }
                }
                #expect(deadlines.isEmpty)
                let comparisons = Counted.comparisons.load(ordering: .relaxed)
                // Two searches of 17 steps and what surrounds them; and at most a fiftieth of the list is moved.
                #expect(comparisons < 2 * count * 40, "\(comparisons) comparisons")
                #expect(longest < count / 50, "\(longest) moved at once")
            }
        }
    }
}
