import ArgumentParser
import Basics
import Domain
import EventLog
import JetStreamLog
import NATSClient
import Output

// What can be done with a log that lies on a stream?

struct LogJetStreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jetstream",
        abstract: "Look at a log on NATS JetStream, or move one there.",
        subcommands: [LogJetStreamStatusCommand.self, LogJetStreamMigrateCommand.self])
}

struct LogJetStreamStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the stream, each server's copy of it, and each instance's position.",
        discussion: """
            Each server is asked by a connection of its own for what it gives a reader, and
            all are compared at the newest message that all of them have. Each instance
            notes its position every few seconds.

            Examples:
              greenroom log jetstream status --config /etc/greenroom/greenroom.yaml
              greenroom log jetstream status --servers nats://127.0.0.1:4222 -o json
            Exit status: 1 two servers hold different messages; 3 no server can be reached,
            or there is no such stream.
            """)

    @OptionGroup var stream: StreamOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let settings = try stream.settings()
        let survey: StreamSurvey
        do { survey = try await StreamSurvey.take(settings, logger: StreamAccess.silent) } catch { throw Self.fault(error, settings) }
        let status = StreamStatusText(survey, now: TimeText.now())
        Terminal.write(try format.output.text(status.json) { status.text(isWide: format.output == .wide) })
        guard survey.differing.isEmpty else {
            Terminal.writeError("greenroom: \(status.difference)")
            throw Refusal()
        }
    }

    static func fault(_ error: any Error, _ settings: JetStreamLogSettings) -> any Error {
        switch error {
        case JetStreamError.noStream(let name):
            Fault(.unreachable, "there is no stream \(name)", do: "name it with --stream; the first instance that starts makes it")
        case let error as JetStreamError: Fault(.unreachable, "\(error)", do: "see whether the servers have a quorum, and ask again")
        case let error as NATSError: StreamAccess.unreachable(settings, error)
        case let error as JetStreamLogSettings.Fault:
            Fault(.unreachable, "the secret can't be read: \(error)", do: "check that the file exists and may be read")
        default: error
        }
    }
}

struct LogJetStreamMigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Copy a log that is one file into an empty stream.",
        discussion: """
            Each commit becomes one message: positions, times and hashes stay as they are.
            Stop the service first. An interrupted migration continues when it is run
            again. At the end the whole stream is read back and compared with the file.
            Then start the service with log.jetstream, on this file or on none.

            Examples:
              greenroom log jetstream migrate --db ./greenroom.db --config ./config.yaml
              greenroom log jetstream migrate --servers nats://127.0.0.1:4222 --replicas 1
            Exit status: 1 the stream isn't the log afterwards; 3 it can't be done, and why.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var stream: StreamOptions
    @OptionGroup var format: OutputOptions

    @Option(name: .long, help: ArgumentHelp("Servers that hold each message, where the stream is made: 1, 3 or 5.", valueName: "n"))
    var replicas: Int?

    private static let standardReplicas = 3

    func validate() throws {
        if let replicas, !JetStreamLogSettings.replicasTaken.contains(replicas) { throw ValidationError("--replicas: take 1, 3 or 5") }
    }

    func run() async throws {
        try log.checkExists()
        var settings = try stream.settings()
        if let replicas { settings.replicas = replicas } else if stream.config == nil { settings.replicas = Self.standardReplicas }
        let path = log.db
        let total = try Self.position(path)
        let report = try await StreamAccess.waiting(settings, mayCreate: true) { commits throws(LogError) in
            let meters = StepMeters(total: total)
            defer { meters.finish() }
            return try LogMigration.run(path: path, stream: commits, progress: { meters.update($0, $1) })
        }
        Terminal.write(try format.output.text(Self.json(report, settings.stream)) { Self.text(report, path, settings.stream) })
    }

    private static func json(_ report: LogMigration.Report, _ stream: String) -> JSONValue {
        var members: [JSONValue.Member] = [.init(key: "stream", value: .string(stream))]
        members.append(.init(key: "events", value: .number(String(report.events))))
        members.append(.init(key: "commits", value: .number(String(report.commits))))
        members.append(.init(key: "continuedAfter", value: .number(String(report.continuedAfter))))
        members.append(.init(key: "lastSequence", value: .number(String(report.sequence))))
        members.append(.init(key: "lastHash", value: .string(Hex.text(report.link))))
        return .object(members)
    }

    private static func text(_ report: LogMigration.Report, _ path: String, _ stream: String) -> String {
        let continued = report.continuedAfter > 0 ? " (continued after position \(Grouped.text(report.continuedAfter)))" : ""
        let commits = Grouped.text(Int64(clamping: report.commits))
        return """
            \(path) is in the stream \(stream)\(continued): \(Grouped.text(report.events)) events in \(commits) commits, each compared with its message
            Last hash: \(Hex.text(report.link))
            Start the service with log.jetstream, on this file or on none.

            """
    }

    private static func position(_ path: String) throws -> Position {
        do throws(LogError) { return try EventLog.facts(path: path)?.position ?? 0 } catch { throw Fault(error) }
    }
}

/// A bar for each step of a migration, one after the other. Used on one thread.
private final class StepMeters {
    private let total: Position
    private var current: (step: LogMigration.Step, meter: ProgressMeter)?

    init(total: Position) { self.total = total }

    func update(_ step: LogMigration.Step, _ position: Position) {
        if current?.step != step {
            finish()
            current = (step, ProgressMeter(Self.name(step), total: total))
        }
        current?.meter.update(position)
    }

    func finish() {
        current?.meter.finish()
        current = nil
    }

    private static func name(_ step: LogMigration.Step) -> String {
        switch step {
        case .measuring: "measure"
        case .publishing: "publish"
        case .comparing: "compare"
        }
    }
}
