import Domain

// Is a worker with a lease lost once it is silent for longer than that, and never before?
//
// The workers' twin knows when the service last took a sign of life; the log knows when each said that it is ready. What the service
// says of a worker's loss is held against both. The time until it must say so begins anew with each fault that could keep it from hearing.

package struct LeaseOracle: Oracle {
    package static let name = "leases"
    /// Seconds after a lease's end within which the loss is logged.
    package static let bound: Int64 = 15
    /// So long a loss that was concluded may have been on its way to the log.
    private static let longestWay: Int64 = 300

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for event in commit where event.kind == .workerGone && event.source == "/greenroom" {
            guard let known = ledger.workers[event.subject], let asOf = event.integer("asOf"), Position(asOf) == known.saidReady.seq
            else { continue }
            if known.ttlSeconds == 0 { fail(run, "\(event.subject) is lost at \(event.seq), and has no lease") }
            let twin = run.leased.workers[event.subject]
            let heard = max(twin?.heard?.at ?? .zero, known.saidReady.at)
            let silent = event.at.microseconds(since: heard)
            if silent < Int64(known.ttlSeconds) * 1_000_000 {
                fail(run, "\(event.subject) is lost \(silent / 1_000) ms after its last sign of life; its lease is \(known.ttlSeconds) s")
            }
            if let stream = twin?.stream, event.at.microseconds(since: stream.since) > Self.longestWay * 1_000_000 {
                fail(run, "\(event.subject) is lost though its stream is open since \(stream.since.rfc3339)")
            }
        }
    }

    package mutating func settled(_ run: Simulation) {
        guard run.isUntroubled, let loop = run.loop, loop.state.position == run.ledger.seq else { return }
        for (name, worker) in run.ledger.workers.sorted(by: { $0.key < $1.key }) where worker.ttlSeconds > 0 {
            let twin = run.leased.workers[name]
            guard twin?.stream == nil else { continue }
            let patience = (Int64(worker.ttlSeconds) + Self.bound) * 1_000_000
            let (heard, measured) = (max(twin?.heard?.at ?? .zero, worker.saidReady.at), max(twin?.heard?.measured ?? 0, run.calmSince))
            if run.time.now.microseconds(since: heard) > patience + patience / 32, run.time.passed - measured > patience + patience / 32 {
                fail(run, "\(name) is silent since \(heard.rfc3339), for longer than its \(worker.ttlSeconds) s, and isn't lost")
            }
        }
    }
}
