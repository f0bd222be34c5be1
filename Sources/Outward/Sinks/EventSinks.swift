package import Domain
package import EventLog
package import Logging
import Metrics
import ServiceLifecycle

// Which sinks are there, and how do they stand?

package struct EventSinks: Service {
    private let sinks: [(sink: EventSink, poster: any OutboundPosting)]
    private let log: EventLog

    package init(_ configurations: [SinkConfiguration], log: EventLog, around: EventSink.Surroundings, logger: Logger) {
        self.log = log
        sinks = configurations.map { configuration in
            let poster = OutboundClient(configuration.target)
            return (EventSink(configuration, log: log, poster: poster, around: around, logger: logger), poster)
        }
    }

    /// Delivers until the service shuts down. What is on its way then is sent again by the next start.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                for (sink, _) in sinks { group.addTask { await sink.run() } }
                await group.waitForAll()
                // A group whose sinks all ended early must not end the service.
                while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
            }
        }
        for (_, poster) in sinks { await poster.shutdown() }
    }

    /// Notes where each new sink begins: for an instance that may deliver later, and is to miss nothing until then.
    package func markPositions() {
        for (sink, _) in sinks { sink.markPosition() }
    }

    package var standings: [SinkStanding] { sinks.map(\.sink.standing) }

    /// Sets the gauges, at the moment of a scrape.
    package func show(now: LogTime) {
        let head = log.head.seq
        for standing in standings {
            let sink = [("sink", standing.name)]
            Gauge(label: "greenroom_sink_lag_events", dimensions: sink).record(max(0, head - standing.position))
            Gauge(label: "greenroom_sink_lag_seconds", dimensions: sink).record(
                standing.waitingAt.map { max(0, now.seconds(since: $0)) } ?? 0)
        }
    }

    /// What `/readyz` says of them: a note for each sink that takes nothing. Deciding and placing don't need one.
    package func note() -> String? {
        let head = log.head.seq
        let notes = standings.compactMap { standing in
            standing.problem.map { problem in
                let since = standing.failingSince.map { " since \($0.rfc3339Seconds)" } ?? ""
                return
                    "sink \(standing.name) takes no events\(since): \(problem); it is \(max(0, head - standing.position)) positions behind"
            }
        }
        return notes.isEmpty ? nil : notes.joined(separator: "; ")
    }
}
