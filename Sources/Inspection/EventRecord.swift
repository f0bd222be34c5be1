package import Domain
import Output

// What does one line of the log say?
//
// An event as `GET /v1/events` and the log's reader give it: a CloudEvent with its position and the log's time. The line
// is kept as it came, so that JSON output is the log's own bytes.

package struct EventRecord: Hashable, Sendable {
    package var seq: Position
    package var at: LogTime
    /// Without `dev.greenroom.`.
    package var kindName: String
    package var source: String
    /// Of an actor or a worker: its name within `namespace`.
    package var subject: String
    /// nil of other subjects, and where none is given.
    package var namespace: String?
    package var id: String
    /// The producer's clock.
    package var time: LogTime?
    package var superseded: Bool
    package var data: JSONValue
    package var line: [UInt8]

    /// nil for a kind of a later version.
    package var kind: EventKind? { EventKind(name: kindName) }

    /// The pool the event names; for an event about a pool, its subject.
    package var pool: String? { data["pool"].string ?? (kind?.subject == .pool ? subject : nil) }

    package init(line: [UInt8]) throws {
        let json: JSONValue
        do { json = try JSONValue(parsing: line) } catch {
            throw Fault(
                .unreachable, "a line of the events is not JSON at byte \(error.offset) (\(error.problem))",
                do: "check that --server names a Greenroom service")
        }
        guard let seq = json["seq"].integer, let at = json["at"].string.flatMap({ LogTime(rfc3339: $0) }), let type = json["type"].string
        else {
            throw Fault(
                .unreachable, "a line of the events has no seq, at or type",
                do: "check that --server names a Greenroom service of this version")
        }
        self.seq = seq
        self.at = at
        kindName = EventKind.bareName(type)
        source = json["source"].string ?? ""
        subject = json["subject"].string ?? ""
        namespace = json["namespace"].string
        id = json["id"].string ?? ""
        time = json["time"].string.flatMap { LogTime(rfc3339: $0) }
        superseded = json["superseded"] == .bool(true)
        data = json["data"].isNull ? .object([]) : json["data"]
        self.line = line
    }
}

/// Which events, and how many.
package struct EventQuery: Hashable, Sendable {
    /// Events after this position.
    package var after: Position = 0
    package var pool: String?
    package var subject: String?
    /// Events of this worker, and of actors on it.
    package var worker: String?
    package var kind: EventKind?
    /// Nothing after this moment; nil where there is no such end.
    package var through: Moment?
    /// nil is all there are.
    package var limit: Int?
    /// Whether to go on with new events when those there are have been given.
    package var follows = false

    package init(
        after: Position = 0, pool: String? = nil, subject: String? = nil, worker: String? = nil, kind: EventKind? = nil,
        through: Moment? = nil, limit: Int? = nil, follows: Bool = false
    ) {
        self.after = after
        self.pool = pool
        self.subject = subject
        self.worker = worker
        self.kind = kind
        self.through = through
        self.limit = limit
        self.follows = follows
    }
}

extension EventQuery {
    /// Whether the event lies at or before the last moment asked for. Once one doesn't, none after it does.
    func includes(_ event: EventRecord) -> Bool {
        switch through {
        case nil: true
        case .position(let position): event.seq <= position
        case .time(let time): event.at <= time
        }
    }
}

package struct NewestEvents: Sendable {
    /// In order.
    package var events: [EventRecord] = []
    /// Whether there are older ones that were not asked for.
    package var hasOlder = false
}

/// Where events are read from: a running service, or the log's own file.
package protocol EventSource: Sendable {
    /// Gives the events in order to `visit`, until it answers false.
    func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws
    /// The newest `count` that are wanted.
    func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents
    /// Until when the events tell: a service goes on to now, a log's own file ends with its last commit.
    func end() async throws -> LogTime
    /// The position before the first event at or after `time`.
    func position(before time: LogTime) async throws -> Position
}

extension EventSource {
    package func end() async throws -> LogTime { TimeText.now() }

    /// Found by bisection, as log time never goes back.
    package func position(before time: LogTime) async throws -> Position {
        var low: Position = 0
        var high: Position = 1
        while let at = try await self.time(after: high - 1), at < time {
            low = high
            guard high < .max / 2 else { break }
            high *= 2
        }
        // The event after `low` may be the first; the one at `high` is late enough, or isn't there.
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if let at = try await self.time(after: middle - 1), at < time { low = middle } else { high = middle }
        }
        return low
    }

    /// When the first event after a position was logged; nil where there is none.
    private func time(after position: Position) async throws -> LogTime? {
        var found: LogTime?
        try await forEachEvent(EventQuery(after: position, limit: 1)) { event in
            found = event.at
            return false
        }
        return found
    }

    package func newest(_ count: Int, _ query: EventQuery) async throws -> NewestEvents { try await newest(count, query) { _ in true } }

    package func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents {
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
