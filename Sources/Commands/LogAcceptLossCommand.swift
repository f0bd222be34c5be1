import ArgumentParser
import EventLog
import Output

// Go on with a log that lacks acknowledged events.

struct LogAcceptLossCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept-loss",
        abstract: "Go on with a log from which acknowledged events are missing.",
        discussion: """
            A service doesn't start on a log that ends before what it acknowledged: its file or its -wal was damaged, deleted
            or replaced. Restore them from a copy where there is one. Otherwise this writes an event position.lost for each
            position that is missing, so that none is given out twice, and keeps what is left of the -wal beside it.

            Example:
              greenroom log accept-loss --db ./greenroom.db
            Exit status: 0 also where nothing is missing; 3 where the log can't be opened, or a service is writing to it.
            """)

    @OptionGroup var log: LogOptions

    func run() async throws {
        do throws(LogError) {
            guard let accepted = try EventLog.acceptLoss(path: log.db) else { return Terminal.writeLine("\(log.db) lacks nothing that was acknowledged") }
            Terminal.writeLine("\(log.db) goes on after position \(accepted.loss.acknowledged) without what is lost: \(accepted.loss)")
            if let kept = accepted.kept { Terminal.writeLine("What was left of its write-ahead log is kept in \(kept)") }
        } catch { throw Fault(error) }
    }
}
