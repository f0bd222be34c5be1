import Domain
import NIOCore
import ServiceClient
import Testing

@testable import Benchmarks
@testable import Output

@Suite struct EventTemplatesTests {
    @Test(arguments: EventTemplates.Ids.allCases)
    func everyEventOfTheLoadIsOneTheServiceTakes(ids: EventTemplates.Ids) throws {
        let templates = EventTemplates(ids: ids, pools: 3, actors: 7, seed: 1)
        var reader = CloudEventReader()
        for number in 0..<50 {
            var buffer = ByteBuffer()
            templates.write(number, source: 4, into: &buffer)
            let bytes = Array(buffer.readableBytesView)
            try bytes.withUnsafeBufferPointer { try reader.readEvent($0) }
        }
        let batch = reader.takeBatch()
        let ids = batch.events.map { batch.text($0.id) }
        #expect(Set(ids).count == 50)
        #expect(batch.events.prefix(4).map(\.kind) == [.actorRequested, .actorRunning, .actorSuspended, .actorRequested])
        #expect(batch.text(batch.events[0].source) == "/greenroom/bench/004")
        #expect(batch.text(batch.events[3].subject) == "bench-00000001")
        #expect(batch.text(batch.events[3].pool) == "bench/pool-0001")
    }

    @Test func anEventIsAFunctionOfItsNumber() {
        let templates = EventTemplates(ids: .random, pools: 3, actors: 7, seed: 1)
        var (once, again) = (ByteBuffer(), ByteBuffer())
        once.writeString("[")
        again.writeString("[")
        templates.write(41, source: 0, into: &once)
        templates.write(41, source: 0, into: &again)
        #expect(once == again)
    }

    @Test func risingIdsRise() {
        let templates = EventTemplates(ids: .rising, pools: 1, actors: 1, seed: 1)
        let ids = (0..<3).map { number in
            var buffer = ByteBuffer()
            templates.write(number * 3, source: 0, into: &buffer)
            return try! JSONValue(parsing: Array(buffer.readableBytesView))["id"].string!
        }
        #expect(ids == ["1000000000000", "1000000000003", "1000000000006"])
    }
}

@Suite struct IngestReportTests {
    @Test func partsAddUp() {
        var report = IngestReport(plan: IngestPlan(events: 2_000, batch: 10, slices: 2))
        var latency = LatencyHistogram()
        latency.record(microseconds: 1_000)
        report.add(requests: 100, succeeded: 100, seconds: 2, latency)
        report.add(requests: 100, succeeded: 100, seconds: 0.5, latency)
        #expect(report.slices == [500, 2_000])
        #expect(report.acknowledged == 2_000)
        #expect(report.eventsPerSecond == 800)
        #expect(report.isGood)
        #expect(
            report.text.hasPrefix(
                "ingest, ids random, 8 connections × 4: 2,000 events acknowledged in 2.500s; 800 events/s, 80 requests/s of 10; latency p50 1ms"
            ))
        #expect(!report.text.contains("\n"))
    }

    @Test func aRefusalOrAMissedDuplicateIsNotGood() {
        var report = IngestReport(plan: IngestPlan(events: 10, batch: 10))
        report.total.requests = 1
        #expect(!report.isGood)
        report.total.succeeded = 1
        #expect(report.isGood)
        (report.sentAgain, report.duplicates) = (10, 9)
        #expect(!report.isGood)
        #expect(report.json["duplicates"] == .number("9"))
    }
}
