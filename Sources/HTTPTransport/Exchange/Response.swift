package import Domain
package import HTTPTypes

// What is a response?
//
// A status, a header, and a body: nothing, bytes, or a stream that is written part by part. `Content-Length` and `Date` are added when it is
// sent. A response that refuses may be thrown.

package struct Response: Error, Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        case stream(Streaming)
    }

    package struct Streaming: Sendable {
        /// What is sent when nothing else was for a while; nil for streams that end by themselves.
        package var heartbeat: [UInt8]?
        package var write: @Sendable (ResponseWriter) async throws -> Void

        package init(heartbeat: [UInt8]?, write: @escaping @Sendable (ResponseWriter) async throws -> Void) {
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

    package static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(status, contentType: "application/json", .bytes(bytes))
    }

    /// An object that `write` fills with members.
    package static func object(status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) -> Void) -> Response {
        var json = JSONWriter(reservingBytes: 256)
        json.openObject()
        write(&json)
        json.closeObject()
        return .json(json.bytes, status: status)
    }

    package static var nothing: Response {
        var response = Response(.noContent, contentType: "", .none)
        response.fields = [:]
        return response
    }
}
