import Domain
import ArgumentParser
import Benchmarks
import Output

// How soon is an HPA answered, at what load?

struct BenchMetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Measure responses of the external metrics API, over TLS like an aggregator.",
        discussion: """
            Starts a server in another process, with certificates from openssl. Use a
            release build (-c release).

            Examples:
              greenroom bench metrics
              greenroom bench metrics --rate 2000 --seconds 60 --pools 1000 -o json
            Exit status: 1 a request failed, or the p99 is above 2 ms.
            """)

    /// The most that 99 of 100 requests may take.
    static let goalMicroseconds: Int64 = 2_000

    @Option(name: .long, help: ArgumentHelp("Requests a second, over all connections.", valueName: "n")) var rate = 1_000.0
    @Option(name: .long, help: "How long to send requests.") var seconds = 20.0
    @Option(name: .long, help: "Connections.") var connections = 8
    @Option(name: .long, help: "Pools with waiting actors.") var pools = 100
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output = BenchFormat.line

    func validate() throws {
        guard (1...100_000).contains(rate) else { throw ValidationError("--rate must be between 1 and 100,000") }
        guard (0.1...86_400).contains(seconds) else { throw ValidationError("--seconds must be between 0.1 and 86,400") }
        guard (1...900).contains(connections) else { throw ValidationError("--connections must be between 1 and 900") }
        guard (1...10_000).contains(pools) else { throw ValidationError("--pools must be between 1 and 10,000") }
    }

    func run() async throws {
        let figures = try await MetricsBench(rate: rate, seconds: seconds, connections: connections, pools: pools).measure()
        let machine = MachineFacts()
        Terminal.writeLine(output == .json ? Self.json(figures, machine).compact : Self.line(figures, machine))
        if figures.failures > 0 || figures.latency.quantileMicroseconds(0.99) > Self.goalMicroseconds { throw Refusal() }
    }

    private static func line(_ figures: MetricsBench.Figures, _ machine: MachineFacts) -> String {
        let latency = figures.latency
        let served = figures.servedP99Seconds.map { ", server's own p99 ≤ \(milliseconds(Int64($0 * 1e6)))" } ?? ""
        return
            "metrics: \(Grouped.text(Int(Double(latency.count) / figures.seconds))) requests/s, p50 \(milliseconds(latency.quantileMicroseconds(0.5))), "
            + "p90 \(milliseconds(latency.quantileMicroseconds(0.9))), p99 \(milliseconds(latency.quantileMicroseconds(0.99))), "
            + "p99.9 \(milliseconds(latency.quantileMicroseconds(0.999))), max \(milliseconds(latency.maxMicroseconds))\(served), "
            + "\(figures.failures) failed; server \(Int((figures.serverProcessorSeconds / figures.seconds * 100).rounded())) % of a core\n| \(machine.text)"
    }

    private static func milliseconds(_ microseconds: Int64) -> String { "\(Double(microseconds / 10) / 100) ms" }

    private static func json(_ figures: MetricsBench.Figures, _ machine: MachineFacts) -> JSONValue {
        let latency = figures.latency
        let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)].map {
            JSONValue.Member(key: $0.0, value: .whole(latency.quantileMicroseconds($0.1)))
        }
        return .object([
            .init(key: "bench", value: .string("metrics")), .init(key: "requests", value: .whole(latency.count)),
            .init(key: "failed", value: .whole(figures.failures)), .init(key: "seconds", value: .number("\(figures.seconds)")),
            .init(key: "microseconds", value: .object(quantiles + [.init(key: "max", value: .whole(latency.maxMicroseconds))])),
            .init(key: "goalMicroseconds", value: .whole(goalMicroseconds)),
            .init(key: "serverProcessorSeconds", value: .number("\(figures.serverProcessorSeconds)")),
            .init(key: "machine", value: machine.json),
        ])
    }
}
