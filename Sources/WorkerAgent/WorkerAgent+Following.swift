import Basics
import Domain
import Logging
import Synchronization

// How does a worker learn of its placements?
//
// It follows the log from before its own registration on, so that nothing is missed, and from the last position it saw after every
// break. What comes before the registration is acknowledged waits for that. A stream that ends or breaks is opened anew with backoff,
// for as long as the worker lives.

extension WorkerAgent {
    func followPlacements() async {
        var delay = DoublingDelay(first: configuration.limits.retryDelayMin, longest: configuration.limits.retryDelayMax)
        while !hasEnded, !Task.isCancelled {
            let before = ledger.lastSeq
            let problem = await readPlacements(follow: true)
            streamWasTried()
            if hasEnded || Task.isCancelled { return }
            // Where the log ends by then says nothing of what was placed here meanwhile.
            await untilRegistered()
            if hasEnded || Task.isCancelled { return }
            if ledger.lastSeq > before { delay.reset() }
            let pause = delay.next()
            logger.debug(
                "the stream of placements ended; following again",
                metadata: ["problem": "\(problem ?? "none")", "after": "\(ledger.lastSeq)"])
            do { try await clock.sleep(pause) } catch { return }
            // A service that has no stream to give still answers a look, so what is placed here isn't left lying.
            if problem != nil { _ = await readPlacements(follow: false) }
        }
    }

    /// Reads what the log has now; answers whether any placement was new. A failed try is made again, with backoff.
    func catchUp() async -> Bool {
        var delay = DoublingDelay(first: configuration.limits.retryDelayMin, longest: configuration.limits.retryDelayMax)
        var waited = Duration.zero
        let before = ledger.lastSeq
        defer { isReadingInVain = false }
        while !hasEnded, let problem = await readPlacements(follow: false) {
            isReadingInVain = true
            guard waited < configuration.limits.reportLimit else {
                logger.error("can't read the last placements; continuing without them", metadata: ["problem": "\(problem)"])
                break
            }
            let pause = delay.next()
            waited += pause
            do { try await clock.sleep(pause) } catch { break }
        }
        return ledger.lastSeq > before
    }

    /// Reads one stream to its end; answers why it ended early.
    private func readPlacements(follow: Bool) async -> String? {
        let broken = FirstProblem()
        do throws(WorkerLinkFault) {
            let after = isRegistered ? ledger.lastSeq : nil
            try await link.readPlacements(
                of: configuration.fullName, after: after, follow: follow, opened: { await self.streamWasTried() }
            ) { line in
                await self.untilRegistered()
                if let reason = await self.end(in: line) {
                    await self.lost(reason)
                    return false
                }
                do throws(PlacementFault) {
                    if let placement = try Placement(line: line) { await self.accept(placement) }
                } catch {
                    broken.note(error.problem)
                    return false
                }
                return await !self.hasEnded
            }
        } catch {
            if case .denied(let problem) = error { denied(problem) }
            return error.problem
        }
        return broken.problem
    }
}

extension WorkerAgent {
    private func end(in line: [UInt8]) -> String? { Placement.end(in: line, after: readySeq, unlessFrom: source) }

    private func lost(_ reason: String) {
        denied("the log says that this worker is gone (\(reason)), so its actors may run elsewhere")
    }
}

/// Carries a problem out of a closure.
private final class FirstProblem: Sendable {
    private let state = Mutex<String?>(nil)
    var problem: String? { state.withLock { $0 } }
    func note(_ problem: String) { state.withLock { $0 = $0 ?? problem } }
}
