import ArgumentParser
import Benchmarks
import Domain
import Output

// What does the gateway for agent-substrate cost?

struct BenchGatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Measure the gateway for agent-substrate: calls that pass, resumes that wait, lists.",
        discussion: """
            Starts a service with a gateway and a stand-in for ateapi, each in another
            process, with certificates from openssl. The stand-in answers from memory with
            ateapi's messages: figures with and without the gateway are of the same
            stand-in. Takes about a minute. Use a release build (-c release).

            Examples:
              greenroom bench gateway
              greenroom bench gateway --parked 5000 --actors 50000 -o json
            Exit status: 1 a resume failed, or the gateway adds 1 ms or more at the p99.
            """)

    /// What the gateway may add to 99 of 100 calls.
    static let goalMicroseconds: Int64 = 1_000

    @Option(name: .long, help: ArgumentHelp("Calls one after another, each way.", valueName: "n")) var calls = 5_000
    @Option(name: .long, help: ArgumentHelp("Resumes that wait, and workers that come at once.", valueName: "n")) var parked = 1_000
    @Option(name: .long, help: ArgumentHelp("Actors of the fleet that is listed.", valueName: "n")) var actors = 10_000
    @Option(name: .long, help: ArgumentHelp("How long a restore takes.", valueName: "ms")) var restoreMillis = 50
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output = BenchFormat.line

    func validate() throws {
        let bounds: [(String, Int, ClosedRange<Int>)] = [
            ("calls", calls, 10...10_000_000), ("parked", parked, 1...9_000), ("actors", actors, 10...200_000),
            ("restore-millis", restoreMillis, 0...20_000),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError("--\(name) must be between \(range.lowerBound) and \(range.upperBound)")
        }
    }

    func run() async throws {
        let figures = try await GatewayBench(calls: calls, parked: parked, actors: actors, restoreMillis: restoreMillis).measure()
        let machine = MachineFacts()
        Terminal.writeLine(output == .json ? json(figures, machine).compact : text(figures, machine))
        if figures.failures > 0 || figures.added(0.99) >= Self.goalMicroseconds { throw Refusal() }
    }

    private func text(_ figures: GatewayBench.Figures, _ machine: MachineFacts) -> String {
        func way(_ latency: LatencyHistogram) -> String {
            "p50 \(latency.quantileMicroseconds(0.5)) µs, p99 \(latency.quantileMicroseconds(0.99)) µs"
        }
        return """
            gateway: GetActor directly \(way(figures.direct)); through the gateway \(way(figures.through)); \
            added p50 \(figures.added(0.5)) µs, p99 \(figures.added(0.99)) µs
              \(Grouped.text(Int64(parked))) parked resumes, \(Grouped.text(Int64(parked))) workers at once, restores of \(restoreMillis) ms: all run after \
            \(Self.seconds(figures.parkedSeconds)), with \(Grouped.text(Int64(figures.tries))) tries; directly on free workers \
            \(Self.seconds(figures.directSeconds)); \(figures.failures) failed
              \(Grouped.text(Int64(actors))) actors listed: \(figures.lists.each(figures.lists.calls)) requests, \
            \(Grouped.text(Int64(figures.lists.each(figures.lists.bytes)))) bytes and \(Self.seconds(figures.lists.processorSecondsEach)) of a processor a look
            | \(machine.text)
            """
    }

    private static func seconds(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000) s" }

    private func json(_ figures: GatewayBench.Figures, _ machine: MachineFacts) -> JSONValue {
        func way(_ latency: LatencyHistogram) -> JSONValue {
            .object([
                .init(key: "p50", value: .whole(latency.quantileMicroseconds(0.5))),
                .init(key: "p99", value: .whole(latency.quantileMicroseconds(0.99))),
            ])
        }
        return .object([
            .init(key: "bench", value: .string("gateway")), .init(key: "calls", value: .whole(figures.through.count)),
            .init(key: "directMicroseconds", value: way(figures.direct)), .init(key: "throughMicroseconds", value: way(figures.through)),
            .init(key: "addedP99Microseconds", value: .whole(figures.added(0.99))),
            .init(key: "goalMicroseconds", value: .whole(Self.goalMicroseconds)), .init(key: "parked", value: .whole(parked)),
            .init(key: "restoreMillis", value: .whole(restoreMillis)),
            .init(key: "parkedSeconds", value: .number("\(figures.parkedSeconds)")),
            .init(key: "directSeconds", value: .number("\(figures.directSeconds)")), .init(key: "tries", value: .whole(figures.tries)),
            .init(key: "failed", value: .whole(figures.failures)), .init(key: "actors", value: .whole(actors)),
            .init(key: "looks", value: .whole(figures.lists.looks)),
            .init(key: "requestsALook", value: .whole(figures.lists.each(figures.lists.calls))),
            .init(key: "bytesALook", value: .whole(figures.lists.each(figures.lists.bytes))),
            .init(key: "processorSecondsALook", value: .number("\(figures.lists.processorSecondsEach)")),
            .init(key: "machine", value: machine.json),
        ])
    }
}

extension GatewayBench.Figures {
    /// Microseconds at a quantile. Of two distributions, not of pairs: it may come out below 0.
    fileprivate func added(_ quantile: Double) -> Int64 {
        through.quantileMicroseconds(quantile) - direct.quantileMicroseconds(quantile)
    }
}

extension GatewayBench.Lists {
    fileprivate func each(_ total: Int) -> Int { looks > 0 ? total / looks : 0 }
    fileprivate var processorSecondsEach: Double { looks > 0 ? processorSeconds / Double(looks) : 0 }
}

/// What answers in ateapi's place: for `bench gateway`, which starts it in a process of its own.
struct BenchUpstreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream", abstract: "Stand in for ateapi until standard input ends.", shouldDisplay: false)

    @Option(name: .long) var port: Int
    @Option(name: .long) var certificate: String
    @Option(name: .long) var key: String
    @Option(name: .long) var actors = 1
    @Option(name: .long) var running = 0
    @Option(name: .long) var restoreMillis = 0

    func run() async throws {
        try await BenchUpstream(
            port: port, certificate: certificate, key: key, actors: actors, running: running, restoreMillis: restoreMillis
        ).run()
    }
}
