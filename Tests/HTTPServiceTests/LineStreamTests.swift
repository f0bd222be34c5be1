import Domain
import EventLog
import Foundation
import HTTPTestSupport
import TestSupport
import Testing

@testable import HTTPService

@Suite("A stream of lines")
struct LineStreamTests {
    private func read(_ pieces: [String], _ limits: ServerLimits = ServerLimits()) -> LineIngest {
        var ingest = LineIngest(limits: limits)
        for piece in pieces { Array(piece.utf8).withUnsafeBytes { ingest.take($0) } }
        return ingest
    }

    @Test func isTheSameHoweverItIsCut() {
        let text = Event.ndjson(["a", "b", "c"])
        for size in [1, 2, 7, 64, text.utf8.count] {
            let bytes = Array(text.utf8)
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                String(decoding: bytes[$0..<min($0 + size, bytes.count)], as: UTF8.self)
            }
            var ingest = read(pieces)
            ingest.end()
            #expect(ingest.takeChunk()?.batch.count == 3)
            #expect(ingest.finalTotals != nil)
        }
    }

    @Test func pausesWhileAFullChunkGathers() {
        var limits = ServerLimits()
        limits.streamBytesAwaitingLog = 300
        var ingest = read([Event.ndjson(["a"])], limits)
        #expect(!ingest.mustPause)
        Array(Event.ndjson(["b", "c"]).utf8).withUnsafeBytes { ingest.take($0) }
        #expect(ingest.mustPause)
        _ = ingest.takeChunk()
        #expect(!ingest.mustPause)
    }

    @Test func aBadLineStillLetsThoseBeforeItThrough() {
        var ingest = read([Event.ndjson(["a", "b"]), "nonsense\n", Event.ndjson(["c"])])
        #expect(ingest.problemToReport == nil)
        #expect(ingest.takeChunk()?.batch.count == 2)
        ingest.note(AppendReceipt(accepted: 1, duplicates: 1, positions: [9, 1]))
        let problem = ingest.problemToReport
        #expect(problem?.index == 2)
        #expect(problem?.detail.contains("line 3") == true)
        #expect(problem?.detail.contains("2 events before it are durable (1 new, 1 known)") == true)
        #expect(ingest.finalTotals == nil)
    }

    @Test func afterAChunkFailedNothingBehindItIsAppended() {
        var ingest = read([Event.ndjson(["a"])])
        _ = ingest.takeChunk()
        Array(Event.ndjson(["b"]).utf8).withUnsafeBytes { ingest.take($0) }
        ingest.fail(Problem(.unavailable, "no"))
        #expect(ingest.takeChunk() == nil)
        #expect(ingest.problemToReport?.kind == .unavailable)
    }

    @Test(arguments: Wire.cleartext)
    func aBadLineSaysHowManyBeforeItAreDurable(_ wire: Wire) async throws {
        try await TestService.run { service in
            let response = try await service.client(wire).post(
                Event.lines, Event.ndjson(["a", "b", "a"]) + "{\"id\":1}\n" + Event.ndjson(["c"]))
            #expect(response.status == 400)
            let problem = try Problems.read(response)
            #expect(problem.index == 3)
            #expect(problem.accepted == 2)
            #expect(problem.duplicates == 1)
            #expect(service.log.ids == ["a", "b"])
        }
    }

    @Test(arguments: Wire.cleartext)
    func chunksAreAcknowledgedAsTheyAreDurable(_ wire: Wire) async throws {
        try await TestService.run { service in
            let headers = [("content-type", Event.lines), ("accept", "application/x-ndjson")]
            let text = try await service.client(wire).exchange("POST", "/v1/events", headers) { parts, writer in
                var seen: [String] = []
                for id in ["a", "b", "b"] {
                    try await writer.write(.body(.init(string: Event.ndjson([id]))))
                    if seen.isEmpty { #expect(try await TestClient.head(&parts).status == .ok) }
                    guard case .body(let bytes) = try await parts.next() else { throw TestClient.Closed() }
                    seen.append(String(buffer: bytes))
                }
                try await writer.write(.end(nil))
                guard case .end = try await parts.next() else { throw TestClient.Closed() }
                return seen.joined()
            }
            #expect(
                text == """
                    {"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}
                    {"accepted":1,"duplicates":0,"firstSeq":2,"lastSeq":2}
                    {"accepted":0,"duplicates":1,"firstSeq":2,"lastSeq":2,"positions":[2]}

                    """)
        }
    }

    @Test func aBadLineEndsAnAcknowledgedStreamWithItsProblem() async throws {
        try await TestService.run { service in
            let headers = [("content-type", Event.lines), ("accept", "application/x-ndjson")]
            let response = try await service.client().exchange("POST", "/v1/events", headers) { parts, writer in
                try await writer.write(.body(.init(string: Event.ndjson(["a"]))))
                try await eventually("the first is durable") { service.log.eventCount == 1 }
                try await writer.write(.body(.init(string: "nonsense\n")))
                try await writer.write(.end(nil))
                return try await TestClient.response(&parts)
            }
            let last = response.text.split(separator: "\n").last ?? ""
            #expect(response.status == 200)
            #expect(last.contains(#""status":400"#))
            #expect(last.contains(#""index":1"#))
        }
    }

    @Test(arguments: Wire.cleartext)
    func readingStopsWhileTheLogIsBehind(_ wire: Wire) async throws {
        // 6 MB are offered while the log takes nothing: the server must take a bounded part of them and no more.
        let data = #"{"pool":"default/agents","reason":"\#(String(repeating: "r", count: 60_000))"}"#
        let lineCount = 100
        try await TestService.run {
            $0.limits.streamBytesAwaitingLog = 64_000
        } _: { service in
            service.log.hold()
            let sent = Counter()
            let response = try await service.client(wire).exchange("POST", "/v1/events", [("content-type", Event.lines)]) { parts, writer in
                async let sending: Void = {
                    for number in 0..<lineCount {
                        try await writer.write(.body(.init(string: Event.json("\(number)", data: data) + "\n")))
                        sent.add(1)
                    }
                    try await writer.write(.end(nil))
                }()
                try await eventually("a chunk is at the log") { service.log.heldCount == 1 }
                try await sent.settles()
                #expect(service.log.heldCount == 1)
                service.log.release()
                try await sending
                return try await TestClient.response(&parts)
            }
            #expect(response.text == #"{"accepted":100,"duplicates":0,"firstSeq":1,"lastSeq":100}"#)
            // Had it read on, all that was offered would be in the second chunk.
            #expect(service.log.mostWaitingBytes < 1 << 20)
        }
    }

    @Test func aBadChunkTellsWhatIsDurable() async throws {
        try await TestService.run { service in
            let lines = Event.ndjson(["a", "b"])
            let head =
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
            let chunk = String(lines.utf8.count, radix: 16) + "\r\n" + lines + "\r\n"
            let received = try await service.client(.http1).raw(head + chunk + "zz\r\n")
            #expect(received.hasPrefix("HTTP/1.1 400 "), "\(received)")
            #expect(received.contains("2 events before it are durable"), "\(received)")
            #expect(service.log.eventCount == 2)
        }
    }

    @Test(arguments: [
        "transfer-encoding: gzip, chunked\r\n", "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n", "transfer-encoding: chunked\r\n",
    ])
    func whatCouldBeReadTwoWaysWritesNothing(_ fields: String) async throws {
        try await TestService.run { service in
            let event = Event.json("a")
            let body = String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\nzz\r\n"
            let received = try await service.client(.http1).finishing(
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: \(Event.structured)\r\n\(fields)\r\n\(body)")
            #expect(received.hasPrefix("HTTP/1.1 400 ") || received.hasPrefix("HTTP/1.1 501 "), "\(received)")
            #expect(service.log.eventCount == 0)
        }
    }
}
