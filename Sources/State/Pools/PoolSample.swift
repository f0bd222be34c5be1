package import Domain

// What does a pool's series hold of it after a commit?
//
// The same figures as a pool's view has at that moment, as numbers that can be compared lane by lane. Reading only: a sample is taken
// of each pool that a commit touched, and one that wasn't touched has the sample it had.

package struct PoolSample: Hashable, Sendable {
    /// Lanes in the order of `Count`; what doesn't fit 31 bits stops at their end.
    package typealias Counts = SIMD8<Int32>

    package enum Count: Int, Hashable, Sendable, CaseIterable {
        case demand, desired, ready, busy, starting, waiting, min, max
    }

    package var counts: Counts
    /// When the one that waits longest asked; nil while nobody waits.
    package var oldestRequestedAt: LogTime?
    package var bands: PoolBands

    package init(counts: Counts = .zero, oldestRequestedAt: LogTime? = nil, bands: PoolBands = []) {
        self.counts = counts
        self.oldestRequestedAt = oldestRequestedAt
        self.bands = bands
    }

    /// Of a pool that isn't there, or was deleted.
    package static let none = PoolSample()

    package subscript(count: Count) -> Int { Int(counts[count.rawValue]) }
}

/// What holds a pool's count, or stands out of it, for some time.
package struct PoolBands: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let cooldown = PoolBands(rawValue: 1 << 0)
    package static let stabilization = PoolBands(rawValue: 1 << 1)
    package static let rateLimit = PoolBands(rawValue: 1 << 2)
    package static let pause = PoolBands(rawValue: 1 << 3)
    package static let fallback = PoolBands(rawValue: 1 << 4)
    package static let schedule = PoolBands(rawValue: 1 << 5)
    /// A trigger or the formula gives no value.
    package static let failing = PoolBands(rawValue: 1 << 6)

    /// Each with its name in the API.
    package static let named: [(band: PoolBands, name: String)] = [
        (.cooldown, "cooldown"), (.stabilization, "stabilization"), (.rateLimit, "rateLimit"), (.pause, "pause"), (.fallback, "fallback"),
        (.schedule, "schedule"), (.failing, "failing"),
    ]
}

extension State {
    /// The pools that a commit touched, as they are after it.
    package func samples(after change: Change) -> [(pool: NameID, sample: PoolSample)] {
        change.pools.map { (pools[$0].name, pools[$0].sample) }
    }

    package func sample(of pool: NameID) -> PoolSample? { poolByName[pool].map { pools[$0].sample } }
}

extension PoolState {
    package var sample: PoolSample {
        guard !isDeleted else { return .none }
        let (demand, workers, bounds) = (demand, workerCounts, policy?.policy)
        let counts = PoolSample.Counts(
            Int32(clamping: demand.total), Int32(clamping: wanted), Int32(clamping: workers.ready), Int32(clamping: workers.busy),
            Int32(clamping: workers.starting), Int32(clamping: demand.blocked), Int32(clamping: bounds?.minReplicaCount ?? 0),
            Int32(clamping: bounds?.maxReplicaCount ?? 0))
        return PoolSample(counts: counts, oldestRequestedAt: queue.oldestRequestedAt, bands: bands)
    }

    /// The workers its policy wants: what the target was told, or, where nothing follows decisions, what the last one recommends.
    package var wanted: Int { policy?.mode == .recommend ? lastDecision?.to ?? desired : desired }

    /// By the last decision: a decision is logged whenever other steps have a say.
    private var bands: PoolBands {
        var bands: PoolBands = pause.isOn ? [.pause] : []
        guard policy != nil else { return bands }
        if evaluation?.fallbackReplicas != nil { bands.insert(.fallback) }
        guard let codes = lastDecision?.codes else { return bands }
        if codes.contains(.cooldownRunning) || codes.contains(.initialCooldownRunning) { bands.insert(.cooldown) }
        if codes.contains(.scaleUpStabilized) || codes.contains(.scaleDownStabilized) { bands.insert(.stabilization) }
        if codes.contains(.scaleUpLimit) || codes.contains(.scaleDownLimit) { bands.insert(.rateLimit) }
        if codes.contains(.scheduleActive) || codes.contains(.scheduleFloor) { bands.insert(.schedule) }
        if codes.contains(.triggerFailed) || codes.contains(.formulaUndefined) { bands.insert(.failing) }
        return bands
    }
}
