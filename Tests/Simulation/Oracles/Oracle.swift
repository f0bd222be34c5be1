package import ControlLoop
package import Domain

// What must never be otherwise, whatever happens?
//
// An oracle holds one such thing. It is asked at four places: of each commit, before the ledger has it; of each request of the
// loop to a target; wherever time stands still; and at the end, first at rest and then of the log as a whole. It says what it
// found to the simulation, which stops there.

package protocol Oracle {
    static var name: String { get }
    mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation)
    mutating func requested(_ request: DrivenLoop.Request, _ run: Simulation)
    mutating func answered(_ call: Callers.Call, _ answer: Callers.Answer, _ run: Simulation)
    mutating func settled(_ run: Simulation)
    mutating func rested(_ run: Simulation, eventsSince position: Position)
    mutating func ended(_ run: Simulation)
}

extension Oracle {
    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {}
    package mutating func requested(_ request: DrivenLoop.Request, _ run: Simulation) {}
    package mutating func answered(_ call: Callers.Call, _ answer: Callers.Answer, _ run: Simulation) {}
    package mutating func settled(_ run: Simulation) {}
    package mutating func rested(_ run: Simulation, eventsSince position: Position) {}
    package mutating func ended(_ run: Simulation) {}

    func fail(_ run: Simulation, _ message: String) { run.fail(Self.name, message) }
}

package enum Oracles {
    package static var all: [any Oracle] {
        [
            AcknowledgedOracle(), PositionsOracle(), StateOracle(), FoldOracle(), DecisionsOracle(), BusyWorkerOracle(), PlacementOracle(),
            QuotaOracle(), SnapshotOracle(), BoundsOracle(), StabilizationOracle(), CooldownOracle(), WaitingOracle(), FenceOracle(),
            ReservationsOracle(), CausesOracle(), SizeOracle(), LeaseOracle(), DeadlineOracle(), CallersOracle(),
            DrainOracle(),
        ]
    }
}
