import ArgumentParser
import Dispatch
import Domain
import Foundation
import Logging
import Output
import Telemetry
import WorkerAgent

// How is a worker started by hand, by Kubernetes, or by the service on this machine?
//
// SIGTERM drains it; a second one stops it at once, and so does the end of its stdin where it was told to watch that.

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run a worker: it registers, takes placements, runs COMMAND for each turn and reports the result.",
        discussion: """
            COMMAND's environment has GREENROOM_ACTOR, GREENROOM_NAMESPACE, GREENROOM_POOL,
            GREENROOM_WORKER, GREENROOM_EXPECTED_MILLIS, GREENROOM_SNAPSHOT (the URI to
            restore, if there is one) and GREENROOM_TIER (how near it is: local, warm,
            golden, cold). Status 0 is a turn that ended well, any other a crash.

            To say where it left its actor's snapshot, COMMAND writes the URI to the file
            that GREENROOM_SNAPSHOT_FILE names; a second line may have the size in bytes:
              echo "file:///srv/agents/alice" >"$GREENROOM_SNAPSHOT_FILE"
            The next turn gets that URI. If it writes nothing, the earlier snapshot stays.
            Without COMMAND a turn sleeps as long as it is expected to run.

            Examples:
              greenroom worker --pool team/agents -- ./turn.sh
              greenroom worker --pool team/agents --slots 4 -- python3 turn.py

            SIGTERM: takes no more actors, finishes its turns, ends. A second one: ends at
            once.
            Exit status: 0 ended in order, and the log has it; 2 usage; 3 the service
            can't be reached.
            """)

    @OptionGroup var service: ServerOptions
    @Option(help: "Pool to join, as NAMESPACE/NAME.") var pool: String
    @Option(help: "Name of this worker (default: host name and process id).") var name: String?
    @Option(help: "Node this worker runs on (default: host name).") var node: String?
    @Option(help: "Actors it can host at once.") var slots = 1
    @Option(help: "Zone of the node.") var zone: String?
    @Option(help: "Address of its actors.") var ip: String?
    @Option(help: "Sandbox class it offers.") var sandboxClass: String?
    @Option(help: "Label as KEY=VALUE; may be repeated.") var label: [String] = []
    @Option(help: "Simulated restores without COMMAND: milliseconds as COLD,WARM or COLD,GOLDEN,WARM,LOCAL (default: 1000,100).")
    var restoreMillis: String?
    @Option(help: "How long turns may run after SIGTERM.") var drainSeconds = 3_600
    @Option(
        help: """
            Its lease: after so many seconds without a word from it the service counts it as lost, and its actors as crashed (default: 60). 0: no \
            lease, as somebody else watches over it.
            """) var ttlSeconds = 60
    @Flag(help: "Stop when stdin ends.") var exitOnEof = false
    @Option(help: "Least severe level to log (default: info).", transform: Self.parseLevel) var logLevel = Logger.Level.info
    @Option(help: "Form of the log on stderr: text or json (default: text).", transform: Self.parseFormat) var logFormat = LogConfiguration
        .Format.text
    @Argument(parsing: .postTerminator, help: "Command to run for each turn.") var command: [String] = []

    mutating func validate() throws {
        do { pool = try PoolName.qualified(pool, namespace: nil) } catch {
            throw ValidationError("--pool \(pool): write it as NAMESPACE/NAME")
        }
        guard (1...1_024).contains(slots) else { throw ValidationError("--slots \(slots): must be 1 to 1024") }
        guard (0...604_800).contains(drainSeconds) else { throw ValidationError("--drain-seconds \(drainSeconds): must be 0 to 604800") }
        guard ttlSeconds == 0 || (10...86_400).contains(ttlSeconds) else {
            throw ValidationError("--ttl-seconds \(ttlSeconds): must be 0, or 10 to 86400")
        }
        guard restoreMillis == nil || command.isEmpty else {
            throw ValidationError("--restore-millis plays a restore; with a COMMAND the restore is the command's own")
        }
        _ = try parsedRestoreMillis()
        _ = try parsedLabels()
    }

    mutating func run() async throws {
        LogConfiguration(format: logFormat, level: logLevel).bootstrap()
        let clock = Self.clock
        let logger = Logger(label: "greenroom.worker")
        let command = self
        try await LastLine.told(in: logFormat, logger) { try await command.work(clock, logger) }
    }

    private func work(_ clock: WorkerClock, _ logger: Logger) async throws {
        let link = try makeLink(logger)
        let files = command.isEmpty ? nil : try makeFiles()
        defer { files?.remove() }
        let turns: any TurnRunner =
            if let files { CommandTurns(command: command, files: files) } else {
                SimulatedTurns(restoreMillis: try parsedRestoreMillis(), clock: clock)
            }
        let agent = WorkerAgent(try workerConfiguration(), link: link, turns: turns, clock: clock, logger: logger)
        let signals = watchSignals(agent)
        if exitOnEof { watchInput(agent) }
        let outcome = await agent.run()
        for source in signals { source.cancel() }
        await link.close()
        try report(outcome)
    }

    // MARK: - Parts

    private func makeLink(_ logger: Logger) throws -> ServiceWorkerLink {
        let token = try service.token()
        do throws(ServiceWorkerLink.SetupFault) {
            return try ServiceWorkerLink(server: service.url, token: token, trustFile: service.trustFile, logger: logger)
        } catch {
            throw Fault(.usage, error.description, do: "give the service's address with --server")
        }
    }

    private func makeFiles() throws -> SnapshotFiles {
        do throws(SnapshotFiles.SetupFault) { return try SnapshotFiles(in: FileManager.default.temporaryDirectory.path) } catch {
            throw Fault(.unreachable, "\(error)", do: "set TMPDIR to a folder that this worker may write to")
        }
    }

    private func workerConfiguration() throws -> WorkerConfiguration {
        let host = Self.hostName()
        return WorkerConfiguration(
            name: name ?? "\(host)-\(getpid())", pool: pool, node: node ?? host, slots: slots, zone: zone, sandboxClass: sandboxClass,
            ip: ip, labels: try parsedLabels(), ttlSeconds: ttlSeconds, drainLimit: .seconds(drainSeconds))
    }

    private static func parseLevel(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError("\(text) is no level: take one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    private static func parseFormat(_ text: String) throws -> LogConfiguration.Format {
        guard let format = LogConfiguration.Format(rawValue: text) else {
            throw ValidationError("\(text) is no form of a log: take text or json")
        }
        return format
    }

    private func parsedLabels() throws -> [(key: String, value: String)] {
        var labels: [(key: String, value: String)] = []
        for text in label {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw ValidationError("--label \(text): write it as KEY=VALUE")
            }
            let key = String(text[..<equals])
            guard !labels.contains(where: { $0.key == key }) else { throw ValidationError("--label \(key) is given twice") }
            labels.append((key, String(text[text.index(after: equals)...])))
        }
        return labels.sorted { $0.key < $1.key }
    }

    private func parsedRestoreMillis() throws -> SimulatedTurns.RestoreMillis {
        guard let restoreMillis else { return SimulatedTurns.RestoreMillis() }
        let parts = restoreMillis.split(separator: ",", omittingEmptySubsequences: false).map { Int64($0) }
        let millis = parts.compactMap { $0 }.filter { $0 >= 0 }
        switch (parts.count, millis.count) {
        case (2, 2): return SimulatedTurns.RestoreMillis(cold: millis[0], warm: millis[1])
        case (4, 4): return SimulatedTurns.RestoreMillis(cold: millis[0], golden: millis[1], warm: millis[2], local: millis[3])
        default: throw ValidationError("--restore-millis \(restoreMillis): write it as COLD,WARM or COLD,GOLDEN,WARM,LOCAL in milliseconds")
        }
    }

    private func report(_ outcome: WorkerAgent.Outcome) throws {
        switch outcome {
        case .drained: return
        case .stopped(let reason): Terminal.writeError("greenroom: the worker stopped: \(reason)")
        case .unreachable(let problem):
            throw Fault(.unreachable, "\(service.url): \(problem)", do: Self.remedy(problem))
        }
    }

    /// Whom the service doesn't let in needs another token; else it may be away.
    static func remedy(_ problem: String) -> String {
        problem.contains("token")
            ? "a worker's token needs the role worker: add it to its line in the tokens file, or name another with --token-file "
                + "(of pools of kind: Process, workers.tokenFile in the service's configuration)"
            : "check --server and --token-file, and that the service runs"
    }

    // MARK: - This process

    /// The first SIGTERM or SIGINT drains, every further one stops.
    private func watchSignals(_ agent: WorkerAgent) -> [any DispatchSourceSignal] {
        let queue = DispatchQueue(label: "greenroom.worker.signals")
        return [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                Task {
                    if await agent.isServing { await agent.drain(reason: name) } else { await agent.stop(reason: "\(name) while draining") }
                }
            }
            source.resume()
            return source
        }
    }

    /// A thread of its own, because a read of stdin waits as long as whoever started us lives.
    private func watchInput(_ agent: WorkerAgent) {
        DispatchQueue(label: "greenroom.worker.stdin").async {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count > 0 || (count < 0 && errno == EINTR) { continue }
                break
            }
            Task { await agent.stop(reason: "the service that started it ended") }
        }
    }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let clock = WorkerClock(now: { StandardError.now() }, sleep: { try await Task.sleep(for: $0) })
}
