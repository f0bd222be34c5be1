import Foundation
import LocalCluster
import Machine
import Views

// Who runs the workers of the demo with several instances?
//
// The demo itself, as KEDA or an HPA would: it follows the count that is decided. The instances may be killed, and the workers' machines
// are others. Workers are told the address that all instances share; told to end, they finish their turns first.

actor DemoWorkers {
    private let program: String
    private let url: String
    private let plan: DemoPlan
    private let log: String
    /// By pool, oldest first.
    private var running: [String: [ChildProcess]] = [:]
    /// They finish their turns.
    private var ending: [ChildProcess] = []
    private var started = 0

    /// Workers that run at once, whatever is decided: this machine is one.
    private static let mostPerPool = 25
    private static let endLimit = Duration.seconds(60)

    init(program: String, url: String, plan: DemoPlan, log: String) {
        (self.program, self.url, self.plan, self.log) = (program, url, plan, log)
    }

    /// Starts and ends workers, until each pool has as many as it should.
    func follow(_ pools: [PoolView]) throws {
        ending.removeAll { !$0.isRunning }
        for pool in plan.pools {
            guard let view = pools.first(where: { $0.name == pool.name && $0.namespace == DemoPool.namespace }) else { continue }
            var workers = running[pool.name, default: []].filter(\.isRunning)
            let wanted = min(max(view.desired, 0), Self.mostPerPool)
            while workers.count < wanted { workers.append(try start(pool)) }
            while workers.count > wanted {
                let worker = workers.removeLast()
                worker.signal(SIGTERM)
                ending.append(worker)
            }
            running[pool.name] = workers
        }
    }

    private func start(_ pool: DemoPool) throws -> ChildProcess {
        started += 1
        let node = DemoPlan.nodes[started % DemoPlan.nodes.count]
        return try ChildProcess(
            [
                program, "worker", "--server", url, "--pool", pool.fullName, "--name", "\(pool.name)-w\(started)", "--node", node,
                "--slots",
                "\(pool.slots)", "--restore-millis", plan.restoreMillis,
            ], log: log)
    }

    /// Ends all of them, in order where there is time.
    func end() async {
        let all = running.values.flatMap { $0 } + ending
        for worker in all { worker.signal(SIGTERM) }
        let deadline = ContinuousClock.now + Self.endLimit
        for worker in all { await worker.waitUntilGone(within: max(.zero, deadline - ContinuousClock.now)) }
        running = [:]
        ending = []
    }
}
