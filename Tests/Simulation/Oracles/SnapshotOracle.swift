import Domain

// Is an actor restored from its latest snapshot, and from none that is gone?
//
// A placement says what to restore from. By the state that it looked at, that is the snapshot that the actor's last suspension told
// of, unless object storage said that it is gone; where the actor is paused on the node, it is what lies there.

package struct SnapshotOracle: Oracle {
    package static let name = "snapshots"
    private var past = PastLedgers()

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        past.note(ledger)
        for event in commit where event.kind == .actorPlaced && event.source == "/greenroom" {
            guard let asOf = event.integer("asOf"), let actor = past[asOf]?.actors[event.subject], actor.state == .waiting else { continue }
            let from = event.string("restoreFrom")
            let isLocal = event.string("tier") == "local"
            let expected = isLocal ? actor.pausedSnapshot : actor.external?.uri
            if from != expected {
                fail(
                    run,
                    "\(event.subject) is placed to be restored from \(from ?? "nothing"); the log has \(expected ?? "nothing")\(isLocal ? " on the node" : "")"
                )
            }
        }
    }
}
