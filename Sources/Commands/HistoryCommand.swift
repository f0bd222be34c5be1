import ArgumentParser
import Domain
import Inspection
import Output

// What happened to one actor, worker or pool, and how long did each step take?

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Print the transitions of one actor, worker or pool, with the time between them.",
        discussion: """
            Examples:
              greenroom history actor agent-42
              greenroom history actor kagent/agent-42
              greenroom history pool kagent/default --limit 50
              greenroom history pool kagent/default --since 1h
              greenroom history worker kagent-default-7f9c --db ./greenroom.db -o json
            """)

    enum Subject: String, ExpressibleByArgument, CaseIterable, Sendable { case actor, worker, pool }

    @Argument(help: "actor, worker or pool.")
    var subject: Subject

    @Argument(help: "The actor's id or the worker's name, as NS/NAME if several namespaces have it; or NS/NAME of the pool.")
    var name: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if the name has none.", valueName: "ns"))
    var namespace: String?

    @Option(name: .long, help: ArgumentHelp("Only the newest transitions, at most this many.", valueName: "n"))
    var limit = 1_000

    @Option(name: .long, help: ArgumentHelp("Only transitions at or after this time (14:03, 5m, a date).", valueName: "time"))
    var since: String?

    @Option(name: .long, help: ArgumentHelp("Only transitions up to this time.", valueName: "time"))
    var until: String?

    @OptionGroup var source: SourceOptions
    @OptionGroup var format: OutputOptions
    @OptionGroup var times: TimeOptions

    static let limitMaximum = 100_000

    func validate() throws {
        guard (1...Self.limitMaximum).contains(limit) else { throw ValidationError("--limit must be between 1 and \(Self.limitMaximum)") }
        try MomentOption.checkTime(since, "--since")
        try MomentOption.checkTime(until, "--until")
    }

    func run() async throws {
        let history = try await history(source.events(), of: try await only(source.state()))
        Terminal.write(try format.output.text(history.json) { history.table(times.text).text })
        if history.hasOlder {
            let more = min(limit * 10, Self.limitMaximum)
            Terminal.writeError("greenroom: the newest \(limit) are shown: older ones are left out (--limit \(more) shows more)")
        }
    }

    /// The one of that name where it is there still; a fault where several are.
    private func only(_ state: any StateSource) async throws -> String? {
        switch subject {
        case .actor: try await state.actor(written).map { $0.fullName }
        case .worker: try await state.worker(written).map { $0.fullName }
        case .pool: nil
        }
    }

    /// The actor or worker as it was named.
    private var written: String { namespace.map { QualifiedName.full(name, in: $0) } ?? name }

    func history(_ source: any EventSource, of only: String? = nil) async throws -> SubjectHistory {
        let full = subject == .pool ? try PoolName.qualified(name, namespace: namespace) : only ?? written
        var query = subject == .worker ? EventQuery(worker: full) : EventQuery(subject: full)
        let now = TimeText.now()
        if let until = try MomentOption.time(until, "--until", times.text, now: now) { query.through = .time(until) }
        let since = try MomentOption.time(since, "--since", times.text, now: now)
        if let since { query.after = try await source.position(before: since) }
        // An actor and a worker may have the same name.
        var found = try await source.newest(limit, query) { $0.kind.map { isAbout($0) } ?? true }
        try await addEnds(&found, source, query, of: full)
        guard !found.events.isEmpty else {
            if since != nil || until != nil {
                throw Fault(.no, "nothing is logged about \(subject.rawValue) \(full) in that time", do: "leave out --since and --until")
            }
            throw Fault(
                .no, "nothing is logged about \(subject.rawValue) \(full)", do: "`greenroom get \(subject.rawValue)s` lists those there are"
            )
        }
        return SubjectHistory(subject: subject, events: found.events, hasOlder: found.hasOlder, isFromStart: query.after == 0)
    }

    /// Ends of workers belong to the history of their pool, and of the actors that ended with them.
    private func addEnds(_ found: inout NewestEvents, _ source: any EventSource, _ query: EventQuery, of full: String) async throws {
        var ends: [EventRecord] = []
        var wanted = EventQuery(after: query.after, kind: .workerGone)
        wanted.through = query.through
        switch subject {
        case .worker: return
        case .pool:
            wanted.pool = full
            ends = try await source.newest(limit, wanted).events
        case .actor:
            for stay in Stay.all(in: found.events).suffix(Self.workersLookedAt) {
                wanted.worker = stay.worker
                ends += try await source.newest(Self.endsLookedAt, wanted) { $0.seq > stay.from && $0.seq < stay.to }.events.prefix(1)
            }
        }
        // Before the first one shown there may be others that aren't.
        let first = found.hasOlder ? found.events.first?.seq ?? 0 : 0
        let all = (found.events + ends.filter { $0.seq > first && !$0.superseded }).sorted { $0.seq < $1.seq }
        found.hasOlder = found.hasOlder || all.count > limit
        found.events = Array(all.suffix(limit))
    }

    private static let workersLookedAt = 50
    private static let endsLookedAt = 20

    /// From when to when an actor was on a worker, as its own events say it.
    private struct Stay {
        var worker: String
        var from: Position
        var to: Position

        static func all(in events: [EventRecord]) -> [Stay] {
            var stays: [Stay] = []
            var isOpen = false
            for event in events where !event.superseded {
                if isOpen { stays[stays.count - 1].to = event.seq }
                isOpen = false
                switch event.kind {
                case .actorPlaced, .actorRunning, .actorIdle:
                    let worker = event.data["worker"].string ?? (event.kind == .actorIdle ? stays.last?.worker : nil)
                    guard let worker else { continue }
                    let full = event.namespace.map { worker.contains("/") ? worker : QualifiedName.full(worker, in: $0) } ?? worker
                    stays.append(Stay(worker: full, from: event.seq, to: .max))
                    isOpen = true
                default: break
                }
            }
            return stays
        }
    }

    /// A worker's history is also what its actors did on it.
    private func isAbout(_ kind: EventKind) -> Bool {
        switch kind.subject {
        case .actor: subject != .pool
        case .worker: subject == .worker
        case .pool: subject == .pool
        case .holder: subject == .actor
        case .node, .service: false
        }
    }
}

/// One subject's transitions, each with the time since the one before.
struct SubjectHistory: Sendable {
    struct Step: Sendable {
        var event: EventRecord
        var secondsSincePrevious: Double?
        /// Where the event took the actor; nil for other subjects, and where it changed nothing.
        var state: ActorState?
    }

    var subject: HistoryCommand.Subject
    var steps: [Step]
    /// Whether there are older transitions that were not asked for.
    var hasOlder: Bool

    /// - Parameter isFromStart: whether what happened before the first event is known: nothing.
    init(subject: HistoryCommand.Subject, events: [EventRecord], hasOlder: Bool, isFromStart: Bool = true) {
        self.subject = subject
        self.hasOlder = hasOlder
        steps = []
        // What happened before the first event shown is not known when some were left out.
        var machine = hasOlder || !isFromStart ? nil : ActorTrack()
        var previous: EventRecord?
        for event in events {
            var state = subject == .actor ? machine?.apply(event) : nil
            if subject == .actor, event.kind == .workerGone, machine?.lostWorker() == true { state = machine?.state }
            steps.append(Step(event: event, secondsSincePrevious: previous.map { event.at.seconds(since: $0.at) }, state: state))
            previous = event
        }
    }

    var table: Table { table(TimeText()) }

    func table(_ time: TimeText) -> Table {
        if subject == .actor {
            var table = Table("#SEQ", time.header, "#AFTER", "EVENT", "STATE", "DETAIL")
            for step in steps {
                let state = step.state?.statusName ?? "-"
                table.add(String(step.event.seq), time.full(step.event.at), after(step), step.event.kindName, state, detail(step.event))
            }
            return table
        }
        if subject == .worker {
            var table = Table("#SEQ", time.header, "#AFTER", "EVENT", "ACTOR", "DETAIL")
            for step in steps {
                let actor = step.event.kind?.subject == .actor ? step.event.subject : "-"
                table.add(
                    String(step.event.seq), time.full(step.event.at), after(step), step.event.kindName, actor, EventLine.detail(step.event))
            }
            return table
        }
        var table = Table("#SEQ", time.header, "#AFTER", "EVENT", "DETAIL")
        for step in steps {
            table.add(String(step.event.seq), time.full(step.event.at), after(step), step.event.kindName, detail(step.event))
        }
        return table
    }

    /// Of a worker that isn't the history's own subject, which one.
    private func detail(_ event: EventRecord) -> String {
        guard event.kind?.subject == .worker, subject != .worker else { return EventLine.detail(event) }
        return "\(DisplayText.printable(event.subject)): \(EventLine.detail(event))"
    }

    var json: JSONValue {
        .array(
            steps.map { step in
                var members: [JSONValue.Member] = [
                    .init(key: "seq", value: .number(String(step.event.seq))), .init(key: "at", value: .string(step.event.at.rfc3339)),
                    .init(key: "kind", value: .string(step.event.kindName)), .init(key: "subject", value: .string(step.event.subject)),
                ]
                if let seconds = step.secondsSincePrevious {
                    members.append(.init(key: "secondsSincePrevious", value: .number(String(seconds))))
                }
                if let state = step.state { members.append(.init(key: "status", value: .string(state.statusName))) }
                if step.event.superseded { members.append(.init(key: "superseded", value: .bool(true))) }
                return .object(members + [.init(key: "data", value: step.event.data)])
            })
    }

    private func after(_ step: Step) -> String { step.secondsSincePrevious.map { "+" + DurationText.precise($0) } ?? "" }
}
