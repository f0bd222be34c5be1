import ArgumentParser
import EventLog
import Output

// Go on with a log that lacks acknowledged events.

struct LogAcceptLossCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept-loss",
        abstract: "Continue with a log from which acknowledged events are missing.",
        discussion: """
            A service doesn't start on a log without events that it acknowledged: the file
            or its -wal was damaged, deleted or replaced. Restore them from a copy if you
            have one. Otherwise this writes an event position.lost for each missing
            position, so that no position is used twice, and keeps the rest of the -wal
            beside the log.

            Example:
              greenroom log accept-loss --db ./greenroom.db
            Exit status: 0 also if nothing is missing; 3 the log can't be opened, or a
            service is writing to it.
            """)

    @OptionGroup var log: LogOptions

    func run() async throws {
        do throws(LogError) {
            guard let accepted = try EventLog.acceptLoss(path: log.db) else {
                return Terminal.writeLine("\(log.db) lacks nothing that was acknowledged")
            }
            Terminal.writeLine("\(log.db) continues after position \(accepted.loss.acknowledged) without what is lost: \(accepted.loss)")
            if let kept = accepted.kept { Terminal.writeLine("What was left of its write-ahead log is kept in \(kept)") }
        } catch { throw Fault(error) }
    }
}
