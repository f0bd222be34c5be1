import Domain
import Testing

@testable import Placement

// Two nodes with a slot each, snapshots of 1 GB: 2.5 s from object storage (400 MB/s), 1 s from a cache or a local disk.

@Suite struct MatchingTests {
    private let near = NameID(1)
    private let far = NameID(2)
    private let gigabyte: Int64 = 1_000_000_000

    /// A slot is free on `near`, none on `far`.
    private func placer() -> Placer {
        var placer = Placer()
        placer.setWorker(0, WorkerFacts(pool: 0, node: near, slots: 1, readySeq: 1))
        placer.setWorker(1, WorkerFacts(pool: 0, node: far, slots: 1, readySeq: 2), used: 1)
        for (id, node) in [(1, near), (2, far)] {
            placer.updateSnapshots { $0.note(SnapshotID(rawValue: UInt64(id)), bytes: gigabyte, on: node, at: LogTime(microseconds: 0)) }
        }
        return placer
    }

    private func actor(
        snapshot: UInt64? = nil, paused: NameID? = nil, template: NameID = .none, asked milliseconds: Int64, labels: [LabelPair] = []
    ) -> WaitingActor {
        WaitingActor(
            pools: [0], eligibility: Eligibility(selector: labels), template: template,
            paused: paused.map { PausedSnapshot(node: $0, snapshot: SnapshotID(rawValue: 77), bytes: gigabyte) },
            external: snapshot.map { ExternalSnapshot(snapshot: SnapshotID(rawValue: $0), bytes: gigabyte, at: .zero) },
            requestedAt: LogTime(microseconds: milliseconds * 1_000))
    }

    @Test("whom the free slot saves a restore goes before whoever asked earlier, by no more than is saved")
    func warm() {
        let placer = placer()
        #expect(placer.savedMicroseconds(actor(snapshot: 1, asked: 0), placer.workers) == 1_500_000)
        #expect(placer.nextInTurn([actor(snapshot: 2, asked: 0), actor(snapshot: 1, asked: 1_499)]) == 1)
        #expect(placer.nextInTurn([actor(snapshot: 2, asked: 0), actor(snapshot: 1, asked: 1_500)]) == 0)
        #expect(
            placer.nextInTurn([actor(asked: 0), actor(snapshot: 2, asked: 1), actor(snapshot: 1, asked: 2), actor(snapshot: 1, asked: 3)])
                == 2)
    }

    @Test("nothing is saved where no slot is free, by a worker that may not take the actor, or without a snapshot: turns are by age")
    func nothing() {
        let placer = placer()
        let others = [
            actor(snapshot: 2, asked: 0), actor(snapshot: 3, asked: 1), actor(asked: 2), actor(snapshot: 2, paused: far, asked: 3),
            actor(snapshot: 1, asked: 4, labels: [LabelPair(key: NameID(8), value: NameID(9))]),
        ]
        #expect(others.map { placer.savedMicroseconds($0, placer.workers) } == [0, 0, 0, 0, 0])
        #expect(placer.nextInTurn(others) == 0)
    }

    @Test("a paused actor's own node, and a node with its template's snapshot, save as well")
    func localAndGolden() {
        var placer = placer()
        #expect(placer.savedMicroseconds(actor(snapshot: 2, paused: near, asked: 0), placer.workers) == 1_500_000)
        let template = NameID(5)
        placer.updateSnapshots { [gigabyte, near] cache in
            cache.setGolden(SnapshotID(rawValue: 9), bytes: gigabyte, of: template)
            cache.reportCached(SnapshotID(rawValue: 9), bytes: gigabyte, on: near, at: .zero)
        }
        #expect(placer.savedMicroseconds(actor(template: template, asked: 0), placer.workers) == 1_500_000)
        #expect(
            placer.savedMicroseconds(actor(snapshot: 2, template: template, asked: 0), placer.workers) == 0,
            "it has a snapshot of its own, elsewhere")
    }
}
