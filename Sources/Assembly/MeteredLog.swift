import Dispatch
import Domain
import EventLog
import HTTPService
import Metrics

// How long do appends take, and how many repeats are there?

/// The log as the server sees it, with what appends take and what repeats there were.
final class MeteredLog: EventAppending, EventReading {
    private let log: any EventAppending & EventReading
    private let seconds = Timer(label: "greenroom_append_seconds")
    private let duplicates = Counter(label: "greenroom_events_duplicate_total")
    private let conflicts = Counter(label: "greenroom_events_conflicts_total")

    init(_ log: any EventAppending & EventReading) { self.log = log }

    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        let start = DispatchTime.now().uptimeNanoseconds
        log.append(batch) { [seconds, duplicates, conflicts] result in
            seconds.recordNanoseconds(Int64(DispatchTime.now().uptimeNanoseconds - start))
            if case .success(let receipt) = result, receipt.duplicates > 0 {
                duplicates.increment(by: receipt.duplicates)
                if !receipt.conflicts.isEmpty { conflicts.increment(by: receipt.conflicts.count) }
            }
            completion(result)
        }
    }

    var lastPosition: Position { get async { await log.lastPosition } }
    func read(_ query: EventPageQuery) async throws -> EventPage { try await log.read(query) }
    func waitForEvents(after position: Position) async { await log.waitForEvents(after: position) }
    func readBack(_ query: EventPageQuery) async throws -> EventPage { try await log.readBack(query) }
    func position(at time: LogTime) async throws -> Position { try await log.position(at: time) }
}
