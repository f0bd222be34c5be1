import Domain
import EventLog
import HTTPServing
import HTTPTypes
import NIOCore
import Testing

@testable import HTTPService

@Suite("Small parts")
struct PartsTests {
    @Test(arguments: [
        ("", nil), ("P", nil), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", nil), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Connection.Version.http2),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", .http2), ("PUT / HTTP/1.1", .http1), ("PRI * HTTP/1.1", .http1), ("G", .http1),
    ])
    func theFirstBytesTellTheProtocol(_ text: String, _ version: Connection.Version?) {
        #expect(ProtocolSniffer.version(of: Array(text.utf8)) == version)
    }

    @Test(arguments: [("a%20b", "a b"), ("%C3%A4", "ä"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a+b", "a+b"), ("%25%32%35", "%25")])
    func percentCodingIsUndone(_ text: String, _ decoded: String) {
        #expect(PercentCoding.decode(text[...]) == decoded)
    }

    @Test func bytesThatAreNoTextAreNone() {
        #expect(PercentCoding.decode("%FF") == nil)
        #expect(PercentCoding.decode("%C3%28") == nil)
    }

    @Test(arguments: [
        ("plain", "plain"), ("\"quoted\"", "quoted"), ("\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c"), ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("\"", "\""),
    ])
    func binaryAttributesAreDecodedAsTheBindingSays(_ value: String, _ decoded: String) {
        #expect(BinaryAttributes.decode(value) == decoded)
    }

    @Test func datesAreWrittenAsHTTPWritesThem() {
        #expect(HTTPDate.text(secondsSinceEpoch: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(secondsSinceEpoch: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    @Test func anAcknowledgementIsWrittenWhole() {
        var bytes = ByteBuffer()
        Acknowledgement.write(AppendReceipt(accepted: 2, duplicates: 1, positions: [42, 41, 43]), to: &bytes)
        #expect(String(buffer: bytes) == #"{"accepted":2,"duplicates":1,"firstSeq":41,"lastSeq":43,"positions":[42,41,43]}"#)
    }

    @Test(arguments: [
        ("GET", "/v1/pools/a/b", "/v1/pools/{namespace}/{name}"), ("HEAD", "/healthz", "/healthz"), ("GET", "/", "/"), ("GET", "/v1/actors/x%2Fy?at=1", "/v1/actors/{id}"),
        ("POST", "/v1/events", "/v1/events"), ("POST", "/v1/events?x=1", "/v1/events"), ("PUT", "/v1/pools/a/b/pause", "/v1/pools/{namespace}/{name}/pause"),
    ])
    func aPathFindsItsRoute(_ method: String, _ path: String, _ template: String) throws {
        let router = Router(routes: RouteTable.all)
        #expect(try router.route(HTTPRequest.Method(rawValue: method)!, path).template == template)
    }

    @Test func settingsHoldBeforeTheyAreAcknowledged() {
        let preface = ProtocolSniffer.preface
        let settings: [UInt8] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]
        let acknowledgement: [UInt8] = [0, 0, 0, 4, 1, 0, 0, 0, 0]
        let headers: [UInt8] = [0, 0, 2, 1, 5, 0, 0, 0, 1, 0x82, 0x84]
        let ping: [UInt8] = [0, 0, 8, 6, 0, 0, 0, 0, 0] + Array(repeating: 7, count: 8)
        let sent = preface + settings + headers + acknowledgement + ping + acknowledgement
        let expected = preface + settings + acknowledgement + headers + ping + acknowledgement
        for size in [1, 2, 5, 9, 24, 33, sent.count] {
            var early = EarlySettings()
            var read: [UInt8] = []
            for start in stride(from: 0, to: sent.count, by: size) {
                read += Array(early.transform(ByteBuffer(bytes: sent[start..<min(start + size, sent.count)])).readableBytesView)
            }
            #expect(read == expected, "in parts of \(size)")
            #expect(early.isPassing)
        }
    }

    @Test func aGateLetsInAsManyAsItsLimit() {
        let gate = Gate(limit: 2)
        #expect(gate.enter() && gate.enter() && !gate.enter())
        gate.leave()
        #expect(gate.enter() && !gate.enter())
    }

    @Test(arguments: [
        ("text/event-stream", true), ("application/json, text/event-stream;q=0.5", true), ("*/*", false), ("text/event-stream;q=0", false), (nil, false),
    ])
    func acceptIsReadByItsWeight(_ accept: String?, _ isAccepted: Bool) {
        #expect(MediaType.accepts(accept, "text/event-stream") == isAccepted)
    }
}
