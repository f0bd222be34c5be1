import Autoscaling
import Domain
import Synchronization
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Who watches a pool hears of each change in the commit that makes it.

@Suite struct PoolWatchingTests {
    /// What one watcher was told.
    private final class Told: Sendable {
        private let all = Mutex<[PoolSummary]>([])
        func add(_ summary: PoolSummary) { all.withLock { $0.append(summary) } }
        var summaries: [PoolSummary] { all.withLock { $0 } }
    }

    private func watch(_ loop: LoopHarness, _ told: Told) throws -> PoolWatchers.Key {
        let index = try #require(loop.state.find(pool: "ns/p", names: loop.log.names))
        return loop.core.watchers.add({ told.add($0) }, of: index, as: loop.state.pools[index].summary)
    }

    @Test func `a watcher hears how it is, each change once, and nothing after it left`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 2))
        let told = Told()
        let key = try watch(loop, told)
        #expect(told.summaries.map(\.demand) == [0])
        #expect(told.summaries.last?.policy?.isActive == false)

        loop.request("a")
        loop.settle()
        // The request in its own fold; then the decision that follows from it.
        #expect(told.summaries.dropFirst().first?.policy?.isActive == true)
        #expect(told.summaries.dropFirst().first?.waiting == 1)
        #expect(told.summaries.last?.policy?.desired == 1)
        #expect(zip(told.summaries, told.summaries.dropFirst()).allSatisfy { $0 != $1 })

        let before = told.summaries.count
        loop.request("b", pool: "ns/other")
        loop.settle()
        #expect(told.summaries.count == before)

        loop.core.watchers.remove(key)
        #expect(loop.core.watchers.count == 0)
        loop.request("c")
        loop.settle()
        #expect(told.summaries.count == before)
    }

    @Test func `several watch one pool, and each leaves alone`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        let (first, second) = (Told(), Told())
        let key = try watch(loop, first)
        _ = try watch(loop, second)
        loop.core.watchers.remove(key)
        loop.core.watchers.remove(key)
        loop.request("a")
        loop.settle()
        #expect(first.summaries.count == 1)
        #expect(second.summaries.count > 1)
        #expect(loop.core.watchers.count == 1)
    }

    @Test func `a policy that recommends says what it wants, one taken away says nothing`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick()
        policy.mode = .recommend
        loop.apply(policy)
        let told = Told()
        _ = try watch(loop, told)
        for number in 1...3 { loop.request("a\(number)") }
        loop.settle()
        #expect(told.summaries.last?.policy?.desired == 3)
        loop.removePolicy()
        #expect(told.summaries.last == PoolSummary(demand: 3, waiting: 3))
    }
}
