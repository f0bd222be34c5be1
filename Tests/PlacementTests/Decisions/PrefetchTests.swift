import Domain
import Testing

@testable import Placement

@Suite struct PrefetchTests {
    private let external = ExternalSnapshot(snapshot: SnapshotID("e"), bytes: 1_200_000_000, at: .zero)

    private func placer(busy: Bool) -> Placer {
        var placer = Placer()
        for (worker, node) in [1, 2, 2, 2, 3, 3].enumerated() {
            placer.setWorker(worker, WorkerFacts(pool: 0, node: NameID(UInt32(node)), readySeq: Position(worker + 1)), used: busy ? 1 : 0)
        }
        return placer
    }

    private func node(_ placer: Placer, _ actor: WaitingActor) -> UInt32? {
        placer.prefetch(actor, PlacementRules(), at: .zero)?.node.rawValue
    }

    private func actor(external: ExternalSnapshot?) -> WaitingActor { WaitingActor(pools: [0], external: external, requestedAt: .zero) }

    @Test("with a worker free it is the node where the actor would go, with all busy the node where a slot comes free first")
    func which() {
        #expect(node(placer(busy: false), actor(external: external)) == 1)
        #expect(node(placer(busy: true), actor(external: external)) == 2)
        #expect(placer(busy: true).prefetch(actor(external: external), PlacementRules(), at: .zero)?.savedMicroseconds == 1_800_000)
    }

    @Test("no suggestion where nothing is gained: no snapshot, or it is cached where the actor may go")
    func nothing() {
        #expect(node(placer(busy: true), actor(external: nil)) == nil)
        var warm = placer(busy: true)
        warm.updateSnapshots { $0.note(external.snapshot, bytes: 1, on: NameID(2), at: .zero) }
        #expect(node(warm, actor(external: external)) == nil)
        warm.setUsed(2, 0)
        #expect(node(warm, actor(external: external)) == nil)
    }
    @Test("who was told to come to a node makes another one the sooner")
    func sent() {
        let waiting = actor(external: external)
        // Three slots taken on node 2, two on node 3, one on node 1.
        for (sentToTwo, expected) in [(0, 2), (1, 3), (2, 3)] as [(Int, UInt32)] {
            let found = placer(busy: true).prefetch(waiting, PlacementRules(), at: .zero) { $0.rawValue == 2 ? sentToTwo : 0 }
            #expect(found?.node.rawValue == expected)
        }
    }
}
