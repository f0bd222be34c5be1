import Basics
import Crypto
import HTTPTransport
import HTTPTypes

// How does this API answer?
//
// With JSON that no cache may keep for others. Documents that seldom change carry an entity tag, since the aggregator asks
// for them again and again and is content with 304.

extension Answer {
    static func kubernetes(_ status: HTTPResponse.Status, contentType: String = "application/json", _ body: [UInt8]) -> Answer {
        var answer = Answer(status, contentType: contentType, .bytes(body))
        answer.fields[.cacheControl] = "no-cache, private"
        return answer
    }

    /// A document, or 304 where the client has it already.
    static func document(_ body: [UInt8], contentType: String = "application/json", ifNoneMatch: String?) -> Answer {
        let tag = "\"\(hash(body))\""
        let known = ifNoneMatch?.split(separator: ",").map { $0.drop { $0 == " " } } ?? []
        if known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
            var answer = Answer(.notModified, contentType: "", .none)
            answer.fields = [.cacheControl: "no-cache, private", .eTag: tag, .vary: "Accept"]
            return answer
        }
        var answer = kubernetes(.ok, contentType: contentType, body)
        answer.fields[.eTag] = tag
        answer.fields[.vary] = "Accept"
        return answer
    }

    /// Names a document's contents: 64 hexadecimal digits, in capitals as the API server writes them.
    static func hash(_ body: [UInt8]) -> String {
        Hex.text(SHA256.hash(data: body), capital: true)
    }
}
