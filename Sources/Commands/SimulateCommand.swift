import ArgumentParser
import Assembly
import Autoscaling
import Domain
import Foundation
import Inspection
import Output
import Simulation

// What would these policies make of these arrivals?
//
// A pool is simulated on recorded arrivals, once for each policy: ours through the live decision functions, and peers as
// their specifications describe them. Same trace, policies and seed: same output, to the byte.

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate a pool on recorded arrivals under policies, side by side.",
        discussion: """
            A wait is from a turn's arrival to its slot. Cost is worker-seconds, starting
            workers included, divided by useful seconds. Killed turns ran on a busy worker
            that a scale-down removed.

            Examples:
              greenroom simulate --trace arrivals.csv --policy pool.yaml
              greenroom simulate --trace arrivals.csv --policy pool.yaml \\
                --policy builtin:keda-hpa --policy builtin:fixed:20 -o json
              greenroom simulate --trace arrivals.csv --policy pool.yaml \\
                --policy builtin:keda-hpa --report report.html
            Peers: builtin:keda-hpa, builtin:keda-hpa:FILE (behavior, bounds and cooldown
            of that policy), builtin:hpa-on-assigned-workers, builtin:knative-kpa,
            builtin:fixed:N; of claims builtin:hpa-claim-rate and
            builtin:keda-claim-rate (threshold 0.05 claims/s, 15 s sync).

            With --pool-kind unclaimed each turn is a claim that takes a worker for good,
            as of a SandboxWarmPool. A wait is then from the claim until its worker is
            ready, and idle is the time of unclaimed workers, starting ones included.
              greenroom simulate --trace claims.csv --pool-kind unclaimed \\
                --policy sandboxes.yaml --policy builtin:hpa-claim-rate
            A trace is CSV with the columns arrival_s and service_s, or arrival_s,
            context_tokens and generated_tokens; actor, template, tenant and
            snapshot_bytes are optional.

            With --nodes each turn restores its actor's snapshot: from the node (local:
            paused there; warm: cached there; golden: its template's is cached there) or
            from object storage (cold). A restore takes --resume-seconds plus bytes ÷
            bandwidth. Each policy is run once for every --placement.
              greenroom simulate --trace arrivals.csv --policy pool.yaml --nodes 8 \\
                --actors 2000 --zipf 1.1
            Exit status: 0 success, 1 a policy or the trace is invalid, 3 one can't be
            read.
            """)

    @OptionGroup var conditions: SimulationOptions

    @OptionGroup var nodes: SimulatedNodeOptions

    @Option(name: .long, help: ArgumentHelp("A policy file, or builtin:NAME; may be repeated.", valueName: "file"))
    var policy: [String]

    @Option(name: .long, help: ArgumentHelp("Also write an HTML page with graphs of all runs; it is one file.", valueName: "html"))
    var report: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if conditions.trace == nil { throw ValidationError("Missing expected argument '--trace <csv>'") }
        if conditions.poolKind == .unclaimed, nodes.nodes != nil {
            throw ValidationError("--nodes and --pool-kind unclaimed exclude each other: a claim restores nothing")
        }
    }

    func run() async throws {
        let trace = try conditions.readTrace()
        let policies = try policy.flatMap { try SimulatedPolicies.named($0) }
        for line in Self.notes(policies) { Terminal.writeError(DisplayText.printable(line)) }
        let runs = await Self.runs(trace, policies.flatMap { policy in settings.map { (policy, $0) } }, records: report != nil)
        let results = SimulationReport(runs: runs.map(\.result))
        var json = JSONWriter(reservingBytes: 4_096)
        results.write(to: &json)
        switch output.output {
        // In one line: a long trace has thousands of counts.
        case .json: Terminal.writeLine(json.text)
        case .yaml: Terminal.write(try JSONValue(parsing: json.bytes).yaml())
        case .table, .wide: Terminal.write(Self.table(results))
        }
        if let report {
            try ReportFile.write(
                Report(title: title, subtitle: conditions.sentence(trace, nodes.sentence), runs: runs.compactMap(\.drawn)), to: report)
        }
    }

    /// The conditions, once for each placement.
    private var settings: [SimulationSettings] {
        nodes.settings.map { nodes in
            var settings = conditions.settings
            settings.nodes = nodes
            return settings
        }
    }

    /// What came of one policy; drawn where a report is asked for.
    private struct Run: Sendable {
        var result: SimulationResult
        var drawn: ReportRun?
    }

    /// Several at a time, in the order in which they were given.
    private static func runs(_ trace: ArrivalTrace, _ asked: [(SimulatedPolicy, SimulationSettings)], records: Bool) async -> [Run] {
        let width = ProcessInfo.processInfo.activeProcessorCount
        var results = [Run?](repeating: nil, count: asked.count)
        await withTaskGroup(of: (Int, Run).self) { group in
            for (index, (policy, settings)) in asked.enumerated() {
                if index >= width, let done = await group.next() { results[done.0] = done.1 }
                group.addTask { (index, run(trace, policy, settings, records: records)) }
            }
            for await done in group { results[done.0] = done.1 }
        }
        return results.compactMap { $0 }
    }

    private static func run(_ trace: ArrivalTrace, _ policy: SimulatedPolicy, _ settings: SimulationSettings, records: Bool) -> Run {
        guard records else { return Run(result: Simulation.run(trace, policy, settings)) }
        let (result, drawn) = Simulation.recorded(trace, policy, settings)
        return Run(result: result, drawn: drawn)
    }

    private var title: String {
        let name = URL(fileURLWithPath: conditions.trace ?? "").lastPathComponent
        return policy.count == 1 ? "\(name) under one policy" : "\(name) under \(policy.count) policies"
    }

    /// What a trace can't feed is said once, on standard error.
    static func notes(_ policies: [SimulatedPolicy]) -> [String] {
        policies.compactMap { policy in
            guard case .policy(_, let name) = policy, !policy.leftOut.isEmpty else { return nil }
            return "greenroom: \(name): left out, as a trace knows no outside metrics: \(policy.leftOut.joined(separator: ", "))"
        }
    }

    /// Waits and cost; below them, where nodes were simulated, restores.
    static func table(_ report: SimulationReport) -> String {
        if report.runs.contains(where: { $0.claims != nil }) { return claimTable(report) }
        let hasNodes = report.runs.contains { $0.restores != nil }
        let places = hasNodes ? ["PLACEMENT"] : []
        var table = Table(["POLICY"] + places + ["#TURNS", "#MEAN", "#P50", "#P95", "#P99", "#MAX", "#COST", "#KILLED", "#FLAPS", "#PEAK"])
        for run in report.runs {
            let waits = run.waits
            table.add(
                [run.policy] + (hasNodes ? [run.restores?.placement.rawValue ?? "-"] : []) + [
                    String(run.turns), Seconds.text(waits.meanSeconds), Seconds.text(waits.seconds(quantile: 0.5)),
                    Seconds.text(waits.seconds(quantile: 0.95)), Seconds.text(waits.seconds(quantile: 0.99)),
                    Seconds.text(waits.maxSeconds),
                    "×\(Seconds.number(run.costRatio))", String(run.killed), String(run.flaps),
                    String(run.replicas.map(\.count).max() ?? 0),
                ])
        }
        let text = table.text + report.unservedText
        return hasNodes ? text + "\n" + RestoreTable.text(report) : text
    }
}

extension SimulateCommand {
    /// How claims were served, and what unclaimed workers cost.
    static func claimTable(_ report: SimulationReport) -> String {
        var table = Table(["POLICY", "#CLAIMS", "#WARM", "#COLD", "#MEAN", "#P95", "#P99", "#MAX", "#IDLE", "#READY", "#FLAPS", "#PEAK"])
        for run in report.runs {
            let cold = run.claims?.cold ?? 0
            let warmShare = run.turns == 0 ? 0 : Double(run.turns - cold) / Double(run.turns)
            table.add([
                run.policy, String(run.turns), String(format: "%.2f %%", warmShare * 100), String(cold),
                Seconds.text(run.waits.meanSeconds),
                Seconds.text(run.waits.seconds(quantile: 0.95)), Seconds.text(run.waits.seconds(quantile: 0.99)),
                Seconds.text(run.waits.maxSeconds), String(format: "%.0f s", run.workerSeconds),
                String(format: "%.0f s", Double(run.claims?.readyMicroseconds ?? 0) / 1e6), String(run.flaps),
                String(run.replicas.map(\.count).max() ?? 0),
            ])
        }
        return table.text
    }
}

/// Trace and conditions, as `simulate` and `tune` take them.
struct SimulationOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Recorded arrivals.", valueName: "csv"))
    var trace: String?

    @Option(name: .long, help: ArgumentHelp("From requesting a worker until it is ready.", valueName: "s"))
    var startSeconds = 10.0

    @Option(
        name: .long, help: ArgumentHelp("What the pool's count counts: slots, or unclaimed for a SandboxWarmPool.", valueName: "kind"),
        transform: Self.poolKind)
    var poolKind = SimulationSettings.PoolKind.slots

    @Option(name: .long, help: ArgumentHelp("How long restoring an actor takes.", valueName: "s"))
    var resumeSeconds = 0.1

    @Option(name: .long, help: ArgumentHelp("Seed of everything random: removed workers of peers, actors, sizes.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("Turns that one worker of a peer runs at once. A policy has its own value.", valueName: "n"))
    var slots = 1

    private static let secondsLimit = 86_400.0

    private static func poolKind(_ name: String) throws -> SimulationSettings.PoolKind {
        guard let kind = SimulationSettings.PoolKind(rawValue: name) else {
            let known = SimulationSettings.PoolKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no pool kind \(name): take one of \(known)")
        }
        return kind
    }

    func validate() throws {
        for (name, value) in [("--start-seconds", startSeconds), ("--resume-seconds", resumeSeconds)]
        where !(0...Self.secondsLimit).contains(value) {
            throw ValidationError("\(name) must be between 0 and \(Int(Self.secondsLimit))")
        }
        guard (1...PolicyLimits.slotsPerWorker).contains(slots) else {
            throw ValidationError("--slots must be between 1 and \(PolicyLimits.slotsPerWorker)")
        }
    }

    var settings: SimulationSettings {
        var settings = SimulationSettings(
            start: .constant(microseconds: Int64((startSeconds * 1e6).rounded())),
            resumeMicroseconds: Int64((resumeSeconds * 1e6).rounded()), seed: seed)
        settings.slotsPerWorker = slots
        settings.poolKind = poolKind
        return settings
    }

    /// The conditions in words.
    func sentence(_ trace: ArrivalTrace, _ nodes: String = "") -> String {
        let span = DurationText.age(Double(trace.spanMicroseconds) / 1e6)
        let start = String(format: "%g", startSeconds)
        let resume = String(format: "%g", resumeSeconds)
        return
            "\(trace.turns.count) turns arrive within \(span); a worker starts in \(start) s, an actor resumes in \(resume) s\(nodes). Simulated, seed \(seed)."
    }

    func readTrace() throws -> ArrivalTrace { try TraceFile.read(trace ?? "") }
}

/// What a `--policy` names.
enum SimulatedPolicies {
    static func named(_ name: String) throws -> [SimulatedPolicy] {
        let keda = "builtin:keda-hpa:"
        if name.hasPrefix(keda) {
            return try PolicyFiles.read([String(name.dropFirst(keda.count))], now: TimeText.now()).map { .kedaHPA($0) }
        }
        if name.hasPrefix(SimulatedPolicy.prefix) {
            guard let builtin = SimulatedPolicy(builtin: name) else {
                throw Fault(.usage, "there is no \(name)", do: "write one of \(SimulatedPolicy.builtinNames.joined(separator: ", "))")
            }
            return [builtin]
        }
        let policies = try PolicyFiles.read([name], now: TimeText.now())
        return policies.map { .policy($0, name: policies.count == 1 ? name : "\(name) \($0.pool)") }
    }
}

/// Seconds in a column: two decimals.
enum Seconds {
    static func text(_ seconds: Double) -> String { "\(number(seconds)) s" }
    static func number(_ value: Double) -> String { String(format: "%.2f", value) }
}
