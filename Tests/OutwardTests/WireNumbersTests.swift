import Foundation
import SwiftProtobuf
import Testing

@testable import Outward

// Does a message have opentelemetry-proto's field numbers?
//
// Bytes written by hand from the published numbers; the receiver of PyPI reads the rest (OTLPReceiverTests).

@Suite struct WireNumbersTests {
    @Test("a span's fields have their published numbers")
    func span() throws {
        var span = Opentelemetry_Proto_Trace_V1_Span()
        span.traceID = Data([1])
        span.spanID = Data([2])
        span.parentSpanID = Data([3])
        span.name = "a"
        span.kind = .internal
        span.startTimeUnixNano = 5
        span.endTimeUnixNano = 6
        span.flags = 1
        span.status.code = .error
        let bytes: [UInt8] = try span.serializedBytes()
        let published: [UInt8] =
            [0x0A, 1, 1, 0x12, 1, 2, 0x22, 1, 3, 0x2A, 1, 0x61, 0x30, 1, 0x39, 5, 0, 0, 0, 0, 0, 0, 0, 0x41, 6, 0, 0, 0, 0, 0, 0, 0]
            + [0x7A, 2, 0x18, 2, 0x85, 0x01, 1, 0, 0, 0]
        #expect(bytes == published)
    }

    @Test("so have a sum's and a histogram's")
    func metrics() throws {
        var point = Opentelemetry_Proto_Metrics_V1_NumberDataPoint()
        point.startTimeUnixNano = 1
        point.timeUnixNano = 2
        point.asInt = 3
        let pointBytes: [UInt8] = try point.serializedBytes()
        #expect(pointBytes == [0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x19, 2, 0, 0, 0, 0, 0, 0, 0, 0x31, 3, 0, 0, 0, 0, 0, 0, 0])
        var metric = Opentelemetry_Proto_Metrics_V1_Metric()
        metric.name = "a"
        metric.sum.isMonotonic = true
        metric.sum.aggregationTemporality = .cumulative
        let metricBytes: [UInt8] = try metric.serializedBytes()
        #expect(metricBytes == [0x0A, 1, 0x61, 0x3A, 4, 0x10, 2, 0x18, 1])
    }
}
