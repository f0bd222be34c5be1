import Domain
import Foundation
import NATSClient
import Testing

@testable import EventLog
@testable import JetStreamLog

/// How long do a snapshot and a join take? By hand: `MEASURE_LOG` names a log that was migrated into the stream `MEASURE_STREAM` of
/// `MEASURE_SERVERS`.
@Suite("Measured joining", .enabled(if: ProcessInfo.processInfo.environment["MEASURE_LOG"] != nil))
struct MeasuredJoining {
    @Test func measure() async throws {
        let environment = ProcessInfo.processInfo.environment
        let path = try #require(environment["MEASURE_LOG"])
        let servers = try (environment["MEASURE_SERVERS"] ?? "").split(separator: ",").map { try NATSAddress(String($0)) }
        var settings = JetStreamLogSettings(servers: servers)
        settings.stream = environment["MEASURE_STREAM"] ?? "greenroom"
        let chosen = settings
        let joined = path + ".joined"
        EventLog.removeLog(at: joined)
        defer { EventLog.removeLog(at: joined) }
        try await withClient(chosen) { client in
            let clock = ContinuousClock()
            let js = JetStream(client)
            var instance: Instance?
            let opening = try await clock.measure { instance = try await Instance.open(path, "a", client, chosen) }
            let leader = try #require(instance)
            try await leader.lead()
            var snapshots = SnapshotSettings()
            snapshots.keep = 1
            let keeper = try SnapshotKeeper(leader.log, js, stream: chosen.stream, settings: snapshots, logger: quiet)
            var taken: LogSnapshot?
            let copying = try clock.measure { _ = try leader.log.copy(to: joined) }
            EventLog.removeLog(at: joined)
            let taking = try await clock.measure { taken = try await keeper.take().0 }
            let fetching = try await clock.measure {
                _ = try await LogJoining(js, stream: chosen.stream, path: joined).prepare()
            }
            var other: Instance?
            let joining = try await clock.measure {
                other = try await Instance.open(joined, "b", client, chosen)
                try await other?.follow(to: leader.log.head.seq)
            }
            let stored = try await js.streamInfo("OBJ_\(chosen.stream)-snapshots").state.bytes
            print(
                "measured: position \(leader.log.head.seq), \(taken?.bytes ?? 0) bytes (\(stored) as the store counts): opened in \(opening), copied in \(copying), snapshot taken in \(taking), fetched and put in place in \(fetching), opened and caught up in \(joining)"
            )
            try await other?.close()
            try await leader.close()
        }
    }
}
