// What does a report draw of a simulated run?
//
// Its result, and what was recorded on the way; nothing on the way where no report was asked for.

struct SimulationRecording: Sendable {
    var result: SimulationResult
    var timeline: PoolTimeline
    var slotsPerWorker: Int
    /// When the last turn ended.
    var endMicroseconds: Int64
}

extension ReportRun {
    init(_ recording: SimulationRecording) {
        self.init(
            name: recording.result.restores.map { "\(recording.result.policy), placed \($0.placement.rawValue)" }
                ?? recording.result.policy, metrics: ReportMetrics(recording.result), slotsPerWorker: recording.slotsPerWorker,
            endSeconds: Double(recording.endMicroseconds) / 1e6, timeline: recording.timeline,
            waits: WaitDistribution(sortedMicroseconds: recording.result.waits.sortedMicroseconds))
    }
}

extension ReportMetrics {
    package init(_ result: SimulationResult) {
        let steps = zip(result.replicas, result.replicas.dropFirst()).map { $1.count - $0.count }
        self.init(
            turns: result.turns, waitMeanSeconds: result.waits.meanSeconds, waitP50Seconds: result.waits.seconds(quantile: 0.5),
            waitP95Seconds: result.waits.seconds(quantile: 0.95), waitP99Seconds: result.waits.seconds(quantile: 0.99),
            waitMaxSeconds: result.waits.maxSeconds, costRatio: result.usefulMicroseconds > 0 ? result.costRatio : nil,
            workerSeconds: result.workerSeconds, killed: result.killed, flaps: result.flaps,
            scaleUps: steps.count { $0 > 0 }, scaleDowns: steps.count { $0 < 0 })
    }
}
