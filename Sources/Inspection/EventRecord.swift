import Domain

// What does one line of the log say?
//
// An event as `GET /v1/events` and the log's reader give it: a CloudEvent with its position and the log's time. The line
// is kept as it came, so that JSON output is the log's own bytes.

struct EventRecord: Hashable, Sendable {
    var seq: Position
    var at: LogTime
    /// Without `dev.greenroom.`.
    var kindName: String
    var source: String
    /// Of an actor or a worker: its name within `namespace`.
    var subject: String
    /// nil of other subjects, and where none is told.
    var namespace: String?
    var id: String
    /// The producer's clock.
    var time: LogTime?
    var superseded: Bool
    var data: JSONValue
    var line: [UInt8]

    /// nil for a kind of a later version.
    var kind: EventKind? { EventKind(name: kindName) }

    /// `NAMESPACE/NAME` of an actor or a worker.
    var fullSubject: String { QualifiedName.join(namespace ?? "", subject) }

    /// The pool the event names; for an event about a pool, its subject.
    var pool: String? { data["pool"]?.string ?? (kind?.subject == .pool ? subject : nil) }

    init(line: [UInt8]) throws {
        let json: JSONValue
        do { json = try JSONValue(line) } catch {
            throw Fault(.unreachable, "a line of the events is not JSON at byte \(error.offset) (\(error.problem))", do: "check that --server names a Greenroom service")
        }
        guard let seq = json["seq"]?.integer, let at = json["at"]?.string.flatMap({ LogTime(rfc3339: $0) }), let type = json["type"]?.string else {
            throw Fault(.unreachable, "a line of the events has no seq, at or type", do: "check that --server names a Greenroom service of this version")
        }
        self.seq = seq
        self.at = at
        kindName = type.hasPrefix(EventKind.typePrefix) ? String(type.dropFirst(EventKind.typePrefix.count)) : type
        source = json["source"]?.string ?? ""
        subject = json["subject"]?.string ?? ""
        namespace = json["namespace"]?.string
        id = json["id"]?.string ?? ""
        time = json["time"]?.string.flatMap { LogTime(rfc3339: $0) }
        superseded = json["superseded"] == .bool(true)
        data = json["data"] ?? .object([])
        self.line = line
    }
}

/// Which events, and how many.
struct EventQuery: Hashable, Sendable {
    /// Events after this position.
    var after: Position = 0
    var pool: String?
    var subject: String?
    /// Events of this worker, and of actors on it.
    var worker: String?
    var kind: EventKind?
    /// Nothing after this moment.
    var through = AsOf.now
    /// nil is all there are.
    var limit: Int?
    /// Whether to go on with new events when those there are have been given.
    var follows = false
}

extension EventQuery {
    /// Whether the event lies at or before the last moment asked for. Once one doesn't, none after it does.
    func includes(_ event: EventRecord) -> Bool {
        switch through {
        case .now: true
        case .position(let position): event.seq <= position
        case .time(let time): event.at <= time
        }
    }
}

struct NewestEvents: Sendable {
    /// In order.
    var events: [EventRecord] = []
    /// Whether there are older ones that were not asked for.
    var hasOlder = false
}

/// Where events are read from: a running service, or the log's own file.
protocol EventSource: Sendable {
    /// Gives the events in order to `visit`, until it answers false.
    func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws
    /// The newest `count` that are wanted.
    func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents
    /// Until when the events tell: a service goes on to now, a log's own file ends with its last commit.
    func end() async throws -> LogTime
}

extension EventSource {
    func end() async throws -> LogTime { TimeText.now() }

    func newest(_ count: Int, _ query: EventQuery) async throws -> NewestEvents { try await newest(count, query) { _ in true } }

    func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents {
        try await scanNewest(count, query, where: isWanted)
    }

    /// Reads all of them from the first on, and holds as many as are wanted.
    func scanNewest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents {
        var ring: [EventRecord] = []
        var seen = 0
        try await forEachEvent(query) { event in
            guard isWanted(event) else { return true }
            if ring.count < count { ring.append(event) } else { ring[seen % count] = event }
            seen += 1
            return true
        }
        guard seen > count else { return NewestEvents(events: ring) }
        let start = seen % count
        return NewestEvents(events: Array(ring[start...] + ring[..<start]), hasOlder: true)
    }
}
