package import Domain
package import HTTPTypes

// What is the answer?
//
// A status, a header, and a body: nothing, bytes, or a stream that is written as it comes. `Content-Length` and `Date` are
// added where the answer is sent. An answer that refuses may be thrown.

package struct Answer: Error, Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        case stream(Streaming)
    }

    package struct Streaming: Sendable {
        /// What is sent when nothing else was for a while; nil for streams that end by themselves.
        package var heartbeat: [UInt8]?
        package var write: @Sendable (AnswerWriter) async throws -> Void

        package init(heartbeat: [UInt8]?, write: @escaping @Sendable (AnswerWriter) async throws -> Void) {
            self.heartbeat = heartbeat
            self.write = write
        }
    }

    package var status: HTTPResponse.Status
    package var fields: HTTPFields
    package var body: Body

    package init(_ status: HTTPResponse.Status = .ok, contentType: String, _ body: Body) {
        self.status = status
        self.body = body
        fields = [.contentType: contentType]
    }

    package static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status, contentType: "application/json", .bytes(bytes))
    }

    /// An object that `write` fills with members.
    package static func object(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Answer {
        var json = JSONWriter(reservingBytes: 256)
        json.openObject()
        write(&json)
        json.closeObject()
        return .json(json.bytes, status: status)
    }

    package static var nothing: Answer {
        var answer = Answer(.noContent, contentType: "", .none)
        answer.fields = [:]
        return answer
    }
}
