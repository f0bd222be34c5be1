import Foundation
import Output
import Replay
import Simulation

// Which page shows a stretch of a log, and policies tried on it?

enum WhatIfReport {
    /// Runs of several pools carry their pool's name.
    static func of(_ pools: [(pool: String, runs: [ReportRun])], _ stretch: LogStretch, path: String, policies: Int) -> Report {
        let name = URL(fileURLWithPath: path).lastPathComponent
        let runs = pools.flatMap { pool, runs in
            runs.map { run in
                guard pools.count > 1 else { return run }
                var named = run
                named.name = "\(pool): \(run.name)"
                return named
            }
        }
        let what = pools.count == 1 ? pools[0].pool : "\(pools.count) pools"
        let title =
            policies == 0
            ? "\(what) in \(name)" : "\(what) in \(name), and under \(policies == 1 ? "another policy" : "\(policies) policies")"
        let simulated = policies == 0 ? "" : " Arrivals, turn lengths, restores and worker starts of the simulated runs are the log's."
        let subtitle = "Position \(stretch.first) to \(stretch.last), \(DurationText.precise(stretch.seconds)).\(simulated)"
        return Report(title: title, subtitle: subtitle, startsAt: stretch.firstAt, runs: runs)
    }
}
