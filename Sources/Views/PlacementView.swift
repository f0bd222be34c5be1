package import Domain
package import EventLog
package import Placement
package import State

// Why does an actor go there, and why not elsewhere?
//
// A waiting actor's question as it stands at one position of the log, put to the placer once more: what it answers, and what each
// tier has to offer. For a placed actor it shows the same as of the position that its placement looked at.

package struct PlacementView: Codable, Hashable, Sendable {
    package var actor: String
    package var namespace: String
    package var pool: String
    /// The position whose state this is.
    package var seq: Position
    package var at: String
    /// Place in the queue, from 1.
    package var position: Int
    package var waitedSeconds: Double
    /// Where it would be placed; nil where it must wait.
    package var worker: String?
    package var tier: String?
    /// Why it must wait; nil where it needn't.
    package var reason: String?
    /// A sentence with the numbers.
    package var detail: String
    /// The closest first.
    package var tiers: [Tier]

    package struct Tier: Codable, Hashable, Sendable {
        /// local, warm, golden or cold.
        package var tier: String
        /// Nodes that keep a copy; 0 where any node will do.
        package var nodes: Int
        /// Workers there that may take it, and those of them with a free slot.
        package var eligible: Int
        package var available: Int
        /// Of what is restored; 0 where nobody said.
        package var bytes: Int64
        package var restoreSeconds: Double?
        /// The best worker of the tier, and its node.
        package var worker: String?
        package var node: String?
        /// Why it goes there, or doesn't.
        package var why: String
    }
}

extension State {
    /// nil where the actor isn't known or doesn't wait.
    package func placementView(of name: String, log: EventLog, at now: LogTime, among slots: WorkerIndex? = nil) -> PlacementView? {
        let slots = slots ?? placer.workers
        guard let index = self.actor(named: name, log.names), let (actor, rules) = query(of: index, log: log) else { return nil }
        let record = actors[index]
        let (namespace, pool) = Self.split(pools[Int(record.pool)].text)
        let outcome = placer.decide(actor, rules, at: at, among: slots)
        var view = PlacementView(
            actor: actorName(index, seenFrom: namespace, log.names), namespace: namespace, pool: pool, seq: position, at: at.rfc3339,
            position: pools[Int(record.pool)].queue.place(of: record.stateSeq) ?? 0,
            waitedSeconds: max(0, now.seconds(since: record.since)),
            detail: "", tiers: placer.table(actor, rules, among: slots).map { tierView($0, actor, outcome, seenFrom: namespace, log.names) }
        )
        switch outcome {
        case .place(let choice):
            view.worker = workerName(choice.worker, seenFrom: namespace, log.names)
            view.tier = choice.tier.name
            view.detail =
                choice.moved.map { Self.sentence($0, labels.text(of: actor.paused?.node ?? .none)) }
                ?? "the best of the closest tier that has a free worker"
        case .wait:
            let blocked = blocked(index, log: log, among: slots)
            view.reason = blocked.reason.name
            view.detail = blocked.detail
        }
        return view
    }

    private func tierView(
        _ row: PlacementTier, _ actor: WaitingActor, _ outcome: PlacementOutcome, seenFrom namespace: String, _ names: NameDictionary
    ) -> PlacementView.Tier {
        let best = row.best.map { workers[$0.worker] }
        return PlacementView.Tier(
            tier: row.tier.name, nodes: row.nodes, eligible: row.eligible, available: row.available, bytes: row.bytes,
            restoreSeconds: row.best.map { Double($0.score.restoreMicroseconds) / 1e6 },
            worker: row.best.map { workerName($0.worker, seenFrom: namespace, names) },
            node: best.map { labels.text(of: $0.node) }, why: why(row, actor, outcome))
    }

    private func why(_ row: PlacementTier, _ actor: WaitingActor, _ outcome: PlacementOutcome) -> String {
        switch row.standing {
        case .nothingToRestore: return Self.lacking(row.tier, actor)
        case .noWorker: return row.nodes == 0 && row.tier != .cold ? "no node has a copy" : "no worker there that may take it"
        case .allBusy: return "all busy"
        case .free: break
        }
        switch outcome {
        case .place(let choice):
            if choice.tier == row.tier { return "chosen" }
            if choice.tier.rawValue < row.tier.rawValue { return "free, but farther from its state" }
            return "free, but only in a pool that comes after its own"
        case .wait(let blocked):
            if blocked.reason == .quota { return "free, but its tenant has reached its quota" }
            return "free, but a slot on its node is expected sooner than moving takes"
        }
    }

    private static func lacking(_ tier: RestoreTier, _ actor: WaitingActor) -> String {
        switch tier {
        case .local: "it isn't paused"
        case .warm: "it has no snapshot"
        case .golden: actor.external != nil ? "it has a snapshot of its own" : "its template has no snapshot"
        case .cold: ""
        }
    }

    private static func sentence(_ moved: MoveReason, _ node: String) -> String {
        switch moved {
        case .nodeGone: "paused on \(node), which has no worker any more: it is restored from what is elsewhere"
        case .noneEligibleThere: "paused on \(node), where no worker may take it: it is restored from what is elsewhere"
        case .waitIsLonger: "paused on \(node), where a slot is expected later than a restore elsewhere ends"
        case .waitedEnough: "paused on \(node), for which it has waited as long as moving takes"
        }
    }
}
