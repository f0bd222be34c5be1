import ArgumentParser
import Domain
import EventLog
import Inspection
import Output

// How large is a log, and what is in it?

struct LogStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Print the log's size and what is in it.",
        discussion: """
            Examples:
              greenroom log stats
              greenroom log stats --kinds --db ./greenroom.db -o json
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var format: OutputOptions

    @Flag(name: .long, help: "Count the events of each kind. This reads all events.")
    var kinds = false

    func run() async throws {
        try log.checkExists()
        let rows = try rows()
        let json = JSONValue.object(rows.map { .init(key: $0.name, value: $0.json) })
        Terminal.write(
            try format.output.text(json) {
                var table = Table("FIGURE", "VALUE")
                for row in rows { table.add(row.name, row.text) }
                return table.text
            })
    }

    struct Row: Sendable {
        var name: String
        var json: JSONValue
        var text: String

        init(_ name: String, _ value: Int64) { (self.name, json, text) = (name, .number(String(value)), Grouped.text(value)) }
        init(_ name: String, text: String) { (self.name, json, self.text) = (name, .string(text), text) }
        init(_ name: String, tenths value: Double) {
            let rounded = (value * 10).rounded() / 10
            (self.name, json, text) = (name, .number(String(rounded)), String(rounded))
        }
    }

    func rows() throws -> [Row] {
        let file = try LogFile.open(log.db)
        defer { file.close() }
        let stats: LogStats
        do { stats = try file.stats() } catch { throw Fault(error) }
        var rows = [
            Row("path", text: log.db), Row("events", stats.head.seq), Row("commits", stats.commits), Row("names", Int64(stats.names)),
            Row("superseded", stats.superseded),
        ]
        if let first = stats.firstAt {
            rows.append(Row("first", text: first.rfc3339))
            rows.append(Row("last", text: stats.head.at.rfc3339))
            rows.append(Row("secondsAhead", tenths: file.secondsAhead))
        }
        rows += [
            Row("checkpoints", Int64(stats.checkpoints)), Row("fileBytes", stats.fileBytes), Row("walBytes", stats.walBytes),
            Row("freeBytes", stats.freeBytes),
        ]
        if stats.head.seq > 0 {
            rows.append(Row("bytesPerEvent", tenths: Double(stats.fileBytes + stats.walBytes) / Double(stats.head.seq)))
        }
        return kinds ? rows + (try countKinds(file)) : rows
    }

    private func countKinds(_ file: EventLog) throws -> [Row] {
        var counts: [EventKind: Int64] = [:]
        let meter = ProgressMeter("events", total: file.head.seq)
        defer { meter.finish() }
        var after: Position = 0
        while true {
            let batches: [CommittedBatch]
            do { batches = try file.read(after: after, limitEvents: 8_192) } catch { throw Fault(error) }
            guard let last = batches.last?.lastSeq else { break }
            for batch in batches { for event in batch.events { counts[event.kind, default: 0] += 1 } }
            after = last
            meter.update(after)
        }
        return EventKind.allCases.compactMap { kind in counts[kind].map { Row("events." + kind.name, $0) } }
    }
}
