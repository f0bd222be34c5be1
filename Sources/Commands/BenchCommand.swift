import ArgumentParser
import Benchmarks
import Foundation
import LocalCluster
import Output
import ServiceClient

// How fast is it, on this machine?

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Run a benchmark, and print the machine it ran on.",
        subcommands: [
            BenchIngestCommand.self, BenchDecideCommand.self, BenchPlaceCommand.self, BenchReplayCommand.self, BenchMetricsCommand.self,
            BenchGatewayCommand.self, BenchUpstreamCommand.self,
            BenchStageCommand.self, BenchCrashCommand.self,
        ])
}

enum BenchFormat: String, ExpressibleByArgument, CaseIterable { case line, json }

struct BenchIngestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Measure events a second over HTTP/2, acknowledged and durable.",
        discussion: """
            Starts a server in another process, unless --server names one. Use a release
            build (-c release).

            Examples:
              greenroom bench ingest
              greenroom bench ingest --events 50000000 --slices 50 --ids rising
              greenroom bench ingest --single --events 500000 --in-flight 16
              greenroom bench ingest --rate 200 --events 1000000 -o json
              greenroom bench ingest --rate 200 --events 200000 --policies
              greenroom bench ingest --jetstream --sync-always
            With --jetstream the log lies on three NATS servers, and three instances run:
            batches, single requests, a standby's lag, and how long nothing is
            acknowledged after kills. All of it runs on this machine.
            Exit status: 1 an event was refused, or a duplicate was not found.
            """)

    @Option(name: .long, help: "Events to send.") var events = 1_000_000
    @Option(name: .long, help: "Events in each request.") var batch = 100
    @Option(name: .long, help: "Connections.") var connections = 8
    @Option(name: .long, help: ArgumentHelp("Requests in flight on each connection.", valueName: "n")) var inFlight = 4
    @Option(name: .long, help: "Ids of the events: random, or rising for each source.") var ids = EventTemplates.Ids.random
    @Option(name: .long, help: ArgumentHelp("Requests a second, over all connections (default: as fast as possible).", valueName: "n"))
    var rate: Double?
    @Option(name: .long, help: "Number of pools.") var pools = 100
    @Option(name: .long, help: "Number of actors.") var actors = 100_000
    @Option(name: .long, help: ArgumentHelp("Print figures for this many parts of the run.", valueName: "n")) var slices = 1
    @Flag(name: .long, help: "One event a request, not in a batch.") var single = false
    @Flag(name: .long, help: "Give each pool a policy with mode: recommend, and measure the time from commit to decision.")
    var policies = false
    @Option(name: .long, help: ArgumentHelp("Measure this service instead of starting one.", valueName: "url")) var server: String?
    @Option(
        name: .long,
        help: ArgumentHelp("File with the bearer token for --server (default: the token in $GREENROOM_TOKEN).", valueName: "file"))
    var tokenFile: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "PEM of the authority that signed the certificate of --server (default: $GREENROOM_CA_FILE, else the system's).",
            valueName: "file"))
    var caFile: String?
    @Flag(name: .long, help: "Measure three instances over three NATS servers with JetStream, which are started here.") var jetstream =
        false
    @Flag(name: .long, help: "With --jetstream: the servers sync their disk before each acknowledgement.") var syncAlways = false
    @Option(name: .long, help: ArgumentHelp("With --jetstream: kills of each kind, 0 for none.", valueName: "n")) var kills = 5
    @Option(name: .long, help: ArgumentHelp("With --jetstream: the leader's lease.", valueName: "s")) var leaseSeconds = LocalCluster
        .leaseSeconds
    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --jetstream: program of the NATS servers, 2.14 or newer (default: nats-server on PATH).", valueName: "file"))
    var natsServer: String?
    @Option(name: .long, help: "Seed of random ids.") var seed: UInt64?
    @Option(name: .shortAndLong, help: "Output format: line or json.") var output = BenchFormat.line

    func validate() throws {
        let bounds: [(String, Int, ClosedRange<Int>)] = [
            ("events", events, 1...10_000_000_000), ("batch", batch, 1...10_000), ("connections", connections, 1...900),
            ("in-flight", inFlight, 1...128), ("pools", pools, 1...10_000), ("actors", actors, 1...99_999_999),
            ("slices", slices, 1...1_000),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError("--\(name) must be between \(range.lowerBound) and \(range.upperBound)")
        }
        if server == nil, let option = tokenFile != nil ? "--token-file" : caFile != nil ? "--ca-file" : nil {
            throw ValidationError("\(option) is for --server: name the service, or leave it out")
        }
        guard (0...1_000).contains(kills) else { throw ValidationError("--kills must be between 0 and 1000") }
        guard (1...600).contains(leaseSeconds) else { throw ValidationError("--lease-seconds must be between 1 and 600") }
        if jetstream {
            let option = server != nil ? "--server" : policies ? "--policies" : slices != 1 ? "--slices" : single ? "--single" : nil
            if let option { throw ValidationError("\(option) can't be used with --jetstream") }
        } else if syncAlways || natsServer != nil {
            throw ValidationError("\(syncAlways ? "--sync-always" : "--nats-server") is for --jetstream")
        }
        if let rate, !(rate > 0) { throw ValidationError("--rate must be above 0") }
    }

    func run() async throws {
        if jetstream { return try await runReplicated() }
        let report: IngestReport
        if let server {
            var options = ServerOptions()
            options.server = server
            options.tokenFile = tokenFile
            options.caFile = caFile
            report = try await measure(url: options.url, token: options.token(), trustFile: options.trustFile, process: nil)
        } else {
            let process = try await ServerProcess()
            do {
                report = try await measure(url: process.url, token: nil, trustFile: nil, process: process)
                await process.stop()
            } catch {
                await process.stop()
                throw error
            }
        }
        Terminal.writeLine(output == .json ? report.json.compact : report.text)
        if !report.isGood { throw Refusal() }
    }

    private func runReplicated() async throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        var settings = LocalCluster.Settings(
            program: try ProgramFile.path(), natsServer: try NATSProgram.find(natsServer), folder: folder.url)
        settings.syncsAlways = syncAlways
        settings.leaseSeconds = leaseSeconds
        let cluster = try LocalCluster(settings)
        var plan = ReplicatedPlan()
        plan.ingest = self.plan()
        plan.kills = kills
        let report: ReplicatedReport
        do {
            report = try await ReplicatedBench(plan: plan, cluster: cluster).run()
            await cluster.end()
        } catch {
            await cluster.end()
            throw error
        }
        Terminal.writeLine(output == .json ? report.json.compact : report.text)
        if !report.isGood { throw Refusal() }
    }

    private func plan() -> IngestPlan {
        IngestPlan(
            events: events, batch: batch, isSingle: single, connections: connections, inFlightPerConnection: inFlight, ids: ids,
            ratePerSecond: rate, pools: pools, actors: actors, slices: slices,
            // Against a service that keeps its log, the same ids would all be duplicates the second time.
            seed: seed ?? (server == nil ? 1 : UInt64.random(in: 0...(.max))))
    }

    private func measure(url: String, token: String?, trustFile: String?, process: ServerProcess?) async throws -> IngestReport {
        let base: BaseURL
        do { base = try BaseURL(url) } catch { throw Fault(.usage, error.description) }
        let plan = plan()
        let bench = IngestBench(plan: plan, base: base, token: token, trustFile: trustFile)
        var report = IngestReport(plan: plan)
        if policies { try await bench.applyPolicies() }
        // What an empty log takes is no event's.
        let emptyBytes = process?.diskBytes() ?? 0
        var progress = ProgressBar("ingest", total: Int64(plan.requests))
        for slice in 0..<slices {
            let first = plan.requests * slice / slices
            let part = try await bench.send(first: first, count: plan.requests * (slice + 1) / slices - first)
            report.add(part)
            progress.update(Int64(report.total.requests))
            if part.fault != nil { break }
        }
        progress.finish()
        (report.sentAgain, report.duplicates) = try await bench.sendAgain()
        if policies { (report.decisions, report.reactions) = try await bench.loopLatencies() }
        if let process {
            report.server = ProcessUse(process.processID)
            await process.end()
            report.diskBytes = process.diskBytes() - emptyBytes
        }
        return report
    }
}

/// Where servers and instances of a benchmark keep what they write, until it ends.
private struct BenchFolder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-bench-\(UUID().uuidString.prefix(8).lowercased())")

    init() throws {
        do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
            throw Fault(.unreachable, "can't make the folder \(url.path)", do: "make room there, or set TMPDIR")
        }
    }

    func remove() { try? FileManager.default.removeItem(at: url) }
}

extension EventTemplates.Ids: ExpressibleByArgument {}
