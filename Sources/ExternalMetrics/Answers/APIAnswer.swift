import Basics
import Crypto
import NIOHTTP1

// What goes back to the client?
//
// A status, the fields that belong to it, and bytes. Documents that seldom change carry an entity tag, since the aggregator asks
// for them again and again and is content with 304.

struct APIAnswer: Sendable {
    var status: HTTPResponseStatus
    var contentType = "application/json"
    /// Beyond type, length and date.
    var fields: [(name: String, value: String)] = []
    var body: [UInt8]

    /// A document, or 304 where the client has it already.
    static func document(_ body: [UInt8], contentType: String = "application/json", ifNoneMatch: String?) -> APIAnswer {
        let tag = "\"\(hash(body))\""
        let fields = [(name: "etag", value: tag), (name: "vary", value: "Accept")]
        let known = ifNoneMatch?.split(separator: ",").map { $0.drop { $0 == " " } } ?? []
        if known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
            return APIAnswer(status: .notModified, contentType: contentType, fields: fields, body: [])
        }
        return APIAnswer(status: .ok, contentType: contentType, fields: fields, body: body)
    }

    /// Names a document's contents: 64 hexadecimal digits, in capitals as the API server writes them.
    static func hash(_ body: [UInt8]) -> String { Hex.text(SHA256.hash(data: body), capital: true) }
}
