import ArgumentParser
import Autoscaling
import Domain
import Foundation
import Replay

// What would these policies make of these arrivals?
//
// A pool is simulated on recorded arrivals, once for each policy: ours through the live decision functions, and peers as
// their specifications describe them. Same trace, policies and seed: same output, to the byte.

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Simulate a pool on recorded arrivals under policies, side by side.",
        discussion: """
            Waits run from a turn's arrival to its worker's slot. Cost is worker-seconds, starting ones included, over useful
            seconds. Killed turns were running on a worker that a blind scale-down took.

            Examples:
              greenroom simulate --trace arrivals.csv --policy pool.yaml
              greenroom simulate --trace arrivals.csv --policy pool.yaml --policy builtin:keda-hpa --policy builtin:fixed:20 -o json
              greenroom simulate --trace arrivals.csv --policy pool.yaml --policy builtin:keda-hpa --report report.html
            Peers: builtin:keda-hpa, builtin:keda-hpa:FILE (behavior, bounds and cooldown of that policy),
            builtin:hpa-on-assigned-workers, builtin:knative-kpa, builtin:fixed:N.
            A trace is CSV with the columns arrival_s and service_s, or arrival_s, context_tokens and generated_tokens.
            Exit status: 0 done, 1 a policy or the trace is invalid, 3 one can't be read.
            """)

    @OptionGroup var conditions: SimulationOptions

    @Option(name: .long, help: ArgumentHelp("A policy file, or builtin:NAME; may be given several times.", valueName: "file"))
    var policy: [String]

    @Option(name: .long, help: ArgumentHelp("Also write one HTML page that draws the runs side by side; it needs nothing else.", valueName: "html"))
    var report: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if conditions.trace == nil { throw ValidationError("Missing expected argument '--trace <csv>'") }
    }

    func run() async throws {
        let trace = try conditions.readTrace()
        let policies = try policy.flatMap { try SimulatedPolicies.named($0) }
        for line in Self.notes(policies) { Terminal.writeError(DisplayText.printable(line)) }
        let runs = await Self.runs(trace, policies, conditions.settings, records: report != nil)
        let results = SimulationReport(runs: runs.map(\.result))
        var json = JSONWriter(reservingBytes: 4_096)
        results.write(to: &json)
        switch output.output {
        // In one line: a long trace has thousands of counts.
        case .json: Terminal.writeLine(json.text)
        case .yaml: Terminal.write(try JSONValue(json.bytes).yaml())
        case .table: Terminal.write(Self.table(results))
        }
        if let report {
            try ReportFile.write(Report(title: title, subtitle: conditions.sentence(trace), runs: runs.compactMap(\.drawn)), to: report)
        }
    }

    /// What came of one policy; drawn where a report is asked for.
    private struct Run: Sendable {
        var result: SimulationResult
        var drawn: ReportRun?
    }

    /// Several at a time, in the order in which they were given.
    private static func runs(_ trace: ArrivalTrace, _ policies: [SimulatedPolicy], _ settings: SimulationSettings, records: Bool) async -> [Run] {
        let width = ProcessInfo.processInfo.activeProcessorCount
        var results = [Run?](repeating: nil, count: policies.count)
        await withTaskGroup(of: (Int, Run).self) { group in
            for index in policies.indices {
                if index >= width, let done = await group.next() { results[done.0] = done.1 }
                group.addTask { (index, run(trace, policies[index], settings, records: records)) }
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

    static func table(_ report: SimulationReport) -> String {
        var table = Table("POLICY", "#TURNS", "#MEAN", "#P50", "#P95", "#P99", "#MAX", "#COST", "#KILLED", "#FLAPS", "#PEAK")
        for run in report.runs {
            let waits = run.waits
            table.add(
                run.policy, String(run.turns), Seconds.text(waits.meanSeconds), Seconds.text(waits.seconds(quantile: 0.5)),
                Seconds.text(waits.seconds(quantile: 0.95)), Seconds.text(waits.seconds(quantile: 0.99)), Seconds.text(waits.maxSeconds),
                "×\(Seconds.number(run.costRatio))", String(run.killed), String(run.flaps), String(run.replicas.map(\.count).max() ?? 0))
        }
        return table.text
    }
}

/// Trace and conditions, as `simulate` and `tune` take them.
struct SimulationOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Recorded arrivals.", valueName: "csv"))
    var trace: String?

    @Option(name: .long, help: ArgumentHelp("From asking for a worker to its being ready.", valueName: "s"))
    var startSeconds = 10.0

    @Option(name: .long, help: ArgumentHelp("What restoring an actor adds to its turn.", valueName: "s"))
    var resumeSeconds = 0.1

    @Option(name: .long, help: ArgumentHelp("Seed of what is drawn: whom a blind scale-down takes.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("Turns that a worker of a peer runs at once; a policy says so itself.", valueName: "n"))
    var slots = 1

    private static let secondsLimit = 86_400.0

    func validate() throws {
        for (name, value) in [("--start-seconds", startSeconds), ("--resume-seconds", resumeSeconds)] where !(0...Self.secondsLimit).contains(value) {
            throw ValidationError("\(name) must be between 0 and \(Int(Self.secondsLimit))")
        }
        guard (1...PolicyLimits.slotsPerWorker).contains(slots) else { throw ValidationError("--slots must be between 1 and \(PolicyLimits.slotsPerWorker)") }
    }

    var settings: SimulationSettings {
        var settings = SimulationSettings(
            start: .constant(microseconds: Int64((startSeconds * 1e6).rounded())), resumeMicroseconds: Int64((resumeSeconds * 1e6).rounded()), seed: seed)
        settings.slotsPerWorker = slots
        return settings
    }

    /// The conditions in words.
    func sentence(_ trace: ArrivalTrace) -> String {
        let span = DurationText.age(Double(trace.spanMicroseconds) / 1e6)
        let start = String(format: "%g", startSeconds)
        let resume = String(format: "%g", resumeSeconds)
        return "\(trace.turns.count) turns arrive within \(span); a worker starts in \(start) s, an actor resumes in \(resume) s. Simulated, seed \(seed)."
    }

    /// Bytes of a trace, at most.
    private static let traceLimitBytes = 1 << 30

    func readTrace() throws -> ArrivalTrace {
        let trace = trace ?? ""
        guard let file = FileHandle(forReadingAtPath: trace), let data = try? file.read(upToCount: Self.traceLimitBytes + 1) ?? Data() else {
            throw Fault(.unreachable, "can't read the trace \(trace)", do: "check that it exists and may be read")
        }
        guard data.count <= Self.traceLimitBytes else { throw Fault(.no, "\(trace) has more than \(Self.traceLimitBytes) bytes", do: "split it") }
        do throws(TraceError) {
            return try ArrivalTrace(csv: Array(data), name: trace)
        } catch {
            throw Fault(.no, "\(error.place) \(error.problem)", do: error.remedy)
        }
    }
}

/// What a `--policy` names.
enum SimulatedPolicies {
    static func named(_ name: String) throws -> [SimulatedPolicy] {
        let keda = "builtin:keda-hpa:"
        if name.hasPrefix(keda) { return try PolicyFiles.read([String(name.dropFirst(keda.count))], now: TimeText.now()).map { .kedaHPA($0) } }
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
