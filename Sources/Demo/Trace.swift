package import Simulation
import Inspection

// Which turns does a demo let arrive when, and how long does each run?
//
// Recorded arrivals (`ArrivalTrace`), or made ones, in real seconds and with the names of whose they are.

package struct Arrival: Hashable, Sendable {
    /// Seconds after the beginning.
    var atSeconds: Double
    var serviceSeconds: Double
    /// Index of its pool.
    package var pool = 0
    /// nil where any actor of the pool may take it.
    package var actor: String?
    package var template: String?
    var tenant: String?
}

package struct Trace: Hashable, Sendable {
    /// In order of arrival.
    package var arrivals: [Arrival]

    package init(arrivals: [Arrival]) { self.arrivals = arrivals.sorted { $0.atSeconds < $1.atSeconds } }

    package init(path: String) throws { self.init(try TraceFile.read(path)) }

    package init(_ trace: ArrivalTrace) {
        arrivals = trace.turns.map { turn in
            Arrival(
                atSeconds: Double(turn.arrivalMicroseconds) / 1e6, serviceSeconds: Double(turn.serviceMicroseconds) / 1e6,
                actor: trace.name(turn.actor), template: trace.name(turn.template), tenant: trace.name(turn.tenant))
        }
    }

    /// Times divided by `speed`, and nothing that arrives after `duration`.
    func scaled(speed: Double, durationSeconds: Double?) -> Trace {
        let scaled = arrivals.map { arrival in
            var arrival = arrival
            arrival.atSeconds /= speed
            arrival.serviceSeconds /= speed
            return arrival
        }
        return Trace(arrivals: scaled.filter { $0.atSeconds <= durationSeconds ?? .infinity })
    }

    /// The most turns that would run at once if none ever waited, each `extraSeconds` longer than its service.
    func peakConcurrency(extraSeconds: Double) -> Int {
        var ends: [(at: Double, step: Int)] = []
        ends.reserveCapacity(arrivals.count * 2)
        for arrival in arrivals {
            ends.append((arrival.atSeconds, 1))
            ends.append((arrival.atSeconds + arrival.serviceSeconds + extraSeconds, -1))
        }
        // An end at the same instant as a beginning comes first.
        ends.sort { ($0.at, $0.step) < ($1.at, $1.step) }
        var running = 0
        var peak = 0
        for end in ends {
            running += end.step
            peak = max(peak, running)
        }
        return peak
    }
}
