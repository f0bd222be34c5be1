import Domain
import EventLog
import Foundation
import Logging
import Machine
import TestSupport
import Testing

@testable import Outward

// Does a receiver made of opentelemetry-proto's own messages read what is sent?
//
// Runs `Tests/Peers/otlp_receiver.py`, which checks each request as a collector would. Says loudly what is missing and was left out.

@Suite struct OTLPReceiverTests {
    @Test(.timeLimit(.minutes(5)))
    func metricsAndTracesArrive() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no OTLP receiver was tried") }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            root.appendingPathComponent("Tests/Peers/otlp_receiver.py").path, "--venv",
            root.appendingPathComponent(".build-peers/otlp-venv").path,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        defer {
            // It ends with its input.
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        let first = await firstLine(of: output.fileHandleForReading)
        if first.hasPrefix("SKIPPED") { return Tool.skip(first) }
        let port = try #require(Int(first), "\(first)")

        let stage = try OutwardStage()
        for worker in ["w1", "w2", "w3"] { turn(stage, on: worker) }
        var configuration = OTLPConfiguration(endpoint: "http://127.0.0.1:\(port)/")
        configuration.target.headersFile = stage.folder.appendingPathComponent("headers").path
        try "x-api-key: abc\n".write(toFile: configuration.target.headersFile ?? "", atomically: true, encoding: .utf8)
        // It began before anything happened.
        try SinkPosition.traces(log: stage.log.path, logID: stage.log.id).write(0)
        let samples = [
            MetricSample(
                name: "greenroom_a_total", help: "A", unit: "",
                points: [
                    .init(labels: [.init(name: "pool", value: "ns/p")], value: .counter(3))
                ]),
            MetricSample(name: "greenroom_b", help: "B", unit: "By", points: [.init(labels: [], value: .gauge(-1.5))]),
            MetricSample(
                name: "greenroom_c_seconds", help: "C", unit: "s",
                points: [
                    .init(labels: [], value: .histogram(bounds: [0.1, 1], counts: [1, 2, 3], sum: 7.5))
                ]),
        ]
        let exporter = OTLPExporter(
            configuration, log: stage.log, version: "1.2.3", around: stage.surroundings(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, collect: { samples })
        #expect(await exporter.sendMetricsOnce(false) == false)
        let tracing = Task { await exporter.sendTraces() }
        var seen = try await seen(port)
        try await eventually("spans arrive: \(seen)") {
            seen = try await self.seen(port)
            return seen["spans"].array.count >= 18
        }
        tracing.cancel()
        await tracing.value
        await exporter.shutdown()

        #expect(seen["problems"].array.isEmpty, "\(seen["problems"].text)")
        #expect(seen["service"].string == "greenroom 1.2.3 \(stage.log.id)" && seen["apiKey"].string == "abc")
        let spans = seen["spans"].array
        #expect(spans.count == 18 && Set(spans.compactMap { $0["trace"].string }).count == 1)
        let turns = spans.filter { $0["name"].string == "turn" }
        #expect(turns.compactMap { $0["attributes"]["greenroom.worker"].string } == ["w1", "w2", "w3"])
        #expect(turns.compactMap { $0["nanoseconds"].integer } == [8_000_000_000, 8_000_000_000, 8_000_000_000])
        let ids = Set(turns.compactMap { $0["id"].string })
        #expect(spans.filter { $0["name"].string != "turn" }.allSatisfy { ids.contains($0["parent"].string ?? "") })
        let metrics = seen["metrics"].members
        func said(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }
        #expect(
            try metrics["greenroom_a_total"]
                == said(#"{"kind":"sum","unit":"","monotonic":true,"temporality":2,"value":3.0,"attributes":{"pool":"ns/p"}}"#))
        #expect(try metrics["greenroom_b"] == said(#"{"kind":"gauge","unit":"By","value":-1.5,"attributes":{}}"#))
        #expect(
            try metrics["greenroom_c_seconds"]
                == said(
                    #"{"kind":"histogram","unit":"s","temporality":2,"count":6,"sum":7.5,"buckets":[1,2,3],"bounds":[0.1,1.0],"attributes":{}}"#
                ))
    }

    private func turn(_ stage: OutwardStage, on worker: String) {
        stage.add(.actorRequested, "ns/a")
        stage.advance(2)
        stage.add(.actorPlaced, "ns/a", worker: worker, #"{"tier":"warm","bytes":700,"request":\#(stage.log.head.seq)}"#)
        stage.advance(1)
        stage.add(.actorRunning, "ns/a", worker: worker)
        stage.advance(5)
        stage.add(.actorSuspended, "ns/a", worker: worker, #"{"snapshot":"s3://b/a","bytes":900}"#)
        stage.advance(10)
    }

    /// On a thread of its own, as it blocks while packages are installed.
    private func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var line = Data()
                while let part = try? handle.read(upToCount: 1), let byte = part.first, byte != UInt8(ascii: "\n") { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }

    private func seen(_ port: Int) async throws -> JSONValue {
        let python = try #require(Tool.find("python3"))
        let get = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", get, "http://127.0.0.1:\(port)/seen"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = await firstLine(of: output.fileHandleForReading)
        process.waitUntilExit()
        return try JSONValue(parsing: Array(line.utf8))
    }
}

@Suite struct TraceDeliveryTests {
    @Test("while the collector is away spans stay in the log; a restart sends what it didn't take")
    func away() async throws {
        let stage = try OutwardStage()
        try SinkPosition.traces(log: stage.log.path, logID: stage.log.id).write(0)
        for _ in 0..<3 {
            stage.add(.actorRequested, "ns/a")
            stage.advance(1)
            stage.add(.actorWithdrawn, "ns/a")
        }
        let refusing = ScriptedReceiver { _, _ in .failed("the connection was refused") }
        try await run(stage, refusing) { refusing.attempts > 4 }
        #expect(SinkPosition.traces(log: stage.log.path, logID: stage.log.id).read() == .position(0))
        let taking = ScriptedReceiver()
        try await run(stage, taking) { !taking.requests.isEmpty }
        let bodies = try taking.requests.map {
            try Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest(serializedBytes: $0.body)
        }
        #expect(
            bodies.flatMap { $0.resourceSpans.flatMap { $0.scopeSpans.flatMap(\.spans) } }.map(\.name) == [
                "wait", "turn", "wait", "turn", "wait", "turn",
            ])
        #expect(SinkPosition.traces(log: stage.log.path, logID: stage.log.id).read() == .position(6))
    }

    private func run(_ stage: OutwardStage, _ receiver: ScriptedReceiver, until isDone: @Sendable () -> Bool) async throws {
        let exporter = OTLPExporter(
            OTLPConfiguration(endpoint: "http://127.0.0.1:9"), log: stage.log, version: "1", around: stage.surroundings(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, posters: (ScriptedReceiver(), receiver), collect: { [] })
        let running = Task { await exporter.sendTraces() }
        try await eventually("the receiver is done", isDone)
        try await eventually("it is saved") {
            receiver.requests.isEmpty
                || SinkPosition.traces(log: stage.log.path, logID: stage.log.id).read() == .position(stage.log.head.seq)
        }
        running.cancel()
        await running.value
    }
}
