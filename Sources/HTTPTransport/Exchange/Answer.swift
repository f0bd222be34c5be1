import Domain
import HTTPTypes

// What does a route answer?
//
// A status, a header, and a body: nothing, bytes, or a stream that is written as it comes. `Content-Length` and `Date` are
// added where the answer is sent.

struct Answer: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])
        case stream(Streaming)
    }

    struct Streaming: Sendable {
        /// What is sent when nothing else was for a while; nil for streams that end by themselves.
        var heartbeat: [UInt8]?
        var write: @Sendable (AnswerWriter) async throws -> Void
    }

    var status: HTTPResponse.Status
    var fields: HTTPFields
    var body: Body

    init(_ status: HTTPResponse.Status = .ok, contentType: String, _ body: Body) {
        self.status = status
        self.body = body
        fields = [.contentType: contentType]
    }

    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Answer { Answer(status, contentType: "application/json", .bytes(bytes)) }

    /// An object that `write` fills with members.
    static func object(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Answer {
        var json = JSONWriter(reservingBytes: 256)
        json.openObject()
        write(&json)
        json.closeObject()
        return .json(json.bytes, status: status)
    }

    static var nothing: Answer {
        var answer = Answer(.noContent, contentType: "", .none)
        answer.fields = [:]
        return answer
    }
}
