import ArgumentParser
import Views
import Domain
import EventLog
import Foundation
import Output
import Replay
import State

// Keep the folded state now, so that the next opening folds the rest alone.

struct LogCheckpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Save a checkpoint of the state at the log's end.",
        discussion: """
            A checkpoint is a cache: opening the log, now or at a past position, reads
            only the events since the nearest one. A running service saves its own; use
            this for a log that no service writes.

            Example:
              greenroom log checkpoint --db ./greenroom.db
            Exit status: 3 the log can't be opened, or a service is writing to it.
            """)

    @OptionGroup var log: LogOptions

    func run() async throws {
        try log.checkExists()
        let state = try write()
        Terminal.writeLine(
            state.position == 0
                ? "\(log.db) holds no events: there is nothing to keep"
                : "\(log.db): checkpoint at position \(state.position), \(state.at.rfc3339)")
    }

    /// The state that was kept.
    func write() throws -> State {
        do throws(LogError) {
            let file = try EventLog.open(EventLog.Configuration(path: log.db))
            defer { file.close() }
            let state = try History.state(of: file, at: .position(.max))
            try file.saveCheckpoint(of: state)
            return state
        } catch { throw Fault(error) }
    }
}
