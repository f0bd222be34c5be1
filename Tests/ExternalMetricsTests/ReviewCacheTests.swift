import HTTPTransport
import TestSupport
import Testing

@testable import ExternalMetrics

@Suite struct ReviewCacheTests {
    private let clock = ManualClock()
    private var cache: ReviewCache<String, Bool> { ReviewCache(uptimeMicroseconds: clock.read, isPositive: { $0 }) }

    @Test("yes is remembered for ten seconds, no for two", arguments: [(true, 10_000), (false, 2_000)])
    func lifetime(_ value: Bool, _ milliseconds: Int64) async throws {
        let (cache, asked) = (cache, Count())
        func query() async throws -> Bool {
            try await cache.value("a") {
                asked.raise()
                return .success(value)
            }
        }
        #expect(cache.remembered("a") == nil)
        #expect(try await query() == value)
        clock.advance(milliseconds: milliseconds - 1)
        #expect(cache.remembered("a") == value)
        #expect(try await query() == value)
        #expect(asked.value == 1)
        clock.advance(milliseconds: 1)
        #expect(cache.remembered("a") == nil)
        #expect(try await query() == value)
        #expect(asked.value == 2)
    }

    @Test("a failure is told and not remembered")
    func failure() async throws {
        let cache = cache
        await #expect(throws: AccessReviewFault(problem: "down")) {
            try await cache.value("a") { .failure(AccessReviewFault(problem: "down")) }
        }
        #expect(cache.remembered("a") == nil)
        #expect(try await cache.value("a") { .success(true) })
    }

    @Test("a new answer takes the old one's place, whichever it was")
    func changed() async throws {
        let cache = cache
        #expect(try await cache.value("a") { .success(true) })
        clock.advance(milliseconds: 10_000)
        #expect(try await !cache.value("a") { .success(false) })
        #expect(cache.remembered("a") == false)
        #expect(cache.count == 1)
    }

    @Test("who asks while the question is open waits for its answer")
    func coalesced() async throws {
        let (cache, asked, released) = (cache, Count(), Count())
        let answers = Task {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await cache.value("a") {
                            asked.raise()
                            while released.value == 0 { try? await Task.sleep(for: .milliseconds(2)) }
                            return .success(true)
                        }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
        }
        try await eventually("a question") { asked.value == 1 }
        released.raise()
        #expect(try await answers.value == 20)
        #expect(asked.value == 1)
    }

    @Test("it is bounded, and wrong ones don't push out right ones")
    func bounded() async throws {
        let cache = cache
        #expect(try await cache.value("right") { .success(true) })
        for number in 0..<3_000 { _ = try await cache.value("wrong-\(number)") { .success(false) } }
        #expect(cache.count == 1 + 1_024)
        #expect(cache.remembered("right") == true)
        #expect(cache.remembered("wrong-2999") == false)
        for number in 0..<3_000 {
            clock.advance(milliseconds: 1)
            _ = try await cache.value("more-\(number)") { .success(true) }
        }
        #expect(cache.remembered("right") == nil)
        #expect(cache.remembered("more-2999") == true)
        #expect(cache.count <= 2 * 1_024)
    }
}
