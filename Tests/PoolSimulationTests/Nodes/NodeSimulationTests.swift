import Basics
import Domain
import Foundation
import Testing
@testable import Simulation

// What is restored from where, on small traces to the microsecond and on large ones by what must always hold.

extension ArrivalTrace {
    fileprivate static func rows(_ rows: String...) throws -> ArrivalTrace {
        try ArrivalTrace(csv: Array((["arrival_s,service_s,actor,snapshot_bytes"] + rows).joined(separator: "\n").utf8), name: "t.csv")
    }
}

extension SimulationSettings {
    fileprivate static func nodes(_ count: Int, seed: UInt64 = 1, _ change: (inout NodeSettings) -> Void = { _ in }) -> SimulationSettings {
        var settings = SimulationSettings(seed: seed)
        var nodes = NodeSettings(count: count)
        change(&nodes)
        settings.nodes = nodes
        return settings
    }
}

extension SimulationResult {
    fileprivate var tiers: [Int] { RestoreTier.allCases.map { restores?[$0].count ?? -1 } }
}

@Suite struct NodeSimulationTests {
    private func run(_ trace: ArrivalTrace, workers: Int, _ settings: SimulationSettings) -> SimulationResult {
        Simulation.run(trace, .fixed(workers), settings)
    }

    @Test("a restore takes the base and its bytes by the tier's bandwidth: 400 MB are 1 s cold, 0.4 s warm, 0.2 s local")
    func durations() throws {
        let trace = try ArrivalTrace.rows("0,1,a,400000000", "10,1,a,400000000", "100,1,a,400000000")
        let cached = run(trace, workers: 1, .nodes(1))
        // local, warm, golden, cold
        #expect(cached.tiers == [0, 2, 0, 1])
        #expect(cached.restores?.seconds == 2.1)
        #expect(cached.restores?.fetchedBytes == 400_000_000 && cached.restores?.bytes == 1_200_000_000)
        // Paused for 20 s after each turn: the third comes too late for that.
        let paused = run(trace, workers: 1, .nodes(1) { $0.pauseMicroseconds = 20_000_000 })
        #expect(paused.tiers == [1, 1, 0, 1])
        #expect(paused.restores?[.local].microseconds == 300_000)
        #expect(run(trace, workers: 1, .nodes(1) { $0.cacheBytes = 0 }).tiers == [0, 0, 0, 3])
        #expect(run(trace, workers: 1, .nodes(1) { $0.cacheBytes = 399_999_999 }).tiers == [0, 0, 0, 3])
    }

    @Test("a restore keeps the slot: who waits for it waits longer where it is cold")
    func slots() throws {
        let result = run(try .rows("0,1,a,400000000", "0,1,b,400000000"), workers: 1, .nodes(1))
        #expect(result.waits.sortedMicroseconds == [0, 2_100_000])
    }

    @Test("an actor without a snapshot starts from its template's, which the first brings to the node")
    func golden() throws {
        let result = run(try .rows("0,1,a,", "10,1,b,", "20,1,a,"), workers: 1, .nodes(1) { $0.newActorShare = 1 })
        #expect(result.tiers == [0, 1, 1, 1])
        #expect(result.restores?[.golden].bytes == 256 << 20 && result.restores?[.cold].bytes == 256 << 20)
    }

    @Test("a node that is full evicts what it used least recently")
    func eviction() throws {
        let rows = try ArrivalTrace.rows("0,1,a,4", "10,1,b,4", "20,1,a,4", "30,1,c,4", "40,1,a,4", "50,1,b,4")
        // Eight bytes: c drives out b, not a.
        #expect(run(rows, workers: 1, .nodes(1) { $0.cacheBytes = 8 }).tiers == [0, 2, 0, 4])
    }

    @Test("a turn whose actor is busy asks when the actor rests, and waits no worker's fault")
    func held() throws {
        let result = run(try .rows("0,5,a,", "1,5,a,", "1,5,b,"), workers: 3, .nodes(2))
        #expect(result.restores?.heldTurns == 1)
        #expect(result.waits.maxSeconds == 0)
        #expect(result.tiers == [0, 1, 0, 2])
    }

    @Test("our placement goes back to the node that has the snapshot, where first-free takes the oldest worker")
    func affinity() throws {
        // a is restored beside b, so on the other node; later both workers are free.
        let trace = try ArrivalTrace.rows("0,9,b,100", "1,1,a,100", "20,1,a,100", "30,1,a,100")
        #expect(run(trace, workers: 2, .nodes(2)).tiers == [0, 2, 0, 2])
        #expect(run(trace, workers: 2, .nodes(2) { $0.placement = .firstFree }).tiers == [0, 1, 0, 3])
    }

    @Test("a paused actor waits for a slot on its node while that is sooner than moving, and moves where it isn't")
    func delayScheduling() throws {
        // Three short turns teach how long slots are held; a's 40 GB then take 100 s from object storage.
        let head = ["0,1,c,0", "10,1,d,0", "20,1,e,0", "30,1,a,40000000000"]
        func play(_ busySeconds: Int) throws -> SimulationResult {
            let csv = (["arrival_s,service_s,actor,snapshot_bytes"] + head + ["200,\(busySeconds),b,0", "201,1,a,40000000000"]).joined(
                separator: "\n")
            let trace = try ArrivalTrace(csv: Array(csv.utf8), name: "t.csv")
            return run(trace, workers: 2, .nodes(2) { $0.pauseMicroseconds = 1_000_000_000 })
        }
        let waited = try play(5)
        #expect(waited.waits.maxSeconds == 4.1)
        #expect(waited.tiers == [1, 0, 0, 5])
        // Its node stays busy: it has waited as long as moving costs, and goes.
        let moved = try play(500)
        #expect(moved.tiers == [0, 0, 0, 6])
        #expect((10.0...100.0).contains(moved.waits.maxSeconds))
    }

    @Test("without nodes nothing is told of restores")
    func withoutNodes() throws {
        let result = run(try .rows("0,1,a,5"), workers: 1, SimulationSettings())
        #expect(result.restores == nil)
        var json = JSONWriter()
        SimulationReport(runs: [result]).write(to: &json)
        #expect(!json.text.contains("restore") && !json.text.contains("placement"))
    }
}

@Suite struct NodeSimulationPropertyTests {
    private static let kinds: [SyntheticTrace] = [.onOff, .flashCrowd]

    @Test("each placement is one restore of one tier, all restore the same bytes, and a seed gives the same again", arguments: 1...3)
    func conservation(seed: UInt64) {
        for kind in Self.kinds {
            let trace = kind.trace(seed: seed)
            let ours = SimulatedPolicy.policy(.simulated { $0.maxReplicaCount = 40 }, name: "ours")
            for policy in kind == .onOff ? [ours, .kedaHPA(nil)] : [.fixed(12)] {
                let results = SimulatedPlacement.allCases.map { placement in
                    Simulation.run(trace, policy, settings(seed, placement))
                }
                for result in results {
                    #expect(result.turns == trace.turns.count)
                    #expect(result.restores?.count == result.turns + result.killed)
                }
                #expect(Simulation.run(trace, policy, settings(seed, .greenroom)) == results[0])
                if results.allSatisfy({ $0.killed == 0 }) { #expect(Set(results.map { $0.restores?.bytes }).count == 1) }
            }
        }
    }

    private func settings(_ seed: UInt64, _ placement: SimulatedPlacement) -> SimulationSettings {
        .nodes(5, seed: seed) {
            $0.actors = 200
            $0.cacheBytes = 8 << 30
            $0.newActorShare = 0.3
            $0.pauseMicroseconds = seed == 3 ? 30_000_000 : 0
            $0.placement = placement
        }
    }

    @Test("eight nodes, two thousand actors by Zipf: at least 60 % less is fetched than at random, with as many workers")
    func goal() throws {
        let trace = SyntheticTrace.steady.trace(seed: 1)
        func restores(_ placement: SimulatedPlacement, _ change: (inout NodeSettings) -> Void = { _ in }) throws -> SimulatedRestores {
            let settings = SimulationSettings.nodes(8) {
                change(&$0); $0.placement = placement
            }
            return try #require(Simulation.run(trace, .fixed(40), settings).restores)
        }
        let random = try restores(.random)
        #expect(try restores(.greenroom).fetchedLess(than: random) >= 0.6)
        #expect(try restores(.greenroom).seconds < random.seconds)
        // Where no cache holds anything, there is nothing to find.
        let tiny: (inout NodeSettings) -> Void = { $0.cacheBytes = 0 }
        #expect(try restores(.greenroom, tiny).fetchedLess(than: restores(.random, tiny)) == 0)
    }

    @Test("over traces and seeds our placement fetches no more than random does")
    func average() {
        var fetched: [SimulatedPlacement: Int64] = [:]
        for seed in UInt64(1)...2 {
            for kind in Self.kinds {
                let trace = kind.trace(seed: seed)
                for placement in [SimulatedPlacement.greenroom, .random] {
                    fetched[placement, default: 0] +=
                        Simulation.run(trace, .fixed(12), settings(seed, placement)).restores?.fetchedBytes ?? 0
                }
            }
        }
        #expect((fetched[.greenroom] ?? .max) < (fetched[.random] ?? 0))
    }
}

@Suite struct TurnActorsTests {
    @Test("shares follow Zipf's formula, and so do draws", arguments: [0.0, 0.7, 1.1, 2.0])
    func zipf(exponent: Double) {
        let ranks = ZipfRanks(count: 50, exponent: exponent)
        let weights = (1...50).map { rank in pow(Double(rank), -exponent) }
        let sum = weights.reduce(0, +)
        var random = SplitMix64(seed: 7)
        var counts = [Int](repeating: 0, count: 50)
        for _ in 0..<100_000 { counts[ranks.rank(at: random.unit())] += 1 }
        for rank in 0..<50 {
            let share = weights[rank] / sum
            #expect(abs(ranks.share(of: rank) - share) < 1e-12)
            // Five standard deviations of a count.
            #expect(abs(Double(counts[rank]) - share * 100_000) < 5 * (share * 100_000).squareRoot() + 1)
        }
        #expect(ranks.rank(at: 0) == 0 && ranks.rank(at: 0x1.fffffffffffffp-1) == 49)
    }

    @Test("whoever would still be busy doesn't come again, sizes stay within their range, and another seed draws others")
    func draws() {
        let trace = SyntheticTrace.steady.trace(seed: 2)
        let settings = NodeSettings(count: 8)
        let cast = TurnActors(trace, settings, resumeMicroseconds: 100_000, seed: 3)
        var busyUntil: [Int32: Int64] = [:]
        for (turn, actor) in zip(trace.turns, cast.actors) {
            #expect((busyUntil[actor] ?? 0) <= turn.arrivalMicroseconds)
            busyUntil[actor] = turn.arrivalMicroseconds + 100_000 + turn.serviceMicroseconds
        }
        #expect(cast.bytes.allSatisfy { (settings.snapshotBytes / 4...settings.snapshotBytes * 4).contains($0) })
        let below = cast.bytes.count { $0 < settings.snapshotBytes }
        #expect(below > 0 && below < cast.bytes.count)
        #expect(TurnActors(trace, settings, resumeMicroseconds: 100_000, seed: 3).actors == cast.actors)
        #expect(TurnActors(trace, settings, resumeMicroseconds: 100_000, seed: 4).actors != cast.actors)
    }
}
