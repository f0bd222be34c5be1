import ArgumentParser
import Benchmarks
import Foundation
import Output

// How fast is what comes after the commit?

struct BenchDecideCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide",
        abstract: "Measure events a second through state and decisions, on one core.",
        discussion: """
            Generates the history of a busy fleet on virtual time, then runs the live loop
            over it, commit by commit. Use a release build (-c release).

            Examples:
              greenroom bench decide
              greenroom bench decide --pools 10 --commit-events 1000 -o json
            """)

    @OptionGroup var fleet: FleetOptions
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output = BenchFormat.line

    func run() throws {
        let report = try DecideBench.run(fleet.plan(events: fleet.events ?? 1_000_000))
        Terminal.writeLine(output == .json ? report.json.compact : report.text)
    }
}

struct BenchReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Measure how fast a log opens and replays, and the memory that takes.",
        discussion: """
            Makes two logs, one ten times as long as the other, each in a process that
            kills itself just before the next checkpoint. Opens them after that crash, and
            again after a clean stop. With --db it reads that log instead. Each figure is
            measured in its own process. Use a release build (-c release).

            Examples:
              greenroom bench replay
              greenroom bench replay --db /var/lib/greenroom/greenroom.db -o json
            """)

    @OptionGroup var fleet: FleetOptions
    @Option(name: .long, help: ArgumentHelp("Measure this log instead of making logs.", valueName: "file")) var db: String?
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output = BenchFormat.line

    func run() throws {
        let report = try db.map { try ReplayBench.run(existing: $0) } ?? ReplayBench.run(fleet.plan(events: fleet.events ?? 10_000_000))
        Terminal.writeLine(output == .json ? report.json.compact : report.text)
    }
}

/// Makes a log and ends as in a crash: for `bench replay`, which starts it in a process of its own.
struct BenchCrashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash", abstract: "Make a log and end as in a crash.", shouldDisplay: false)

    @Argument(help: "The log to make.") var db: String
    @OptionGroup var fleet: FleetOptions

    func run() throws {
        let plan = fleet.plan(events: fleet.events ?? 1_000_000)
        var progress = ProgressBar("making a log", total: Int64(plan.events))
        try FleetHistory.make(plan, at: db, end: .killed) { progress.update($0) }
    }
}

/// One figure of `bench replay`, in the process started for it.
struct BenchStageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stage", abstract: "One figure of bench replay.", shouldDisplay: false)

    @Argument(help: "What to measure.") var stage: ReplayStage
    @Argument(help: "The log.") var db: String

    func run() throws {
        Terminal.writeLine(String(decoding: try JSONEncoder().encode(stage.measure(db)), as: UTF8.self))
    }
}

extension ReplayStage: ExpressibleByArgument {}

struct FleetOptions: ParsableArguments {
    @Option(name: .long, help: "Events of the history.") var events: Int?
    @Option(name: .long, help: "Pools.") var pools = 100
    @Option(name: .long, help: "Actors.") var actors = 100_000
    @Option(name: .long, help: ArgumentHelp("Agents' events in each commit, on average.", valueName: "n")) var commitEvents = 100
    @Option(name: .long, help: "Seed of arrivals and turns.") var seed: UInt64 = 1

    func validate() throws {
        let bounds: [(String, Int, ClosedRange<Int>)] = [
            ("events", events ?? 1, 1...1_000_000_000), ("pools", pools, 1...10_000), ("actors", actors, 1...99_999_999),
            ("commit-events", commitEvents, 1...10_000),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError("--\(name) must be between \(range.lowerBound) and \(range.upperBound)")
        }
    }

    func plan(events: Int) -> FleetPlan {
        FleetPlan(events: events, pools: pools, actors: actors, eventsPerCommit: commitEvents, seed: seed)
    }
}
