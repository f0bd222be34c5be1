import Domain
import Autoscaling
import Replay

// How is the answer to "what would have happened" written for the API?
//
// The rows that a report has, each with how its count moved. A count that moved very often is thinned: what is drawn has a few hundred
// columns.

extension WhatIf.Answer {
    /// Columns of equal length that a run's count is thinned to, of at most four points each.
    private static let columns = 300

    /// `{"pool":…,"from":…,"to":…,"turns":…,"runs":[{"kind":"recorded",…},{"kind":"inForce",…},{"kind":"tried",…}]}`
    package var json: [UInt8] {
        var json = JSONWriter(reservingBytes: 16_384)
        json.openObject()
        json.member("pool", history.pool)
        json.member("from", history.stretch.first)
        json.member("to", history.stretch.last)
        json.member("fromAt", history.stretch.firstAt)
        json.member("toAt", history.stretch.lastAt)
        json.member("turns", history.turns.count)
        json.member("cut", history.cut)
        json.member("withdrawn", history.withdrawn)
        json.member("crashed", history.crashed)
        json.member("forced", history.forced)
        json.member("measuredStarts", history.startsMicroseconds.count)
        let starts = history.startsMicroseconds.sorted()
        json.member("startSeconds", Double(starts.isEmpty ? PoolHistory.defaultStartMicroseconds : starts[starts.count / 2]) / 1e6)
        json.key("leftOut")
        json.openArray()
        for name in leftOut { json.string(name) }
        json.closeArray()
        json.key("runs")
        json.openArray()
        let simulated = history.recordedPolicy == nil ? 1 : 2
        for (index, run) in runs.enumerated() {
            json.openObject()
            json.member("kind", index == 0 ? "recorded" : index < simulated ? "inForce" : "tried")
            run.writeFigures(to: &json)
            if index < drawn.count { write(drawn[index], withDemand: index == 0, to: &json) }
            json.closeObject()
        }
        json.closeArray()
        json.closeObject()
        return json.bytes
    }

    private func write(_ run: ReportRun, withDemand: Bool, to json: inout JSONWriter) {
        json.member("slotsPerWorker", run.slotsPerWorker)
        json.member("endSeconds", run.endSeconds)
        write("desired", run.timeline.desired, run.endSeconds, to: &json)
        if withDemand { write("demand", run.timeline.demand, run.endSeconds, to: &json) }
    }

    private func write(_ name: String, _ series: StepSeries, _ end: Double, to json: inout JSONWriter) {
        json.key(name)
        json.openArray()
        let start = series.points.first?.seconds ?? 0
        for point in series.thinned(columns: Self.columns, from: start, to: max(end, start)).points {
            json.openArray()
            json.number(point.seconds)
            json.integer(Int64(point.value))
            json.closeArray()
        }
        json.closeArray()
    }
}
