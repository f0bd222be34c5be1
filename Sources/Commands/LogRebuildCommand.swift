import ArgumentParser
import EventLog
import Output

// Work out anew what a log derives from its events.

struct LogRebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Work out anew what a log derives from its events.",
        discussion: """
            The index of ids, which tells repeats, is derived from the events. Where `log verify` says that it doesn't fit
            them, or a damaged page of it stops appends, this makes it anew; the events stay as they are. It reads all of them.

            Example:
              greenroom log rebuild --db ./greenroom.db
            Exit status: 1 where the events themselves are damaged; 3 where the log can't be opened, or a service is writing to it.
            """)

    @OptionGroup var log: LogOptions

    func run() async throws {
        try log.checkExists()
        do throws(LogError) {
            var configuration = EventLog.Configuration(path: log.db)
            configuration.rebuildsDerived = true
            let file = try EventLog.open(configuration)
            defer { file.close() }
            Terminal.writeLine("\(log.db): what is derived from its \(Grouped.text(file.head.seq)) events is made anew")
        } catch { throw Fault(error) }
    }
}
