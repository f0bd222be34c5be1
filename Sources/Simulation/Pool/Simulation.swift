package import Autoscaling
import Domain

// How does a pool fare on a trace under a policy, ours or a peer's?
//
// The entry point: what to simulate by name, and the runs.

/// What scales the pool of a simulation.
package enum SimulatedPolicy: Hashable, Sendable {
    /// A policy of ours, through the live decision functions.
    case policy(Policy, name: String)
    /// Policies of ours, each from its moment on.
    case recorded([PolicyChange], name: String)
    /// KEDA and an HPA; behavior, bounds and cooldown from a policy, where one is given.
    case kedaHPA(Policy?)
    case hpaOnAssignedWorkers
    case knativeKPA
    case fixed(Int)
    /// An HPA on the rate of claims, alone or with KEDA for zero.
    case hpaOnClaimRate(goesToZero: Bool)

    package static let builtinNames = [
        "builtin:keda-hpa", "builtin:hpa-on-assigned-workers", "builtin:knative-kpa", "builtin:fixed:N", "builtin:hpa-claim-rate",
        "builtin:keda-claim-rate",
    ]
    package static let prefix = "builtin:"

    /// A peer by its name; nil where there is none of that name.
    package init?(builtin name: String) {
        switch name {
        case "builtin:keda-hpa": self = .kedaHPA(nil)
        case "builtin:hpa-on-assigned-workers": self = .hpaOnAssignedWorkers
        case "builtin:knative-kpa": self = .knativeKPA
        case "builtin:hpa-claim-rate": self = .hpaOnClaimRate(goesToZero: false)
        case "builtin:keda-claim-rate": self = .hpaOnClaimRate(goesToZero: true)
        default:
            let fixed = "builtin:fixed:"
            guard name.hasPrefix(fixed), let count = Int(name.dropFirst(fixed.count)), (1...PolicyLimits.replicas).contains(count) else {
                return nil
            }
            self = .fixed(count)
        }
    }

    /// Triggers of a policy that a trace can't feed.
    package var leftOut: [String] {
        switch self {
        case .policy(let policy, _): policy.onDemandAlone.leftOut
        case .recorded(let changes, _): changes.last { $0.policy != nil }?.policy?.onDemandAlone.leftOut ?? []
        default: []
        }
    }
}

package enum Simulation {
    package static func run(_ trace: ArrivalTrace, _ policy: SimulatedPolicy, _ settings: SimulationSettings = SimulationSettings())
        -> SimulationResult
    {
        run(trace, policy, settings, records: false).result
    }

    /// The same run, with what a report draws of it.
    package static func recorded(
        _ trace: ArrivalTrace, _ policy: SimulatedPolicy, _ settings: SimulationSettings = SimulationSettings()
    ) -> (result: SimulationResult, run: ReportRun) {
        let recording = run(trace, policy, settings, records: true)
        return (recording.result, ReportRun(recording))
    }

    private static func run(_ trace: ArrivalTrace, _ policy: SimulatedPolicy, _ settings: SimulationSettings, records: Bool)
        -> SimulationRecording
    {
        switch policy {
        case .policy(let policy, let name):
            run(trace, PolicyScaler(policy: policy, name: name, beginsAt: settings.beginsAt), settings, records)
        case .recorded(let changes, let name): run(trace, PolicyScaler(changes, name: name, beginsAt: settings.beginsAt), settings, records)
        case .kedaHPA(let policy): run(trace, KEDAScaler(policy, slotsPerWorker: settings.slotsPerWorker), settings, records)
        case .hpaOnAssignedWorkers: run(trace, AssignedWorkersScaler(slotsPerWorker: settings.slotsPerWorker), settings, records)
        case .knativeKPA: run(trace, KnativeScaler(slotsPerWorker: settings.slotsPerWorker), settings, records)
        case .fixed(let count): run(trace, FixedScaler(count: count, slotsPerWorker: settings.slotsPerWorker), settings, records)
        case .hpaOnClaimRate(let goesToZero): run(trace, ClaimRateScaler(goesToZero: goesToZero), settings, records)
        }
    }

    private static func run(_ trace: ArrivalTrace, _ scaler: some SimulatedScaler, _ settings: SimulationSettings, _ records: Bool)
        -> SimulationRecording
    {
        if settings.poolKind == .unclaimed {
            var simulation = ClaimSimulation(trace: trace, settings: settings, scaler: scaler)
            return simulation.run(records: records)
        }
        var simulation = PoolSimulation(trace: trace, settings: settings, scaler: scaler)
        return simulation.run(records: records)
    }

    /// Under a policy of ours, told in two parts.
    static func run(
        _ trace: ArrivalTrace, _ policy: Policy, _ settings: SimulationSettings, border: Int64
    ) -> (before: SimulationResult, after: SimulationResult) {
        let scaler = PolicyScaler(policy: policy, name: policy.pool, beginsAt: settings.beginsAt)
        if settings.poolKind == .unclaimed {
            var simulation = ClaimSimulation(trace: trace, settings: settings, scaler: scaler)
            return simulation.run(border: border)
        }
        var simulation = PoolSimulation(trace: trace, settings: settings, scaler: scaler)
        return simulation.run(border: border)
    }
}

extension KEDAScaler {
    /// With what a policy says where KEDA has the same field.
    init(_ policy: Policy?, slotsPerWorker: Int) {
        var options = Options()
        guard let policy else {
            options.metricTargetMilli = Int64(slotsPerWorker) * 1_000
            self.init(slotsPerWorker: slotsPerWorker, options: options)
            return
        }
        options.metricTargetMilli = policy.triggers.first { $0.source == .demand }?.thresholdMilli ?? Int64(policy.slotsPerWorker) * 1_000
        options.cooldownSeconds = policy.cooldownPeriodSeconds
        options.minReplicas = policy.minReplicaCount
        options.maxReplicas = policy.maxReplicaCount
        options.behavior = policy.behaviorGiven ? policy.behavior : nil
        self.init(name: "builtin:keda-hpa:\(policy.pool)", slotsPerWorker: policy.slotsPerWorker, options: options)
    }
}

extension KnativeScaler {
    init(slotsPerWorker: Int) {
        var options = KnativePodAutoscaler.Options()
        options.containerConcurrency = slotsPerWorker
        self.init(options: options)
    }
}
