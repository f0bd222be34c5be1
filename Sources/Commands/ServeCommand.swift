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
            Without a configuration: the log at ./greenroom.db, HTTP/2 (prior knowledge) and HTTP/1.1 on 127.0.0.1:8080, no pools.

            A configuration, all fields optional:
              listen: 127.0.0.1:8080
              tls: {listen: 0.0.0.0:8443, certificate: server.pem, key: server.key}
              tokens: tokens.txt          # lines of: TOKEN ROLE[,ROLE] [NAME]; roles are ingest, read, admin
              database: /var/lib/greenroom/greenroom.db
              policies: [policies/]       # files, or folders of files
              logging: {level: info, format: json}
              workers: {arguments: [], tokenFile: worker-token.txt}   # for pools of kind: Process
              kubernetes: {kubeconfig: FILE, election: {lease: greenroom}}  # pools whose workers are pods; the election for a standby
              keda: {address: 127.0.0.1:9090}                         # external scaler; tls: {certificate: …, key: …, clientCA: …}
              externalMetrics:                                        # for HPAs; access as the cluster configures it, or frontProxy
                {listen: 0.0.0.0:6443, tls: {certificate: …, key: …}, frontProxy: {clientCA: …, allowedNames: [front-proxy-client]}}
              limits: {bodyBytes: 8388608, idleSeconds: 60}

            SIGTERM and SIGINT stop it in order: workers first, the log last.
            """)

    @Option(name: .long, help: ArgumentHelp("YAML file; paths in it are relative to it.", valueName: "file"))
    var config: String?

    func run() async throws {
        MemoryHabits.settle()
        let configuration = try config.map { try ServiceConfiguration(file: $0) } ?? ServiceConfiguration()
        LogConfiguration(format: configuration.logFormat, level: configuration.logLevel).bootstrap()
        let logger = Logger(label: "greenroom")
        let service = GreenroomService(
            configuration, logger: logger, metrics: MetricsOutlet(PrometheusMetrics(logger: logger), logger: logger))
        try await service.run(onStart: { url in
            logger.notice("ready", metadata: ["url": "\(url)", "log": "\(configuration.database)"])
        })
    }
}
