package import Domain

// Which turns arrive when, and how long does each run?
//
// What a simulation or a demo is fed with: turns in the order of their arrival, in whole microseconds after the beginning.
// Turns that arrive at the same moment keep the order in which they were given. Whose they are matters only where something
// is restored: on nodes, and in the demo.

/// One request for a worker, and the time it then keeps a slot.
package struct Turn: Hashable, Sendable {
    package var arrivalMicroseconds: Int64
    package var serviceMicroseconds: Int64
    /// What restoring its actor adds, where that is known of this turn; nil where it is as for all.
    package var resumeMicroseconds: Int64?
    /// Whose it is, by number in `ArrivalTrace.names`; `.none` where the trace doesn't say.
    package var actor = NameID.none
    package var template = NameID.none
    package var tenant = NameID.none
    /// What its actor's snapshot holds as the turn begins; nil where the trace doesn't say.
    package var snapshotBytes: Int64?

    package init(arrivalMicroseconds: Int64, serviceMicroseconds: Int64, resumeMicroseconds: Int64? = nil) {
        self.arrivalMicroseconds = arrivalMicroseconds
        self.serviceMicroseconds = serviceMicroseconds
        self.resumeMicroseconds = resumeMicroseconds
    }
}

package struct ArrivalTrace: Hashable, Sendable {
    /// In order of arrival.
    package let turns: [Turn]
    /// Names of actors, templates and tenants: number n is the one at n − 1.
    package let names: [String]

    package init(turns: [Turn], names: [String] = []) {
        self.names = names
        let isSorted = zip(turns, turns.dropFirst()).allSatisfy { $0.arrivalMicroseconds <= $1.arrivalMicroseconds }
        // The sort of the standard library is stable, which keeps equal arrivals in their order.
        self.turns = isSorted ? turns : turns.sorted { $0.arrivalMicroseconds < $1.arrivalMicroseconds }
    }

    package var isEmpty: Bool { turns.isEmpty }

    package func name(_ id: NameID) -> String? { id.isNone || id.index > names.count ? nil : names[id.index - 1] }

    /// Time that turns use, all together: what a pool would cost that never had an idle worker.
    package var usefulMicroseconds: Int64 { turns.reduce(0) { $0 &+ $1.serviceMicroseconds } }

    /// From the first arrival to the last.
    package var spanMicroseconds: Int64 {
        guard let first = turns.first, let last = turns.last else { return 0 }
        return last.arrivalMicroseconds - first.arrivalMicroseconds
    }

    /// The turns that arrive in the first `share` of the span, and the rest with its beginning moved to zero.
    package func split(after share: Double) -> (before: ArrivalTrace, after: ArrivalTrace) {
        guard let first = turns.first else { return (self, self) }
        let border = first.arrivalMicroseconds + Int64(Double(spanMicroseconds) * min(max(share, 0), 1))
        let index = turns.firstIndex { $0.arrivalMicroseconds >= border } ?? turns.count
        let rest = turns[index...].map { turn in
            var turn = turn
            turn.arrivalMicroseconds -= border
            return turn
        }
        return (ArrivalTrace(turns: Array(turns[..<index]), names: names), ArrivalTrace(turns: rest, names: names))
    }
}
