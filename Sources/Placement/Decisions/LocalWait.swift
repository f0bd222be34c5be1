import Domain

// Does a paused actor wait for its node, or go elsewhere?
//
// Delay scheduling. Elsewhere it must fetch its external snapshot, which takes longer than resuming where it is: that difference is
// the cost of moving. It waits while a slot there is expected sooner than that, and never longer than that in all. An actor that
// has waited as long as moving costs has paid at most twice what the best choice would have cost. Slots are taken to free
// themselves at the rate 1 ÷ hold each: of 4 busy slots held 8 s, one frees in 2 s on average. Without an external snapshot there
// is nothing to move to: it waits as long as its node is there. A bound one never moves.

struct LocalWait {
    enum Verdict: Hashable {
        /// Until the given time; nil: until its node has a slot, or is gone.
        case wait(until: LogTime?)
        case move(MoveReason)
    }

    /// Workers of any pool on the node.
    var workersThere: Int
    var eligibleThere: WorkerTally
    /// Slots there that are taken.
    var busySlotsThere: Int
    var ahead: Int
    var requestedAt: LogTime
    /// nil: it has no external snapshot.
    var movingMicroseconds: Int64?
    var rules: PlacementRules
    var isBound = false

    /// When a slot is expected, from now; nil where nothing is known of holds, or no slot can come free.
    var expectedMicroseconds: Int64? {
        guard busySlotsThere > 0, let hold = rules.holdMicroseconds, hold >= 0 else { return nil }
        let (all, overflow) = hold.multipliedReportingOverflow(by: Int64(max(0, ahead)) + 1)
        return overflow ? .max : all / Int64(busySlotsThere)
    }

    func verdict(at now: LogTime) -> Verdict {
        guard !isBound else { return .wait(until: nil) }
        guard workersThere > 0 else { return .move(.nodeGone) }
        guard let movingMicroseconds else { return .wait(until: nil) }
        guard eligibleThere.ready + eligibleThere.starting > 0 else { return .move(.noneEligibleThere) }
        let until = requestedAt.adding(microseconds: rules.localWaitMicroseconds ?? movingMicroseconds)
        guard now < until else { return .move(.waitedEnough) }
        if rules.localWaitMicroseconds == nil, let expected = expectedMicroseconds, expected >= movingMicroseconds {
            return .move(.waitIsLonger)
        }
        return .wait(until: until)
    }
}
