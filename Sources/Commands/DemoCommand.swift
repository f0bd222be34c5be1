import ArgumentParser
import Demo
import Domain
import Foundation
import Inspection
import LocalCluster
import Output
import Machine

// How does one see the whole of it work, on this machine, in a minute?
//
// A real service, a real log, real worker processes, and turns that arrive over HTTP/2. The summary at the end is computed from the
// log it leaves.

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a service, workers and a burst of turns on this machine, and summarise the run.",
        discussion: """
            Starts the service with its log in a folder, applies policies, and sends
            turns. Pools of worker processes grow from zero, run the turns, and shrink to
            zero again. The workers simulate three nodes with snapshot caches: an actor
            that returns to its snapshot's node restores faster (warm) than elsewhere
            (cold).

            Examples:
              greenroom demo
              greenroom demo --keep ./demo --seed 7
              greenroom demo --trace azure-llm-code-2023.csv --speed 60
              greenroom demo --instances 3
            A trace is CSV with the columns arrival_s and service_s, or arrival_s,
            context_tokens and generated_tokens; actor, template and tenant are optional.
            With --instances the log lies on three NATS servers with JetStream, which
            run here too. The leading instance is killed in the middle and started again.
            Workers are processes of the demo and outlive it. At the end the instances'
            logs are compared.
            Exit status: 0 success, 1 a turn was killed, an actor never ran or two logs
            differ, 3 the service could not start.
            """)

    @Option(name: .long, help: ArgumentHelp("Recorded arrivals to play instead of the built-in bursts.", valueName: "csv"))
    var trace: String?

    @Option(name: .long, help: ArgumentHelp("Speed up arrivals, turns and restores by this factor.", valueName: "n"))
    var speed = 1.0

    @Option(name: .long, help: ArgumentHelp("Send no turns after this many seconds.", valueName: "s"))
    var duration: Double?

    @Option(
        name: .long, help: ArgumentHelp("Port of the service (default: \(DemoPort.preferred) where it is free, else any).", valueName: "p"))
    var port: Int?

    @Option(name: .long, help: ArgumentHelp("Folder for the log (default: a new temporary folder).", valueName: "dir"))
    var keep: String?

    @Option(name: .long, help: ArgumentHelp("Seed of the built-in bursts and their actors.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("Instances over one replicated log: 1 to 5.", valueName: "n")) var instances = 1

    @Option(
        name: .long, help: ArgumentHelp("Program of the NATS servers, 2.14 or newer (default: nats-server on PATH).", valueName: "file"))
    var natsServer: String?

    func validate() throws {
        guard speed.isFinite, (0.01...10_000).contains(speed) else { throw ValidationError("--speed must be between 0.01 and 10000") }
        if let duration, !(duration > 0) { throw ValidationError("--duration must be above 0") }
        guard (1...5).contains(instances) else { throw ValidationError("--instances must be between 1 and 5") }
        if natsServer != nil, instances == 1 { throw ValidationError("--nats-server is for --instances: give it 2 or more") }
        if let port, !(0...65_535).contains(port) { throw ValidationError("--port must be between 0 and 65535") }
    }

    func run() async throws {
        let plan = try plan()
        let folder = try DemoFolder(keep)
        if instances > 1 { return try await runReplicated(plan, folder) }
        let settings = DemoSettings(
            database: folder.database, port: port ?? DemoPort.free(), workerArguments: ["--restore-millis", plan.restoreMillis],
            workerNodes: DemoPlan.nodes)
        let interrupts = Interrupts()
        let service: any DemoService = DemoServices.make()
        let ending = try await Self.play(plan, service, settings, interrupts.stream)
        withExtendedLifetime(interrupts) {}
        let summary = try await summary(folder.database, ending)
        Terminal.write("\n" + summary.text(palette: .forOutput))
        if ending == .overdue {
            Terminal.writeError("greenroom: the pools were not back at zero in time; the log says what they waited for")
        }
        if !summary.isGood || ending == .overdue { throw Refusal() }
    }

    private func runReplicated(_ plan: DemoPlan, _ folder: DemoFolder) async throws {
        let interrupts = Interrupts()
        let demo = try ReplicatedDemo(
            plan: plan, instances: instances, program: try ProgramFile.path(), natsServer: natsServer, folder: folder.folder,
            port: port ?? DemoPort.free())
        let result = try await demo.run(interrupts: interrupts.stream, isInteractive: Terminal.isInteractive && !Terminal.isDumb)
        withExtendedLifetime(interrupts) {}
        let summary = try await summary(demo.cluster.databases[0], result.ending)
        Terminal.write("\n" + summary.text(palette: .forOutput) + "\n" + result.lines.map { $0 + "\n" }.joined())
        if result.ending == .overdue {
            Terminal.writeError("greenroom: the pools were not back at zero in time; the log says what they waited for")
        }
        if !summary.isGood || result.ending == .overdue || !result.areEqual { throw Refusal() }
    }

    func plan() throws -> DemoPlan {
        guard let trace else { return DemoPlan(speed: speed, durationSeconds: duration, seed: seed) }
        let plan = DemoPlan(trace: try Trace(path: trace), speed: speed, durationSeconds: duration, seed: seed)
        guard !plan.arrivals.isEmpty else {
            throw Fault(.no, "nothing of \(trace) arrives within --duration", do: "raise --duration or --speed")
        }
        return plan
    }

    private static let startLimit = Duration.seconds(15)

    /// The service is stopped however the run ends.
    private static func play(
        _ plan: DemoPlan, _ service: any DemoService, _ settings: DemoSettings, _ interrupts: AsyncStream<Void>
    ) async throws -> DemoRun.Ending {
        let url = try await service.start(settings)
        do {
            guard try await ServiceReadiness.wait(url, limit: startLimit) else {
                throw Fault(
                    .unreachable, "the demo's service at \(url) did not become ready", do: "see whether something else listens there")
            }
            Terminal.writeLine("The demo in a browser: \(url)/")
            let api = try await ServiceConnection.open(url: url, token: nil)
            let run = DemoRun(plan: plan, url: url, api: api, isInteractive: Terminal.isInteractive && !Terminal.isDumb)
            let ending = try await run.run(interrupts: interrupts)
            await api.close()
            await service.stop()
            return ending
        } catch {
            await service.stop()
            throw error
        }
    }

    private func summary(_ database: String, _ ending: DemoRun.Ending) async throws -> RunSummary {
        let report = try await RunReport(of: LogFile.events(path: database))
        return RunSummary(
            report: report, program: Shell.quoted(CommandLine.arguments.first ?? "greenroom"), database: database,
            wasInterrupted: ending == .interrupted)
    }
}

extension RunReport {
    /// Everything a log says of a run.
    init(of source: any EventSource) async throws {
        self.init()
        var report = self
        try await source.forEachEvent(EventQuery()) { event in
            report.apply(event)
            return true
        }
        self = report
    }
}

/// Where the demo's log lies. It stays, to be looked at.
struct DemoFolder: Sendable {
    let folder: URL
    let database: String

    init(_ keep: String?) throws {
        if let keep {
            folder = URL(fileURLWithPath: keep, isDirectory: true)
        } else {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "greenroom-demo-\(UUID().uuidString.prefix(8).lowercased())")
        }
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw Fault(.unreachable, "can't make the folder \(folder.path)", do: "give one that may be written with --keep")
        }
        database = folder.appendingPathComponent("greenroom.db").path
        let isTaken = [database, folder.appendingPathComponent("g1.db").path].contains { FileManager.default.fileExists(atPath: $0) }
        guard !isTaken else {
            throw Fault(.usage, "\(folder.path) holds a log already", do: "give --keep another folder: a demo begins with an empty log")
        }
    }
}

enum DemoPort {
    static let preferred = 8_080

    /// The preferred port where nothing listens on it; else 0, which takes any.
    static func free() -> Int { LocalPort.isFree(preferred) ? preferred : 0 }
}
