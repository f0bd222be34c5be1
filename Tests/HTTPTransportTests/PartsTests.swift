import HTTPTestSupport
import NIOCore
import Testing

@testable import HTTPTransport

@Suite("Small parts of the transport")
struct PartsTests {
    @Test(arguments: [
        ("", nil), ("P", nil), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", nil), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Connection.Version.http2),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", .http2), ("PUT / HTTP/1.1", .http1), ("PRI * HTTP/1.1", .http1), ("G", .http1),
    ])
    func theFirstBytesTellTheProtocol(_ text: String, _ version: Connection.Version?) {
        #expect(ProtocolSniffer.version(of: Array(text.utf8)) == version)
    }

    @Test func datesAreWrittenAsHTTPWritesThem() {
        #expect(HTTPDate.text(secondsSinceEpoch: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(secondsSinceEpoch: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
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
        let limit = SharedLimit(limit: 2)
        #expect(limit.enter() && limit.enter() && !limit.enter())
        limit.leave()
        #expect(limit.enter() && !limit.enter())
    }

    @Test func theClientIsToldTheLimit() {
        var frame = ByteBuffer()
        var settings = ByteBuffer()
        for (id, value) in [(UInt16(3), UInt32(99_999)), (6, 1_024)] {
            settings.writeInteger(id)
            settings.writeInteger(value)
        }
        RawHTTP2.frame(&frame, type: 4, flags: 0, stream: 0, settings)
        let told = AdvertisedStreams.settings(frame, limit: 128)
        #expect(told.getInteger(at: 11, as: UInt32.self) == 128 && told.getInteger(at: 17, as: UInt32.self) == 1_024)
    }
}
