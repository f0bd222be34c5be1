import Basics
import Crypto
import HTTPTransport
import HTTPTypes

// How does this API answer?
//
// With JSON that no cache may keep for others. Documents that seldom change carry an entity tag, since the aggregator asks
// for them again and again and is content with 304.

extension Response {
    static func kubernetes(_ status: HTTPResponse.Status, contentType: String = "application/json", _ body: [UInt8]) -> Response {
        var response = Response(status, contentType: contentType, .bytes(body))
        response.fields[.cacheControl] = "no-cache, private"
        return response
    }

    /// A document, or 304 where the client has it already.
    static func document(_ body: [UInt8], contentType: String = "application/json", ifNoneMatch: String?) -> Response {
        let tag = "\"\(hash(body))\""
        let known = ifNoneMatch?.split(separator: ",").map { $0.drop { $0 == " " } } ?? []
        if known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
            var response = Response(.notModified, contentType: "", .none)
            response.fields = [.cacheControl: "no-cache, private", .eTag: tag, .vary: "Accept"]
            return response
        }
        var response = kubernetes(.ok, contentType: contentType, body)
        response.fields[.eTag] = tag
        response.fields[.vary] = "Accept"
        return response
    }

    /// Names a document's contents: 64 hexadecimal digits, in capitals as the API server writes them.
    static func hash(_ body: [UInt8]) -> String {
        Hex.text(SHA256.hash(data: body), capital: true)
    }
}
