import ControlLoop
import EventLog
import Foundation
import JetStreamLog
import Logging
import Machine
import NATSClient
import Output
import UnixSignals

// How does one of several instances over a stream run?
//
//   connect ─▶ a snapshot where the file is too old ─▶ open the file, as far as the stream goes ─▶ follow, answer, hand over ──elected──▶ act as well
//                                                              ▲                                    │ deposed, or about to end
//                                                              └──────── folding goes on ───────────┘
//
// The file is this instance's projection of the stream. The loop folds it all the time. So any instance answers reads, and one that is
// elected acts on what it has folded already. Which instance leads is in the stream (`Replica`), and nowhere else.

struct ReplicatedService: Sendable {
    let service: GreenroomService
    let settings: JetStreamLogConfiguration
    let logger: Logger

    /// A new file can't be begun without the stream: so long its servers are waited for.
    private static let openBound = Duration.seconds(60)
    /// How long a caller's commit waits for a certain answer of the stream: most elections of its servers are over by then.
    private static let settleMicroseconds: Int64 = 12_000_000
    private static let openPause = Duration.seconds(1)

    func run(
        stopOn signals: [UnixSignal], when stopped: (@Sendable () async -> Void)?, onStart: @escaping @Sendable (String) async -> Void
    ) async throws {
        let client = NATSClient(try connection(), logger: logger)
        client.start()
        let outcome: Result<Void, any Error>
        do {
            try await run(over: client, signals, stopped, onStart)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        await client.shutdown()
        try outcome.get()
    }

    private func connection() throws -> NATSConfiguration {
        do throws(JetStreamLogSettings.Fault) {
            var connection = try settings.settings.connection()
            connection.name = "greenroom \(settings.instanceName)"
            return connection
        } catch { throw Fault(.usage, "log.jetstream: \(error)", do: "name a file that this user may read") }
    }

    private func run(
        over client: NATSClient, _ signals: [UnixSignal], _ stopped: (@Sendable () async -> Void)?,
        _ onStart: @escaping @Sendable (String) async -> Void
    ) async throws {
        let path = service.configuration.database
        let commits = JetStreamCommits(client, settings.settings, mayCreate: EventLog.mayFoundStream(path: path))
        defer { commits.close() }
        let metrics = ReplicationMetrics()
        commits.onAnswer { metrics.count($0) }
        let log = try await openLog(commits)
        commits.onArrival { [weak log] in log?.wakeReplica() }
        let standing = try ReplicatedParts(service, settings, log, commits, metrics, logger: logger)
        let outcome: Result<Void, any Error>
        do {
            // Ends with the service, however that ends.
            let duties = Task { await doDuties(log, commits) }
            defer { duties.cancel() }
            try await standing.run(stopOn: signals, when: stopped, onStart: onStart)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        // Its writer may be waiting for the stream.
        try? await onWaitingThread { log.close() }
        try outcome.get()
    }

    /// Fetches a snapshot where the file that is there doesn't reach what the stream still holds.
    private func join(_ js: JetStream) async throws {
        let (path, logger) = (service.configuration.database, logger)
        let joining = LogJoining(js, stream: settings.settings.stream, path: path)
        let began = ContinuousClock.now
        do {
            guard case .joined(let snapshot, let passedOver) = try await joining.prepare() else { return }
            for problem in passedOver { logger.error("a snapshot is damaged and was passed over", metadata: ["problem": "\(problem)"]) }
            logger.notice(
                "joined with a snapshot",
                metadata: [
                    "snapshot": "\(snapshot.name)", "position": "\(snapshot.position)", "bytes": "\(snapshot.bytes)",
                    "seconds": "\((ContinuousClock.now - began) / .seconds(1))",
                ])
        } catch let error as JetStreamError {
            // The file, if there is one, says whether it can be read without the stream.
            guard EventLog.mayFoundStream(path: path) else {
                return logger.warning("the stream couldn't be asked", metadata: ["problem": "\(error)"])
            }
            throw LogError(
                error.isTransient ? .unreachable : .refused, operation: "follow a stream into", path: path, problem: "\(error)",
                hint: "see whether the stream's servers answer and have a quorum")
        }
    }

    /// Notes where this instance is, and takes snapshots while it leads.
    private func doDuties(_ log: EventLog, _ commits: JetStreamCommits) async {
        var snapshots = SnapshotSettings()
        snapshots.everyEvents = settings.snapshots.everyEvents
        snapshots.keep = settings.snapshots.keep
        snapshots.replicas = settings.settings.replicas
        await InstanceDuties.run(
            log, commits.js, settings.settings, snapshots: snapshots, instance: settings.instanceName, version: Version.text, logger: logger
        )
    }

    private func openLog(_ commits: JetStreamCommits) async throws -> EventLog {
        var replica = ReplicaSettings(stream: commits, instance: settings.instanceName, session: .random(in: 1 ... .max))
        replica.leaseMicroseconds = Int64(settings.leaseSeconds * 1e6)
        replica.settleMicroseconds = Self.settleMicroseconds
        let began = ContinuousClock.now
        while true {
            do {
                try await join(commits.js)
                return try await onWaitingThread { [service, replica] in try service.openLog(replica: replica) }
            } catch let error as LogError {
                guard error.reason == .unreachable, ContinuousClock.now - began < Self.openBound else { throw Fault(error) }
                logger.warning("the log can't be opened yet", metadata: ["problem": "\(error.problem)"])
                try await Task.sleep(for: Self.openPause)
            }
        }
    }
}

/// Runs `work` on a thread that may wait.
func onWaitingThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: work)) }
    }
}
