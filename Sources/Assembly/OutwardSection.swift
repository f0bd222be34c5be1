import Domain
import Outward
import Output

// Which sinks get events, and which collector gets metrics and traces, as the configuration says it?

extension ServiceConfiguration {
    static func readSinks(_ section: inout ConfigurationSection, _ base: String) throws -> [SinkConfiguration] {
        let names = section.names
        guard names.count <= SinkConfiguration.sinksMost else {
            throw section.fault(names[0], "is one of \(names.count) sinks, and there may be \(SinkConfiguration.sinksMost)")
        }
        return try names.map { name in
            guard SinkConfiguration.isName(name) else {
                throw section.fault(name, "is no name of a sink: use at most 40 of a-z, 0-9 and -")
            }
            guard var sink = try section.section(name) else { throw section.fault(name, "must be a mapping of fields") }
            let target = try readTarget(&sink, "url", base)
            let words = try sink.strings("events")
            var unknown = ""
            guard
                let selection = EventSelection(
                    words, pools: try sink.strings("pools"), shadows: try sink.bool("shadows") ?? false, unknown: &unknown)
            else {
                let topics = SinkTopic.allCases.map(\.rawValue).joined(separator: ", ")
                throw sink.fault("events", "names \"\(unknown.prefix(60))\": there are \(topics), and the kinds of docs/events.md")
            }
            var configuration = SinkConfiguration(name: name, target: target, selection: selection)
            if let text = try sink.string("mode") {
                guard let mode = SinkMode(rawValue: text) else { throw sink.fault("mode", "must be binary or structured") }
                configuration.mode = mode
            }
            if let text = try sink.string("from") {
                guard ["now", "beginning"].contains(text) else { throw sink.fault("from", "must be now or beginning") }
                configuration.fromBeginning = text == "beginning"
            }
            try sink.finish()
            return configuration
        }
    }

    static func readOTLP(_ section: inout ConfigurationSection, _ base: String) throws -> OTLPConfiguration {
        let target = try readTarget(&section, "endpoint", base)
        var otlp = OTLPConfiguration(endpoint: target.url)
        otlp.target = target
        if let metrics = try section.bool("metrics") { otlp.sendsMetrics = metrics }
        if let traces = try section.bool("traces") { otlp.sendsTraces = traces }
        otlp.metricsSeconds = try seconds(&section, "metricsSeconds", OTLPConfiguration.secondsMost) ?? otlp.metricsSeconds
        otlp.tracesSeconds = try seconds(&section, "tracesSeconds", OTLPConfiguration.secondsMost) ?? otlp.tracesSeconds
        if let name = try section.string("serviceName") { otlp.serviceName = String(name.prefix(EventLimits.nameBytes)) }
        try section.finish()
        return otlp
    }

    private static func readTarget(_ section: inout ConfigurationSection, _ address: String, _ base: String) throws -> OutboundTarget {
        let url = try section.required(address)
        if let problem = OutboundTarget.problem(with: url) { throw section.fault(address, problem) }
        var target = OutboundTarget(url: url)
        target.tokenFile = try section.string("tokenFile").map { resolve($0, base) }
        target.headersFile = try section.string("headersFile").map { resolve($0, base) }
        target.caFile = try section.string("ca").map { resolve($0, base) }
        target.timeoutSeconds =
            try seconds(&section, "timeoutSeconds", OutboundTarget.timeoutSecondsMost) ?? target.timeoutSeconds
        return target
    }

    private static func seconds(_ section: inout ConfigurationSection, _ name: String, _ most: Int) throws -> Int? {
        guard let seconds = try section.integer(name) else { return nil }
        guard (1...most).contains(seconds) else { throw section.fault(name, "must be 1 to \(most) seconds") }
        return seconds
    }
}
