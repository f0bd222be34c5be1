import Basics
import Domain

// What does one page of a listing hold?
//
// `<ListBucketResult>` of ListObjectsV2, from Amazon, from Google and from servers like theirs. Where the page says that it is
// encoded, a key's `%XX` are bytes and its `+` is a space; one that ignored the wish for it is read as it stands.

struct ListPage: Hashable, Sendable {
    struct Object: Hashable, Sendable {
        var key: String
        var bytes: Int64
        var modified: LogTime
    }

    var objects: [Object]
    /// nil: this is the last page.
    var nextToken: String?

    init(_ body: [UInt8]) throws(XMLFault) {
        let document = try SafeXML.decode(Document.self, root: "ListBucketResult", body)
        let isEncoded = document.encodingType?.lowercased() == "url"
        var objects: [Object] = []
        objects.reserveCapacity(document.contents.count)
        for listed in document.contents {
            guard let key = isEncoded ? PercentCoding.decodeQuery(listed.key[...]) : listed.key else { throw XMLFault("a key is no UTF-8") }
            guard listed.size >= 0, let modified = LogTime(rfc3339: listed.lastModified) else {
                throw XMLFault("an object without a size or a time")
            }
            objects.append(Object(key: key, bytes: listed.size, modified: modified))
        }
        self.objects = objects
        nextToken = document.nextContinuationToken.flatMap { $0.isEmpty ? nil : $0 }
        if document.isTruncated == true, nextToken == nil { throw XMLFault("it has more pages and names no continuation token") }
        if document.isTruncated == false { nextToken = nil }
    }

    private struct Document: Decodable {
        var encodingType: String?
        var isTruncated: Bool?
        var nextContinuationToken: String?
        var contents: [Listed]

        struct Listed: Decodable {
            var key: String
            var size: Int64
            var lastModified: String

            enum CodingKeys: String, CodingKey {
                case key = "Key"
                case size = "Size"
                case lastModified = "LastModified"
            }
        }

        enum CodingKeys: String, CodingKey {
            case encodingType = "EncodingType"
            case isTruncated = "IsTruncated"
            case nextContinuationToken = "NextContinuationToken"
            case contents = "Contents"
        }
    }
}
