import Basics
import Domain
import ControlLoop
import Kubernetes
import KubernetesTwin
import Testing

@testable import Kubernetes

// Invariant: no busy worker is ever removed by a scale-down, and replicas come to what is wanted once all is well. A seeded
// driver does what the control loop would, in any order, while answers are cut, lost, refused and late; the twin's controller
// removes pods as a ReplicaSet does.

@Suite struct BusyWorkerOracleTests {
    private typealias Bench = ScaleActuatorTests.Bench

    @Test("no busy worker goes, and the count converges: seeds", arguments: 1...8)
    func seeds(_ seed: UInt64) async throws {
        let bench = try await Bench(seed % 3 == 0 ? .deployments : .workerPools)
        let run = await run(bench, seed)
        #expect(run.lost == [], "seed \(seed)")
        try await converge(bench, run.busy, run.wanted, seed)
        await bench.close()
    }

    @Test("the canary: an actuator that is told of no busy worker loses some")
    func canary() async throws {
        var lost: [String] = []
        for seed in 1...8 where lost.isEmpty {
            let bench = try await Bench(isBlind: true)
            lost = await run(bench, UInt64(seed)).lost
            await bench.close()
        }
        #expect(!lost.isEmpty)
    }

    /// Sixty steps; ends at the first loss.
    private func run(_ bench: Bench, _ seed: UInt64) async -> (lost: [String], busy: Set<String>, wanted: Int) {
        var lots = SplitMix64(seed: seed)
        var busy: Set<String> = []
        var wanted = 0
        for step in 1...60 {
            injectFault(bench, &lots)
            await drive(bench, &busy, &wanted, &lots)
            let missing = busy.subtracting(bench.pods)
            if !missing.isEmpty { return (missing.map { "\($0) at step \(step)" }, busy, wanted) }
        }
        return ([], busy, wanted)
    }

    private func injectFault(_ bench: Bench, _ lots: inout SplitMix64) {
        // One at a time: faults that pile up would let nothing through.
        bench.twin.heal()
        guard Int.random(in: 0..<3, using: &lots) == 0 else { return }
        let conflict = TwinFault.Action.respond(status: 409, body: #"{"kind":"Status","code":409,"reason":"Conflict"}"#)
        let actions: [TwinFault.Action] = [.cut, .cutAfter, conflict, .respond(status: 500), .respond(status: 429), .respond(status: 403)]
        let writes = Bool.random(using: &lots)
        bench.twin.inject(TwinFault(actions[Int.random(in: 0..<actions.count, using: &lots)]) { !writes || $0.method != "GET" })
    }

    /// One thing the loop might do: it retries nothing here, the next step may.
    private func drive(_ bench: Bench, _ busy: inout Set<String>, _ wanted: inout Int, _ lots: inout SplitMix64) async {
        let pods = bench.twin.objects(.pods, "ns").map { PodView($0) }
        let pod = pods.randomElement(using: &lots)
        let draining = pods.filter { $0.drainingReason != nil }.randomElement(using: &lots)
        switch Int.random(in: 0..<10, using: &lots) {
        case 0, 1:
            wanted = max(busy.count, Int.random(in: 0...8, using: &lots))
            let count = wanted
            _ = await bench.fault { try await bench.resize(count) }
        case 2:
            // Nothing is placed on a worker that drains.
            guard let pod, pod.isReady, pod.drainingReason == nil else { return }
            busy.insert(pod.name)
            bench.busy.set(pod.name, true)
        case 3:
            guard let name = busy.sorted().randomElement(using: &lots) else { return }
            busy.remove(name)
            bench.busy.set(name, false)
        case 4, 5:
            guard let pod else { return }
            _ = await bench.fault { try await bench.actuator.drain(WorkerIdentity(pod.name), of: bench.pool, fence: Fence(1)) }
        case 6, 7, 8:
            // Also one that is busy: it must be refused.
            guard let draining else { return }
            _ = await bench.fault { try await bench.actuator.remove(WorkerIdentity(draining.name), of: bench.pool, fence: Fence(1)) }
        default:
            guard let draining else { return }
            _ = await bench.fault {
                _ = try await bench.actuator.cancelDrain(WorkerIdentity(draining.name), of: bench.pool, fence: Fence(1))
            }
        }
    }

    /// All is well again: the loop drains what is idle beyond the wanted, and removes it.
    private func converge(_ bench: Bench, _ busy: Set<String>, _ last: Int, _ seed: UInt64) async throws {
        bench.twin.heal()
        let wanted = max(last, busy.count)
        try await bench.resize(wanted)
        for pod in bench.twin.objects(.pods, "ns").map({ PodView($0) }) where pod.drainingReason != nil && busy.contains(pod.name) {
            _ = try await bench.actuator.cancelDrain(WorkerIdentity(pod.name), of: bench.pool, fence: Fence(1))
        }
        for name in bench.pods where bench.pod(name)?.drainingReason != nil {
            try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
        }
        let idle = bench.pods.filter { !busy.contains($0) }
        for name in idle.prefix(max(0, bench.pods.count - wanted)) {
            try await bench.actuator.drain(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
            try await bench.actuator.remove(WorkerIdentity(name), of: bench.pool, fence: Fence(1))
        }
        try await bench.resize(wanted)
        #expect(
            bench.replicas == wanted && bench.pods.count == wanted,
            "seed \(seed): wanted \(wanted), replicas \(bench.replicas ?? -1), \(bench.pods), busy \(busy.sorted())")
        #expect(!bench.pods.contains { bench.pod($0)?.drainingReason != nil }, "seed \(seed): a marked pod was left")
        #expect(busy.isSubset(of: bench.pods))
    }
}
