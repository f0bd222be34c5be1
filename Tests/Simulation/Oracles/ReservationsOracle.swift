import ControlLoop
import Domain

// Is nothing reserved once all is quiet?

package struct ReservationsOracle: Oracle {
    package static let name = "reservations"

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard let loop = run.loop, let log = run.log, loop.state.position == log.head.seq else { return }
        guard run.isUntroubled else { return }
        if let problem = Self.problem(loop.hasReservations) { fail(run, problem) }
    }

    package static func problem(_ hasReservations: Bool) -> String? {
        hasReservations ? "reservations are left though all is folded" : nil
    }
}
