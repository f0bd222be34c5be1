import Domain
import SwiftProtobuf

// How are spans and metrics written for an OpenTelemetry collector?
//
// OTLP/HTTP with protobuf: the request of `POST /v1/traces` and of `POST /v1/metrics`.

/// What sends: attributes of everything.
package struct OTLPResource: Hashable, Sendable {
    package var serviceName: String
    package var serviceVersion: String
    /// The log's id: instances that take turns are one service.
    package var instanceID: String

    package init(serviceName: String, serviceVersion: String, instanceID: String) {
        self.serviceName = serviceName
        self.serviceVersion = serviceVersion
        self.instanceID = instanceID
    }

    fileprivate var message: Opentelemetry_Proto_Resource_V1_Resource {
        var resource = Opentelemetry_Proto_Resource_V1_Resource()
        resource.attributes = [
            ("service.name", serviceName), ("service.version", serviceVersion), ("service.instance.id", instanceID),
        ].map { OTLPMessages.attribute($0.0, .text($0.1)) }
        return resource
    }

    fileprivate var scope: Opentelemetry_Proto_Common_V1_InstrumentationScope {
        var scope = Opentelemetry_Proto_Common_V1_InstrumentationScope()
        scope.name = "greenroom"
        scope.version = serviceVersion
        return scope
    }
}

/// One metric of the registry, as it stands.
package struct MetricSample: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case counter(Double)
        case gauge(Double)
        /// Counts per bucket, the last one above all bounds.
        case histogram(bounds: [Double], counts: [UInt64], sum: Double)
    }

    package struct Point: Hashable, Sendable {
        package var labels: [Label]
        package var value: Value

        package init(labels: [Label], value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package struct Label: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var name: String
    package var help: String
    /// In UCUM: `s`, `By`; empty for plain numbers.
    package var unit: String
    package var points: [Point]

    package init(name: String, help: String, unit: String, points: [Point]) {
        self.name = name
        self.help = help
        self.unit = unit
        self.points = points
    }
}

enum OTLPMessages {
    static func traces(_ spans: [TurnSpan], _ resource: OTLPResource) throws -> [UInt8] {
        var scope = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        scope.scope = resource.scope
        scope.spans = spans.map(message)
        var of = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        of.resource = resource.message
        of.scopeSpans = [scope]
        var request = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest()
        request.resourceSpans = [of]
        return try request.serializedBytes()
    }

    private static func message(_ span: TurnSpan) -> Opentelemetry_Proto_Trace_V1_Span {
        var out = Opentelemetry_Proto_Trace_V1_Span()
        out.traceID = .init(span.traceID)
        out.spanID = .init(span.spanID)
        out.parentSpanID = .init(span.parent)
        out.flags = 1
        out.name = span.name
        out.kind = span.name == "turn" ? .server : .internal
        out.startTimeUnixNano = nanoseconds(span.start)
        out.endTimeUnixNano = nanoseconds(span.end)
        out.attributes = span.attributes.map { attribute($0.name, $0.value) }
        if let error = span.error {
            out.status.code = .error
            out.status.message = error
        }
        return out
    }

    static func metrics(_ samples: [MetricSample], _ resource: OTLPResource, since start: LogTime, at now: LogTime) throws -> [UInt8] {
        var scope = Opentelemetry_Proto_Metrics_V1_ScopeMetrics()
        scope.scope = resource.scope
        scope.metrics = samples.compactMap { message($0, nanoseconds(start), nanoseconds(now)) }
        var of = Opentelemetry_Proto_Metrics_V1_ResourceMetrics()
        of.resource = resource.message
        of.scopeMetrics = [scope]
        var request = Opentelemetry_Proto_Collector_Metrics_V1_ExportMetricsServiceRequest()
        request.resourceMetrics = [of]
        return try request.serializedBytes()
    }

    private static func message(_ sample: MetricSample, _ start: UInt64, _ now: UInt64) -> Opentelemetry_Proto_Metrics_V1_Metric? {
        guard let first = sample.points.first else { return nil }
        var metric = Opentelemetry_Proto_Metrics_V1_Metric()
        metric.name = sample.name
        metric.description_p = sample.help
        metric.unit = sample.unit
        switch first.value {
        case .counter:
            metric.sum.isMonotonic = true
            metric.sum.aggregationTemporality = .cumulative
            metric.sum.dataPoints = sample.points.compactMap { number($0, start, now) }
        case .gauge: metric.gauge.dataPoints = sample.points.compactMap { number($0, 0, now) }
        case .histogram:
            metric.histogram.aggregationTemporality = .cumulative
            metric.histogram.dataPoints = sample.points.compactMap { point in
                guard case .histogram(let bounds, let counts, let sum) = point.value else { return nil }
                var out = Opentelemetry_Proto_Metrics_V1_HistogramDataPoint()
                out.attributes = point.labels.map { attribute($0.name, .text($0.value)) }
                (out.startTimeUnixNano, out.timeUnixNano) = (start, now)
                out.explicitBounds = bounds
                out.bucketCounts = counts
                out.count = counts.reduce(0) { $0 &+ $1 }
                if sum.isFinite { out.sum = sum }
                return out
            }
        }
        return metric
    }

    private static func number(
        _ point: MetricSample.Point, _ start: UInt64, _ now: UInt64
    ) -> Opentelemetry_Proto_Metrics_V1_NumberDataPoint? {
        var out = Opentelemetry_Proto_Metrics_V1_NumberDataPoint()
        switch point.value {
        case .counter(let value), .gauge(let value): out.asDouble = value
        case .histogram: return nil
        }
        out.attributes = point.labels.map { attribute($0.name, .text($0.value)) }
        (out.startTimeUnixNano, out.timeUnixNano) = (start, now)
        return out
    }

    fileprivate static func attribute(_ name: String, _ value: TurnSpan.Value) -> Opentelemetry_Proto_Common_V1_KeyValue {
        var pair = Opentelemetry_Proto_Common_V1_KeyValue()
        pair.key = name
        switch value {
        case .text(let text): pair.value.stringValue = text
        case .integer(let number): pair.value.intValue = number
        }
        return pair
    }

    /// Of times before 1970, which no log has, 0.
    private static func nanoseconds(_ time: LogTime) -> UInt64 { UInt64(clamping: time.microseconds).multipliedClamped(by: 1_000) }

    /// What a collector took only in part: how many it rejected, and why.
    static func rejected(ofTraces answer: [UInt8]) -> (count: Int64, why: String)? {
        guard let response = try? Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse(serializedBytes: answer),
            response.partialSuccess.rejectedSpans > 0
        else { return nil }
        return (response.partialSuccess.rejectedSpans, response.partialSuccess.errorMessage)
    }

    static func rejected(ofMetrics answer: [UInt8]) -> (count: Int64, why: String)? {
        guard let response = try? Opentelemetry_Proto_Collector_Metrics_V1_ExportMetricsServiceResponse(serializedBytes: answer),
            response.partialSuccess.rejectedDataPoints > 0
        else { return nil }
        return (response.partialSuccess.rejectedDataPoints, response.partialSuccess.errorMessage)
    }
}
