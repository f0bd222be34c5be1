import ArgumentParser
import Assembly
import Autoscaling
import Domain
import Foundation
import Inspection
import Output
import Policies
import Simulation

// Which policy meets this wait at least cost?
//
// Searches buffer, scale-down stabilization and cooldown by simulation, on all cores. The first three quarters of the trace
// choose; the last quarter, which had no say, is the check.

struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Find the cheapest policy that meets a wait objective on recorded arrivals.",
        discussion: """
            Arrivals come from a trace, or with --db from a log. Then turn lengths,
            restores and worker starts are the log's, and the search begins with the
            pool's own policy. Prints the best waits for each cost, and the policy to
            apply. A policy given with --policy keeps its bounds, slots and rate limits,
            except Kubernetes' default rate limits.

            Examples:
              greenroom tune --trace arrivals.csv --objective p95=0.1
              greenroom tune --db greenroom.db --pool kagent/default --from 08:00 \\
                --objective p95=0.1
              greenroom tune --trace arrivals.csv --objective mean=0.5 --max-cost 6 \\
                --policy pool.yaml --write tuned.yaml
              greenroom tune --trace claims.csv --pool-kind unclaimed \\
                --start-seconds 20 --objective p99=0.1
            Objectives: mean, max, or pN (p95, p99.9), in seconds.
            Exit status: 0 the objective is met, also on the last quarter; 1 it isn't; 3
            the trace or the log can't be read.
            """)

    @OptionGroup var conditions: SimulationOptions

    @Option(name: .long, help: ArgumentHelp("Take the arrivals from this log.", valueName: "file"))
    var db: String?

    @OptionGroup var stretch: StretchOptions

    @Option(name: .long, help: ArgumentHelp("The wait to meet.", valueName: "measure=s"))
    var objective: String

    @Option(name: .long, help: ArgumentHelp("Highest cost: worker-seconds ÷ useful seconds.", valueName: "x"))
    var maxCost: Double?

    @Option(name: .long, help: ArgumentHelp("The policy to begin with (default: a plain one).", valueName: "file"))
    var policy: String?

    @Option(name: .long, help: ArgumentHelp("File for the chosen policy.", valueName: "file"))
    var write: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if (conditions.trace == nil) == (db == nil) { throw ValidationError("give --trace or --db, one of them") }
        if db == nil, stretch.from != nil || stretch.to != nil || !stretch.pool.isEmpty {
            throw ValidationError("--from, --to and --pool go with --db")
        }
        if db != nil, conditions.poolKind != .slots { throw ValidationError("--pool-kind goes with --trace") }
        if TuningObjective(objective) == nil { throw ValidationError("--objective must be such as p95=0.1, mean=0.5 or max=5") }
        if let maxCost, !(maxCost > 0) { throw ValidationError("--max-cost must be above 0") }
    }

    func run() async throws {
        guard let objective = TuningObjective(objective) else { preconditionFailure("an objective that was let through can't be read") }
        let history = try db.map { try recorded(in: $0) }
        let trace = try history?.trace ?? conditions.readTrace()
        let tuner = Tuner(
            base: try base(history), objective: objective, mostCost: maxCost,
            settings: history?.settings(seed: conditions.seed) ?? conditions.settings,
            parallelism: ProcessInfo.processInfo.activeProcessorCount)
        var bar = (progress: ProgressBar("simulating", total: 1), total: 1)
        let report = try await tuner.tune(trace) { done, known in
            if known != bar.total {
                bar.progress.finish()
                bar = (ProgressBar("simulating", total: Int64(known)), known)
            }
            bar.progress.update(Int64(done))
        }
        bar.progress.finish()
        try writePolicy(report)
        try show(report)
        if !report.isMet || !report.holds { throw Refusal() }
    }

    /// Of the one pool that was named, or the only one with turns.
    func recorded(in db: String) throws -> PoolHistory {
        try LogFile.checkExists(db)
        let file = try LogFile.open(db)
        defer { file.close() }
        let histories = try PoolHistories.read(file, try stretch.stretch(of: file), pools: try stretch.pools(of: file))
        guard let history = histories.first else {
            throw Fault(.no, "no pool has turns in this stretch of \(db)", do: "give other --from, --to or --pool")
        }
        guard histories.count == 1 else {
            throw Fault(
                .usage, "\(histories.count) pools have turns in this stretch of \(db)",
                do: "name one with --pool: \(histories.map(\.pool).joined(separator: ", "))")
        }
        Terminal.writeError("greenroom: pool \(history.pool): \(WhatIfTables.conditions(history))")
        return history
    }

    private func base(_ history: PoolHistory?) throws -> Policy {
        guard let policy else {
            var base = history?.lastPolicy ?? Self.plain(conditions.poolKind)
            if let history { base.pool = history.pool }
            return base
        }
        let policies = try PolicyFiles.read([policy], now: TimeText.now())
        guard policies.count == 1, let first = policies.first else {
            throw Fault(.no, "\(policy) holds \(policies.count) policies", do: "give a file with one")
        }
        return first
    }

    /// What an operator would begin with.
    static func plain(_ kind: SimulationSettings.PoolKind) -> Policy {
        let target =
            kind == .unclaimed
            ? ScaleTarget(apiVersion: "\(ScaleTarget.warmPoolGroup)/v1beta1", kind: ScaleTarget.warmPoolKind, name: "tuned")
            : ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "tuned")
        var policy = Policy(pool: "default/tuned", target: target)
        policy.maxReplicaCount = 10_000
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        return policy
    }

    private func writePolicy(_ report: TuningReport) throws {
        guard let write, let chosen = report.chosen else { return }
        guard (try? Data(PolicyWriter.yaml(chosen.policy).utf8).write(to: URL(fileURLWithPath: write), options: .atomic)) != nil else {
            throw Fault(.unreachable, "can't write \(write)", do: "check that the folder exists and may be written to")
        }
    }

    private func show(_ report: TuningReport) throws {
        var json = JSONWriter(reservingBytes: 4_096)
        report.write(to: &json)
        Terminal.write(try output.output.text(try JSONValue(parsing: json.bytes), table: { Self.text(report) }))
    }

    static func text(_ report: TuningReport) -> String {
        let name = report.objective.name.uppercased()
        var table = Table("", "POLICY", "#COST", "#\(name)", "#MEAN", "#FLAPS", "#CHECK-COST", "#CHECK-\(name)")
        for trial in report.front {
            table.add(
                trial == report.chosen ? "→" : "", trial.summary, "×\(Seconds.number(trial.training.costRatio))",
                Seconds.text(trial.training.objectiveSeconds), Seconds.text(trial.training.meanSeconds), String(trial.training.flaps),
                "×\(Seconds.number(trial.heldOut.costRatio))", Seconds.text(trial.heldOut.objectiveSeconds))
        }
        return table.text + "\n" + verdict(report)
    }

    private static func verdict(_ report: TuningReport) -> String {
        let wanted = "\(report.objective.name) ≤ \(report.objective.seconds) s"
        guard let chosen = report.chosen else { return "None of \(report.trials) policies costs so little: raise --max-cost.\n" }
        let first =
            report.isMet
            ? "Of \(report.trials) policies the cheapest with \(wanted)"
            : "None of \(report.trials) policies reaches \(wanted) within the cost; nearest"
        let check =
            report.holds
            ? "holds on the last quarter, which had no say" : "does not hold on the last quarter: it saw what came before, and more came"
        return "\(first): \(chosen.summary). It \(check).\n\n\(PolicyWriter.yaml(chosen.policy))"
    }
}
