import Domain
import Views

// Is each caller who waits for a placement answered once, in time, and with what the log says?
//
// And do no more of them wait than may, with none left once all are answered? Whoever went away has its request taken back, where
// nobody else waits for the actor.

package struct CallersOracle: Oracle {
    package static let name = "callers"
    /// Seconds beyond the time that a caller gave. A placement that is on its way may take one of them.
    package static let bound: Int64 = 5
    private var pending: [(call: Callers.Call, worker: String, seq: Position, isPlaced: Bool)] = []
    /// Who began on which worker, by position.
    private var begun: [Position: (actor: String, worker: String)] = [:]

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for event in commit where event.kind == .actorPlaced || event.kind == .actorRunning || event.kind == .actorIdle {
            begun[event.seq] = (event.subject, event.worker)
        }
    }

    package mutating func answered(_ call: Callers.Call, _ answer: Callers.Answer, _ run: Simulation) {
        if call.answers.count > 1 { fail(run, "call \(call.number) for \(call.actor) is answered \(call.answers.count) times") }
        switch answer {
        case .placed(let worker, let seq): pending.append((call, worker, seq, true))
        case .ended(let worker, let seq): pending.append((call, worker, seq, false))
        case .waiting, .refused, .cutOff: break
        }
    }

    package mutating func settled(_ run: Simulation) {
        judge(run.ledger, run)
        guard let loop = run.loop else { return }
        if loop.waitingCallers > Simulation.waitingCallers { fail(run, "\(loop.waitingCallers) callers wait at once") }
        guard run.isUntroubled, run.time.passed - run.calmSince > Self.bound * 1_000_000 else { return }
        let open = run.callers.open
        for call in open {
            let since = call.hasGivenUp ? call.askedAt : call.until
            let last = max(since, call.until)
            if run.time.now.microseconds(since: last) > Self.bound * 1_000_000 {
                fail(
                    run,
                    "call \(call.number) for \(call.actor) waits since \(call.askedAt.rfc3339), and was to end at \(call.until.rfc3339)")
            }
        }
        if open.isEmpty, loop.waitingCallers > 0 { fail(run, "\(loop.waitingCallers) places of callers are taken, and nobody waits") }
    }

    private mutating func judge(_ ledger: Ledger, _ run: Simulation) {
        for (call, worker, seq, _) in pending where seq <= ledger.seq {
            guard let known = begun[seq] else {
                fail(run, "call \(call.number) is answered with position \(seq), where nobody is placed")
                continue
            }
            if known.actor != call.actor || (!known.worker.isEmpty && known.worker != worker) {
                fail(
                    run,
                    "call \(call.number) for \(call.actor) is answered with \(worker); position \(seq) has \(known.actor) on \(known.worker)"
                )
            }
        }
        pending.removeAll { $0.seq <= ledger.seq }
    }
}
