// What does the operator want of one pool?
//
// A `Policy` is a parsed and checked `WorkerPoolAutoscaler` (greenroom.dev/v1): field names and meanings are KEDA's and
// HPA's wherever they have one. It is a value: two equal policies decide equally. Reading it from YAML or JSON, and every
// check of it, is the business of the `Policies` target; whatever reaches this type has passed them.
//
// Amounts that HPA computes in integers are integers here too: milli-units for metric values and thresholds, whole
// seconds for windows and periods, parts per million for tolerances.

package struct Policy: Hashable, Sendable {
    /// `NAMESPACE/NAME` of the pool, which is also the policy's own name, unless it is a shadow.
    package var pool: String
    /// The policy's own name, without its namespace, where it is a shadow: decided and logged beside the pool's policy, never followed.
    package var shadow: String?
    package var mode: Mode = .auto
    package var target: ScaleTarget
    /// Which pods are the target's workers, where owner references can't tell; nil leaves it to those.
    package var workerSelector: WorkerSelector?
    /// How pods are asked whether they are busy; nil where their agents report it, or nobody does.
    package var busy: BusyCheck?
    package var slotsPerWorker = 1
    /// Which workers the target's count counts, where the policy says so; nil leaves it to the kind.
    package var capacity: Capacity?
    package var minReplicaCount = 0
    package var maxReplicaCount = 100
    /// Where the pool rests when nothing is active; must be below `minReplicaCount` (as KEDA demands).
    package var idleReplicaCount: Int?
    package var cooldownPeriodSeconds = 300
    package var initialCooldownPeriodSeconds = 0
    package var buffer: WarmBuffer = .fixed(0)
    package var triggers: [Trigger] = []
    package var behavior = Behavior.kubernetesDefault
    /// Whether HPA's legacy path (no `behavior` given) or its behavior path computes stabilization and limits.
    package var behaviorGiven = false
    package var scalingModifiers: ScalingModifiers?
    package var fallback: Fallback?
    package var schedules: [Schedule] = []
    /// How long workers that were told to go may stay busy before the step is given up.
    package var drainTimeoutSeconds = 300
    package var foreignChange = ForeignChange.takeOver
    package var pause = Pause()
    /// Treats the pool as active whatever the triggers say (KEDA's force-activation).
    package var forceActivation = false
    package var spillTo: [String] = []
    package var zoneMaxSkew: Int?
    /// nil is `auto`.
    package var localWaitSeconds: Int?
    /// Whether nodes are told which snapshots they will probably need.
    package var prefetch = false
    package var quotas: [Quota] = []

    package init(pool: String, target: ScaleTarget) {
        self.pool = pool
        self.target = target
    }

    /// `NAMESPACE/NAME` by which the policy itself is known.
    package var name: String { shadow.map { "\(namespace)/\($0)" } ?? pool }

    package var namespace: String { pool.firstIndex(of: "/").map { String(pool[..<$0]) } ?? "" }

    /// Whether the count is one of workers that nobody has: whoever takes one takes it out of the pool.
    package var isUnclaimed: Bool { (capacity ?? target.impliedCapacity) == .unclaimed }

    /// Which workers the target's count counts. All of them is what every other kind does, and has no word.
    package enum Capacity: String, Hashable, Sendable, CaseIterable {
        /// Those that nobody took: a worker that is taken leaves the pool, and another is made in its place.
        case unclaimed
    }

    package enum Mode: String, Hashable, Sendable, CaseIterable {
        /// Decide and act.
        case auto
        /// Decide and log, never touch the target.
        case recommend
    }
}

/// What to do about replicas that somebody else set.
package enum ForeignChange: String, Hashable, Sendable, CaseIterable {
    /// Go on from there: the next decision sets them again.
    case takeOver
    /// Decide and log, but leave the target alone.
    case yield
}

package struct ScaleTarget: Hashable, Sendable {
    package var apiVersion: String
    package var kind: String
    package var name: String
    /// For `kind: Process`: the command a worker runs for each turn; empty sleeps the turn's length.
    package var command: [String] = []

    /// Of pools whose workers are processes of this machine.
    package static let processKind = "Process"
    /// Agent Sandbox' pools, in whatever version.
    package static let warmPoolKind = "SandboxWarmPool"
    package static let warmPoolGroup = "extensions.agents.x-k8s.io"

    /// Agent Sandbox' replicas are sandboxes without a claim.
    package var isWarmPool: Bool { kind == Self.warmPoolKind && apiVersion.hasPrefix("\(Self.warmPoolGroup)/") }
    var impliedCapacity: Policy.Capacity? { isWarmPool ? .unclaimed : nil }

    /// Whether a lower count ends the pods with the highest numbers, whatever they cost.
    package var endsHighestOrdinal: Bool { Self.endsHighestOrdinal(kind: kind) }
    package static func endsHighestOrdinal(kind: String) -> Bool { kind == "StatefulSet" }
    /// `NAME-3` is 3; nil where a name has none.
    package static func ordinal(ofPod name: String) -> Int? { name.split(separator: "-").last.flatMap { Int($0) } }

    package init(apiVersion: String, kind: String, name: String, command: [String] = []) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.command = command
    }
}

/// Workers kept beyond what demand asks for.
package enum WarmBuffer: Hashable, Sendable {
    case fixed(Int)
    /// Percent of the workers that demand asks for, rounded up.
    case percent(Int)
    /// As many as demand needed while a worker started: the quantile, over the last while, of what was needed; at least `min`.
    case surge(quantilePPM: Int, windowSeconds: Int, min: Int)
}

package struct Trigger: Hashable, Sendable {
    /// Unique within the policy; scaling modifiers refer to it. Defaults to the metric's name, or `demand`.
    package var name: String
    package var source: Source
    /// Target of the metric, in milli-units, as HPA holds it. Positive.
    package var thresholdMilli: Int64
    package var activationThresholdMilli: Int64 = 0
    package var metricType: MetricType = .averageValue
    /// How the service fetches the observed metric itself; nil where somebody sends it. No decision depends on it.
    package var poll: Poll?

    package init(
        name: String, source: Source, thresholdMilli: Int64, activationThresholdMilli: Int64 = 0, metricType: MetricType = .averageValue
    ) {
        self.name = name
        self.source = source
        self.thresholdMilli = thresholdMilli
        self.activationThresholdMilli = activationThresholdMilli
        self.metricType = metricType
    }

    package enum Source: Hashable, Sendable {
        /// The pool's own demand: resident + blocked.
        case demand
        /// The latest `queue.observed` of this metric with these labels (all must be equal), sorted by key.
        case observed(metric: String, selector: [Label], staleAfterSeconds: Int?)
    }

    package struct Label: Hashable, Sendable {
        package var key: String
        package var value: String
        package init(key: String, value: String) { self.key = key; self.value = value }
    }
}

/// How a metric's value becomes replicas (HPA's target types for external metrics).
package enum MetricType: String, Hashable, Sendable, CaseIterable {
    /// value ÷ threshold, rounded up.
    case averageValue = "AverageValue"
    /// current replicas × value ÷ threshold, rounded up.
    case value = "Value"
}

/// HPA v2 `behavior`, with Kubernetes' defaults filled in.
package struct Behavior: Hashable, Sendable {
    package var scaleUp: Rules
    package var scaleDown: Rules

    package init(scaleUp: Rules, scaleDown: Rules) { self.scaleUp = scaleUp; self.scaleDown = scaleDown }

    package struct Rules: Hashable, Sendable {
        package var stabilizationWindowSeconds: Int
        package var select: Select
        package var limits: [Limit]
        /// Parts per million; Kubernetes' default is 100,000 (0.1).
        package var tolerancePPM: Int

        package init(stabilizationWindowSeconds: Int, select: Select = .max, limits: [Limit], tolerancePPM: Int = 100_000) {
            self.stabilizationWindowSeconds = stabilizationWindowSeconds
            self.select = select
            self.limits = limits
            self.tolerancePPM = tolerancePPM
        }
    }

    package enum Select: String, Hashable, Sendable, CaseIterable {
        case max = "Max"
        case min = "Min"
        case disabled = "Disabled"
    }

    package struct Limit: Hashable, Sendable {
        package enum Kind: String, Hashable, Sendable, CaseIterable {
            case pods = "Pods"
            case percent = "Percent"
        }
        package var kind: Kind
        package var value: Int
        package var periodSeconds: Int
        package init(kind: Kind, value: Int, periodSeconds: Int) {
            self.kind = kind
            self.value = value
            self.periodSeconds = periodSeconds
        }
    }

    /// Kubernetes 1.36: up by the greater of 4 pods and 100 % each 15 s at once; down by 100 % each 15 s after 300 s.
    package static let kubernetesDefault = Behavior(
        scaleUp: Rules(
            stabilizationWindowSeconds: 0,
            limits: [Limit(kind: .pods, value: 4, periodSeconds: 15), Limit(kind: .percent, value: 100, periodSeconds: 15)]),
        scaleDown: Rules(
            stabilizationWindowSeconds: 300,
            limits: [Limit(kind: .percent, value: 100, periodSeconds: 15)]))
}

extension Behavior {
    /// No window and no limit that matters: for a buffer that knows by itself how fast to follow. Its tolerance keeps it calm:
    /// at 15 % it turns a third less often than at HPA's 10 %, for 1 or 2 % more of cost.
    package static let asNeeded = Behavior(
        scaleUp: Rules(stabilizationWindowSeconds: 0, limits: [Limit(kind: .pods, value: 100_000, periodSeconds: 1)]),
        scaleDown: Rules(
            stabilizationWindowSeconds: 0, limits: [Limit(kind: .percent, value: 100, periodSeconds: 1)], tolerancePPM: 150_000))
}

/// KEDA's scaling modifiers: one composite metric in place of the triggers' own.
package struct ScalingModifiers: Hashable, Sendable {
    /// Compiled once, when the policy is read; its names are trigger names.
    package var formula: Formula
    package var targetMilli: Int64
    package var activationTargetMilli: Int64 = 0
    package var metricType: MetricType = .averageValue

    package init(formula: Formula, targetMilli: Int64, activationTargetMilli: Int64 = 0, metricType: MetricType = .averageValue) {
        self.formula = formula
        self.targetMilli = targetMilli
        self.activationTargetMilli = activationTargetMilli
        self.metricType = metricType
    }
}

/// What stands in for a trigger that has failed `failureThreshold` times in a row (KEDA's fallback).
package struct Fallback: Hashable, Sendable {
    package enum Behavior: String, Hashable, Sendable, CaseIterable {
        case `static`
        case currentReplicas
        case currentReplicasIfHigher
        case currentReplicasIfLower
    }
    package var failureThreshold: Int
    package var replicas: Int
    package var behavior: Behavior

    package init(failureThreshold: Int, replicas: Int, behavior: Behavior = .static) {
        self.failureThreshold = failureThreshold
        self.replicas = replicas
        self.behavior = behavior
    }
}

/// An operator's pauses. `hold` wins over the other two.
package struct Pause: Hashable, Sendable {
    package var scaleIn = false
    package var scaleOut = false
    /// Keep exactly this many.
    package var hold: Int?

    package init(scaleIn: Bool = false, scaleOut: Bool = false, hold: Int? = nil) {
        self.scaleIn = scaleIn
        self.scaleOut = scaleOut
        self.hold = hold
    }

    /// Whether anything is paused.
    package var isOn: Bool { scaleIn || scaleOut || hold != nil }
}

package struct Quota: Hashable, Sendable {
    package var tenant: String
    package var maxRunning: Int
    package init(tenant: String, maxRunning: Int) { self.tenant = tenant; self.maxRunning = maxRunning }
}
