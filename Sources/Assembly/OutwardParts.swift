import ControlLoop
import Domain
import EventLog
import HTTPService
import Logging
import Outward
import Output
import Telemetry
import Views

// How do sinks and the collector get what they need of the service?

/// What other systems hear. Nothing here is waited for by the loop.
struct OutwardParts: Sendable {
    let sinks: EventSinks?
    let exporter: OTLPExporter?

    init(
        _ configuration: ServiceConfiguration, _ log: EventLog, _ loop: ControlLoop, metrics: MetricsOutlet?, logger: Logger
    ) {
        let around = EventSink.Surroundings(
            now: EventLog.systemClock, sleep: { try await Task.sleep(for: $0) },
            folded: {
                // The head first: what is appended meanwhile can only make this less.
                let head = log.head.seq
                return await head - loop.health().behindEvents
            }, seed: UInt64(bitPattern: EventLog.systemClock().microseconds))
        sinks = configuration.sinks.isEmpty ? nil : EventSinks(configuration.sinks, log: log, around: around, logger: logger)
        exporter = configuration.otlp.map { otlp in
            OTLPExporter(otlp, log: log, version: Version.text, around: around, logger: logger) {
                await metrics?.samples(loop, log) ?? []
            }
        }
    }

    var readiness: ReadinessCheck? {
        sinks.map { sinks in
            ReadinessCheck("sinks") {
                guard let note = sinks.note() else { return .ok }
                return .note(note)
            }
        }
    }
}

/// The log as workers read it: a placement says in which trace its turn is.
final class TracedLog: EventAppending, EventReading {
    private let inner: any EventAppending & EventReading
    private let log: EventLog

    init(_ inner: any EventAppending & EventReading, _ log: EventLog) {
        self.inner = inner
        self.log = log
    }

    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        inner.append(batch, completion: completion)
    }

    var lastPosition: Position { get async { await inner.lastPosition } }
    func waitForEvents(after position: Position) async { await inner.waitForEvents(after: position) }

    func read(_ query: EventPageQuery) async throws -> EventPage {
        let page = try await inner.read(query)
        guard page.batches.contains(where: { $0.events.contains { $0.kind == .actorPlaced } }) else { return page }
        return EventPage(batches: page.batches.map { log.tracing($0) }, readTo: page.readTo, names: page.names)
    }
}

extension EventLog {
    /// What the worker of a placement continues its trace with; nil where the event is none, or its request can't be read.
    func traceparent(ofPlacement event: CommittedEvent, in batch: CommittedBatch) -> String? {
        guard event.kind == .actorPlaced else { return nil }
        let request = batch.withBody(of: event) { body in body["request"].flatMap { body.integer($0) } }
        guard let request, let asked = try? self.event(at: request), let first = asked.events.first, first.subject == event.subject else {
            return nil
        }
        return TraceContext(logID: id, of: first, in: asked, names: names).traceparent
    }

    func traceparent(ofPlacementAt seq: Position) -> String? {
        guard let batch = try? event(at: seq), let event = batch.events.first else { return nil }
        return traceparent(ofPlacement: event, in: batch)
    }

    /// The same commit, each placement in it with a `traceparent`.
    func tracing(_ batch: CommittedBatch) -> CommittedBatch {
        var traced = batch
        for (index, event) in batch.events.enumerated() {
            guard let header = traceparent(ofPlacement: event, in: batch) else { continue }
            traced.setTraceparent(header, ofEventAt: index)
        }
        return traced
    }
}
