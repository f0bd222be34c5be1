import Domain

// What does an actor do while it holds a slot?
//
// A `TurnRunner` restores the actor, says so, runs its turn and answers where its new state is. Without a command the turn
// is played: it sleeps as long as a restore and the turn would take.

package protocol TurnRunner: Sendable {
    /// - Parameter restored: to be called once, when the actor serves: milliseconds its restore took, nil where only the
    ///   turn itself knows.
    func run(_ placement: Placement, on worker: String, restored: @Sendable (Int64?) async -> Void) async throws(TurnFault) -> TurnSnapshot?
}

/// The clean state a turn left.
package struct TurnSnapshot: Hashable, Sendable {
    package var uri: String
    package var bytes: Int64?
    package init(uri: String, bytes: Int64? = nil) { self.uri = uri; self.bytes = bytes }
}

/// Why a turn ended without a clean state.
package struct TurnFault: Error, Hashable, Sendable {
    package var reason: String
    package init(reason: String) { self.reason = reason }
}

/// Turns that only take time.
package struct SimulatedTurns: TurnRunner {
    package struct RestoreMillis: Hashable, Sendable {
        /// Nothing of the actor's state is near.
        package var cold: Int64
        /// Its template's is.
        package var golden: Int64
        /// Its own is in the node's cache.
        package var warm: Int64
        /// Its own was paused on the node.
        package var local: Int64

        package init(cold: Int64 = 1_000, warm: Int64 = 100) { self.init(cold: cold, golden: warm, warm: warm, local: warm) }

        package init(cold: Int64, golden: Int64, warm: Int64, local: Int64) {
            self.cold = cold
            self.golden = golden
            self.warm = warm
            self.local = local
        }

        func of(_ tier: RestoreTier) -> Int64 {
            switch tier {
            case .cold: cold
            case .golden: golden
            case .warm: warm
            case .local: local
            }
        }
    }

    /// Bytes a played actor's snapshot claims to have.
    package static let snapshotBytes: Int64 = 64 << 20
    /// A turn of which nobody said how long it runs.
    package static let defaultTurnMillis: Int64 = 1_000
    /// The longest turn that is played: a day.
    package static let turnMillisLimit: Int64 = 86_400_000

    private let restoreMillis: RestoreMillis
    private let clock: WorkerClock

    package init(restoreMillis: RestoreMillis = RestoreMillis(), clock: WorkerClock) {
        self.restoreMillis = restoreMillis
        self.clock = clock
    }

    package func run(_ placement: Placement, on worker: String, restored: @Sendable (Int64?) async -> Void) async throws(TurnFault)
        -> TurnSnapshot?
    {
        let restore = restoreMillis.of(Self.tier(of: placement))
        try await sleep(millis: restore)
        await restored(restore)
        try await sleep(millis: placement.expectedMillis ?? Self.defaultTurnMillis)
        // A state of its own for every turn, as a real one: copies of earlier ones are worth nothing any more.
        return TurnSnapshot(uri: "simulated:///\(placement.actor)/\(placement.seq)", bytes: Self.snapshotBytes)
    }

    /// What the placement says; of a tier that isn't known here it is only sure that something is near.
    private static func tier(of placement: Placement) -> RestoreTier {
        guard let name = placement.tier else { return placement.restoreFrom == nil ? .cold : .warm }
        return RestoreTier.allCases.first { $0.name == name } ?? .warm
    }

    private func sleep(millis: Int64) async throws(TurnFault) {
        do { try await clock.sleep(.milliseconds(min(max(millis, 0), Self.turnMillisLimit))) } catch {
            throw TurnFault(reason: "broken off")
        }
    }
}
