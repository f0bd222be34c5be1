import Basics
import Domain
package import EventLog
package import Logging
import Machine
import Metrics
import ServiceLifecycle

// When are metrics and traces sent, and what if nobody takes them?
//
// Metrics are cumulative: what one request didn't bring, the next one does. Traces are read from the log, from a position kept
// beside it: while the collector is away, spans stay in the log. A batch that it refuses as such (400, 413, …) is passed over
// and counted. Nothing here holds up the loop.

package struct OTLPExporter: Service {
    package static let protobuf = "application/x-protobuf"

    private let configuration: OTLPConfiguration
    private let collect: @Sendable () async -> [MetricSample]
    private let around: EventSink.Surroundings
    private let resource: OTLPResource
    private let logger: Logger
    private let log: EventLog
    private let metricsPoster: any OutboundPosting
    private let tracesPoster: any OutboundPosting
    private let began: LogTime

    /// - Parameter collect: every metric as it stands.
    package init(
        _ configuration: OTLPConfiguration, log: EventLog, version: String, around: EventSink.Surroundings, logger: Logger,
        collect: @escaping @Sendable () async -> [MetricSample]
    ) {
        self.init(
            configuration, log: log, version: version, around: around, logger: logger,
            posters: (OutboundClient(configuration.target("/v1/metrics")), OutboundClient(configuration.target("/v1/traces"))),
            collect: collect)
    }

    init(
        _ configuration: OTLPConfiguration, log: EventLog, version: String, around: EventSink.Surroundings, logger: Logger,
        posters: (metrics: any OutboundPosting, traces: any OutboundPosting), collect: @escaping @Sendable () async -> [MetricSample]
    ) {
        self.configuration = configuration
        self.collect = collect
        self.around = around
        self.logger = logger
        self.log = log
        began = around.now()
        resource = OTLPResource(serviceName: configuration.serviceName, serviceVersion: version, instanceID: log.id)
        (metricsPoster, tracesPoster) = posters
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                if configuration.sendsMetrics { group.addTask { await sendMetrics() } }
                if configuration.sendsTraces { group.addTask { await sendTraces() } }
                await group.waitForAll()
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
            }
        }
        await shutdown()
    }

    /// Closes its connections. Nothing is sent after it.
    func shutdown() async {
        await metricsPoster.shutdown()
        await tracesPoster.shutdown()
    }

    // MARK: - Metrics

    func sendMetrics() async {
        var isFailing = false
        while !Task.isCancelled {
            do { try await around.sleep(.seconds(configuration.metricsSeconds)) } catch { return }
            isFailing = await sendMetricsOnce(isFailing)
        }
    }

    /// Whether it failed.
    func sendMetricsOnce(_ wasFailing: Bool) async -> Bool {
        guard let body = try? OTLPMessages.metrics(await collect(), resource, since: began, at: around.now()) else { return wasFailing }
        let answer = await metricsPoster.post(OutboundRequest(contentType: Self.protobuf, body: body))
        if Task.isCancelled { return wasFailing }
        if let problem = answer.problem {
            Counter(label: "greenroom_otlp_failures_total", dimensions: [("signal", "metrics")]).increment()
            if !wasFailing { warn("metrics", problem, "the next ones bring what these didn't") }
            return true
        }
        if case .status(_, _, let body) = answer, let rejected = OTLPMessages.rejected(ofMetrics: body), !wasFailing {
            warn("metrics", "it rejected \(rejected.count) points: \(rejected.why.prefix(200))", "see the collector's log")
            return true
        }
        return false
    }

    // MARK: - Traces

    private static let sliceEvents = 2_048
    /// Spans of one request.
    static let spansMost = 512
    private static let firstRetry = Duration.seconds(1)
    private static let longestRetry = Duration.seconds(30)
    /// What can't become right by being sent again.
    private static let refusals: Set<Int> = [400, 413, 414, 415, 422]

    func sendTraces() async {
        let file = SinkPosition.traces(log: log.path, logID: log.id)
        var position = log.head.seq
        if case .position(let saved) = file.read(), saved <= position { position = saved }
        var tracer = TurnTracer(logID: log.id)
        var saved: Position = -1
        var dropped: Int64 = 0
        while !Task.isCancelled {
            let end = min(log.head.seq, await around.folded())
            while position < end, !Task.isCancelled {
                let batches: [CommittedBatch]
                do throws(LogError) {
                    batches = try log.read(after: position, limitEvents: Int(min(Int64(Self.sliceEvents), end - position)))
                } catch {
                    warn("traces", "the log can't be read: \(error.problem)", "it is read again in \(configuration.tracesSeconds) s")
                    break
                }
                guard !batches.isEmpty else { break }
                for batch in batches where batch.lastSeq <= end {
                    tracer.fold(batch, names: log.names)
                    position = batch.lastSeq
                }
                guard batches.allSatisfy({ $0.lastSeq <= end }) || !tracer.spans.isEmpty else { break }
                guard await send(tracer.takeSpans()) else { return }
            }
            if tracer.dropped > dropped {
                Counter(label: "greenroom_otlp_dropped_turns_total").increment(by: tracer.dropped - dropped)
                dropped = tracer.dropped
            }
            let resume = tracer.resumePosition(at: position)
            if resume != saved {
                do {
                    try file.write(resume)
                    saved = resume
                } catch { warn("traces", "the file \(file.path) can't be written", "after a restart spans may be missing or sent again") }
            }
            do { try await around.sleep(.seconds(configuration.tracesSeconds)) } catch { return }
        }
    }

    /// Sends spans until they are taken or refused. False where the task ended before.
    private func send(_ spans: [TurnSpan]) async -> Bool {
        var rest = spans[...]
        var retry = Backoff(first: Self.firstRetry, longest: Self.longestRetry, seed: around.seed)
        var isFailing = false
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.spansMost))
            guard let body = try? OTLPMessages.traces(part, resource) else { return true }
            guard !Task.isCancelled else { return false }
            let answer = await tracesPoster.post(OutboundRequest(contentType: Self.protobuf, body: body))
            guard !Task.isCancelled else { return false }
            if answer.isSuccess {
                if case .status(_, _, let body) = answer, let rejected = OTLPMessages.rejected(ofTraces: body) {
                    count("rejected", rejected.count)
                    warn("traces", "it rejected \(rejected.count) spans: \(rejected.why.prefix(200))", "see the collector's log")
                }
                count("sent", Int64(part.count))
                rest = rest.dropFirst(part.count)
                retry.reset()
                isFailing = false
                continue
            }
            Counter(label: "greenroom_otlp_failures_total", dimensions: [("signal", "traces")]).increment()
            var atLeast = Duration.zero
            if case .status(let status, let after, _) = answer {
                if Self.refusals.contains(status) {
                    count("rejected", Int64(part.count))
                    warn("traces", answer.problem ?? "", "\(part.count) spans are lost")
                    rest = rest.dropFirst(part.count)
                    continue
                }
                if let after { atLeast = .seconds(after) }
            }
            if !isFailing { warn("traces", answer.problem ?? "", "spans are sent once it answers") }
            isFailing = true
            do { try await around.sleep(retry.next(atLeast: atLeast)) } catch { return false }
        }
        return true
    }

    private func count(_ outcome: String, _ spans: Int64) {
        Counter(label: "greenroom_otlp_spans_total", dimensions: [("outcome", outcome)]).increment(by: spans)
    }

    private func warn(_ signal: String, _ problem: String, _ then: String) {
        logger.warning(
            "the OTLP collector didn't take everything; \(then)",
            metadata: ["signal": "\(signal)", "problem": "\(problem)", "endpoint": "\(configuration.target.shown)"])
    }
}
