import ArgumentParser
import Benchmarks
import Output

// How long does it take to place an actor?

struct BenchPlaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "place",
        abstract: "Measure microseconds a placement, beside a picker that scans all workers.",
        discussion: """
            Runs in memory, without a server. Use a release build (-c release).

            Examples:
              greenroom bench place
              greenroom bench place --workers 10000 --busy-percent 95 -o json
            Exit status: 1 a decision took more than 3 µs on average.
            """)

    @Option(name: .long, help: "Workers of the cluster; may be repeated.") var workers = [1_000, 10_000, 100_000]
    @Option(name: .long, help: ArgumentHelp("Share of busy workers, in percent.", valueName: "percent")) var busyPercent = 80
    @Option(name: .long, help: "Decisions to measure at each size.") var decisions = 200_000
    @Option(name: .long, help: "Seed of the cluster and its actors.") var seed: UInt64 = 1
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output: BenchFormat = .line

    func validate() throws {
        guard !workers.isEmpty, workers.allSatisfy({ (10...1_000_000).contains($0) }) else {
            throw ValidationError("--workers must be between 10 and 1,000,000")
        }
        guard (1...99).contains(busyPercent) else { throw ValidationError("--busy-percent must be between 1 and 99") }
        guard (1...10_000_000).contains(decisions) else { throw ValidationError("--decisions must be between 1 and 10,000,000") }
    }

    func run() async throws {
        var report = PlaceReport()
        for size in workers {
            var bench = PlaceBench(workers: size, busyShare: Double(busyPercent) / 100, seed: seed)
            var figures = bench.measure(decisions: decisions)
            // As many as take about a second.
            figures.linearNanoseconds = bench.measureLinear(decisions: min(decisions, max(50, 20_000_000 / size)))
            report.sizes.append(figures)
        }
        Terminal.writeLine(output == .json ? report.json.compact : report.text)
        if !report.isGood { throw Refusal() }
    }
}
