// Which steps had a say in a decision?
//
// Every reason has a stable PascalCase code: HPA's name where it has one, KEDA's idea where that has none. The order of
// the cases is the order of the steps, and of the reasons in a why-chain. A set of codes is one word: comparing two
// decisions' reasons costs nothing, and whether a decision is news is seen before its reasons are written out.

package enum ReasonCode: UInt8, Hashable, Sendable, CaseIterable {
    // Signals.
    case demand
    case claims
    case triggerFailed
    case formulaUndefined
    case fallbackInEffect
    // Activation.
    case triggerActive
    case formulaActive
    case forcedActive
    case scheduleActive
    case inactive
    case cooldownRunning
    case initialCooldownRunning
    case cooldownPassed
    case atRest
    case scaleTargetActivated
    // The count is outside the bounds before anything is wanted of it.
    case belowMinimum
    case aboveMaximum
    // Recommendation.
    case recommended
    case withinTolerance
    case heldByFailingTrigger
    case warmBuffer
    case surgeBuffer
    case unclaimedSpare
    // Stabilization, rates, bounds: HPA's reasons of AbleToScale and ScalingLimited.
    case scaleUpStabilized
    case scaleDownStabilized
    case scaleUpLimit
    case scaleDownLimit
    case tooFewReplicas
    case tooManyReplicas
    case desiredWithinRange
    // Schedules, pauses, safety.
    case scheduleFloor
    case held
    case pausedScaleIn
    case pausedScaleOut
    case heldThroughUpdate
    case workInFlight
    case busyWorkers

    package var name: String {
        switch self {
        case .demand: "Demand"
        case .claims: "Claims"
        case .triggerFailed: "TriggerFailed"
        case .formulaUndefined: "FormulaUndefined"
        case .fallbackInEffect: "FallbackInEffect"
        case .triggerActive: "TriggerActive"
        case .formulaActive: "FormulaActive"
        case .forcedActive: "ForcedActive"
        case .scheduleActive: "ScheduleActive"
        case .inactive: "Inactive"
        case .cooldownRunning: "CooldownRunning"
        case .initialCooldownRunning: "InitialCooldownRunning"
        case .cooldownPassed: "CooldownPassed"
        case .atRest: "AtRest"
        case .scaleTargetActivated: "ScaleTargetActivated"
        case .belowMinimum: "BelowMinimum"
        case .aboveMaximum: "AboveMaximum"
        case .recommended: "Recommended"
        case .withinTolerance: "WithinTolerance"
        case .heldByFailingTrigger: "HeldByFailingTrigger"
        case .warmBuffer: "WarmBuffer"
        case .surgeBuffer: "SurgeBuffer"
        case .unclaimedSpare: "UnclaimedSpare"
        case .scaleUpStabilized: "ScaleUpStabilized"
        case .scaleDownStabilized: "ScaleDownStabilized"
        case .scaleUpLimit: "ScaleUpLimit"
        case .scaleDownLimit: "ScaleDownLimit"
        case .tooFewReplicas: "TooFewReplicas"
        case .tooManyReplicas: "TooManyReplicas"
        case .desiredWithinRange: "DesiredWithinRange"
        case .scheduleFloor: "ScheduleFloor"
        case .held: "Held"
        case .pausedScaleIn: "PausedScaleIn"
        case .pausedScaleOut: "PausedScaleOut"
        case .heldThroughUpdate: "HeldThroughUpdate"
        case .workInFlight: "WorkInFlight"
        case .busyWorkers: "BusyWorkers"
        }
    }

    package var step: Reason.Step {
        switch self {
        case .demand, .claims, .triggerFailed, .formulaUndefined: .signal
        case .fallbackInEffect: .fallback
        case .triggerActive, .formulaActive, .forcedActive, .scheduleActive, .inactive, .cooldownRunning, .initialCooldownRunning,
            .cooldownPassed, .atRest, .scaleTargetActivated:
            .activation
        case .recommended, .withinTolerance, .heldByFailingTrigger: .recommendation
        case .warmBuffer, .surgeBuffer, .unclaimedSpare: .buffer
        case .scaleUpStabilized, .scaleDownStabilized: .stabilization
        case .scaleUpLimit, .scaleDownLimit: .rateLimit
        case .belowMinimum, .aboveMaximum, .tooFewReplicas, .tooManyReplicas, .desiredWithinRange: .bounds
        case .scheduleFloor: .schedule
        case .held, .pausedScaleIn, .pausedScaleOut: .pause
        case .heldThroughUpdate, .workInFlight, .busyWorkers: .safety
        }
    }

    /// The code of that name; nil for a name of a later version.
    package init?(name: String) {
        guard let code = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = code
    }
}

/// A set of codes, walked in the order of the steps.
package struct ReasonCodes: Hashable, Sendable, Sequence {
    package private(set) var bits: UInt64 = 0

    package init() {}

    package mutating func insert(_ code: ReasonCode) { bits |= 1 << UInt64(code.rawValue) }
    package func contains(_ code: ReasonCode) -> Bool { bits & (1 << UInt64(code.rawValue)) != 0 }
    package var count: Int { bits.nonzeroBitCount }

    package func makeIterator() -> Iterator { Iterator(bits: bits) }

    package struct Iterator: IteratorProtocol {
        var bits: UInt64

        package mutating func next() -> ReasonCode? {
            guard bits != 0 else { return nil }
            let lowest = bits.trailingZeroBitCount
            bits &= bits - 1
            return ReasonCode(rawValue: UInt8(lowest))
        }
    }
}
