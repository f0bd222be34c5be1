package import Domain

// What would a HorizontalPodAutoscaler answer at a sync?
//
// HPA as its controller runs it: at ticks, one metric, one recommendation recorded at each sync. It is put together from
// the functions that `Autoscaler` decides with, and agrees with every recorded answer of Kubernetes 1.36. Simulations
// compare policies with it; nothing live uses it.

package struct HPAController: Hashable, Sendable {
    /// `--horizontal-pod-autoscaler-sync-period`.
    package static let syncPeriodSeconds = RateLimit.syncPeriodSeconds

    /// What the controller reads of its target and metric at one sync.
    package struct Sync: Hashable, Sendable {
        package var at: LogTime
        /// `spec.replicas` of the target.
        package var specReplicas: Int
        /// `status.replicas`: those that exist, ready or not.
        package var statusReplicas: Int
        package var readyReplicas: Int
        package var metricMilli: Int64

        package init(at: LogTime, specReplicas: Int, statusReplicas: Int, readyReplicas: Int, metricMilli: Int64) {
            self.at = at
            self.specReplicas = specReplicas
            self.statusReplicas = statusReplicas
            self.readyReplicas = readyReplicas
            self.metricMilli = metricMilli
        }
    }

    package let targetMilli: Int64
    package let metricType: MetricType
    package let bounds: ClosedRange<Int>
    /// nil: HPA's path without behavior.
    package let behavior: Behavior?
    private var history = RecommendationHistory()
    private var events = ScaleEvents()
    private var hasSynced = false

    package init(targetMilli: Int64, metricType: MetricType = .averageValue, bounds: ClosedRange<Int>, behavior: Behavior? = nil) {
        self.targetMilli = targetMilli
        self.metricType = metricType
        self.bounds = bounds
        self.behavior = behavior
    }

    /// The count for the target from this sync on. A target at zero is switched off and stays so.
    package mutating func replicas(at sync: Sync) -> Int {
        let current = sync.specReplicas
        let windows = StabilizationWindows(behavior)
        if !hasSynced { history.record(current, at: sync.at, keeping: windows) }
        hasSynced = true
        guard current > 0 || bounds.lowerBound == 0 else { return 0 }
        let desired = bounds.contains(current) ? normalized(sync, windows) : min(max(current, bounds.lowerBound), bounds.upperBound)
        events.record(from: current, to: desired, at: sync.at, behavior: behavior)
        return desired
    }

    private mutating func normalized(_ sync: Sync, _ windows: StabilizationWindows) -> Int {
        let proposed = proposal(sync)
        let stabilized = history.stabilized(proposed, current: sync.specReplicas, at: sync.at, windows: windows)
        history.record(proposed, at: sync.at, keeping: windows)
        guard let behavior else {
            return Limited.legacy(stabilized, current: sync.specReplicas, start: sync.specReplicas, bounds: bounds).count
        }
        return Limited.withBehavior(stabilized, current: sync.specReplicas, bounds: bounds, behavior: behavior, events: events, at: sync.at)
            .count
    }

    private func proposal(_ sync: Sync) -> Int {
        let tolerances = Tolerances(behavior ?? .kubernetesDefault)
        switch metricType {
        case .averageValue:
            return ReplicaCalculator.perPod(
                usageMilli: sync.metricMilli, targetMilli: targetMilli, running: sync.statusReplicas, tolerances: tolerances)
        case .value:
            return ReplicaCalculator.wholeValue(
                usageMilli: sync.metricMilli, targetMilli: targetMilli, current: sync.specReplicas, ready: sync.readyReplicas,
                tolerances: tolerances)
        }
    }
}
