import Domain
import EventLog
import Replay
import State
import Testing
import Views

@Suite("Nodes add up to their workers")
struct NodeViewTests {
    @Test(arguments: [UInt64(41), 42, 43])
    func eachNodeIsTheSumOfItsWorkers(_ seed: UInt64) throws {
        let made = try RandomLog(seed: seed)
        for _ in 0..<120 { made.step(longest: 10_000_000) }
        let state = try History.state(of: made.log, at: .position(.max))
        let nodes = state.nodeViews(names: made.log.names, at: state.at)
        let workers = state.workerViews(poolNamed: nil, after: nil, limit: .max, names: made.log.names, at: state.at).filter {
            $0.status != "GONE"
        }
        #expect(nodes.map(\.node) == Set(workers.map(\.node)).sorted() && !nodes.isEmpty)
        for node in nodes {
            let own = workers.filter { $0.node == node.node }
            #expect(
                node.workers == own.count && node.slots == own.reduce(0) { $0 + $1.slots } && node.used == own.reduce(0) { $0 + $1.used })
            #expect(node.free == own.count { $0.status == "FREE" } && node.draining == own.count { $0.status == "DRAINING" })
            #expect(node.pools == Set(own.map { "\($0.namespace)/\($0.pool)" }).sorted())
        }
    }
}
