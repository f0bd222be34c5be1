import Basics
import Domain
import Placement

// How does a picker do that goes through all workers?
//
// The way of agent-substrate's: every worker is looked at, those that are free and eligible are collected, and one of them
// is taken at random. The measure beside which `PlaceBench` stands.

struct LinearPicker {
    private var workers: [WorkerFacts] = []
    private var used: [Int] = []
    private var eligible: [Int] = []

    mutating func add(_ facts: WorkerFacts, used: Int) {
        workers.append(facts)
        self.used.append(used)
    }

    mutating func setUsed(_ worker: Int, _ count: Int) { used[worker] = count }

    mutating func pick(_ actor: WaitingActor, using generator: inout SplitMix64) -> Int? {
        eligible.removeAll(keepingCapacity: true)
        for index in workers.indices where used[index] < workers[index].slots && workers[index].phase == .ready {
            guard actor.pools.contains(workers[index].pool) else { continue }
            guard actor.eligibility.sandboxClass.isNone || workers[index].sandboxClass == actor.eligibility.sandboxClass else { continue }
            guard actor.eligibility.selector.allSatisfy({ workers[index].labels.contains($0) }) else { continue }
            eligible.append(index)
        }
        return eligible.randomElement(using: &generator)
    }
}
