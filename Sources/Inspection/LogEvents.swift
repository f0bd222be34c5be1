import Domain
import EventLog
import HTTPService
import Output

// Which events does a log's file hold?
//
// The same lines as `GET /v1/events` gives, made by the same writer. The newest events about one subject are found along
// its own chain, so asking for them costs nothing of the log's length.

struct LogEvents: EventSource {
    let log: EventLog

    /// Events read from the file at a time.
    private static let sliceEvents = 4_096
    /// Events of one subject read at a time, going back.
    private static let chainEvents = 256
    /// How often a file that another process writes is looked at again.
    private static let followInterval = Duration.milliseconds(200)

    func forEachEvent(_ query: EventQuery, _ visit: (EventRecord) async throws -> Bool) async throws {
        var after = query.after
        var left = query.limit ?? .max
        while left > 0 {
            try Task.checkCancellation()
            let batches = try read(after: after)
            guard let last = batches.last?.lastSeq else {
                guard query.follows else { return }
                try await Task.sleep(for: Self.followInterval)
                continue
            }
            after = last
            // Names may have come with these commits: they are looked up again for each slice.
            let filter = EventFilter(query.query, names: log)
            for batch in batches {
                for event in batch.events where filter.matches(event) {
                    let record = try record(event, batch)
                    guard query.includes(record), left > 0, try await visit(record) else { return }
                    left -= 1
                }
            }
        }
    }

    func position(before time: LogTime) async throws -> Position {
        do throws(LogError) { return try log.position(at: time.adding(microseconds: -1)) } catch { throw Fault(error) }
    }

    func newest(_ count: Int, _ query: EventQuery, where isWanted: (EventRecord) -> Bool) async throws -> NewestEvents {
        let filter = EventFilter(query.query, names: log)
        guard query.subject != nil, query.worker == nil, filter.subjects.count <= 1 else {
            return try await scanNewest(count, query, where: isWanted)
        }
        guard let name = filter.subjects.first else { return NewestEvents() }
        var found: [EventRecord] = []
        var before = Position.max
        while true {
            try Task.checkCancellation()
            let chain = try history(of: name, before: before)
            for batch in chain.reversed() {
                for event in batch.events where filter.matches(event) && event.seq > query.after {
                    let record = try record(event, batch)
                    guard query.includes(record), isWanted(record) else { continue }
                    guard found.count < count else { return NewestEvents(events: found.reversed(), hasOlder: true) }
                    found.append(record)
                }
            }
            guard chain.count == Self.chainEvents, let first = chain.first?.firstSeq, first > query.after else {
                return NewestEvents(events: found.reversed())
            }
            before = first
        }
    }

    func end() async throws -> LogTime { log.head.at }

    private func history(of subject: NameID, before: Position) throws -> [CommittedBatch] {
        do { return try log.history(of: subject, before: before, limit: Self.chainEvents) } catch { throw Fault(error) }
    }

    private func read(after position: Position) throws -> [CommittedBatch] {
        do { return try log.read(after: position, limitEvents: Self.sliceEvents) } catch { throw Fault(error) }
    }

    private func record(_ event: CommittedEvent, _ batch: CommittedBatch) throws -> EventRecord {
        var line: [UInt8] = []
        line.reserveCapacity(512)
        CloudEventWriter.append(event, of: batch, names: log.names, to: &line)
        return try EventRecord(line: line)
    }
}

extension EventQuery {
    fileprivate var query: EventPageQuery {
        EventPageQuery(after: after, limit: .max, pool: pool, subject: subject, worker: worker, kinds: kind.map { [$0] } ?? [])
    }
}
