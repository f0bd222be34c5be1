import Basics
import Domain
import EventLog
import HTTPTypes
import NIOCore
import Testing

@testable import HTTPService

@Suite("Small parts")
struct PartsTests {
    @Test(arguments: [("a%20b", "a b"), ("%C3%A4", "ä"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a+b", "a+b"), ("%25%32%35", "%25")])
    func percentCodingIsUndone(_ text: String, _ decoded: String) {
        #expect(PercentCoding.decode(text[...]) == decoded)
    }

    @Test func bytesThatAreNoTextAreNone() {
        #expect(PercentCoding.decode("%FF") == nil)
        #expect(PercentCoding.decode("%C3%28") == nil)
    }

    @Test(arguments: [
        ("plain", "plain"), ("\"quoted\"", "quoted"), ("\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"), ("\"", "\""),
    ])
    func binaryAttributesAreDecodedAsTheBindingSays(_ value: String, _ decoded: String) {
        #expect(BinaryAttributes.decode(value) == decoded)
    }

    @Test func anAcknowledgementIsWrittenWhole() {
        var bytes = ByteBuffer()
        Acknowledgement.write(AppendReceipt(accepted: 2, duplicates: 1, positions: [42, 41, 43]), to: &bytes)
        #expect(String(buffer: bytes) == #"{"accepted":2,"duplicates":1,"firstSeq":41,"lastSeq":43,"positions":[42,41,43]}"#)
    }

    @Test(arguments: [
        ("GET", "/v1/pools/a/b", "/v1/pools/{namespace}/{name}"), ("HEAD", "/healthz", "/healthz"), ("GET", "/", "/"),
        ("GET", "/v1/actors/x%2Fy?at=1", "/v1/actors/{id}"),
        ("POST", "/v1/events", "/v1/events"), ("POST", "/v1/events?x=1", "/v1/events"),
        ("PUT", "/v1/pools/a/b/pause", "/v1/pools/{namespace}/{name}/pause"),
    ])
    func aPathFindsItsRoute(_ method: String, _ path: String, _ template: String) throws {
        let router = Router(routes: RouteTable.all)
        #expect(try router.route(HTTPRequest.Method(rawValue: method)!, path).template == template)
    }

    @Test(arguments: [
        ("text/event-stream", true), ("application/json, text/event-stream;q=0.5", true), ("*/*", false), ("text/event-stream;q=0", false),
        (nil, false),
    ])
    func acceptIsReadByItsWeight(_ accept: String?, _ isAccepted: Bool) {
        #expect(MediaType.accepts(accept, "text/event-stream") == isAccepted)
    }
}
