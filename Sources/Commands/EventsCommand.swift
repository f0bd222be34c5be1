import ArgumentParser
import Basics
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
              greenroom events --since 10m
              greenroom events --since "yesterday 14:03" --until "yesterday 15:00"
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

    @Option(name: .long, help: ArgumentHelp("Only events at or after this time (14:03, 5m, yesterday 14:03, a date).", valueName: "time"))
    var since: String?

    @Option(name: .long, help: ArgumentHelp("Only events up to this time.", valueName: "time"))
    var until: String?

    @Flag(name: .shortAndLong, help: "Print new events as they are appended.")
    var follow = false

    @Option(name: .long, help: ArgumentHelp("At most this many events, the oldest first.", valueName: "n"))
    var limit: Int?

    @Option(name: .shortAndLong, help: "Output format: line, or json for CloudEvents as NDJSON.")
    var output: Format = .line

    @OptionGroup var source: SourceOptions
    @OptionGroup var times: TimeOptions

    func validate() throws {
        if after < 0 { throw ValidationError("--after must be a position of the log, 0 or more") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
        if follow, until != nil { throw ValidationError("--follow has no end: leave out --until") }
        if since != nil, after > 0 { throw ValidationError("--since and --after exclude each other: give one of them") }
        try MomentOption.checkTime(since, "--since")
        try MomentOption.checkTime(until, "--until")
        _ = try query()
    }

    func run() async throws {
        let events = try await source.events()
        let query = try await timed(query(), events, now: TimeText.now())
        let line = EventLine(time: times.text)
        if output == .line { Terminal.writeLine(line.header) }
        let last = try await Self.print(events, query, output, line) { Terminal.write($0) }
        if let last {
            Terminal.writeError("greenroom: \(query.limit ?? 0) events are shown: there may be more (--after \(last) shows the next)")
        }
    }

    /// The query with its times looked up in the log.
    func timed(_ query: EventQuery, _ events: any EventSource, now: LogTime) async throws -> EventQuery {
        var query = query
        if let until = try MomentOption.time(until, "--until", times.text, now: now) { query.through = .time(until) }
        if let since = try MomentOption.time(since, "--since", times.text, now: now) {
            query.after = try await events.position(before: since)
        }
        return query
    }

    func query() throws -> EventQuery {
        let pool = try pool.map { try PoolName.qualified($0, namespace: nil) }
        var query = EventQuery(after: after, pool: pool, subject: subject, limit: limit, follows: follow)
        guard let kind else { return query }
        let name = EventKind.bareName(kind)
        guard let known = EventKind(name: name) else {
            throw ValidationError("unknown kind \(kind)\(NearestName.hint(for: name, in: EventKind.allCases.map(\.name)))")
        }
        query.kind = known
        return query
    }

    /// Answers the last position shown where the limit was reached.
    @discardableResult
    static func print(
        _ source: any EventSource, _ query: EventQuery, _ format: Format, _ line: EventLine = EventLine(), _ write: (String) -> Void
    ) async throws -> Position? {
        // Lines of a listing are written together; those of a live stream as they come.
        var pending = ""
        var shown = 0
        var last: Position = 0
        try await source.forEachEvent(query) { event in
            shown += 1
            last = event.seq
            pending += (format == .json ? String(decoding: event.line, as: UTF8.self) : line.text(event)) + "\n"
            if query.follows || pending.utf8.count > 32_768 {
                write(pending)
                pending = ""
            }
            return true
        }
        if !pending.isEmpty { write(pending) }
        return shown == query.limit ? last : nil
    }
}
