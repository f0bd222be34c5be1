import ArgumentParser
import Assembly
import EventLog
import Foundation
import Logging
import Telemetry

// How is the service started?

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the service.",
        discussion: """
            Without a configuration: the log at ./greenroom.db, HTTP/2 (prior
            knowledge) and HTTP/1.1 on 127.0.0.1:8080, no pools.

            Examples:
              greenroom serve
              greenroom serve --listen 127.0.0.1:9000 --db ./chat.db
              greenroom serve --config /etc/greenroom/greenroom.yaml

            SIGTERM and SIGINT stop it in order: workers first, the log last; its log
            says what it waits for. SIGHUP reads the policies again. Tokens and
            certificates are read again by themselves when their files change.

            Fields of the configuration, all optional; paths are relative to its file:
            \(ConfigurationFields.help)
            """)

    @Option(name: .long, help: ArgumentHelp("YAML file; paths in it are relative to it.", valueName: "file"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("Address to listen on, instead of the configuration's.", valueName: "host:port"))
    var listen: String?

    @Option(name: .long, help: ArgumentHelp("The log's file, instead of the configuration's.", valueName: "file"))
    var db: String?

    func validate() throws {
        guard let listen, !ServiceConfiguration.isAddress(listen) else { return }
        throw ValidationError("--listen \(listen): must be HOST:PORT, for instance 127.0.0.1:8080")
    }

    func configuration() throws -> ServiceConfiguration {
        var configuration = try config.map { try ServiceConfiguration(file: $0) } ?? ServiceConfiguration()
        if let listen { configuration.listen(on: listen) }
        if let db { configuration.database = db }
        return configuration
    }

    func run() async throws {
        MemoryHabits.settle()
        let configuration: ServiceConfiguration
        do { configuration = try self.configuration() } catch {
            let format = config.map { ServiceConfiguration.logFormat(ofFile: $0) } ?? .text
            LogConfiguration(format: format, level: .info).bootstrap()
            try await LastLine.told(in: format, Logger(label: "greenroom")) { throw error }
            throw error
        }
        LogConfiguration(format: configuration.logFormat, level: configuration.logLevel).bootstrap()
        let logger = Logger(label: "greenroom")
        try await LastLine.told(in: configuration.logFormat, logger) {
            let service = GreenroomService(
                configuration, logger: logger, metrics: MetricsOutlet(PrometheusMetrics(logger: logger), logger: logger))
            try await service.run(onStart: { url in
                logger.notice("ready", metadata: ["url": "\(url)", "log": "\(configuration.database)"])
            })
        }
    }
}

/// The line that says why a process ended: an object where its log's lines are.
enum LastLine {
    static func told(in format: LogConfiguration.Format, _ logger: Logger, _ work: () async throws -> Void) async throws {
        guard format == .json else { return try await work() }
        CrashLine.writeJSON()
        do { try await work() } catch {
            guard case .failure(let line, let status) = CommandOutcome(error) else { throw error }
            let text = line.hasPrefix("greenroom: ") ? String(line.dropFirst("greenroom: ".count)) : line
            logger.critical("\(text)", metadata: ["status": "\(status.rawValue)"])
            throw ExitCode(status.rawValue)
        }
    }
}
