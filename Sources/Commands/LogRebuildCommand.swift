import ArgumentParser
import EventLog
import Output

// Work out anew what a log derives from its events.

struct LogRebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Rebuild what a log derives from its events.",
        discussion: """
            The index of ids, which finds repeated events, is derived from the events. Use
            this when `log verify` says that the index doesn't match the events, or when a
            damaged page of it stops appends. It reads all events and changes none.

            Example:
              greenroom log rebuild --db ./greenroom.db
            Exit status: 1 the events themselves are damaged; 3 the log can't be opened,
            or a service is writing to it.
            """)

    @OptionGroup var log: LogOptions

    func run() async throws {
        try log.checkExists()
        do throws(LogError) {
            var configuration = EventLog.Configuration(path: log.db)
            configuration.rebuildsDerived = true
            let file = try EventLog.open(configuration)
            defer { file.close() }
            Terminal.writeLine("\(log.db): what is derived from its \(Grouped.text(file.head.seq)) events is rebuilt")
        } catch { throw Fault(error) }
    }
}
