import Domain
import Testing

@testable import Placement

@Suite struct WorkerIndexTests {
    private func facts(_ seq: Position, node: UInt32 = 1, zone: UInt32 = 0, slots: Int = 1, labels: [LabelPair] = []) -> WorkerFacts {
        WorkerFacts(pool: 0, node: NameID(node), zone: NameID(zone), labels: labels, slots: slots, readySeq: seq)
    }

    private func picks(_ count: Int, _ placer: inout Placer, _ rules: PlacementRules = PlacementRules()) -> [Int?] {
        var picks: [Int?] = []
        for _ in 0..<count { picks.append(pick(&placer, rules)) }
        return picks
    }

    private func pick(_ placer: inout Placer, _ rules: PlacementRules) -> Int? {
        guard case .place(let choice) = placer.decide(WaitingActor(pools: [0], requestedAt: .zero), rules, at: .zero) else { return nil }
        placer.setUsed(choice.worker, placer.workers.used(of: choice.worker) + 1)
        return choice.worker
    }

    @Test("workers in use are filled up before an idle one is taken, the fullest first, then the oldest")
    func packs() {
        var placer = Placer()
        for (worker, slots) in [4, 4, 2, 4].enumerated() { placer.setWorker(worker, facts(Position(worker + 1), slots: slots)) }
        placer.setUsed(1, 1)
        placer.setUsed(3, 2)
        let order = picks(10, &placer)
        #expect(order == [3, 3, 1, 1, 1, 0, 0, 0, 0, 2])
    }

    @Test("idle workers are taken from the zone with fewest in use, where zones may differ by one")
    func spreads() {
        var placer = Placer()
        for worker in 0..<6 { placer.setWorker(worker, facts(Position(worker + 1), node: UInt32(worker + 1), zone: worker < 4 ? 50 : 51)) }
        let spread = picks(6, &placer, PlacementRules(zoneMaxSkew: 1))
        #expect(spread == [0, 4, 1, 5, 2, 3])
        for worker in 0..<6 { placer.setUsed(worker, 0) }
        let plain = picks(6, &placer)
        #expect(plain == [0, 1, 2, 3, 4, 5])
    }

    @Test("age decides, not the order of arrival in the index nor the number of the worker")
    func ages() {
        var placer = Placer()
        for (worker, seq) in [(9, 30), (2, 10), (5, 20)] { placer.setWorker(worker, facts(Position(seq))) }
        let order = picks(4, &placer)
        #expect(order == [2, 5, 9, nil])
    }

    @Test("more conditions than are kept are all answered, and a dropped one comes back")
    func manyConditions() {
        var placer = Placer()
        for worker in 0..<200 {
            placer.setWorker(
                worker, facts(Position(worker + 1), labels: [LabelPair(key: NameID(1), value: NameID(UInt32(1_000 + worker)))]))
        }
        for round in 0..<2 {
            for worker in 0..<200 {
                let eligibility = Eligibility(selector: [LabelPair(key: NameID(1), value: NameID(UInt32(1_000 + worker)))])
                let actor = WaitingActor(pools: [0], eligibility: eligibility, requestedAt: .zero)
                placer.prepare(actor)
                guard case .place(let choice) = placer.decide(actor, PlacementRules(), at: .zero) else {
                    Issue.record("round \(round): nobody for \(worker)")
                    continue
                }
                #expect(choice.worker == worker)
            }
        }
        #expect(placer.workers.pools[0].views.count == PoolWorkers.viewLimit)
    }

    @Test("a copy answers as before, whatever becomes of the one it was made from, and the other way round")
    func copies() {
        var placer = Placer()
        for worker in 0..<4 { placer.setWorker(worker, facts(Position(worker + 1), node: UInt32(worker + 1))) }
        let labelled = Eligibility(selector: [LabelPair(key: NameID(1), value: NameID(2))])
        var copy = placer
        placer.setUsed(0, 1)
        placer.removeWorker(1)
        placer.setPhase(2, .draining)
        placer.setWorker(4, facts(9, labels: labelled.selector))
        placer.keep(labelled, in: 0)
        placer.updateSnapshots { cache in
            cache.setGolden(SnapshotID(rawValue: 7), bytes: 1, of: NameID(70))
            cache.note(SnapshotID(rawValue: 7), bytes: 1, on: NameID(4), at: .zero)
        }
        copy.setUsed(3, 1)
        #expect(picks(4, &copy) == [0, 1, 2, nil] && copy.workers.count == 4)
        #expect(copy.workers.tally(of: 0, meeting: labelled).ready == 0 && copy.workers.nodesWithGoldens.isEmpty)
        #expect(placer.workers.tally(of: 0, meeting: labelled).ready == 1 && placer.workers.goldens(on: NameID(4)).count == 1)
        #expect(picks(3, &placer) == [3, 4, nil] && placer.workers.count == 4)
    }

    @Test("coming and going for long takes no more room than twice the workers")
    func bounded() {
        var placer = Placer()
        for seq in 0..<10_000 {
            placer.setWorker(seq % 100, facts(Position(seq + 1), node: UInt32(seq % 7 + 1)))
            if seq % 3 == 0 { placer.removeWorker((seq + 50) % 100) }
        }
        #expect(placer.workers.pools[0].seats.count <= 2 * 100 + 64)
        #expect(placer.workers.pools[0].groups.count <= 8)
    }
}
