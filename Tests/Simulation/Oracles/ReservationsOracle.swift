import ControlLoop
import Domain

// Is nothing reserved once all is quiet?

package struct ReservationsOracle: Oracle {
    package static let name = "reservations"

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard let loop = run.loop, let log = run.log, loop.state.position == log.head.seq else { return }
        guard run.isUntroubled else { return }
        if let problem = Self.problem(loop.reservations) { fail(run, problem) }
    }

    package static func problem(_ reservations: Int) -> String? {
        reservations == 0 ? nil : "\(reservations) reservations are left though all is folded"
    }
}
