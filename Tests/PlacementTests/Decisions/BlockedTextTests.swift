import Domain
import Testing

@testable import Placement

@Suite struct BlockedTextTests {
    private func at(_ text: String) -> LogTime { LogTime(rfc3339: text)! }

    private func names() -> NameTable {
        var names = NameTable()
        for name in ["node-a", "node-b", "gpu", "yes"] { _ = names.intern(name) }
        return names
    }

    /// Busy and free workers by node, one slot each.
    private func placer(_ workers: [(node: UInt32, isBusy: Bool)]) -> Placer {
        var placer = Placer()
        for (index, worker) in workers.enumerated() {
            placer.setWorker(
                index, WorkerFacts(pool: 0, node: NameID(worker.node), readySeq: Position(index + 1)), used: worker.isBusy ? 1 : 0)
        }
        return placer
    }

    private func answer(_ placer: Placer, _ actor: WaitingActor, _ rules: PlacementRules = PlacementRules()) -> (
        BlockedReason, String, NameID?
    )? {
        guard case .wait(let blocked) = placer.decide(actor, rules, at: at("2026-11-21T14:05:04Z")) else { return nil }
        return (blocked.reason, blocked.text(names: names(), tenant: "acme"), blocked.neededOn)
    }

    private func actor(paused: Bool = false, external: Bool = false, selector: [LabelPair] = [], quota: QuotaStanding? = nil)
        -> WaitingActor
    {
        WaitingActor(
            pools: [0], eligibility: Eligibility(selector: selector),
            paused: paused ? PausedSnapshot(node: NameID(1), snapshot: SnapshotID("p"), bytes: 0) : nil,
            external: external ? ExternalSnapshot(snapshot: SnapshotID("e"), bytes: 1_200_000_000, at: at("2026-11-21T14:02:31Z")) : nil,
            requestedAt: at("2026-11-21T14:05:04Z"), quota: quota)
    }

    @Test("a paused actor is told of its node, and of who could restore it elsewhere, from when, how large, how long")
    func locality() throws {
        var placer = placer(Array(repeating: (1, true), count: 4) + Array(repeating: (2, false), count: 12))
        placer.noteRestore(.cold, bytes: 387_000_000, millis: 1_000)
        let (reason, text, neededOn) = try #require(answer(placer, actor(paused: true, external: true)))
        #expect(reason == .nodeLocality)
        #expect(neededOn == NameID(1))
        #expect(
            text
                == "paused on node-a: 4 eligible workers there, all busy; 12 free workers elsewhere could restore the external snapshot of 14:02 (1.2 GB ≈ 3.1 s); looks elsewhere at 14:05:07"
        )
    }

    @Test("the other reasons, each with its numbers")
    func reasons() throws {
        let gpu = [LabelPair(key: NameID(3), value: NameID(4))]
        let table: [(Placer, WaitingActor, PlacementRules, BlockedReason, String)] = [
            (
                placer([(1, true), (2, false)]), actor(paused: true), PlacementRules(), .nodeLocality,
                "paused on node-a: 1 eligible worker there, busy; 1 free worker elsewhere, but it has no external snapshot"
            ),
            (
                placer([(1, true), (2, true)]), actor(paused: true, external: true), PlacementRules(), .poolExhausted,
                "paused on node-a: 1 eligible worker there, busy; 2 eligible workers, all busy; 0 starting, 0 draining"
            ),
            (
                placer([(1, true), (2, true), (2, true)]), actor(), PlacementRules(), .poolExhausted,
                "3 eligible workers, all busy; 0 starting, 0 draining"
            ),
            (
                placer([(1, false)]), actor(selector: gpu), PlacementRules(), .noEligiblePool,
                "none of 1 worker has the sandbox class and the labels it asks for"
            ),
            (
                Placer(), actor(), PlacementRules(canGrow: false), .noEligiblePool,
                "its pool has no workers, and no policy that would start some"
            ),
            (Placer(), actor(), PlacementRules(), .poolExhausted, "0 eligible workers, all busy; 0 starting, 0 draining"),
            (
                placer([(1, false)]), actor(quota: QuotaStanding(running: 10, maxRunning: 10)), PlacementRules(), .quota,
                "its tenant acme runs 10 of at most 10"
            ),
        ]
        for (placer, actor, rules, reason, expected) in table {
            let found = try #require(answer(placer, actor, rules))
            #expect(found.0 == reason)
            #expect(found.1 == expected)
        }
    }

    @Test(
        "sizes and times are rounded to one decimal",
        arguments: [
            (999, "999 B"), (1_000, "1.0 kB"), (1_249_999_999, "1.2 GB"), (1_250_000_000, "1.3 GB"), (999_999_999, "1000.0 MB"),
            (5_000_000_000_000, "5.0 TB"),
        ])
    func sizes(_ bytes: Int64, _ text: String) { #expect(BlockedPlacement.size(bytes) == text) }
}
