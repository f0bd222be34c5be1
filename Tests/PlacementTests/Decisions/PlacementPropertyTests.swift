import Domain
import Testing

@testable import Placement

// Random clusters, and an answer by going through everything beside each of ours.

@Suite struct PlacementPropertyTests {
    @Test("every pick, its score and every blocked reason with its numbers are what going through everything says", arguments: 1...10)
    func decisions(seed: Int) {
        var cluster = RandomCluster(seed: UInt64(seed))
        for step in 0..<10_000 {
            cluster.step()
            let (actor, rules) = (cluster.actor(), cluster.rules())
            let expected = cluster.oracle.decide(actor, rules, at: cluster.now)
            // Three in four ask with their conditions kept; the rest as nobody did yet.
            if cluster.generator.chance(75) { cluster.placer.prepare(actor) }
            let found = cluster.placer.decide(actor, rules, at: cluster.now)
            guard found == expected else {
                Issue.record("seed \(seed), step \(step): found \(found), expected \(expected), for \(actor) by \(rules)")
                return
            }
            if case .place(let choice) = found { cluster.use(choice.worker, cluster.oracle.workers[choice.worker]!.used + 1) }
        }
    }

    @Test("victims and the value of caches are what going through everything says", arguments: 1...4)
    func victims(seed: Int) {
        var cluster = RandomCluster(seed: UInt64(seed) + 100)
        for step in 0..<4_000 {
            cluster.step()
            for node in 0..<RandomCluster.nodes {
                let name = RandomCluster.node(node)
                guard
                    cluster.placer.snapshots.valueBytes(on: name, at: cluster.now) == cluster.oracle.cache.value(on: name, at: cluster.now)
                else {
                    Issue.record("seed \(seed), step \(step): node \(node) is worth something else")
                    return
                }
            }
            let (pool, count, skew) = (
                cluster.generator.below(RandomCluster.pools), cluster.generator.below(6), cluster.generator.chance(50) ? 1 : nil
            )
            let found = cluster.placer.victims(of: pool, count: count, zoneMaxSkew: skew, at: cluster.now)
            let expected = cluster.oracle.victims(of: pool, count: count, zoneMaxSkew: skew, at: cluster.now)
            guard found == expected else {
                Issue.record("seed \(seed), step \(step): found \(found), expected \(expected)")
                return
            }
        }
    }

    @Test("what is written and read again answers everything the same, and is written the same", arguments: 1...4)
    func roundTrip(seed: Int) throws {
        var cluster = RandomCluster(seed: UInt64(seed) + 200)
        for round in 0..<30 {
            for _ in 0..<60 { cluster.step() }
            let bytes = encoded(cluster.placer)
            var copy = try decoded(bytes, limits: cluster.placer.snapshots.limits)
            let isSame = encoded(copy) == bytes
            #expect(isSame, "seed \(seed), round \(round)")
            for _ in 0..<20 {
                let (actor, rules) = (cluster.actor(), cluster.rules())
                copy.prepare(actor)
                #expect(copy.decide(actor, rules, at: cluster.now) == cluster.placer.decide(actor, rules, at: cluster.now))
            }
            // It also goes on the same.
            cluster.placer = copy
        }
    }

    @Test("damaged bytes are an error, wherever they end")
    func damaged() {
        var cluster = RandomCluster(seed: 7)
        for _ in 0..<300 { cluster.step() }
        let bytes = encoded(cluster.placer)
        for length in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: ByteFault.self) { _ = try decoded(Array(bytes.prefix(length)), limits: cluster.placer.snapshots.limits) }
        }
    }

    @Test(
        "when a node's workers vanish at once nothing is placed there, and its actors go elsewhere with the next decision", arguments: 1...8
    )
    func nodeFailure(seed: Int) {
        var cluster = RandomCluster(seed: UInt64(seed) + 300)
        for _ in 0..<400 { cluster.step() }
        let lost = RandomCluster.node(seed % RandomCluster.nodes)
        for (worker, entry) in cluster.oracle.workers.sorted(by: { $0.key < $1.key }) where entry.facts.node == lost {
            cluster.leave(worker)
        }
        #expect(cluster.placer.workers.workers(on: lost) == 0)
        for _ in 0..<400 {
            var actor = cluster.actor()
            actor.paused = PausedSnapshot(node: lost, snapshot: SnapshotID(rawValue: 1), bytes: 100)
            actor.quota = nil
            let outcome = cluster.placer.decide(actor, PlacementRules(), at: cluster.now)
            if case .place(let choice) = outcome {
                #expect(choice.moved == .nodeGone)
                #expect(cluster.placer.workers.facts(of: choice.worker)?.node != lost)
            }
            guard case .wait(let blocked) = outcome else { continue }
            #expect(blocked.reason == .poolExhausted || blocked.reason == .noEligiblePool)
            #expect(blocked.eligible.available == 0, "somebody could have taken it")
        }
    }

    @Test("when a zone's nodes vanish the actors of the others are placed as if it had never been there")
    func zoneFailure() {
        var cluster = RandomCluster(seed: 11)
        for _ in 0..<600 { cluster.step() }
        let zone = RandomCluster.zone(RandomCluster.node(0))
        for (worker, entry) in cluster.oracle.workers.sorted(by: { $0.key < $1.key }) where entry.facts.zone == zone {
            cluster.leave(worker)
        }
        for _ in 0..<500 {
            let (actor, rules) = (cluster.actor(), cluster.rules())
            let outcome = cluster.placer.decide(actor, rules, at: cluster.now)
            #expect(outcome == cluster.oracle.decide(actor, rules, at: cluster.now))
            if case .place(let choice) = outcome { #expect(cluster.placer.workers.facts(of: choice.worker)?.zone != zone) }
        }
    }

    private func encoded(_ placer: Placer) -> [UInt8] {
        var writer = ByteWriter()
        placer.encode(into: &writer)
        return writer.bytes
    }

    private func decoded(_ bytes: [UInt8], limits: SnapshotCache.Limits) throws -> Placer {
        try bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            return try Placer(from: &reader, limits: limits)
        }
    }
}
