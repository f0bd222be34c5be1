import Domain

// What do claims do to a pool whose workers leave it when they are taken?
//
// A claim takes a worker that lies ready, which leaves the pool with it, and another is started in its place; where none lies ready, one is
// made for it, outside the pool. What is logged of them is what a watch of claims logs, in its words and from its source. A watch that
// ends says nothing more: what is left waiting then is withdrawn once all faults have ended, as of any actor that nobody knows.

package final class Claims: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    private let time: TimeTwin
    private let senders: Senders
    private let target: (String) -> TargetTwin?
    private var made = 0
    private var told = 0
    package static let source = "/greenroom/kubernetes/claims"

    package init(time: TimeTwin, senders: Senders, target: @escaping (String) -> TargetTwin?) {
        self.time = time
        self.senders = senders
        self.target = target
    }

    /// - Parameter isForced: it can't have a worker of the pool.
    package func begin(pool: String, milliseconds: Int64, isForced: Bool) {
        made += 1
        let claim = "claim-\(made)"
        let taken = isForced ? nil : target(pool)?.take()
        let launch = isForced ? "forced" : taken == nil ? "cold" : "warm"
        say(.actorRequested, claim, pool: pool, isForced ? #"{"launch":"forced","reason":"volumes"}"# : "{}")
        if taken == nil, !isForced { say(.actorRequested, claim, pool: pool, #"{"launch":"cold","reason":"none was ready"}"#) }
        let start: Int64 = taken == nil ? 3_000 : 100
        time.after(microseconds: start * 1_000) { [weak self] in
            guard let self else { return }
            let worker = taken ?? "made-for-\(claim)"
            say(.actorRunning, claim, worker: worker, #"{"launch":"\#(launch)","startMillis":\#(start)}"#)
            time.after(microseconds: milliseconds * 1_000) { [weak self] in
                self?.say(.actorDeleted, claim, #"{"reason":"its claim was deleted"}"#)
            }
        }
    }

    private func say(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, _ body: String) {
        told += 1
        var batch = EventBatch()
        batch.append(kind, source: Self.source, id: "claim-\(told)", subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
        senders.own(batch, id: "claim-\(told)", from: Self.source)
    }
}
