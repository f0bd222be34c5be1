// What does an instance do beside its log, for the others?
//
// It notes where it is, and takes snapshots while it leads. Both run until the service stops; neither stops it.

package import EventLog
package import Logging
package import NATSClient

package enum InstanceDuties {
    /// Until the task is cancelled.
    package static func run(
        _ log: EventLog, _ js: JetStream, _ settings: JetStreamLogSettings, snapshots: SnapshotSettings, instance: String, version: String,
        logger: Logger
    ) async {
        await withTaskGroup { group in
            group.addTask {
                guard let notes = try? InstanceNotes(js, stream: settings.stream) else { return }
                await notes.keep(js, replicas: settings.replicas, logger: logger) {
                    InstanceNote(log, instance: instance, version: version)
                }
            }
            group.addTask {
                guard snapshots.everyEvents > 0,
                    let keeper = try? SnapshotKeeper(log, js, stream: settings.stream, settings: snapshots, logger: logger)
                else { return }
                await keeper.run()
            }
        }
    }
}
