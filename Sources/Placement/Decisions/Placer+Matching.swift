import Basics
import Domain

// Who of those first in turn takes the slot that came free?
//
// In a full pool slots come free one by one, each on some node, and whoever is first in turn mostly has its snapshot on another
// one. So a few that are next compete for the slot. If the slot saves one of them a restore, that one counts as having asked
// earlier, by the time that is saved. Nobody is overtaken by one who asked later by more than that, and nobody is overtaken for
// ever. Where nothing is saved the order of turn stands.

extension Placer {
    /// As many of those next in turn are looked at.
    package static let matchLimit = 16

    /// Index of the one who is placed next. `actors` are first in turn, in their order and of one priority; not empty.
    package func nextInTurn(_ actors: [WaitingActor]) -> Int { nextInTurn(actors, among: workers) }

    package func nextInTurn(_ actors: [WaitingActor], among workers: WorkerIndex) -> Int {
        var next = (index: 0, askedMicroseconds: Int64.max)
        for (index, actor) in actors.enumerated() {
            let asked = actor.requestedAt.microseconds.subtractingClamped(savedMicroseconds(actor, workers))
            if asked < next.askedMicroseconds { next = (index, asked) }
        }
        return next.index
    }

    /// How much sooner it is restored where a slot is free now than from object storage.
    func savedMicroseconds(_ actor: WaitingActor, _ workers: WorkerIndex) -> Int64 {
        if let paused = actor.paused {
            guard isFree(paused.node, actor, workers) else { return 0 }
            return bandwidth.movingMicroseconds(actor.external?.bytes ?? paused.bytes, local: paused.bytes)
        }
        if let external = actor.external {
            var isWarm = false
            snapshots.forEachNode(with: external.snapshot) { node in isWarm = isWarm || isFree(node, actor, workers) }
            return isWarm ? bandwidth.savedMicroseconds(.warm, bytes: external.bytes) : 0
        }
        guard let golden = snapshots.golden(of: actor.template) else { return 0 }
        let eligibility = actor.eligibility.with(golden: golden.snapshot)
        return actor.pools.contains { workers.tally(of: $0, eligibility).available > 0 }
            ? bandwidth.savedMicroseconds(.golden, bytes: golden.bytes) : 0
    }

    private func isFree(_ node: NameID, _ actor: WaitingActor, _ workers: WorkerIndex) -> Bool {
        actor.pools.contains { workers.tally(of: $0, on: node, actor.eligibility).available > 0 }
    }
}
