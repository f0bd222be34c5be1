import ArgumentParser
import Domain
import Inspection
import Output

// What does the log say, line by line?

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print the log, one event a line.",
        discussion: """
            Examples:
              greenroom events --follow
              greenroom events --pool kagent/default --kind scale.decided
              greenroom events --after 1200 --limit 50 --db ./greenroom.db
              greenroom events -o json | jq 'select(.type == "dev.greenroom.actor.crashed")'
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case line, json }

    @Option(name: .long, help: ArgumentHelp("Only events after this position.", valueName: "seq"))
    var after: Position = 0

    @Option(name: .long, help: ArgumentHelp("Only events of this pool.", valueName: "ns/name"))
    var pool: String?

    @Option(name: .long, help: ArgumentHelp("Only events about this actor, worker or pool.", valueName: "name"))
    var subject: String?

    @Option(name: .long, help: ArgumentHelp("Only events of this kind, for instance actor.placed.", valueName: "kind"))
    var kind: String?

    @Flag(name: .shortAndLong, help: "Print new events as they are appended.")
    var follow = false

    @Option(name: .long, help: ArgumentHelp("At most this many events.", valueName: "n"))
    var limit: Int?

    @Option(name: .shortAndLong, help: "Output format: line, or json for CloudEvents as NDJSON.")
    var output: Format = .line

    @OptionGroup var source: SourceOptions

    func validate() throws {
        if after < 0 { throw ValidationError("--after must be a position of the log, 0 or more") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
        _ = try query()
    }

    func run() async throws {
        try await Self.print(source.events(), query(), output) { Terminal.write($0) }
    }

    func query() throws -> EventQuery {
        var query = EventQuery(after: after, pool: pool, subject: subject, limit: limit, follows: follow)
        guard let kind else { return query }
        let name = kind.hasPrefix(EventKind.typePrefix) ? String(kind.dropFirst(EventKind.typePrefix.count)) : kind
        guard let known = EventKind(name: name) else {
            throw ValidationError("unknown kind \(kind): one of \(EventKind.allCases.map(\.name).joined(separator: ", "))")
        }
        query.kind = known
        return query
    }

    static func print(_ source: any EventSource, _ query: EventQuery, _ format: Format, _ write: (String) -> Void) async throws {
        let line = EventLine()
        // Lines of a listing are written together; those of a live stream as they come.
        var pending = ""
        try await source.forEachEvent(query) { event in
            pending += (format == .json ? String(decoding: event.line, as: UTF8.self) : line.text(event)) + "\n"
            if query.follows || pending.utf8.count > 32_768 {
                write(pending)
                pending = ""
            }
            return true
        }
        if !pending.isEmpty { write(pending) }
    }
}
